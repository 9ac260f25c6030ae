package tensor

import (
	"github.com/sugarme/gotch/libtch"

	"detnas/core/native"
)

// Conv is the geometry of a convolution. Zero values mean stride 1, no padding
// and one group.
type Conv struct {
	Stride, Pad, Groups int64
}

// Conv2d convolves x [n, in, h, w] with weight [out, in/groups, k, k]; bias [out]
// may be nil. The result is [n, out, h', w'].
func (s *Scope) Conv2d(x, weight, bias *Tensor, g Conv) *Tensor {
	const op = "conv2d"
	if !s.ready(op, x, weight) || (bias != nil && !s.ready(op, bias)) {
		return &Tensor{}
	}
	stride := []int64{max(g.Stride, 1), max(g.Stride, 1)}
	pad, dilation := []int64{g.Pad, g.Pad}, []int64{1, 1}
	var c libtch.Ctensor
	libtch.AtgConv2d(&c, x.c, weight.c, optional(bias), stride, 2, pad, 2, dilation, 2, max(g.Groups, 1))
	return s.made(op, c, x, weight)
}

// BatchNorm normalises x [n, c, ...]. With training it uses the batch's own
// statistics and moves mean and variance towards them by momentum; without, it
// uses mean and variance. weight, bias, mean and variance are [c].
func (s *Scope) BatchNorm(x, weight, bias, mean, variance *Tensor, training bool, momentum, eps float64) *Tensor {
	const op = "batch norm"
	if !s.ready(op, x, weight, bias, mean, variance) {
		return &Tensor{}
	}
	var c libtch.Ctensor
	libtch.AtgBatchNorm(&c, x.c, weight.c, bias.c, mean.c, variance.c, flag(training), momentum, eps, 1)
	return s.made(op, c, x, weight)
}

// Linear returns x [.., in] times weight [out, in] transposed, plus bias [out].
func (s *Scope) Linear(x, weight, bias *Tensor) *Tensor {
	const op = "linear"
	if !s.ready(op, x, weight) || (bias != nil && !s.ready(op, bias)) {
		return &Tensor{}
	}
	var c libtch.Ctensor
	libtch.AtgLinear(&c, x.c, weight.c, optional(bias))
	return s.made(op, c, x, weight)
}

// MaxPool2d pools x [n, c, h, w] by windows of kernel, with stride and padding.
func (s *Scope) MaxPool2d(x *Tensor, kernel, stride, pad int64) *Tensor {
	return s.unary("max pool", func(p *libtch.Ctensor, c libtch.Ctensor) {
		libtch.AtgMaxPool2d(p, c, []int64{kernel, kernel}, 2, []int64{stride, stride}, 2,
			[]int64{pad, pad}, 2, []int64{1, 1}, 2, 0)
	}, x)
}

// UpsampleNearest resizes x [n, c, h, w] to [n, c, height, width] by repetition.
func (s *Scope) UpsampleNearest(x *Tensor, height, width int64) *Tensor {
	return s.unary("upsample", func(p *libtch.Ctensor, c libtch.Ctensor) {
		libtch.AtgUpsampleNearest2d(p, c, []int64{height, width}, 2, 0, 1, 0, 1)
	}, x)
}

// ChannelShuffle transposes the channels of x [n, groups*k, h, w] as a matrix of
// groups rows (Zhang et al., ShuffleNet, 2017).
func (s *Scope) ChannelShuffle(x *Tensor, groups int64) *Tensor {
	d := x.Shape()
	if len(d) != 4 {
		return s.Reshape(x, -1, -1) // reports the operand that is missing or misshapen
	}
	v := s.Reshape(x, d[0], groups, d[1]/groups, d[2], d[3])
	return s.Reshape(s.Transpose(v, 1, 2), d...)
}

// RoIAlign pools boxes from a pyramid of features [n, c, h, w]; see
// native.RoIAlign for the operands and their units. Result: [boxes, c, p, p].
func (s *Scope) RoIAlign(features []*Tensor, scales []float64, rois []float32, level []int32, a native.Align) *Tensor {
	const op = "roi align"
	if !s.ready(op, features...) {
		return &Tensor{}
	}
	h, err := native.RoIAlign(handles(features), scales, rois, level, a)
	return s.adopt(op, h, err, features...)
}

// optional passes a missing operand as libtch expects it.
func optional(t *Tensor) libtch.Ctensor {
	if t == nil {
		return nil
	}
	return t.c
}

func handles(ts []*Tensor) []native.Handle {
	hs := make([]native.Handle, len(ts))
	for i, t := range ts {
		hs[i] = t.h()
	}
	return hs
}
