package detector

import (
	"fmt"
	"math"

	"detnas/core/native"
	"detnas/core/nn"
	"detnas/core/onnx"
	"detnas/core/tensor"
	"detnas/detector/box"
)

// roiHead classifies proposals and refines their boxes, class by class: mmdet's
// StandardRoIHead with a ConvFCBBoxHead.
type roiHead struct {
	cfg     RoIConfig
	classes int
	strides []int
	convs   []*convNorm
	fcs     []*nn.Linear
	class   *nn.Linear // [classes + 1], background last
	box     *nn.Linear // [4 * classes]
	coder   box.Coder
	matcher box.Matcher
	buffers box.Workspace
}

// The spread of the initial weights of the two outputs in mmdet.
const (
	headClassStd = 0.01
	headBoxStd   = 0.001
)

func newRoIHead(p nn.Path, c RoIConfig, classes, in int, strides []int, bnMomentum float64) *roiHead {
	h := &roiHead{cfg: c, classes: classes, strides: strides, matcher: c.Assign.matcher()}
	for i, std := range c.Stds {
		h.coder.Stds[i] = float32(std)
	}
	bn := normOf{momentum: bnMomentum, mode: c.BN}
	if !c.Norm {
		bn = normOf{}
	}
	for i := range c.Convs {
		h.convs = append(h.convs, newConvNorm(p.At("shared_convs.%d", i), nn.ConvSpec{
			In: in, Out: c.ConvChannels, Kernel: 3, Init: kaimingFanOut(c.ConvChannels, 3),
		}, bn))
		in = c.ConvChannels
	}
	in *= c.Pool * c.Pool
	for i, width := range c.FC {
		h.fcs = append(h.fcs, nn.NewLinear(p.At("shared_fcs.%d", i), in, width, nn.XavierUniform(in, width)))
		in = width
	}
	h.class = nn.NewLinear(p.At("fc_cls"), in, classes+1, nn.Normal(headClassStd))
	h.box = nn.NewLinear(p.At("fc_reg"), in, 4*classes, nn.Normal(headBoxStd))
	return h
}

// rois are boxes of a batch in the form that RoIAlign takes.
type rois struct {
	flat  []float32 // image, x1, y1, x2, y2 each
	level []int32
}

func (r *rois) len() int { return len(r.level) }

func (r *rois) box(i int) box.Box { return box.Box(r.flat[5*i+1 : 5*i+5]) }

// add appends a box of an image, to be pooled from the level of its size: mmdet's
// map_roi_levels.
func (h *roiHead) add(r *rois, image int, b box.Box) {
	level := 0
	if scale := math.Sqrt(float64(box.Area(b)))/h.finest() + 1e-6; scale >= 2 {
		level = min(math.Ilogb(scale), len(h.strides)-1)
	}
	r.flat = append(r.flat, float32(image), b[0], b[1], b[2], b[3])
	r.level = append(r.level, int32(level))
}

// finest is the side in px from twice which on a box is pooled from the second level.
func (h *roiHead) finest() float64 {
	if h.cfg.FinestScale == 0 {
		return 14 * float64(h.strides[0])
	}
	return h.cfg.FinestScale
}

// draw draws onPooled.
func (h *roiHead) draw(d *nn.Drawing, x onnx.Value) (logits, deltas onnx.Value) {
	const name = "roi_head.bbox_head"
	for _, conv := range h.convs {
		x = d.Relu(name+".relu", conv.draw(d, x))
	}
	x = d.Flatten(name+".flatten", x)
	for _, fc := range h.fcs {
		x = d.Relu(name+".relu", d.Linear(fc, x))
	}
	return d.Linear(h.class, x), d.Linear(h.box, x)
}

// forward pools the boxes from the pyramid's levels [n, c, h_i, w_i] and returns
// logits [boxes, classes+1] and deltas [boxes, 4*classes].
func (h *roiHead) forward(p *nn.Pass, levels []*tensor.Tensor, r *rois) (logits, deltas *tensor.Tensor) {
	defer p.Layer("roi head")()
	out := inner(p, func(p *nn.Pass) []*tensor.Tensor {
		logits, deltas := h.onPooled(p, h.pool(p, levels, r))
		return []*tensor.Tensor{logits, deltas}
	})
	return out[0], out[1]
}

// onPooled runs the head on pooled boxes x, of which it lets go.
func (h *roiHead) onPooled(p *nn.Pass, x *tensor.Tensor) (logits, deltas *tensor.Tensor) {
	x = h.convolve(p, x)
	if p.Err() != nil {
		return &tensor.Tensor{}, &tensor.Tensor{}
	}
	flat := p.Reshape(x, x.Dim(0), -1)
	p.Free(x)
	x = flat
	for i, fc := range h.fcs {
		x = then(p, fmt.Sprintf("shared_fcs.%d", i), fc.Forward, x)
	}
	return h.class.Forward(p, x), h.box.Forward(p, x)
}

// convolve runs the convolutions over pooled boxes.
func (h *roiHead) convolve(p *nn.Pass, x *tensor.Tensor) *tensor.Tensor {
	for i, conv := range h.convs {
		x = then(p, fmt.Sprintf("shared_convs.%d", i), conv.forward, x)
	}
	return x
}

// normalises reports whether the head has BN: its convolutions are of one kind.
func (h *roiHead) normalises() bool { return len(h.convs) > 0 && h.convs[0].norm != nil }

// calibrate runs what of the head has BN over the boxes.
func (h *roiHead) calibrate(p *nn.Pass, levels []*tensor.Tensor, r *rois) {
	defer p.Layer("roi head")()
	inner(p, func(p *nn.Pass) []*tensor.Tensor {
		h.convolve(p, h.pool(p, levels, r))
		return nil
	})
}

func (h *roiHead) pool(p *nn.Pass, levels []*tensor.Tensor, r *rois) *tensor.Tensor {
	scales := make([]float64, len(h.strides))
	for i, s := range h.strides {
		scales[i] = 1 / float64(s)
	}
	return p.RoIAlign(levels[:len(h.strides)], scales, r.flat, r.level, native.Align{
		Pooled: h.cfg.Pool, Sampling: h.cfg.SamplingRatio, Aligned: h.cfg.Aligned,
	})
}

// then applies a layer with ReLU and lets go of its input, which autograd keeps
// if it needs it.
func then(p *nn.Pass, name string, layer func(*nn.Pass, *tensor.Tensor) *tensor.Tensor, x *tensor.Tensor) *tensor.Tensor {
	defer p.Layer(name)()
	y := layer(p, x)
	p.Free(x)
	return relu(p, y)
}
