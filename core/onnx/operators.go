package onnx

import (
	"encoding/binary"
	"fmt"
	"math"
)

// Window is the geometry of a convolution or of pooling, alike in both directions.
type Window struct {
	Kernel, Stride, Pad, Groups int64
}

func (w Window) attrs() []attr {
	return []attr{ints("kernel_shape", w.Kernel, w.Kernel), ints("pads", w.Pad, w.Pad, w.Pad, w.Pad), ints("strides", w.Stride, w.Stride)}
}

// Conv convolves x [n, in, h, w] with weight [out, in/groups, k, k]; bias [out] is ""
// where there is none.
func (g *Graph) Conv(name string, x, weight, bias Value, w Window) Value {
	in := []Value{x, weight}
	if bias != "" {
		in = append(in, bias)
	}
	return g.add(name, "Conv", in, append(w.attrs(), ints("dilations", 1, 1), integer("group", w.Groups))...)
}

// BatchNorm normalises x [n, c, ...] by mean and variance [c].
func (g *Graph) BatchNorm(name string, x, weight, bias, mean, variance Value, eps float64) Value {
	return g.add(name, "BatchNormalization", []Value{x, weight, bias, mean, variance}, float("epsilon", float32(eps)))
}

// Relu is max(x, 0).
func (g *Graph) Relu(name string, x Value) Value { return g.add(name, "Relu", []Value{x}) }

// Add is the sum of two tensors of one shape.
func (g *Graph) Add(name string, a, b Value) Value { return g.add(name, "Add", []Value{a, b}) }

// Normalise is (x - mean) / std for x [n, c, h, w], channel by channel. It is a BN: OpenCV
// 4.6 does not take a difference of an image and a number a channel.
func (g *Graph) Normalise(name string, x Value, mean, std []float64) Value {
	c := int64(len(mean))
	ones, zeros, squares := make([]float64, c), make([]float64, c), make([]float64, c)
	for i, v := range std {
		ones[i], squares[i] = 1, v*v
	}
	return g.BatchNorm(name, x, g.Floats(name+".weight", floatBytes(ones), c), g.Floats(name+".bias", floatBytes(zeros), c),
		g.Floats(name+".mean", floatBytes(mean), c), g.Floats(name+".variance", floatBytes(squares), c), 0)
}

// Concat joins tensors along their channels.
func (g *Graph) Concat(name string, parts ...Value) Value {
	return g.add(name, "Concat", parts, integer("axis", 1))
}

// Halves parts x [n, 2c, h, w] along its channels.
func (g *Graph) Halves(name string, x Value, c int64) (first, second Value) {
	out := g.addMany(name, "Split", []Value{x}, []string{".0", ".1"}, integer("axis", 1), ints("split", c, c))
	return out[0], out[1]
}

// Shuffle transposes the channels of x [n, channels, h, w] as a matrix of groups rows.
// A dimension of 0 is that of the same place of what is reshaped, so that a leading 1
// before the channels lets the graph do without any size of the image.
func (g *Graph) Shuffle(name string, x Value, groups, channels int64) Value {
	x = g.add(name+".unsqueeze", "Unsqueeze", []Value{x}, ints("axes", 1))
	x = g.add(name+".apart", "Reshape", []Value{x, g.integers(fmt.Sprintf("shape.0.%d.%d.0.0", groups, channels/groups), 0, groups, channels/groups, 0, 0)})
	x = g.add(name+".transpose", "Transpose", []Value{x}, ints("perm", 0, 2, 1, 3, 4))
	x = g.add(name+".together", "Reshape", []Value{x, g.integers(fmt.Sprintf("shape.0.1.%d.0.0", channels), 0, 1, channels, 0, 0)})
	return g.add(name, "Squeeze", []Value{x}, ints("axes", 1))
}

// MaxPool pools x [n, c, h, w].
func (g *Graph) MaxPool(name string, x Value, w Window) Value {
	return g.add(name, "MaxPool", []Value{x}, w.attrs()...)
}

// EnlargeLike repeats x [n, c, h, w] to the size of like [n, c, h', w'].
func (g *Graph) EnlargeLike(name string, x, like Value) Value {
	return g.enlarge(name, x, "", g.add(name+".shape", "Shape", []Value{like}))
}

// EnlargeTwice repeats x [n, c, h, w] to [n, c, 2h, 2w].
func (g *Graph) EnlargeTwice(name string, x Value) Value {
	return g.enlarge(name, x, g.Floats("scales.2", floatBytes([]float64{1, 1, 2, 2}), 4), "")
}

// enlarge takes the place floor(y * h / h') of x for the place y, as PyTorch's nearest
// does.
func (g *Graph) enlarge(name string, x, scales, sizes Value) Value {
	none := g.Floats("none", nil, 0) // where OpenCV 4.6 reads no name as an error
	in := []Value{x, none, scales}
	if sizes != "" {
		in = []Value{x, none, none, sizes}
	}
	return g.add(name, "Resize", in, text("mode", "nearest"), text("coordinate_transformation_mode", "asymmetric"), text("nearest_mode", "floor"))
}

// Crop keeps the upper left corner of h by w of x [n, c, ., .].
func (g *Graph) Crop(name string, x Value, h, w int64) Value {
	return g.add(name, "Slice", []Value{x, g.integers("zeros", 0, 0), g.integers(fmt.Sprintf("ends.%d.%d", h, w), h, w), g.integers("axes", 2, 3)})
}

// MeanPlanes is the mean of each channel of x [n, c, h, w], as [n, c].
func (g *Graph) MeanPlanes(name string, x Value) Value {
	return g.Flatten(name+".flatten", g.add(name, "GlobalAveragePool", []Value{x}))
}

// Flatten makes x [n, ...] a matrix [n, .].
func (g *Graph) Flatten(name string, x Value) Value {
	return g.add(name, "Flatten", []Value{x}, integer("axis", 1))
}

// Linear is x [n, in] times weight [out, in] transposed, plus bias [out].
func (g *Graph) Linear(name string, x, weight, bias Value) Value {
	return g.add(name, "Gemm", []Value{x, weight, bias}, float("alpha", 1), float("beta", 1), integer("transA", 0), integer("transB", 1))
}

func (g *Graph) integers(name string, values ...int64) Value {
	var data []byte
	for _, v := range values {
		data = binary.LittleEndian.AppendUint64(data, uint64(v)) //nolint:gosec // its bits
	}
	return g.hold(tensor{name: name, kind: typeInt64, shape: []int64{int64(len(values))}, data: data})
}

func floatBytes(values []float64) []byte {
	var data []byte
	for _, v := range values {
		data = binary.LittleEndian.AppendUint32(data, math.Float32bits(float32(v)))
	}
	return data
}
