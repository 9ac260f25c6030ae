package supernet

import (
	"detnas/core/nn"
	"detnas/core/onnx"
	"detnas/core/tensor"
)

// betaInit is the initial beta of every BatchNorm. The official code and
// MMRazor's searchable_shufflenet_v2.py both set it to 1e-4 instead of 0.
const betaInit = 1e-4

// stemStd is the standard deviation of the stem's initial weights, in both.
const stemStd = 0.01

// unit is a convolution without bias, its BatchNorm and, for all but depthwise
// convolutions, a ReLU.
type unit struct {
	nn.Unit
	name string
}

// newUnit makes the layers path.conv and path.bn.
func newUnit(path nn.Path, c nn.ConvSpec, relu bool) *unit {
	return &unit{name: path.Name(), Unit: nn.Unit{
		Conv: nn.NewConv2d(path.At("conv"), c),
		Norm: nn.NewBatchNorm(path.At("bn"), c.Out, betaInit),
		ReLU: relu,
	}}
}

// newPointwise makes a 1x1 convolution with BatchNorm and ReLU. Its weights are
// normal with a standard deviation of 1/in, as both implementations have it.
func newPointwise(path nn.Path, in, out int) *unit {
	return newUnit(path, nn.ConvSpec{In: in, Out: out, Kernel: 1, Init: nn.Normal(1 / float64(in))}, true)
}

// newDepthwise makes a depthwise convolution with BatchNorm and no ReLU. The
// standard deviation of its weights, 1/weight.shape[1], is 1.
func newDepthwise(path nn.Path, channels, kernel, stride int) *unit {
	return newUnit(path, nn.ConvSpec{
		In: channels, Out: channels, Kernel: kernel, Stride: stride, Groups: channels, Init: nn.Normal(1),
	}, false)
}

// draw draws what Forward computes.
func (u *unit) draw(d *nn.Drawing, x onnx.Value) onnx.Value {
	y := d.ConvNorm(u.Conv, u.Norm, x)
	if u.ReLU {
		y = d.Relu(u.name+".relu", y)
	}
	return y
}

// chain runs units one after the other and frees what lies between them.
func chain(p *nn.Pass, units []*unit, x *tensor.Tensor) *tensor.Tensor {
	y := x
	for _, u := range units {
		next := u.Forward(p, y)
		if y != x {
			p.Free(y)
		}
		y = next
	}
	return y
}

// drawChain draws units one after the other.
func drawChain(d *nn.Drawing, units []*unit, x onnx.Value) onnx.Value {
	for _, u := range units {
		x = u.draw(d, x)
	}
	return x
}

// layers are what nn takes of units.
func layers(units []*unit) []*nn.Unit {
	out := make([]*nn.Unit, len(units))
	for i, u := range units {
		out[i] = &u.Unit
	}
	return out
}
