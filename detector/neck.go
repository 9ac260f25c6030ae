package detector

import (
	"fmt"
	"math"

	"detnas/core/nn"
	"detnas/core/onnx"
	"detnas/core/tensor"
)

// convNorm is a convolution with either a bias or batch normalisation: mmcv's
// ConvModule without its activation.
type convNorm struct {
	conv *nn.Conv2d
	norm *nn.BatchNorm
}

// normOf is the BN of a part: none where its momentum is 0.
type normOf struct {
	momentum float64
	mode     nn.NormMode
}

// newConvNorm makes a convolution, with BN where there is one.
func newConvNorm(p nn.Path, spec nn.ConvSpec, bn normOf) *convNorm {
	spec.Bias = bn.momentum <= 0
	c := &convNorm{conv: nn.NewConv2d(p.At("conv"), spec)}
	if bn.momentum > 0 {
		c.norm = nn.NewBatchNorm(p.At("bn"), spec.Out, 0)
		c.norm.Momentum, c.norm.Mode = bn.momentum, bn.mode
	}
	return c
}

func (c *convNorm) forward(p *nn.Pass, x *tensor.Tensor) *tensor.Tensor {
	y := c.conv.Forward(p, x)
	if c.norm == nil {
		return y
	}
	z := c.norm.Forward(p, y)
	p.Free(y)
	return z
}

// draw draws what forward computes.
func (c *convNorm) draw(d *nn.Drawing, x onnx.Value) onnx.Value { return d.ConvNorm(c.conv, c.norm, x) }

// neck is the feature pyramid: mmdet's FPN.
type neck struct {
	name    string
	levels  []int // of the backbone
	numOuts int
	fromP5  bool        // where the first of extra starts
	lateral []*convNorm // 1x1
	output  []*convNorm // 3x3
	extra   []*convNorm // 3x3 of stride 2; none where the levels above are pooled
}

func newNeck(p nn.Path, c NeckConfig, channels []int, bnMomentum float64) *neck {
	n := &neck{name: p.Name(), levels: c.Levels, numOuts: c.NumOuts, fromP5: c.Extra == ExtraOnOutput}
	bn := normOf{momentum: bnMomentum, mode: c.BN}
	if !c.Norm {
		bn = normOf{}
	}
	for i, l := range c.Levels {
		n.lateral = append(n.lateral, newConvNorm(p.At("lateral_convs.%d", i), nn.ConvSpec{
			In: channels[l], Out: c.Channels, Kernel: 1, Init: nn.XavierUniform(channels[l], c.Channels),
		}, bn))
		n.output = append(n.output, newConvNorm(p.At("fpn_convs.%d", i), nn.ConvSpec{
			In: c.Channels, Out: c.Channels, Kernel: 3, Init: nn.XavierUniform(9*c.Channels, 9*c.Channels),
		}, bn))
	}
	if c.Extra == ExtraPool {
		return n
	}
	in := c.Channels
	if !n.fromP5 {
		in = channels[c.Levels[len(c.Levels)-1]]
	}
	for i := len(c.Levels); i < c.NumOuts; i++ {
		n.extra = append(n.extra, newConvNorm(p.At("fpn_convs.%d", i), nn.ConvSpec{
			In: in, Out: c.Channels, Kernel: 3, Stride: 2, Init: nn.XavierUniform(9*in, 9*c.Channels),
		}, bn))
		in = c.Channels
	}
	return n
}

// forward maps the backbone's levels [n, c_i, h_i, w_i] to numOuts levels
// [n, Channels, h_i, w_i].
func (n *neck) forward(p *nn.Pass, features []*tensor.Tensor) []*tensor.Tensor {
	defer p.Layer("neck")()
	top := n.levels[len(n.levels)-1]
	if top >= len(features) {
		p.Fail(fmt.Errorf("the backbone gave %d levels and level %d is needed", len(features), top))
		return nil
	}
	return inner(p, func(p *nn.Pass) []*tensor.Tensor {
		outs := make([]*tensor.Tensor, len(n.levels), n.numOuts)
		var above *tensor.Tensor
		for i := len(n.levels) - 1; i >= 0; i-- {
			above = n.merge(p, i, features[n.levels[i]], above)
			done := p.Layer(fmt.Sprintf("fpn_convs.%d", i))
			outs[i] = n.output[i].forward(p, above)
			done()
		}
		return n.higher(p, features[top], outs)
	})
}

// normalises reports whether the neck has BN: its convolutions are of one kind.
func (n *neck) normalises() bool { return n.lateral[0].norm != nil }

// higher appends the levels above those of the backbone, whose coarsest is c5. A
// convolution sees the level below through ReLU, as in the RetinaNet paper; mmdet
// leaves the ReLU out.
func (n *neck) higher(p *nn.Pass, c5 *tensor.Tensor, outs []*tensor.Tensor) []*tensor.Tensor {
	for len(outs) < n.numOuts && len(n.extra) == 0 {
		outs = append(outs, p.MaxPool2d(outs[len(outs)-1], 1, 2, 0))
	}
	x := c5
	if n.fromP5 {
		x = outs[len(outs)-1]
	}
	for i, conv := range n.extra {
		done := p.Layer(fmt.Sprintf("fpn_convs.%d", len(outs)))
		if i > 0 {
			x = p.Relu(x)
		}
		x = conv.forward(p, x)
		outs = append(outs, x)
		done()
	}
	return outs
}

// merge adds the level above, enlarged, to the lateral of level i.
func (n *neck) merge(p *nn.Pass, i int, x, above *tensor.Tensor) *tensor.Tensor {
	defer p.Layer(fmt.Sprintf("lateral_convs.%d", i))()
	lateral := n.lateral[i].forward(p, x)
	if above == nil {
		return lateral
	}
	large := p.UpsampleNearest(above, x.Dim(2), x.Dim(3))
	sum := p.Add(lateral, large)
	p.Free(lateral)
	p.Free(large)
	p.Free(above)
	return sum
}

// draw draws what forward computes of a backbone's levels. strides are those of the
// pyramid's.
func (n *neck) draw(d *nn.Drawing, features []onnx.Value, size Extent, strides []int) []onnx.Value {
	outs := make([]onnx.Value, len(n.levels), n.numOuts)
	var above onnx.Value
	for i := len(n.levels) - 1; i >= 0; i-- {
		lateral := n.lateral[i].draw(d, features[n.levels[i]])
		if above != "" {
			lateral = d.Add(n.name+".add", lateral, n.drawEnlarged(d, above, lateral, size, int64(strides[i])))
		}
		above = lateral
		outs[i] = n.output[i].draw(d, above)
	}
	for len(outs) < n.numOuts && len(n.extra) == 0 {
		outs = append(outs, d.MaxPool(n.name+".pool", outs[len(outs)-1], onnx.Window{Kernel: 1, Stride: 2}))
	}
	x := features[n.levels[len(n.levels)-1]]
	if n.fromP5 {
		x = outs[len(outs)-1]
	}
	for i, conv := range n.extra {
		if i > 0 {
			x = d.Relu(n.name+".relu", x)
		}
		x = conv.draw(d, x)
		outs = append(outs, x)
	}
	return outs
}

// drawEnlarged draws above at the size of the level below, which has the stride. Where
// the size is known it is a doubling, of which a level with an odd side leaves the last
// row out: what that repeats is the same.
func (n *neck) drawEnlarged(d *nn.Drawing, above, below onnx.Value, size Extent, stride int64) onnx.Value {
	if size == (Extent{}) {
		return d.EnlargeLike(n.name+".enlarge", above, below)
	}
	large := d.EnlargeTwice(n.name+".enlarge", above)
	if size.Multiples {
		return large
	}
	if h, w := size.level(stride); h%2 != 0 || w%2 != 0 {
		return d.Crop(n.name+".crop", large, h, w)
	}
	return large
}

// kaimingFanOut is the std of mmcv's kaiming_init for a convolution with ReLU.
func kaimingFanOut(out, kernel int) nn.Init {
	return nn.Normal(math.Sqrt(2 / float64(out*kernel*kernel)))
}

// inner runs f in a scope of its own, so that what f makes and does not return is
// freed at its end. What autograd needs of it, autograd keeps.
func inner(p *nn.Pass, f func(p *nn.Pass) []*tensor.Tensor) []*tensor.Tensor {
	return p.Within(func(s *tensor.Scope) []*tensor.Tensor {
		in := *p
		in.Scope = s
		return f(&in)
	})
}

// relu overwrites x and leaves one handle to it, so that freeing the result frees
// the memory.
func relu(p *nn.Pass, x *tensor.Tensor) *tensor.Tensor {
	y := p.ReluInPlace(x)
	p.Free(x)
	return y
}
