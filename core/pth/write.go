package pth

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"io"
	"strconv"

	"detnas/core/run"
)

// folder is the archive's; torch.load takes any.
const folder = "archive"

// alignment of the storages in the archive, as PyTorch has it.
const alignment = 64

// Write writes weights as a state_dict that torch.load opens, its arrays in the order
// given, in PyTorch's zip format. texts are written beside it as a dictionary meta where
// there are any; the state_dict is then under the key state_dict, as mmcv has it. keys
// are the texts' keys in their order.
func Write(w io.Writer, weights []run.NamedArray, keys []string, texts map[string]string) error {
	pickle, err := pickled(weights, keys, texts)
	if err != nil {
		return fmt.Errorf("writing a checkpoint of PyTorch: %w", err)
	}
	out := &archive{counted: &counter{w: w}}
	out.zip = zip.NewWriter(out.counted)
	out.add("data.pkl", pickle)
	out.add("byteorder", []byte("little"))
	for i, a := range weights {
		out.add("data/"+strconv.Itoa(i), a.Data)
	}
	out.add("version", []byte("3\n"))
	if out.err == nil {
		out.err = out.zip.Close()
	}
	if out.err != nil {
		return fmt.Errorf("writing a checkpoint of PyTorch: %w", out.err)
	}
	return nil
}

// archive writes entries that are not compressed, each aligned.
type archive struct {
	zip     *zip.Writer
	counted *counter
	err     error
}

// counter counts what is written.
type counter struct {
	w io.Writer
	n int64
}

func (c *counter) Write(p []byte) (int, error) {
	n, err := c.w.Write(p)
	c.n += int64(n)
	return n, err //nolint:wrapcheck // wrapped by Write
}

// The bytes of an entry's header without its name, and of an extra field's, by the
// format of zip.
const (
	headerBytes = 30
	extraBytes  = 4
)

func (a *archive) add(name string, data []byte) {
	if a.err != nil {
		return
	}
	if a.err = a.zip.Flush(); a.err != nil {
		return
	}
	h := &zip.FileHeader{
		Name: folder + "/" + name, Method: zip.Store, CRC32: crc32.ChecksumIEEE(data),
		UncompressedSize64: uint64(len(data)), CompressedSize64: uint64(len(data)),
	}
	begin := a.counted.n + headerBytes + int64(len(h.Name)) + extraBytes
	padding := (alignment - begin%alignment) % alignment
	h.Extra = append([]byte{'F', 'B', byte(padding), 0}, make([]byte, padding)...) // PyTorch's own kind of padding
	var w io.Writer
	if w, a.err = a.zip.CreateRaw(h); a.err == nil {
		_, a.err = w.Write(data)
	}
}

// pickler writes a pickle of protocol 2.
type pickler struct{ bytes.Buffer }

// pickled is the pickle of a state_dict whose arrays are the storages 0, 1, ...
func pickled(weights []run.NamedArray, keys []string, texts map[string]string) ([]byte, error) {
	p := &pickler{}
	p.Write([]byte{0x80, 2})
	if len(keys) > 0 {
		p.WriteString("}(")
		p.text("meta")
		p.WriteString("}(")
		for _, k := range keys {
			p.text(k)
			p.text(texts[k])
		}
		p.WriteByte('u')
		p.text("state_dict")
	}
	p.ordered()
	p.WriteByte('(')
	for i, a := range weights {
		p.text(a.Name)
		if err := p.tensor(i, a); err != nil {
			return nil, fmt.Errorf("%s: %w", a.Name, err)
		}
	}
	p.WriteByte('u')
	if len(keys) > 0 {
		p.WriteByte('u')
	}
	p.WriteByte('.')
	return p.Bytes(), nil
}

// ordered makes an empty OrderedDict.
func (p *pickler) ordered() { p.WriteString("ccollections\nOrderedDict\n)R") }

func (p *pickler) text(s string) {
	p.WriteByte('X')
	p.Write(binary.LittleEndian.AppendUint32(nil, uint32(len(s)))) //nolint:gosec // names and configs
	p.WriteString(s)
}

// integer writes a number that is not negative.
func (p *pickler) integer(n int64) {
	if n < 1<<31 {
		p.WriteByte('J')
		p.Write(binary.LittleEndian.AppendUint32(nil, uint32(n))) //nolint:gosec // checked
		return
	}
	p.Write([]byte{0x8a, 8})
	p.Write(binary.LittleEndian.AppendUint64(nil, uint64(n))) //nolint:gosec // not negative
}

// tensor writes a tensor that has a storage of its own.
func (p *pickler) tensor(key int, a run.NamedArray) error {
	of, ok := map[run.DType]kind{run.F32: float, run.F64: double, run.BF16: bfloat16, run.I64: long, run.U8: unsigned}[a.DType]
	if !ok {
		return fmt.Errorf("PyTorch has no %s", a.DType)
	}
	count := int64(len(a.Data)) / of.size()
	p.WriteString("ctorch._utils\n_rebuild_tensor_v2\n((")
	p.text("storage")
	p.WriteString("ctorch\n" + of.storage() + "\n")
	p.text(strconv.Itoa(key))
	p.text("cpu")
	p.integer(count)
	p.WriteString("tQ")
	p.integer(0)
	p.WriteByte('(')
	for _, d := range a.Shape {
		p.integer(d)
	}
	p.WriteString("t(")
	for i := range a.Shape {
		stride := int64(1)
		for _, d := range a.Shape[i+1:] {
			stride *= max(d, 1)
		}
		p.integer(stride)
	}
	p.WriteByte('t')
	p.WriteByte(0x89)
	p.ordered()
	p.WriteString("tR")
	return nil
}
