package pth

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"

	"detnas/core/input"
)

// legacy is a file in the format before PyTorch 1.6: pickles of a magic number, a
// version, the machine's sizes, the value and the list of its storages' keys, and
// then the storages in that order, each with its number of elements before it.
type legacy struct {
	in       *os.File
	value    any
	storages map[string]*storage
	at       map[string]int64 // where a storage's bytes begin in the file
}

// The magic number 0x1950a86a20f9469cfc6c and the version of the format.
const (
	legacyMagic   = large("119547037146038801333356")
	legacyVersion = int64(1001)
)

func openLegacy(in *os.File, size int64) (*legacy, error) {
	l := &legacy{in: in, storages: map[string]*storage{}, at: map[string]int64{}}
	r := &place{r: bufio.NewReader(in)}
	none := func(any) (any, error) { return nil, errors.New("a storage where none is") }
	magic, err := r.unpickle(none)
	if err != nil || magic != legacyMagic {
		return nil, errors.New("it is a pickle, and no checkpoint of PyTorch; in Python, save the weights with torch.save(model.state_dict(), PATH)")
	}
	version, err := r.unpickle(none)
	if err == nil && version != legacyVersion {
		said := kindOf(version) // never a container's content, which may be of any size
		if n, ok := version.(int64); ok {
			said = strconv.FormatInt(n, 10)
		}
		err = fmt.Errorf("its format has the version %s; %d is read", said, legacyVersion)
	}
	var machine, keys any
	if err == nil {
		machine, err = r.unpickle(none)
	}
	if d, ok := machine.(*dict); err == nil && ok {
		if little, ok := d.get("little_endian"); ok && little != true {
			err = errors.New("its numbers are big-endian; little-endian ones are read")
		}
	}
	if err == nil {
		l.value, err = r.unpickle(l.storage)
	}
	if err == nil {
		keys, err = r.unpickle(none)
	}
	if err != nil {
		return nil, err
	}
	return l, l.place(keys, r.done, size)
}

// place is how far a file was read.
type place struct {
	r    *bufio.Reader
	done int64
}

// unpickle reads the next pickle.
func (p *place) unpickle(persistent func(any) (any, error)) (any, error) {
	v, n, err := unpickleCounted(p.r, persistent)
	p.done += n
	return v, err
}

// storage is that of ('storage', type, key, device, elements, view).
func (l *legacy) storage(id any) (any, error) {
	s, err := described(id)
	if err != nil {
		return nil, err
	}
	if t, ok := id.(tuple); ok && len(t) > 5 && t[5] != nil {
		return nil, fmt.Errorf("storage %s is a part of another one, which is not read; save the checkpoint anew with PyTorch 1.6 or newer", input.Line(s.key))
	}
	if was, ok := l.storages[s.key]; ok {
		if was.kind != s.kind || was.count != s.count {
			return nil, fmt.Errorf("storage %s has two types or sizes", input.Line(s.key))
		}
		return was, nil
	}
	l.storages[s.key] = s
	return s, nil
}

// place finds the storages' bytes, which follow one another from at on.
func (l *legacy) place(keys any, at, size int64) error {
	list, ok := keys.(*list)
	if !ok {
		return fmt.Errorf("in place of its storages' keys stands %s", kindOf(keys))
	}
	for _, k := range list.items {
		key, ok := k.(string)
		s := l.storages[key]
		if !ok || s == nil {
			return fmt.Errorf("storage %s has no tensor", input.Line(keyText(k)))
		}
		var count [8]byte
		if _, err := l.in.ReadAt(count[:], at); err != nil {
			return fmt.Errorf("it is cut off before its storage %s", input.Line(key))
		}
		if n := int64(binary.LittleEndian.Uint64(count[:])); n != s.count { //nolint:gosec // compared, not used
			return fmt.Errorf("storage %s has %d elements in one place and %d in another: the file is damaged", input.Line(key), s.count, n)
		}
		l.at[key] = at + 8
		if at += 8 + s.count*s.kind.size(); at > size {
			return fmt.Errorf("it is cut off in its storage %s", input.Line(key))
		}
	}
	return nil
}

func (l *legacy) root() any { return l.value }

func (l *legacy) bytes(s *storage) ([]byte, error) {
	at, ok := l.at[s.key]
	if !ok {
		return nil, fmt.Errorf("its storage %s is not in the file", input.Line(s.key))
	}
	bytes := make([]byte, s.count*s.kind.size()) // within the file
	if _, err := io.ReadFull(io.NewSectionReader(l.in, at, int64(len(bytes))), bytes); err != nil {
		return nil, fmt.Errorf("its storage %s: %w", input.Line(s.key), input.Plain(err))
	}
	return bytes, nil
}
