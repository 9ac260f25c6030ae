// Package onnxtest reads ONNX files and computes them, slowly and in float64: what tests
// hold exported networks against where no other program is installed. It is written from
// the operators' specification (onnx.ai, opset 11), and shares nothing with package onnx.
package onnxtest

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"os"
	"strings"

	"google.golang.org/protobuf/encoding/protowire"
)

// Array is a tensor, rows first. Integers are exact in it up to 2^53.
type Array struct {
	Shape []int
	Data  []float64
}

// Model is a file.
type Model struct {
	Meta    map[string]string
	Inputs  []string
	Outputs []string
	Opset   int64
	nodes   []node
	tensors map[string]Array
}

type node struct {
	op      string
	in, out []string
	ints    map[string][]int64
	floats  map[string]float64
	texts   map[string]string
}

// field is one field of a message: a varint or fixed number, or bytes.
type field struct {
	number protowire.Number
	value  uint64
	bytes  []byte
}

func fields(b []byte) (out []field, err error) {
	for len(b) > 0 {
		number, kind, n := protowire.ConsumeTag(b)
		if n < 0 {
			return nil, protowire.ParseError(n)
		}
		b = b[n:]
		f := field{number: number}
		switch kind {
		case protowire.VarintType:
			f.value, n = protowire.ConsumeVarint(b)
		case protowire.Fixed32Type:
			var v uint32
			v, n = protowire.ConsumeFixed32(b)
			f.value = uint64(v)
		case protowire.BytesType:
			f.bytes, n = protowire.ConsumeBytes(b)
		default:
			return nil, fmt.Errorf("field %d has the wire type %d", number, kind)
		}
		if n < 0 {
			return nil, protowire.ParseError(n)
		}
		b, out = b[n:], append(out, f)
	}
	return out, nil
}

// Load reads a file.
func Load(path string) (*Model, error) {
	data, err := os.ReadFile(path) //nolint:gosec // of a test
	if err != nil {
		return nil, err
	}
	m := &Model{Meta: map[string]string{}, tensors: map[string]Array{}}
	model, err := fields(data)
	for _, f := range model {
		var err2 error
		switch f.number {
		case 7:
			err2 = m.graph(f.bytes)
		case 8:
			opset, e := fields(f.bytes)
			for _, o := range opset {
				m.Opset = int64(o.value) //nolint:gosec // small
			}
			err2 = e
		case 14:
			entry, e := fields(f.bytes)
			if err2 = e; e == nil && len(entry) == 2 {
				m.Meta[string(entry[0].bytes)] = string(entry[1].bytes)
			}
		}
		err = errors.Join(err, err2)
	}
	return m, err
}

func (m *Model) graph(b []byte) error {
	all, err := fields(b)
	for _, f := range all {
		var err2 error
		switch f.number {
		case 1:
			var n node
			n, err2 = readNode(f.bytes)
			m.nodes = append(m.nodes, n)
		case 5:
			err2 = m.tensor(f.bytes)
		case 11, 12:
			port, e := fields(f.bytes)
			if err2 = e; e == nil && f.number == 11 {
				m.Inputs = append(m.Inputs, string(port[0].bytes))
			} else if e == nil {
				m.Outputs = append(m.Outputs, string(port[0].bytes))
			}
		}
		err = errors.Join(err, err2)
	}
	return err
}

func readNode(b []byte) (node, error) {
	n := node{ints: map[string][]int64{}, floats: map[string]float64{}, texts: map[string]string{}}
	all, err := fields(b)
	for _, f := range all {
		switch f.number {
		case 1:
			n.in = append(n.in, string(f.bytes))
		case 2:
			n.out = append(n.out, string(f.bytes))
		case 4:
			n.op = string(f.bytes)
		case 5:
			attrs, e := fields(f.bytes)
			err = errors.Join(err, e)
			name := ""
			for _, a := range attrs {
				switch a.number {
				case 1:
					name = string(a.bytes)
				case 2:
					n.floats[name] = float64(math.Float32frombits(uint32(a.value))) //nolint:gosec // of 32 bits
				case 3, 8:
					n.ints[name] = append(n.ints[name], int64(a.value)) //nolint:gosec // its bits
				case 4:
					n.texts[name] = string(a.bytes)
				}
			}
		}
	}
	return n, err
}

func (m *Model) tensor(b []byte) error {
	all, err := fields(b)
	var a Array
	var name string
	var raw []byte
	var kind uint64
	for _, f := range all {
		switch f.number {
		case 1:
			a.Shape = append(a.Shape, int(f.value)) //nolint:gosec // of a test
		case 2:
			kind = f.value
		case 8:
			name = string(f.bytes)
		case 9:
			raw = f.bytes
		}
	}
	a.Data = make([]float64, size(a.Shape))
	width := map[uint64]int{1: 4, 7: 8}[kind]
	if width == 0 || len(raw) != width*len(a.Data) {
		return errors.Join(err, fmt.Errorf("tensor %s of type %d has %d bytes for %v", name, kind, len(raw), a.Shape))
	}
	for i := range a.Data {
		if kind == 1 {
			a.Data[i] = float64(math.Float32frombits(binary.LittleEndian.Uint32(raw[4*i:])))
		} else {
			a.Data[i] = float64(int64(binary.LittleEndian.Uint64(raw[8*i:]))) //nolint:gosec // its bits
		}
	}
	m.tensors[name] = a
	return err
}

func size(shape []int) int {
	n := 1
	for _, d := range shape {
		n *= d
	}
	return n
}

// NPY reads an array of float32 in NumPy's format.
func NPY(path string) (Array, error) {
	data, err := os.ReadFile(path) //nolint:gosec // of a test
	if err != nil {
		return Array{}, err
	}
	const before = 10
	if len(data) < before || string(data[:8]) != "\x93NUMPY\x01\x00" {
		return Array{}, fmt.Errorf("%s is no NumPy array", path)
	}
	n := before + int(binary.LittleEndian.Uint16(data[8:]))
	head := string(data[before:n])
	_, dims, _ := strings.Cut(head, "'shape': (")
	dims, _, _ = strings.Cut(dims, ")")
	var a Array
	for d := range strings.SplitSeq(dims, ",") {
		var v int
		if _, err := fmt.Sscan(d, &v); err == nil {
			a.Shape = append(a.Shape, v)
		}
	}
	if n%64 != 0 || !strings.Contains(head, "'<f4'") || len(data) != n+4*size(a.Shape) {
		return a, fmt.Errorf("%s: %d bytes after %q", path, len(data)-n, head)
	}
	for i := n; i < len(data); i += 4 {
		a.Data = append(a.Data, float64(math.Float32frombits(binary.LittleEndian.Uint32(data[i:]))))
	}
	return a, nil
}
