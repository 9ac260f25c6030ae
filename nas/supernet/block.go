package supernet

import (
	"detnas/core/nn"
	"detnas/core/onnx"
	"detnas/core/tensor"
	"detnas/nas"
)

// block is one choice at one position: a ShuffleNetV2 unit (Ma et al., 2018) or
// its Xception-like variant, as in DetNAS, section 3.3.
type block struct {
	name       string // in the checkpoint, and in errors
	layout     nas.Layout
	stride     int
	out        int64   // channels of the output
	half       int64   // channels that pass through at stride 1; as many enter main
	projection []*unit // beside main at stride 2; empty at stride 1
	main       []*unit
}

// newBlock makes choice c of the position spec. path is the position's.
func newBlock(path nn.Path, space nas.Space, spec nas.BlockSpec, c nas.Choice) *block {
	path = path.At("choices").At("%s", c.MMRazor())
	width := space.Branches(spec)
	b := &block{name: path.Name(), layout: space.Layout, stride: spec.Stride, out: int64(spec.Out), half: int64(width.In)}
	if spec.Stride == 2 {
		side := path.At("branch1")
		b.projection = []*unit{
			newDepthwise(side.At("0"), spec.In, c.Kernel(), 2),
			newPointwise(side.At("1"), spec.In, width.Projection),
		}
	}
	if c == nas.Xception {
		b.main = newXception(path.At("branch2"), width, spec.Stride)
	} else {
		b.main = newShuffle(path.At("branch2"), width, c.Kernel(), spec.Stride)
	}
	return b
}

// newShuffle makes the main branch of a ShuffleNetV2 unit.
func newShuffle(path nn.Path, width nas.Branches, kernel, stride int) []*unit {
	return []*unit{
		newPointwise(path.At("0"), width.In, width.Mid),
		newDepthwise(path.At("1"), width.Mid, kernel, stride),
		newPointwise(path.At("2"), width.Mid, width.Main),
	}
}

// newXception makes the main branch of the Xception unit: three depthwise
// separable 3x3 convolutions, the stride in the first.
func newXception(path nn.Path, width nas.Branches, stride int) []*unit {
	const kernel = 3
	channels := []int{width.In, width.Mid, width.Mid, width.Main}
	units := make([]*unit, 0, 6)
	for i := range 3 {
		pair := path.At("%d", i)
		units = append(units,
			newDepthwise(pair.At("depthwise_conv"), channels[i], kernel, stride),
			newPointwise(pair.At("pointwise_conv"), channels[i], channels[i+1]))
		stride = 1
	}
	return units
}

// forward maps x [n, in, h, w] to [n, out, h/stride, w/stride] and keeps nothing
// else in the pass's scope.
func (b *block) forward(p *nn.Pass, x *tensor.Tensor) *tensor.Tensor {
	done := p.Layer(b.name)
	defer done()
	out := p.Within(func(in *tensor.Scope) []*tensor.Tensor {
		inner := *p
		inner.Scope = in
		return []*tensor.Tensor{b.run(&inner, x)}
	})
	return out[0]
}

func (b *block) run(p *nn.Pass, x *tensor.Tensor) *tensor.Tensor {
	if y, ok := nn.Fused(p, x, layers(b.projection), layers(b.main), b.order()); ok {
		return y
	}
	var left, right *tensor.Tensor
	if b.stride == 2 {
		left, right = chain(p, b.projection, x), chain(p, b.main, x)
	} else {
		switch b.layout {
		case nas.LayoutOfficial:
			x = p.ChannelShuffle(x, 2)
		case nas.LayoutOfficial2:
			x = p.ChannelShuffle(x, b.half) // in groups of two: the even channels, then the odd
		}
		left = p.Narrow(x, 1, 0, b.half)
		right = chain(p, b.main, p.Narrow(x, 1, b.half, b.half))
	}
	if b.layout.Official() {
		return p.Cat([]*tensor.Tensor{left, right}, 1)
	}
	return interleave(p, left, right)
}

// order is where the layout shuffles. The two halves of a stride of 2 are of the same
// input, so that there is nothing to shuffle before them.
func (b *block) order() tensor.Order {
	switch b.layout {
	case nas.LayoutOfficial:
		return tensor.ShuffleFirst
	case nas.LayoutOfficial2:
		return tensor.PairsFirst
	}
	return tensor.ShuffleLast
}

// interleave takes the channels of a and b, both [n, c, h, w], in turn. It is
// their concatenation followed by a shuffle in two groups, with one copy of the
// data instead of two.
func interleave(p *nn.Pass, a, b *tensor.Tensor) *tensor.Tensor {
	if p.Err() != nil {
		return &tensor.Tensor{}
	}
	n, c, h, w := a.Dim(0), a.Dim(1), a.Dim(2), a.Dim(3)
	pairs := p.Cat([]*tensor.Tensor{p.Reshape(a, n, c, 1, h, w), p.Reshape(b, n, c, 1, h, w)}, 2)
	return p.Reshape(pairs, n, 2*c, h, w)
}

// draw draws what run computes.
func (b *block) draw(d *nn.Drawing, x onnx.Value) onnx.Value {
	var left, right onnx.Value
	if b.stride == 2 {
		left, right = drawChain(d, b.projection, x), drawChain(d, b.main, x)
	} else {
		switch b.layout {
		case nas.LayoutOfficial:
			x = d.Shuffle(b.name+".shuffle", x, 2, 2*b.half)
		case nas.LayoutOfficial2:
			x = d.Shuffle(b.name+".shuffle", x, b.half, 2*b.half)
		}
		left, right = d.Halves(b.name+".split", x, b.half)
		right = drawChain(d, b.main, right)
	}
	y := d.Concat(b.name+".concat", left, right)
	if b.layout.Official() {
		return y
	}
	return d.Shuffle(b.name+".shuffle", y, 2, b.out)
}

// norms lists the block's BatchNorms in the order of the checkpoint.
func (b *block) norms() []*nn.BatchNorm {
	norms := make([]*nn.BatchNorm, 0, len(b.projection)+len(b.main))
	for _, u := range b.projection {
		norms = append(norms, u.Norm)
	}
	for _, u := range b.main {
		norms = append(norms, u.Norm)
	}
	return norms
}
