// Package pyconf reads configs that are written as assignments of literals in
// Python, as those of OpenMMLab are. No Python is run: what is no literal is told
// with its file and line, and passed over.
package pyconf

import (
	"errors"
	"fmt"
)

// Kind is what a value is.
type Kind int

// The kinds of values. A tuple is a list.
const (
	None Kind = iota
	Bool
	Number
	Text
	List
	Dict
)

// Value is a value of a config, with the place at which it stands.
type Value struct {
	Kind  Kind
	File  string
	Line  int
	Num   float64 // of a Number, or 1 of True
	Int   bool    // of a Number that is written as one
	Text  string
	Items []*Value // of a List
	keys  []string // of a Dict, in their order
	dict  map[string]*Value
}

// Get is the value of a key of a Dict, or nil.
func (v *Value) Get(key string) *Value {
	if v == nil {
		return nil
	}
	return v.dict[key]
}

// Keys are those of a Dict in their order.
func (v *Value) Keys() []string { return v.keys }

// Place is where the value stands.
func (v *Value) Place() string { return fmt.Sprintf("%s:%d", v.File, v.Line) }

// put sets a key of a Dict.
func (v *Value) put(key string, to *Value) {
	if v.dict == nil {
		v.dict = map[string]*Value{}
	}
	if _, there := v.dict[key]; !there {
		v.keys = append(v.keys, key)
	}
	v.dict[key] = to
}

// drop takes a key out of a Dict.
func (v *Value) drop(key string) {
	if _, there := v.dict[key]; !there {
		return
	}
	delete(v.dict, key)
	for i, k := range v.keys {
		if k == key {
			v.keys = append(v.keys[:i:i], v.keys[i+1:]...)
			return
		}
	}
}

// Bounds on what is read.
const (
	mostBytes  = 1 << 20
	mostDepth  = 64
	mostFiles  = 64
	mostValues = 100_000
)

var errTooMuch = errors.New("it comes to more values, or to deeper ones, than a config has")

// copier copies values within bounds: names let a short file stand for a large one.
type copier struct{ left int }

func (c *copier) copy(v *Value, depth int) (*Value, error) {
	if c.left--; c.left < 0 || depth > mostDepth {
		return nil, errTooMuch
	}
	out := *v
	out.Items, out.keys, out.dict = nil, nil, nil
	for _, item := range v.Items {
		x, err := c.copy(item, depth+1)
		if err != nil {
			return nil, err
		}
		out.Items = append(out.Items, x)
	}
	for _, key := range v.keys {
		x, err := c.copy(v.dict[key], depth+1)
		if err != nil {
			return nil, err
		}
		out.put(key, x)
	}
	return &out, nil
}

// merge puts a dict over another as OpenMMLab's configs inherit: dicts are merged key
// by key unless they have _delete_, and all else is replaced.
func (c *copier) merge(base, over *Value, depth int) error {
	if depth > mostDepth {
		return errTooMuch
	}
	for _, key := range over.keys {
		v, old := over.dict[key], base.dict[key]
		if v.Kind == Dict && old != nil && old.Kind == Dict && v.Get("_delete_") == nil {
			if err := c.merge(old, v, depth+1); err != nil {
				return err
			}
			continue
		}
		x, err := c.copy(v, depth)
		if err != nil {
			return err
		}
		if x.Kind == Dict {
			x.drop("_delete_")
		}
		base.put(key, x)
	}
	return nil
}
