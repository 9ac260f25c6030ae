package detector

import (
	"fmt"
	"math"

	"detnas/core/nn"
	"detnas/core/onnx"
	"detnas/core/tensor"
	"detnas/detector/box"
)

// retinaHead says of every anchor which classes it holds and where: mmdet's
// RetinaHead.
type retinaHead struct {
	cfg        RetinaHeadConfig
	classes    int
	padTo      int
	classConvs []*convNorm
	boxConvs   []*convNorm
	class      *nn.Conv2d // [A * classes] logits
	box        *nn.Conv2d // [4A] deltas
	anchors    *anchorCache
	coder      box.Coder
	matcher    box.Matcher
	buffers    box.Workspace
}

// retinaStd is the spread of the initial weights of all its layers in the paper.
const retinaStd = 0.01

func newRetinaHead(p nn.Path, c RetinaHeadConfig, classes, in int, strides []int, padTo int) (*retinaHead, error) {
	anchors, err := newAnchorCache(box.AnchorConfig{
		Strides: strides, Scales: box.OctaveScales(float32(c.OctaveBase), c.ScalesPerOctave), Ratios: toFloat32(c.Ratios),
	})
	if err != nil {
		return nil, fmt.Errorf("retina head: %w", err)
	}
	h := &retinaHead{cfg: c, classes: classes, padTo: padTo, anchors: anchors, matcher: c.Assign.matcher()}
	for i, std := range c.Stds {
		h.coder.Stds[i] = float32(std)
	}
	spec := func(in, out int) nn.ConvSpec {
		return nn.ConvSpec{In: in, Out: out, Kernel: 3, Bias: true, Init: nn.Normal(retinaStd)}
	}
	for i := range c.Convs {
		h.classConvs = append(h.classConvs, newConvNorm(p.At("cls_convs.%d", i), spec(in, c.Channels), normOf{}))
		h.boxConvs = append(h.boxConvs, newConvNorm(p.At("reg_convs.%d", i), spec(in, c.Channels), normOf{}))
		in = c.Channels
	}
	a := anchors.generator.PerPlace()
	class := spec(in, a*classes)
	class.BiasValue = -math.Log((1 - c.Prior) / c.Prior)
	h.class = nn.NewConv2d(p.At("retina_cls"), class)
	h.box = nn.NewConv2d(p.At("retina_reg"), spec(in, 4*a))
	return h, nil
}

// forward runs the head over the pyramid's levels [n, c, h_i, w_i].
func (h *retinaHead) forward(p *nn.Pass, levels []*tensor.Tensor) anchorOutput {
	defer p.Layer("retina head")()
	flat := inner(p, func(p *nn.Pass) []*tensor.Tensor {
		logits := make([]*tensor.Tensor, len(levels))
		deltas := make([]*tensor.Tensor, len(levels))
		for i, x := range levels {
			done := p.Layer(fmt.Sprintf("level %d", i))
			class, reg := h.maps(p, x)
			logits[i], deltas[i] = byAnchor(p, class, h.classes), byAnchor(p, reg, 4)
			done()
		}
		return []*tensor.Tensor{
			p.Reshape(p.Cat(logits, 1), -1, int64(h.classes)), p.Reshape(p.Cat(deltas, 1), -1, 4),
		}
	})
	if p.Err() != nil {
		return anchorOutput{}
	}
	out, err := anchorOutput{logits: flat[0], deltas: flat[1]}.over(levels, h.anchors)
	p.Fail(err)
	return out
}

// maps are the logits [n, A*classes, h, w] and the deltas [n, 4A, h, w] of a level.
func (h *retinaHead) maps(p *nn.Pass, x *tensor.Tensor) (class, deltas *tensor.Tensor) {
	return tower(p, "cls", h.classConvs, h.class, x), tower(p, "reg", h.boxConvs, h.box, x)
}

// draw draws maps.
func (h *retinaHead) draw(d *nn.Drawing, x onnx.Value) (class, deltas onnx.Value) {
	return drawTower(d, h.classConvs, h.class, x), drawTower(d, h.boxConvs, h.box, x)
}

// drawTower draws what tower computes.
func drawTower(d *nn.Drawing, convs []*convNorm, last *nn.Conv2d, x onnx.Value) onnx.Value {
	for _, conv := range convs {
		x = d.Relu("bbox_head.relu", conv.draw(d, x))
	}
	return d.ConvNorm(last, nil, x)
}

// tower runs one of the two stacks of convolutions and its output layer over x,
// which stays.
func tower(p *nn.Pass, name string, convs []*convNorm, last *nn.Conv2d, x *tensor.Tensor) *tensor.Tensor {
	for i, conv := range convs {
		done := p.Layer(fmt.Sprintf("%s_convs.%d", name, i))
		y := relu(p, conv.forward(p, x))
		if i > 0 {
			p.Free(x)
		}
		x = y
		done()
	}
	defer p.Layer("retina_" + name)()
	y := last.Forward(p, x)
	if len(convs) > 0 {
		p.Free(x)
	}
	return y
}
