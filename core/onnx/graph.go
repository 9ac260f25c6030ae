// Package onnx builds networks as ONNX models (onnx.ai, onnx/onnx.proto) and writes
// them. It knows the operators that detnas's networks are made of, in the forms that both
// onnxruntime and the DNN module of OpenCV 4.6 take: attributes where later versions have
// inputs, and no shape that is computed where there is another way.
package onnx

import (
	"fmt"
	"slices"
	"strconv"
)

// Opset is the version of the operators that a model is written in: 11 is of 2019, and
// both take it.
const Opset = 11

// irVersion is the form of the file that opset 11 came with (onnx 1.6).
const irVersion = 6

// Value is the name of a tensor within a graph.
type Value string

// Dim is the size of one dimension of an input or an output: a number, or a name where
// it is any.
type Dim struct {
	Size int64
	Name string
}

// Fixed is a dimension of one size.
func Fixed(size int64) Dim { return Dim{Size: size} }

// Any is a dimension of any size. Those of one name are alike.
func Any(name string) Dim { return Dim{Name: name} }

// Graph is a network that is being built. Its nodes are in the order in which they were
// added, which is one in which they can be computed. The zero Graph is empty.
type Graph struct {
	nodes           []node
	tensors         []tensor
	inputs, outputs []Port
	named           map[string]int  // how many nodes asked for a name
	held            map[string]bool // tensors by name
}

type node struct {
	name, op string
	in, out  []Value
	attrs    []attr
}

// tensor is an initializer: data of float32 or int64, little-endian.
type tensor struct {
	name  string
	kind  int64
	shape []int64
	data  []byte
}

// Port is an input or an output of a graph, of float32.
type Port struct {
	Name string
	Dims []Dim
}

// Input adds an input.
func (g *Graph) Input(name string, dims ...Dim) Value {
	g.inputs = append(g.inputs, Port{name, dims})
	return Value(name)
}

// Output makes a value an output under a name, which it has from now on everywhere.
func (g *Graph) Output(name string, v Value, dims ...Dim) {
	for i := range g.nodes {
		for _, side := range [][]Value{g.nodes[i].in, g.nodes[i].out} {
			for j := range side {
				if side[j] == v {
					side[j] = Value(name)
				}
			}
		}
	}
	g.outputs = append(g.outputs, Port{name, dims})
}

// Held reports whether the graph has a tensor of that name.
func (g *Graph) Held(name string) bool { return g.held[name] }

// Floats adds a tensor of float32 as little-endian bytes. A second one of a name is the
// first: a layer that is run several times has its weights once.
func (g *Graph) Floats(name string, data []byte, shape ...int64) Value {
	return g.hold(tensor{name: name, kind: typeFloat, shape: shape, data: data})
}

func (g *Graph) hold(t tensor) Value {
	if g.held == nil {
		g.held = map[string]bool{}
	}
	if !g.held[t.name] {
		g.held[t.name] = true
		g.tensors = append(g.tensors, t)
	}
	return Value(t.name)
}

// add adds a node with one output, which has the node's name.
func (g *Graph) add(name, op string, in []Value, attrs ...attr) Value {
	return g.addMany(name, op, in, []string{""}, attrs...)[0]
}

// addMany adds a node that has an output for each suffix of its name. A name that is
// taken gets a number behind it.
func (g *Graph) addMany(name, op string, in []Value, suffixes []string, attrs ...attr) []Value {
	if g.named == nil {
		g.named = map[string]int{}
	}
	n := g.named[name]
	g.named[name]++
	if n > 0 {
		name = fmt.Sprintf("%s/%d", name, n)
	}
	out := make([]Value, len(suffixes))
	for i, s := range suffixes {
		out[i] = Value(name + s)
	}
	g.nodes = append(g.nodes, node{name: name, op: op, in: slices.Clone(in), out: slices.Clone(out), attrs: attrs})
	return out
}

// String is the dimension as reports show it.
func (d Dim) String() string {
	if d.Name != "" {
		return d.Name
	}
	return strconv.FormatInt(d.Size, 10)
}

// Ports are the graph's inputs and outputs, in the order in which they were added.
func (g *Graph) Ports() (inputs, outputs []Port) { return g.inputs, g.outputs }
