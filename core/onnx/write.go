package onnx

import (
	"fmt"
	"io"
	"maps"
	"math"
	"slices"

	"detnas/core/protobuf"
)

// The numbers of the fields of onnx.proto's messages, and values of its enumerations.
const (
	modelIR        = 1
	modelProducer  = 2
	modelVersion   = 3 // of the producer
	modelGraph     = 7
	modelOpset     = 8
	modelMeta      = 14
	opsetVersion   = 2
	graphNode      = 1
	graphName      = 2
	graphTensor    = 5
	graphInput     = 11
	graphOutput    = 12
	nodeInput      = 1
	nodeOutput     = 2
	nodeName       = 3
	nodeOp         = 4
	nodeAttr       = 5
	attrName       = 1
	attrFloat      = 2
	attrInt        = 3
	attrString     = 4
	attrInts       = 8
	attrType       = 20
	attrTypeFloat  = 1
	attrTypeInt    = 2
	attrTypeString = 3
	attrTypeInts   = 7
	tensorDim      = 1
	tensorType     = 2
	tensorName     = 8
	tensorRaw      = 9
	typeFloat      = 1
	typeInt64      = 7
	portName       = 1
	portType       = 2
	typeTensor     = 1
	typeElem       = 1
	typeShape      = 2
	shapeDim       = 1
	dimSize        = 1
	dimName        = 2
	entryKey       = 1
	entryValue     = 2
)

// attr is an attribute of a node, as its message has it.
type attr []byte

func integer(name string, v int64) attr {
	return protobuf.Int(protobuf.Int(protobuf.Bytes(nil, attrName, name), attrInt, v), attrType, attrTypeInt)
}

func ints(name string, values ...int64) attr {
	b := protobuf.Bytes(nil, attrName, name)
	for _, v := range values {
		b = protobuf.Int(b, attrInts, v)
	}
	return protobuf.Int(b, attrType, attrTypeInts)
}

func float(name string, v float32) attr {
	return protobuf.Int(protobuf.Float(protobuf.Bytes(nil, attrName, name), attrFloat, v), attrType, attrTypeFloat)
}

func text(name, v string) attr {
	return protobuf.Int(protobuf.Bytes(protobuf.Bytes(nil, attrName, name), attrString, v), attrType, attrTypeString)
}

// Model is a graph with what its file says beside it.
type Model struct {
	Graph   *Graph
	Name    string            // of the graph
	Version string            // of detnas
	Meta    map[string]string // metadata_props, which are written in the order of their keys
}

// Size is the bytes of the file.
func (m *Model) Size() int64 {
	n := int64(0)
	for _, part := range m.parts() {
		n += int64(len(part))
	}
	return n
}

// Write writes the model. A file of 2 GiB is refused, as no reader of Protocol Buffers
// takes it.
func (m *Model) Write(w io.Writer) error {
	parts := m.parts()
	size := 0
	for _, part := range parts {
		size += len(part)
	}
	if size > math.MaxInt32 {
		return fmt.Errorf("the model has %d bytes, and an ONNX file can have %d", size, math.MaxInt32)
	}
	for _, part := range parts {
		if _, err := w.Write(part); err != nil {
			return fmt.Errorf("write an ONNX model: %w", err)
		}
	}
	return nil
}

// parts is the file in pieces, so that weights are not copied into the messages around
// them.
func (m *Model) parts() [][]byte {
	graph := m.Graph.parts(m.Name)
	length := 0
	for _, part := range graph {
		length += len(part)
	}
	head := protobuf.Int(nil, modelIR, irVersion)
	head = protobuf.Bytes(head, modelProducer, "detnas")
	head = protobuf.Bytes(head, modelVersion, m.Version)
	head = protobuf.Head(head, modelGraph, length)
	tail := protobuf.Bytes(nil, modelOpset, protobuf.Int(nil, opsetVersion, Opset))
	for _, k := range slices.Sorted(maps.Keys(m.Meta)) {
		tail = protobuf.Bytes(tail, modelMeta, protobuf.Bytes(protobuf.Bytes(nil, entryKey, k), entryValue, m.Meta[k]))
	}
	return append(append([][]byte{head}, graph...), tail)
}

// parts is the graph's message.
func (g *Graph) parts(name string) [][]byte {
	var nodes []byte
	for _, n := range g.nodes {
		nodes = protobuf.Bytes(nodes, graphNode, n.message())
	}
	parts := [][]byte{protobuf.Bytes(nodes, graphName, name)}
	for _, t := range g.tensors {
		head := t.head()
		parts = append(parts, append(protobuf.Head(nil, graphTensor, len(head)+len(t.data)), head...), t.data)
	}
	var ports []byte
	for _, p := range g.inputs {
		ports = protobuf.Bytes(ports, graphInput, p.message())
	}
	for _, p := range g.outputs {
		ports = protobuf.Bytes(ports, graphOutput, p.message())
	}
	return append(parts, ports)
}

func (n node) message() []byte {
	var b []byte
	for _, v := range n.in {
		b = protobuf.Bytes(b, nodeInput, string(v))
	}
	for _, v := range n.out {
		b = protobuf.Bytes(b, nodeOutput, string(v))
	}
	b = protobuf.Bytes(protobuf.Bytes(b, nodeName, n.name), nodeOp, n.op)
	for _, a := range n.attrs {
		b = protobuf.Bytes(b, nodeAttr, []byte(a))
	}
	return b
}

// head is the tensor's message up to its data.
func (t tensor) head() []byte {
	var b []byte
	for _, d := range t.shape {
		b = protobuf.Int(b, tensorDim, d)
	}
	b = protobuf.Bytes(protobuf.Int(b, tensorType, t.kind), tensorName, t.name)
	return protobuf.Head(b, tensorRaw, len(t.data))
}

func (p Port) message() []byte {
	var shape []byte
	for _, d := range p.Dims {
		dim := protobuf.Int(nil, dimSize, d.Size)
		if d.Name != "" {
			dim = protobuf.Bytes(nil, dimName, d.Name)
		}
		shape = protobuf.Bytes(shape, shapeDim, dim)
	}
	kind := protobuf.Bytes(protobuf.Int(nil, typeElem, typeFloat), typeShape, shape)
	return protobuf.Bytes(protobuf.Bytes(nil, portName, p.Name), portType, protobuf.Bytes(nil, typeTensor, kind))
}
