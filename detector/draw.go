package detector

import (
	"fmt"
	"math/bits"

	"detnas/core/nn"
	"detnas/core/onnx"
	"detnas/core/tensor"
	"detnas/detector/box"
	"detnas/nas"
)

// Extent is the size of the images that a graph takes, in px: zero where it is any.
type Extent struct {
	H, W int64
	// Multiples has both be any multiple of the coarsest stride, so that a level is
	// always half as large as the one below, and nothing has to ask how large it is.
	Multiples bool
}

// level is the size of feature maps of a stride.
func (e Extent) level(stride int64) (h, w int64) {
	return (e.H + stride - 1) / stride, (e.W + stride - 1) / stride
}

// Map is a raw output [n, Channels, h/Stride, w/Stride] that was drawn, sides rounded up.
type Map struct {
	Name             string
	Value            onnx.Value
	Channels, Stride int64
}

// Decoding is what makes boxes of a detector's raw outputs. Lengths are in px.
type Decoding struct {
	Kind    string `json:"kind"`
	Strides []int  `json:"strides"` // of the levels, from fine to coarse
	// Anchors has for each level the anchors x1, y1, x2, y2 of the place (0, 0), in the
	// order of the maps' channels; those of another place are moved by stride times it.
	Anchors [][]box.Box `json:"anchors"`
	// Stds are what the deltas dx, dy, dw, dh are multiplied by.
	Stds      [4]float32       `json:"stds"`
	Proposals *ProposalConfig  `json:"proposals,omitempty"` // of the RPN
	RoI       *PoolingDecoding `json:"roi,omitempty"`
	PerLevel  int              `json:"per_level,omitempty"` // best scores of a level that RetinaNet looks at
	Test      TestConfig       `json:"test"`
}

// PoolingDecoding is how Faster R-CNN pools its proposals, and what makes boxes of what
// its head says of them.
type PoolingDecoding struct {
	Pool          int        `json:"pool"`
	SamplingRatio int        `json:"sampling_ratio"` // 0: as many points as a bin has pixels
	Aligned       bool       `json:"aligned"`
	Strides       []int      `json:"strides"`      // of the levels that are pooled from
	FinestScale   float64    `json:"finest_scale"` // sqrt(area) from twice which on the second level is pooled from
	Stds          [4]float32 `json:"stds"`
}

// levelName is the name of the pyramid's level of a stride: p2 of 4, p3 of 8.
func levelName(stride int) string { return fmt.Sprintf("p%d", bits.Len(uint(stride))-1) } //nolint:gosec // no stride is below 0

// Draw draws the pyramid and the head on a backbone's levels: the maps cls_p3 [n,
// anchors*classes, ..] of logits, of each level in turn, then reg_p3 [n, anchors*4, ..]
// of deltas.
func (d *RetinaNet) Draw(to *nn.Drawing, features []onnx.Value, size Extent) []Map {
	var classes, boxes []Map
	for i, x := range d.trunk.draw(to, features, size) {
		stride := d.trunk.strides[i]
		class, deltas := d.head.draw(to, x)
		a := int64(d.head.anchors.generator.PerPlace())
		classes = append(classes, Map{"cls_" + levelName(stride), class, a * int64(d.head.classes), int64(stride)})
		boxes = append(boxes, Map{"reg_" + levelName(stride), deltas, 4 * a, int64(stride)})
	}
	return append(classes, boxes...)
}

// Raw computes the values of Draw's maps for images x [n, 3, h, w].
func (d *RetinaNet) Raw(p *nn.Pass, x *tensor.Tensor, subnet nas.Subnet) []*tensor.Tensor {
	var classes, boxes []*tensor.Tensor
	for _, level := range d.trunk.forward(p, x, subnet) {
		class, deltas := d.head.maps(p, level)
		classes, boxes = append(classes, class), append(boxes, deltas)
	}
	return append(classes, boxes...)
}

// Decoding is what makes boxes of Draw's maps.
func (d *RetinaNet) Decoding() Decoding {
	return Decoding{
		Kind: "retinanet", Strides: d.trunk.strides, Anchors: d.head.anchors.generator.Base(), Stds: d.head.coder.Stds,
		PerLevel: d.head.cfg.PerLevel, Test: d.cfg.Test,
	}
}

// Draw draws the pyramid and the RPN on a backbone's levels: the maps rpn_cls_p2 [n,
// anchors, ..] of logits, of each level in turn, rpn_reg_p2 [n, anchors*4, ..] of
// deltas, then the levels p2, p3 and so on that boxes are pooled from.
func (d *FasterRCNN) Draw(to *nn.Drawing, features []onnx.Value, size Extent) []Map {
	var classes, boxes, levels []Map
	for i, x := range d.trunk.draw(to, features, size) {
		stride := d.trunk.strides[i]
		class, deltas := d.rpn.draw(to, x)
		a := int64(d.rpn.anchors.generator.PerPlace())
		classes = append(classes, Map{"rpn_cls_" + levelName(stride), class, a, int64(stride)})
		boxes = append(boxes, Map{"rpn_reg_" + levelName(stride), deltas, 4 * a, int64(stride)})
		if i < len(d.head.strides) {
			levels = append(levels, Map{levelName(stride), x, int64(d.cfg.Neck.Channels), int64(stride)})
		}
	}
	return append(append(classes, boxes...), levels...)
}

// Raw computes the values of Draw's maps for images x [n, 3, h, w].
func (d *FasterRCNN) Raw(p *nn.Pass, x *tensor.Tensor, subnet nas.Subnet) []*tensor.Tensor {
	var classes, boxes []*tensor.Tensor
	levels := d.trunk.forward(p, x, subnet)
	for _, level := range levels {
		class, deltas := d.rpn.maps(p, level)
		classes, boxes = append(classes, class), append(boxes, deltas)
	}
	if p.Err() != nil {
		return nil
	}
	return append(append(classes, boxes...), levels[:len(d.head.strides)]...)
}

// Decoding is what makes boxes of Draw's maps, and of DrawHead's results.
func (d *FasterRCNN) Decoding() Decoding {
	return Decoding{
		Kind: "faster-rcnn", Strides: d.trunk.strides, Anchors: d.rpn.anchors.generator.Base(), Stds: rpnCoder.Stds,
		Proposals: &d.cfg.RPN.Test, Test: d.cfg.Test,
		RoI: &PoolingDecoding{
			Pool: d.cfg.RoI.Pool, SamplingRatio: d.cfg.RoI.SamplingRatio, Aligned: d.cfg.RoI.Aligned,
			Strides: d.head.strides, FinestScale: d.head.finest(), Stds: d.head.coder.Stds,
		},
	}
}

// Pooled are the channels and the side of what DrawHead takes.
func (d *FasterRCNN) Pooled() (channels, side int64) {
	return int64(d.cfg.Neck.Channels), int64(d.cfg.RoI.Pool)
}

// DrawHead draws the box head on pooled boxes x [boxes, channels, side, side]: logits
// [boxes, classes+1], background last, and deltas [boxes, 4*classes].
func (d *FasterRCNN) DrawHead(to *nn.Drawing, x onnx.Value) (logits, deltas onnx.Value) {
	return d.head.draw(to, x)
}

// RawHead computes the values of DrawHead's results for pooled boxes x, of which it
// lets go.
func (d *FasterRCNN) RawHead(p *nn.Pass, x *tensor.Tensor) (logits, deltas *tensor.Tensor) {
	return d.head.onPooled(p, x)
}

// draw draws what forward computes of a backbone's levels.
func (t trunk) draw(d *nn.Drawing, features []onnx.Value, size Extent) []onnx.Value {
	return t.neck.draw(d, features, size, t.strides)
}
