package run

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"hash/crc32"
	"io"
	"maps"
	"math"
	"slices"
	"strings"
	"unicode/utf8"

	"detnas/core/input"
)

// DType is the type of a tensor's elements, as safetensors names it.
type DType string

// The types that checkpoints hold; all are little-endian.
const (
	F64  DType = "F64"
	F32  DType = "F32"
	BF16 DType = "BF16"
	I64  DType = "I64"
	U8   DType = "U8"
)

// Size is the bytes of one element, or 0 for a type that is not known.
func (d DType) Size() int {
	switch d {
	case F64, I64:
		return 8
	case F32:
		return 4
	case BF16:
		return 2
	case U8:
		return 1
	default:
		return 0
	}
}

// NamedArray is a tensor on disk: row-major, little-endian.
type NamedArray struct {
	Name  string
	DType DType
	Shape []int64
	Data  []byte
}

// Checkpoint is a set of named tensors with strings that say what they are, in
// the safetensors format: 8 bytes of header length, a JSON header, the data.
// Keys of Meta that start with "detnas." are the format's own.
type Checkpoint struct {
	Meta    map[string]string
	Tensors []NamedArray
}

// MetaConfig is the key of Meta under which a run's checkpoints carry its config as
// TOML, so that they say by themselves what network they are of.
const MetaConfig = "config"

// Of the file format.
const (
	maxHeader    = 16 << 20 // bytes; a supernet of 1.3g has 1 MiB
	maxMeta      = 10_000   // entries of metadata
	maxRank      = 64       // dimensions
	metadataKey  = "__metadata__"
	ownPrefix    = "detnas."
	formatKey    = ownPrefix + "format" // a second key of our own, so that damage to one does not hide both
	checksumKey  = ownPrefix + "checksum"
	checksumName = "crc32c:"
)

// tensorInfo is a tensor's entry in the header.
type tensorInfo struct {
	DType   DType    `json:"dtype"`
	Shape   []int64  `json:"shape"`
	Offsets [2]int64 `json:"data_offsets"`
}

// layout is a checkpoint as it is about to be written.
type layout struct {
	header  []byte
	tensors []NamedArray // in order
	data    int64        // bytes of them
}

// size is the bytes of the file.
func (l *layout) size() int64 { return 8 + int64(len(l.header)) + l.data }

// lay lays the checkpoint out. Equal contents give equal bytes, whatever the
// order of Tensors: wider elements first, so that all are aligned, then by
// name.
func (c *Checkpoint) lay() (*layout, error) {
	l := &layout{tensors: slices.SortedFunc(slices.Values(c.Tensors), func(a, b NamedArray) int {
		return cmp.Or(b.DType.Size()-a.DType.Size(), strings.Compare(a.Name, b.Name))
	})}
	meta := map[string]string{formatKey: "1"}
	for k, v := range c.Meta {
		if strings.HasPrefix(k, ownPrefix) {
			continue
		}
		if !utf8.ValidString(k) || !utf8.ValidString(v) {
			return nil, fmt.Errorf("metadata %q is not UTF-8", k)
		}
		meta[k] = v
	}
	infos := make(map[string]tensorInfo, len(l.tensors))
	for _, t := range l.tensors {
		if err := t.check(); err != nil {
			return nil, err
		}
		if _, twice := infos[t.Name]; twice {
			return nil, fmt.Errorf("tensor %s is there twice", input.Line(t.Name))
		}
		start := l.data
		l.data += int64(len(t.Data))
		infos[t.Name] = tensorInfo{DType: t.DType, Shape: append([]int64{}, t.Shape...), Offsets: [2]int64{start, l.data}}
	}
	sum, err := checksum(meta, infos, l.writeData)
	if err != nil {
		return nil, err
	}
	meta[checksumKey] = sum
	if l.header, err = encodeHeader(meta, infos); err != nil {
		return nil, err
	}
	if len(l.header) > maxHeader {
		return nil, fmt.Errorf("the header has %d bytes, more than the %d it may have", len(l.header), maxHeader)
	}
	return l, nil
}

// write writes the file.
func (l *layout) write(w io.Writer) error {
	if err := binary.Write(w, binary.LittleEndian, uint64(len(l.header))); err != nil {
		return fmt.Errorf("writing the header: %w", err)
	}
	if _, err := w.Write(l.header); err != nil {
		return fmt.Errorf("writing the header: %w", err)
	}
	return l.writeData(w)
}

func (l *layout) writeData(w io.Writer) error {
	for _, t := range l.tensors {
		if _, err := w.Write(t.Data); err != nil {
			return fmt.Errorf("writing tensor %s: %w", t.Name, err)
		}
	}
	return nil
}

// check compares a tensor's data with its type and shape.
func (t *NamedArray) check() error {
	if t.Name == "" || t.Name == metadataKey || !utf8.ValidString(t.Name) {
		return fmt.Errorf("a tensor cannot be called %q", t.Name)
	}
	size, err := byteSize(t.DType, t.Shape)
	if err != nil {
		return fmt.Errorf("tensor %s: %w", input.Line(t.Name), err)
	}
	if size != int64(len(t.Data)) {
		return fmt.Errorf("tensor %s: %d bytes of data for %s %v, which takes %d", input.Line(t.Name), len(t.Data), t.DType, t.Shape, size)
	}
	return nil
}

// byteSize is the bytes of a tensor.
func byteSize(d DType, shape []int64) (int64, error) {
	n := int64(d.Size())
	if n == 0 {
		return 0, fmt.Errorf("elements of type %.40q cannot be read; there are F64, F32, BF16, I64 and U8", d)
	}
	if len(shape) > maxRank {
		return 0, fmt.Errorf("a shape of %d dimensions, where %d may be", len(shape), maxRank)
	}
	for _, side := range shape {
		if side < 0 || side > 0 && n > math.MaxInt64/side {
			return 0, fmt.Errorf("no tensor has the shape %v", shape)
		}
		n *= side
	}
	return n, nil
}

// encodeHeader writes the header's JSON, padded with spaces so that the data
// starts at a multiple of 8.
func encodeHeader(meta map[string]string, infos map[string]tensorInfo) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	all := make(map[string]any, len(infos)+1) // the encoder sorts keys
	for name, info := range infos {
		all[name] = info
	}
	if len(meta) > 0 {
		all[metadataKey] = meta
	}
	if err := enc.Encode(all); err != nil {
		return nil, fmt.Errorf("encoding the header: %w", err)
	}
	text := bytes.TrimRight(b.Bytes(), "\n")
	for len(text)%8 != 0 {
		text = append(text, ' ')
	}
	return text, nil
}

// checksum is over the header without the checksum and the data, so that a
// flipped bit anywhere in the file shows.
func checksum(meta map[string]string, infos map[string]tensorInfo, data func(io.Writer) error) (string, error) {
	without := maps.Clone(meta)
	delete(without, checksumKey)
	header, err := encodeHeader(without, infos)
	if err != nil {
		return "", err
	}
	sum := crc32.New(crc32.MakeTable(crc32.Castagnoli))
	if _, err := sum.Write(header); err != nil {
		return "", fmt.Errorf("summing the header: %w", err)
	}
	if err := data(sum); err != nil {
		return "", err
	}
	return fmt.Sprintf("%s%08x", checksumName, sum.Sum32()), nil
}

// decode reads a file of size bytes and verifies it. A file from elsewhere may
// lack the checksum; one of detnas must not.
func decode(r io.Reader, size int64) (*Checkpoint, error) {
	meta, infos, length, err := decodeHeader(r, size)
	if err != nil {
		return nil, err
	}
	if err := covers(infos, size-8-length); err != nil {
		return nil, err
	}
	data := make([]byte, size-8-length)
	if _, err := io.ReadFull(r, data); err != nil {
		return nil, fmt.Errorf("reading %d bytes of tensors: %w", len(data), err)
	}
	if err := verify(meta, infos, data); err != nil {
		return nil, err
	}
	c := &Checkpoint{Meta: meta}
	for _, name := range slices.Sorted(maps.Keys(infos)) {
		info := infos[name]
		part := data[info.Offsets[0]:info.Offsets[1]:info.Offsets[1]]
		c.Tensors = append(c.Tensors, NamedArray{Name: name, DType: info.DType, Shape: info.Shape, Data: part})
	}
	maps.DeleteFunc(c.Meta, func(k, _ string) bool { return strings.HasPrefix(k, ownPrefix) })
	return c, nil
}

// verify compares the checksum with the content.
func verify(meta map[string]string, infos map[string]tensorInfo, data []byte) error {
	own := false
	for k := range meta {
		own = own || strings.HasPrefix(k, ownPrefix)
	}
	if !own {
		return nil
	}
	got, err := checksum(meta, infos, func(w io.Writer) error {
		_, err := w.Write(data)
		return err //nolint:wrapcheck // a hash does not fail
	})
	if err != nil {
		return err
	}
	if want := meta[checksumKey]; got != want {
		return fmt.Errorf("the checksum is %s where the file says %.40q; the file is damaged", got, want)
	}
	return nil
}
