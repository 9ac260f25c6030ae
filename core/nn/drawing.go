package nn

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"strings"

	"detnas/core/onnx"
	"detnas/core/tensor"
)

// Drawing draws layers as nodes of an ONNX graph. A network has a Draw beside its
// Forward, which goes through the same layers; the weights have the names of the
// store's. Layers with BN compute by their own statistics, as in Eval.
type Drawing struct {
	*onnx.Graph

	fold  bool
	names map[*tensor.Tensor]string
	err   error // the first
}

// Draw begins to draw a network whose tensors are the store's. foldBN puts every BN into
// the weights of the convolution before it, which gets a bias by that.
func (st *Store) Draw(g *onnx.Graph, foldBN bool) *Drawing {
	d := &Drawing{Graph: g, fold: foldBN, names: map[*tensor.Tensor]string{}}
	for name, t := range st.names {
		d.names[t] = name
	}
	return d
}

// Err is the first error of drawing, or nil.
func (d *Drawing) Err() error { return d.err }

// Fail keeps the first error.
func (d *Drawing) Fail(err error) {
	if d.err == nil {
		d.err = err
	}
}

// ConvNorm draws a convolution and the BN after it, which may be nil.
func (d *Drawing) ConvNorm(c *Conv2d, n *BatchNorm, x onnx.Value) onnx.Value {
	name := strings.TrimSuffix(d.names[c.Weight], ".weight")
	w := onnx.Window{Kernel: c.Weight.Dim(2), Stride: max(c.Geometry.Stride, 1), Pad: c.Geometry.Pad, Groups: max(c.Geometry.Groups, 1)}
	if n != nil && d.fold {
		weight, bias := d.folded(c, n, name)
		return d.Conv(name, x, weight, bias, w)
	}
	var bias onnx.Value
	if c.Bias != nil {
		bias = d.tensor(c.Bias)
	}
	y := d.Conv(name, x, d.tensor(c.Weight), bias, w)
	if n == nil {
		return y
	}
	at := strings.TrimSuffix(d.names[n.Weight], ".weight")
	return d.BatchNorm(at, y, d.tensor(n.Weight), d.tensor(n.Bias), d.tensor(n.Mean), d.tensor(n.Variance), n.Eps)
}

// Linear draws a fully connected layer.
func (d *Drawing) Linear(l *Linear, x onnx.Value) onnx.Value {
	return d.Graph.Linear(strings.TrimSuffix(d.names[l.Weight], ".weight"), x, d.tensor(l.Weight), d.tensor(l.Bias))
}

// tensor puts a tensor of the store into the graph.
func (d *Drawing) tensor(t *tensor.Tensor) onnx.Value {
	name, ok := d.names[t]
	if !ok {
		d.Fail(errors.New("draw: a layer's tensor is not of the store"))
		return ""
	}
	if d.Held(name) {
		return onnx.Value(name)
	}
	data, err := t.Bytes()
	if err != nil {
		d.Fail(fmt.Errorf("draw %s: %w", name, err))
	}
	return d.Floats(name, data, t.Shape()...)
}

// folded puts a convolution's weight and bias with its BN in them into the graph: of
// w*x + b it makes gamma * (w*x + b - mean) / sqrt(variance + eps) + beta, worked out in
// float64.
func (d *Drawing) folded(c *Conv2d, n *BatchNorm, name string) (weight, bias onnx.Value) {
	if d.Held(name + ".weight") {
		return onnx.Value(name + ".weight"), onnx.Value(name + ".bias")
	}
	w, gamma, beta, mean, variance := d.floats(c.Weight), d.floats(n.Weight), d.floats(n.Bias), d.floats(n.Mean), d.floats(n.Variance)
	before := make([]float32, len(mean))
	if c.Bias != nil {
		before = d.floats(c.Bias)
	}
	if d.err != nil {
		return "", ""
	}
	weights, biases := make([]byte, 0, 4*len(w)), make([]byte, 0, 4*len(mean))
	per := len(w) / len(mean)
	for o := range mean {
		scale := float64(gamma[o]) / math.Sqrt(float64(variance[o])+n.Eps)
		for _, v := range w[o*per : (o+1)*per] {
			weights = appendFloat(weights, float64(v)*scale)
		}
		biases = appendFloat(biases, float64(beta[o])+(float64(before[o])-float64(mean[o]))*scale)
	}
	return d.Floats(name+".weight", weights, c.Weight.Shape()...), d.Floats(name+".bias", biases, int64(len(mean)))
}

func appendFloat(b []byte, v float64) []byte {
	return binary.LittleEndian.AppendUint32(b, math.Float32bits(float32(v)))
}

func (d *Drawing) floats(t *tensor.Tensor) []float32 {
	values, err := t.Floats()
	if err != nil {
		d.Fail(fmt.Errorf("draw %s: %w", d.names[t], err))
	}
	return values
}
