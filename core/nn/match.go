package nn

import (
	"errors"
	"fmt"
	"slices"

	"detnas/core/input"
	"detnas/core/tensor"
)

// Array is a tensor's content as a checkpoint holds it.
type Array struct {
	Name  string
	DType tensor.DType
	Shape []int64
	Data  []byte // little-endian
}

// ErrShape is wrapped by the error about an array of another shape than its tensor.
var ErrShape = errors.New("has another shape")

// fits refuses an array whose content t cannot be.
func (a Array) fits(t *tensor.Tensor) error {
	want, size := t.Shape(), int64(t.DType().Size())*t.Len()
	switch {
	case !slices.Equal(want, a.Shape):
		return fmt.Errorf("%s %w: %v, the network's is %v", input.Line(a.Name), ErrShape, a.Shape, want)
	case a.DType != t.DType():
		return fmt.Errorf("%s has elements of another type than the network's", input.Line(a.Name))
	case int64(len(a.Data)) != size:
		return fmt.Errorf("%s has %d bytes, where %v takes %d", input.Line(a.Name), len(a.Data), want, size)
	}
	return nil
}

// Match is which arrays go into which tensors. Each of them fits, and nothing was
// copied yet: who wants more of them than that may still refuse them.
type Match struct {
	Taken   []string // by name of the tensors
	Missing []string // tensors without an array
	Unused  []string // arrays without a tensor
	arrays  []Array
	into    []*tensor.Tensor
}

// NewMatch matches arrays with the tensors, whose order is that of names. name says
// which tensor an array is for, with "" for none; nil keeps names.
func NewMatch(arrays []Array, names []string, tensors map[string]*tensor.Tensor, name func(Array) string) (Match, error) {
	var m Match
	from := make(map[string]string, len(names))
	for _, a := range arrays {
		to := a.Name
		if name != nil {
			to = name(a)
		}
		t, ok := tensors[to]
		if !ok {
			m.Unused = append(m.Unused, a.Name)
			continue
		}
		if first, twice := from[to]; twice {
			return Match{}, fmt.Errorf("%s and %s are both for %s", input.Line(first), input.Line(a.Name), to)
		}
		if err := a.fits(t); err != nil {
			return Match{}, err
		}
		from[to] = a.Name
		m.Taken, m.arrays, m.into = append(m.Taken, to), append(m.arrays, a), append(m.into, t)
	}
	for _, n := range names {
		if _, ok := from[n]; !ok {
			m.Missing = append(m.Missing, n)
		}
	}
	return m, nil
}

// Copy copies the arrays into their tensors.
func (m Match) Copy() error {
	for i, a := range m.arrays {
		err := tensor.Run("import "+a.Name, func(s *tensor.Scope) error {
			src := s.FromBytes(a.Data, a.DType, m.into[i].Device(), a.Shape...)
			if s.Err() != nil {
				return nil
			}
			return m.into[i].Assign(src)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// Match matches arrays with the parameters and buffers. See NewMatch for name.
func (st *Store) Match(arrays []Array, name func(Array) string) (Match, error) {
	names := make([]string, 0, len(st.names))
	for _, p := range st.Params {
		names = append(names, p.Name)
	}
	for _, b := range st.Buffers {
		names = append(names, b.Name)
	}
	return NewMatch(arrays, names, st.names, name)
}
