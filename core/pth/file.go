package pth

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"

	"detnas/core/input"
	"detnas/core/run"
)

// File is what a checkpoint of PyTorch holds.
type File struct {
	// Weights are the tensors of the state_dict, by their names, in the file's order.
	Weights []run.NamedArray
	// From is the key that the state_dict was under: "state_dict", "model", or empty
	// where the file is one itself.
	From string
	// Others say what else is in the file and was not read, such as
	// "optimizer: a dictionary".
	Others []string
	// Texts are the strings beside the state_dict, in its neighbour meta and in that
	// one's dataset_meta, by key.
	Texts map[string]string
	// Lists are the lists and tuples of strings there, such as mmdet's CLASSES.
	Lists map[string][]string
}

// The bounds of what is in a file.
const (
	maxTensors = 1 << 17
	maxDepth   = 32
	maxText64  = 1 << 20 // bytes of a string in Texts
	maxBeside  = 1000    // Texts, and Lists
	maxList    = 65536   // strings in one of Lists
	// Bytes that are read or made for one of the file's: a storage is read again
	// where tensors of others lie between two of its own.
	maxTaken, maxRead = 4, 16
)

// Read reads the weights of a checkpoint. The error names the path, and the tensor
// where there is one. Reading takes up to six times the memory of the file, which may
// have as many bytes as the machine has memory, and 800 MiB for its pickle.
func Read(path string) (*File, error) {
	in, info, err := input.Open(path)
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", input.Line(path), err)
	}
	defer in.Close()
	if most := run.MachineMemory(); info.Size() > most {
		return nil, fmt.Errorf("reading %s: %w: %d MiB, and this machine has %d of memory", input.Line(path), input.ErrTooLarge, info.Size()>>20, most>>20)
	}
	f, err := read(in, info)
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", input.Line(path), err)
	}
	return f, nil
}

// source is a file in one of the two formats.
type source interface {
	// root is the value that the file was made of.
	root() any
	// bytes are those of a storage. They are as many as its elements take.
	bytes(s *storage) ([]byte, error)
}

func read(in *os.File, info os.FileInfo) (*File, error) {
	first, err := bufio.NewReader(in).Peek(4)
	if err != nil {
		return nil, errors.New("it is too short to be a checkpoint of PyTorch")
	}
	if _, err := in.Seek(0, 0); err != nil {
		return nil, err //nolint:wrapcheck // wrapped by Read
	}
	var s source
	switch {
	case string(first) == "PK\x03\x04":
		s, err = openZip(in, info.Size())
	case first[0] == 0x80:
		s, err = openLegacy(in, info.Size())
	default:
		return nil, errors.New("it is no checkpoint of PyTorch: it begins neither as a zip file nor as a pickle")
	}
	if err != nil {
		return nil, err
	}
	return collect(s, info.Size())
}

// collect takes the weights out of a file.
func collect(s source, size int64) (*File, error) {
	top, ok := s.root().(*dict)
	if !ok {
		return nil, fmt.Errorf("it holds %s and no dictionary of weights", kindOf(s.root()))
	}
	f := &File{Texts: map[string]string{}, Lists: map[string][]string{}}
	weights := top
	for _, key := range []string{"state_dict", "model", "model_state_dict"} {
		if v, ok := top.get(key); ok {
			if d, ok := v.(*dict); ok {
				weights, f.From = d, key
				break
			}
		}
	}
	if weights != top {
		f.beside(top)
	}
	c := &collector{source: s, file: f, seen: map[string]bool{}, left: maxTaken*size + 1<<20, unread: maxRead*size + 1<<20}
	return f, c.dict("", weights, 0)
}

// beside notes what lies beside the weights.
func (f *File) beside(top *dict) {
	f.words(top)
	if meta, ok := top.dict("meta"); ok {
		f.words(meta)
		if about, ok := meta.dict("dataset_meta"); ok {
			f.words(about)
		}
	}
	for i, k := range top.keys {
		if k != f.From && len(f.Others) < 100 {
			f.Others = append(f.Others, fmt.Sprintf("%s: %s", keyText(k), kindOf(top.values[i])))
		}
	}
	slices.Sort(f.Others)
}

// words takes the strings and the lists of strings of a dictionary.
func (f *File) words(d *dict) {
	for i, k := range d.keys {
		key, ok := k.(string)
		if !ok {
			continue
		}
		if text, ok := d.values[i].(string); ok && len(text) <= maxText64 && len(f.Texts) < maxBeside {
			f.Texts[key] = text
		}
		if list, ok := strs(d.values[i]); ok && len(f.Lists) < maxBeside {
			f.Lists[key] = list
		}
	}
}

// strs reads a list or a tuple of strings that is not empty.
func strs(v any) ([]string, bool) {
	items, _ := v.(tuple)
	if l, ok := v.(*list); ok {
		items = l.items
	}
	if len(items) == 0 || len(items) > maxList {
		return nil, false
	}
	out := make([]string, len(items))
	for i, x := range items {
		var ok bool
		if out[i], ok = x.(string); !ok {
			return nil, false
		}
	}
	return out, true
}

// keyText is a dictionary's key as a part of a name.
func keyText(k any) string {
	switch k := k.(type) {
	case string:
		return input.Line(k)
	case int64:
		return strconv.FormatInt(k, 10)
	}
	return kindOf(k)
}

// collector makes arrays of tensors.
type collector struct {
	source source
	file   *File
	seen   map[string]bool
	left   int64 // bytes that tensors may still take
	unread int64 // bytes of storages that may still be read
	visits int
	last   *storage // whose bytes are kept, as neighbours share one
	bytes  []byte
}

// dict takes the tensors of a dictionary and of those in it.
func (c *collector) dict(prefix string, d *dict, depth int) error {
	if depth > maxDepth {
		return fmt.Errorf("%w: dictionaries within dictionaries, over %d deep", input.ErrTooLarge, maxDepth)
	}
	for i, k := range d.keys {
		if c.visits++; c.visits > maxTensors {
			return fmt.Errorf("%w: over %d entries in its state_dict", input.ErrTooLarge, maxTensors)
		}
		key, ok := k.(string)
		if !ok {
			return fmt.Errorf("a weight's name is %s", kindOf(k))
		}
		at := prefix + key
		var err error
		switch v := d.values[i].(type) {
		case *view:
			err = c.tensor(at, v)
		case *dict:
			err = c.dict(at+".", v, depth+1)
		default:
			return fmt.Errorf("%s is %s, and no tensor", input.Line(at), kindOf(v))
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// tensor takes one tensor.
func (c *collector) tensor(at string, v *view) error {
	if c.seen[at] {
		return fmt.Errorf("tensor %s is there twice", input.Line(at))
	}
	if strings.ContainsRune(at, 0) || len(at) > 1000 {
		return fmt.Errorf("%s cannot be a tensor's name", input.Line(at))
	}
	c.seen[at] = true
	if c.left -= v.elements() * int64(v.of.kind.dtype().Size()); c.left < 0 {
		return fmt.Errorf("%w: its tensors take over four times its own size", input.ErrTooLarge)
	}
	if c.last != v.of {
		if c.unread -= v.of.count * v.of.kind.size(); c.unread < 0 {
			return fmt.Errorf("%w: its tensors take turns in its storages, so that over %d times its own size would be read", input.ErrTooLarge, maxRead)
		}
		bytes, err := c.source.bytes(v.of)
		if err != nil {
			return fmt.Errorf("tensor %s: %w", input.Line(at), err)
		}
		c.last, c.bytes = v.of, bytes
	}
	a, err := v.array(at, c.bytes)
	if err != nil {
		return fmt.Errorf("tensor %s: %w", input.Line(at), err)
	}
	c.file.Weights = append(c.file.Weights, a)
	return nil
}
