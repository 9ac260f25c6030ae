package detector

import (
	"fmt"

	"detnas/core/nn"
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
	anchors, err := newAnchorCache(strides, c)
	if err != nil {
		return nil, err
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

// rpnOutput is what the RPN says of every anchor of a batch. Anchors run over
// levels, rows, columns and the anchors of a place.
type rpnOutput struct {
	logits *tensor.Tensor // [n * anchors]
	deltas *tensor.Tensor // [n * anchors, 4]
	sizes  []box.Size     // of the levels
	// anchors are those of one image; all of a batch share them.
	anchors *box.Anchors
}

// forward runs the RPN over the pyramid's levels [n, c, h_i, w_i].
func (r *rpn) forward(p *nn.Pass, levels []*tensor.Tensor) rpnOutput {
	defer p.Layer("rpn")()
	var out rpnOutput
	flat := inner(p, func(p *nn.Pass) []*tensor.Tensor {
		n := levels[0].Dim(0)
		logits := make([]*tensor.Tensor, len(levels))
		deltas := make([]*tensor.Tensor, len(levels))
		for i, x := range levels {
			done := p.Layer(fmt.Sprintf("level %d", i))
			h := relu(p, r.conv.Forward(p, x))
			logits[i] = p.Reshape(p.Permute(r.class.Forward(p, h), 0, 2, 3, 1), n, -1)
			deltas[i] = p.Reshape(p.Permute(r.box.Forward(p, h), 0, 2, 3, 1), n, -1, 4)
			p.Free(h)
			done()
		}
		return []*tensor.Tensor{p.Reshape(p.Cat(logits, 1), -1), p.Reshape(p.Cat(deltas, 1), -1, 4)}
	})
	if p.Err() != nil {
		return out
	}
	out.logits, out.deltas = flat[0], flat[1]
	for _, x := range levels {
		out.sizes = append(out.sizes, box.Size{H: int(x.Dim(2)), W: int(x.Dim(3))})
	}
	anchors, err := r.anchors.at(out.sizes)
	p.Fail(err)
	out.anchors = anchors
	return out
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
