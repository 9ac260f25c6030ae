package tensorboard

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"math"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// The reader is written from the description of the format, and shares nothing with
// what writes: lengths, checksums and fields are taken apart by hand.

// field is one field of a message: a number, or bytes.
type field struct {
	id    uint64
	value uint64
	bytes []byte
}

// fields takes a message apart.
func fields(t *testing.T, b []byte) []field {
	t.Helper()
	var out []field
	for len(b) > 0 {
		key, n := binary.Uvarint(b)
		if n <= 0 {
			t.Fatalf("no key in % x", b)
		}
		b = b[n:]
		f := field{id: key >> 3}
		switch key & 7 {
		case 0:
			f.value, n = binary.Uvarint(b)
			b = b[n:]
		case 1:
			f.value, b = binary.LittleEndian.Uint64(b), b[8:]
		case 5:
			f.value, b = uint64(binary.LittleEndian.Uint32(b)), b[4:]
		case 2:
			size, n := binary.Uvarint(b)
			f.bytes, b = b[n:n+int(size)], b[n+int(size):]
		default:
			t.Fatalf("wire type %d", key&7)
		}
		out = append(out, f)
	}
	return out
}

// get is the first field of a number, or an empty one.
func get(fs []field, id uint64) field {
	for _, f := range fs {
		if f.id == id {
			return f
		}
	}
	return field{}
}

// records are those of a file, whose checksums have to be right.
func records(t *testing.T, data []byte) [][]byte {
	t.Helper()
	check := func(data []byte, want uint32) {
		t.Helper()
		crc := crc32.Checksum(data, crc32.MakeTable(0x82f63b78)) // Castagnoli's polynomial, reversed
		if got := crc>>15 | crc<<17; got+0xa282ead8 != want {
			t.Fatalf("the checksum of % x is %#x", data, want)
		}
	}
	var out [][]byte
	for len(data) > 0 {
		n := int(binary.LittleEndian.Uint64(data))
		check(data[:8], binary.LittleEndian.Uint32(data[8:]))
		body := data[12 : 12+n]
		check(body, binary.LittleEndian.Uint32(data[12+n:]))
		out, data = append(out, body), data[16+n:]
	}
	return out
}

// shown is what TensorBoard has of a folder: scalars, images as PNG, and texts, by
// tag and step.
type shown struct {
	scalars  map[string]map[int64]float64
	pictures map[string]map[int64][]byte
	texts    map[string]map[int64]string
}

// show reads the files of a folder in the order of their names. A mark of a start
// drops what came before it from its step on.
func show(t *testing.T, dir string) shown {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(dir, "*tfevents*"))
	if err != nil || len(paths) == 0 {
		t.Fatalf("no event files in %s: %v", dir, err)
	}
	slices.Sort(paths)
	s := shown{map[string]map[int64]float64{}, map[string]map[int64][]byte{}, map[string]map[int64]string{}}
	for _, path := range paths {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for i, r := range records(t, data) {
			event := fields(t, r)
			step, version := int64(get(event, 2).value), string(get(event, 3).bytes)
			if at := math.Float64frombits(get(event, 1).value); at < 1e9 || i == 0 != (version == "brain.Event:2") {
				t.Errorf("event %d at %v has the version %q", i, at, version)
			}
			if session := get(event, 7).bytes; session != nil && get(fields(t, session), 1).value == 1 {
				purge(s.scalars, step)
				purge(s.pictures, step)
				purge(s.texts, step)
			}
			for _, v := range fields(t, get(event, 5).bytes) {
				s.take(t, step, fields(t, v.bytes))
			}
		}
	}
	return s
}

func purge[T any](tags map[string]map[int64]T, from int64) {
	for _, steps := range tags {
		for step := range steps {
			if step >= from {
				delete(steps, step)
			}
		}
	}
}

// take adds a value. No tag may have a step twice.
func (s shown) take(t *testing.T, step int64, value []field) {
	t.Helper()
	tag := string(get(value, 1).bytes)
	image, tensor := get(value, 4).bytes, get(value, 8).bytes
	switch {
	case image != nil:
		put(t, s.pictures, tag, step, get(fields(t, image), 4).bytes)
	case tensor != nil:
		of, plugin := fields(t, tensor), fields(t, get(fields(t, get(value, 9).bytes), 1).bytes)
		if get(of, 1).value != 7 || string(get(plugin, 1).bytes) != "text" {
			t.Errorf("%s is a tensor of type %d for %q", tag, get(of, 1).value, get(plugin, 1).bytes)
		}
		put(t, s.texts, tag, step, string(get(of, 8).bytes))
	default:
		put(t, s.scalars, tag, step, float64(math.Float32frombits(uint32(get(value, 2).value))))
	}
}

func put[T any](t *testing.T, tags map[string]map[int64]T, tag string, step int64, v T) {
	t.Helper()
	if tags[tag] == nil {
		tags[tag] = map[int64]T{}
	}
	if _, twice := tags[tag][step]; twice {
		t.Error(fmt.Errorf("%s has step %d twice", tag, step))
	}
	tags[tag][step] = v
}
