package nn

import (
	"errors"

	"detnas/core/tensor"
)

// ErrNotFinite is wrapped by the errors about a NaN or an infinity in what a
// network computed.
var ErrNotFinite = errors.New("not finite")

// Mode is what a forward pass is for.
type Mode int

// Eval normalises by BN's statistics; Train by the batch's, moving the layers'
// own statistics; Calibrate by the batch's, moving only the pass's Stats; Batch by
// the batch's, moving nothing.
const (
	Eval Mode = iota
	Train
	Calibrate
	Batch
)

// Pass is one forward pass: the scope its tensors live in, its mode, and BN
// statistics that take the place of the layers' own (needed to calibrate, used
// in Eval when there are any).
type Pass struct {
	*tensor.Scope
	Mode  Mode
	Stats *Stats
	// BF16 has convolutions and linear layers compute in bfloat16. What they give is
	// float, as are the weights and all other layers.
	BF16 bool
	// Group, in training, is the ranks that the batch is shared among; nil where the
	// process is alone. See Totals, and BatchNorm.
	Group *tensor.Group
}

// ranks are those by whose batches together BN normalises: of a training alone.
func (p *Pass) ranks() *tensor.Group {
	if p.Mode != Train {
		return nil
	}
	return p.Group
}

// Conv2d is a convolution, with a bias if Bias is not nil.
type Conv2d struct {
	Weight, Bias *tensor.Tensor
	Geometry     tensor.Conv
}

// ConvSpec is what a convolution is made from. Its padding is kernel/2.
type ConvSpec struct {
	In, Out, Kernel, Stride, Groups int
	Bias                            bool
	BiasValue                       float64 // that it starts from
	Init                            Init    // of the weight
}

// NewConv2d makes a convolution whose weight is [out, in/groups, k, k].
func NewConv2d(p Path, c ConvSpec) *Conv2d {
	groups := max(c.Groups, 1)
	l := &Conv2d{
		Weight: p.Param("weight", true, c.Init, int64(c.Out), int64(c.In/groups), int64(c.Kernel), int64(c.Kernel)),
		Geometry: tensor.Conv{
			Stride: int64(max(c.Stride, 1)), Pad: int64(c.Kernel / 2), Groups: int64(groups),
		},
	}
	if c.Bias {
		l.Bias = p.Param("bias", false, Const(c.BiasValue), int64(c.Out))
	}
	return l
}

// Forward maps x [n, in, h, w] to [n, out, h', w'].
func (l *Conv2d) Forward(p *Pass, x *tensor.Tensor) *tensor.Tensor {
	if p.BF16 {
		return p.Scope.BF16(l.Weight.Device(), func() *tensor.Tensor { return p.Conv2d(x, l.Weight, l.Bias, l.Geometry) })
	}
	return p.Conv2d(x, l.Weight, l.Bias, l.Geometry)
}

// Linear is a fully connected layer.
type Linear struct {
	Weight, Bias *tensor.Tensor
}

// NewLinear makes a layer of weight [out, in] and bias [out].
func NewLinear(p Path, in, out int, init Init) *Linear {
	return &Linear{
		Weight: p.Param("weight", true, init, int64(out), int64(in)),
		Bias:   p.Param("bias", false, Const(0), int64(out)),
	}
}

// Forward maps x [.., in] to [.., out].
func (l *Linear) Forward(p *Pass, x *tensor.Tensor) *tensor.Tensor {
	if p.BF16 {
		return p.Scope.BF16(l.Weight.Device(), func() *tensor.Tensor { return p.Linear(x, l.Weight, l.Bias) })
	}
	return p.Linear(x, l.Weight, l.Bias)
}
