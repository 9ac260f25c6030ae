package detector

import (
	"fmt"

	"detnas/core/nn"
	"detnas/core/onnx"
	"detnas/core/tensor"
	"detnas/detector/box"
)

// rpn is the region proposal network (Ren et al., 2015): mmdet's RPNHead.
type rpn struct {
	cfg     RPNConfig
	padTo   int
	conv    *nn.Conv2d
	class   *nn.Conv2d // [A] logits of objectness
	box     *nn.Conv2d // [4A] deltas
	anchors *anchorCache
	matcher box.Matcher
	buffers box.Workspace
}

// rpnStd is the spread of the initial weights of all its layers in mmdet.
const rpnStd = 0.01

// rpnCoder has mmdet's target stds of 1.
var rpnCoder = box.Coder{Stds: [4]float32{1, 1, 1, 1}}

func newRPN(p nn.Path, c RPNConfig, in int, strides []int, padTo int) (*rpn, error) {
	anchors, err := newAnchorCache(box.AnchorConfig{
		Strides: strides, Scales: toFloat32(c.Scales), Ratios: toFloat32(c.Ratios),
	})
	if err != nil {
		return nil, fmt.Errorf("rpn: %w", err)
	}
	spec := func(in, out, kernel int) nn.ConvSpec {
		return nn.ConvSpec{In: in, Out: out, Kernel: kernel, Bias: true, Init: nn.Normal(rpnStd)}
	}
	a := anchors.generator.PerPlace()
	return &rpn{
		cfg: c, padTo: padTo, anchors: anchors, matcher: c.Assign.matcher(),
		conv:  nn.NewConv2d(p.At("rpn_conv"), spec(in, c.Channels, 3)),
		class: nn.NewConv2d(p.At("rpn_cls"), spec(c.Channels, a, 1)),
		box:   nn.NewConv2d(p.At("rpn_reg"), spec(c.Channels, 4*a, 1)),
	}, nil
}

// forward runs the RPN over the pyramid's levels [n, c, h_i, w_i].
func (r *rpn) forward(p *nn.Pass, levels []*tensor.Tensor) anchorOutput {
	defer p.Layer("rpn")()
	flat := inner(p, func(p *nn.Pass) []*tensor.Tensor {
		logits := make([]*tensor.Tensor, len(levels))
		deltas := make([]*tensor.Tensor, len(levels))
		for i, x := range levels {
			done := p.Layer(fmt.Sprintf("level %d", i))
			class, reg := r.maps(p, x)
			logits[i], deltas[i] = byAnchor(p, class, 1), byAnchor(p, reg, 4)
			done()
		}
		return []*tensor.Tensor{p.Reshape(p.Cat(logits, 1), -1), p.Reshape(p.Cat(deltas, 1), -1, 4)}
	})
	if p.Err() != nil {
		return anchorOutput{}
	}
	out, err := anchorOutput{logits: flat[0], deltas: flat[1]}.over(levels, r.anchors)
	p.Fail(err)
	return out
}

// maps are the logits [n, A, h, w] and the deltas [n, 4A, h, w] of a level.
func (r *rpn) maps(p *nn.Pass, x *tensor.Tensor) (class, deltas *tensor.Tensor) {
	h := relu(p, r.conv.Forward(p, x))
	class, deltas = r.class.Forward(p, h), r.box.Forward(p, h)
	p.Free(h)
	return class, deltas
}

// draw draws maps.
func (r *rpn) draw(d *nn.Drawing, x onnx.Value) (class, deltas onnx.Value) {
	h := d.Relu("rpn_head.relu", d.ConvNorm(r.conv, nil, x))
	return d.ConvNorm(r.class, nil, h), d.ConvNorm(r.box, nil, h)
}

// matcher is the assignment in the form of package box.
func (c AssignConfig) matcher() box.Matcher {
	m := box.Matcher{
		PosIoU: float32(c.PosIoU), NegIoU: float32(c.NegIoU), MinPosIoU: float32(c.MinPosIoU),
		IgnoreIoF: float32(c.IgnoreIoF),
	}
	if c.LowQuality {
		m.LowQuality = box.LowQualityTake
	}
	return m
}

// sampler is the draw in the form of package box.
func (c SampleConfig) sampler() box.Sampler {
	return box.Sampler{Num: c.Num, PosFraction: c.PosFraction}
}
