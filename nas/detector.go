package nas

import (
	"errors"
	"fmt"
)

// The kinds of detector.
const (
	KindFasterRCNN = "faster-rcnn"
	KindRetinaNet  = "retinanet"
)

// DetectorSpec describes the detector with FPN around a backbone, as far as its
// cost depends on it.
type DetectorSpec struct {
	Kind  string // KindFasterRCNN where it is empty
	Input Size   // of the padded image; 1333x800 pads to 1344x800

	NeckChannels int  // output channels of every FPN level
	First        int  // stage of the finest FPN level, 0 for C2
	Levels       int  // FPN levels; see the kinds for those beyond the stages
	NeckNorm     bool // BatchNorm in place of biases in the FPN

	Anchors int // at each location
	Classes int // of objects, background not counted

	// Of Faster R-CNN, whose levels beyond the stages are pooled from the last.
	RPNChannels int  // output channels of the RPN's 3x3 convolution
	RoISize     int  // side of the pooled feature map
	RoIConvs    int  // 3x3 convolutions with ReLU in the box head
	RoIWidth    int  // their output channels
	HeadNorm    bool // BatchNorm in place of biases in those convolutions
	FCs         int  // shared fully connected layers with ReLU, at least one
	FCWidth     int  // their outputs
	RoIs        int  // regions that the box head sees in an image

	// Of RetinaNet, whose levels beyond the stages are 3x3 convolutions.
	ExtraOnOutput bool // the first of those sees the last FPN level (P5), not the last stage (C5)
	TowerConvs    int  // 3x3 convolutions with ReLU in each of the head's two towers
	TowerWidth    int  // their output channels
}

// COCODetector returns the detector of the published DetNAS configs for COCO:
// FPN with norm, and mmdet's Shared4Conv1FC box head with norm, on a padded
// 1333x800 image with 1000 regions.
func COCODetector() DetectorSpec {
	return DetectorSpec{
		Input:        Size{H: 1344, W: 800},
		NeckChannels: 256, Levels: 5, NeckNorm: true,
		RPNChannels: 256, Anchors: 3,
		Classes: 80, RoISize: 7, RoIConvs: 4, RoIWidth: 256, HeadNorm: true, FCs: 1, FCWidth: 1024, RoIs: 1000,
	}
}

// COCORetinaNet returns the RetinaNet of MMRazor's config for COCO, on a padded
// 1333x800 image: mmdet's on C3 to C5, with norm in the FPN.
func COCORetinaNet() DetectorSpec {
	return DetectorSpec{
		Kind: KindRetinaNet, Input: Size{H: 1344, W: 800},
		NeckChannels: 256, First: 1, Levels: 5, NeckNorm: true,
		Anchors: 9, Classes: 80, TowerConvs: 4, TowerWidth: 256,
	}
}

// DetectorCost is the cost of a detector for one image, by part.
//
// It counts the modules that mmcv's counter sees. The ReLU in the RPN, the
// pooling of the extra FPN levels, upsampling and RoIAlign are functions in
// mmdet, not modules, and are left out there and here. RetinaNet has no RPN.
type DetectorCost struct {
	Backbone, Neck, RPN, Head Cost
}

// Total returns the cost of all parts together.
func (d DetectorCost) Total() Cost {
	return d.Backbone.Plus(d.Neck).Plus(d.RPN).Plus(d.Head)
}

// Check says what is wrong with the spec, or returns nil.
func (d DetectorSpec) Check() error {
	errs := []error{
		d.Input.Check(),
		checkRange("neck channels", d.NeckChannels, maxWidth),
		checkRange("levels", d.Levels, 16),
		checkRange("anchors", d.Anchors, 1000),
		checkRange("classes", d.Classes, 1<<16),
	}
	switch d.Kind {
	case KindFasterRCNN, "":
		errs = append(errs, d.checkFasterRCNN())
	case KindRetinaNet:
		errs = append(errs, checkRange("tower convs", d.TowerConvs+1, 64))
		if d.TowerConvs > 0 {
			errs = append(errs, checkRange("tower width", d.TowerWidth, maxWidth))
		}
	default:
		errs = append(errs, fmt.Errorf("%q is no kind of detector; use %s or %s", d.Kind, KindFasterRCNN, KindRetinaNet))
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("counting the detector: %w", err)
	}
	return nil
}

func (d DetectorSpec) checkFasterRCNN() error {
	errs := []error{
		checkRange("rpn channels", d.RPNChannels, maxWidth),
		checkRange("roi size", d.RoISize, 256),
		checkRange("roi convs", d.RoIConvs+1, 64),
		checkRange("fully connected layers", d.FCs, 64),
		checkRange("their width", d.FCWidth, 1<<16),
		checkRange("rois", d.RoIs, 1<<20),
	}
	if d.RoIConvs > 0 {
		errs = append(errs, checkRange("roi width", d.RoIWidth, maxWidth))
	}
	return errors.Join(errs...)
}

// DetectorCost returns the cost of the detector with a subnet as its backbone.
func (s Space) DetectorCost(sub Subnet, d DetectorSpec) (DetectorCost, error) {
	body, err := s.SubnetCost(sub, ScopeBody, d.Input)
	if err != nil {
		return DetectorCost{}, err
	}
	return s.detectorAround(body, d)
}

// SupernetDetectorCost returns the cost of the detector with the whole supernet
// as its backbone, all choices run side by side.
func (s Space) SupernetDetectorCost(d DetectorSpec) (DetectorCost, error) {
	body, err := s.SupernetCost(ScopeBody, d.Input)
	if err != nil {
		return DetectorCost{}, err
	}
	return s.detectorAround(body, d)
}

func (s Space) detectorAround(body Cost, d DetectorSpec) (DetectorCost, error) {
	if err := d.Check(); err != nil {
		return DetectorCost{}, err
	}
	if d.First < 0 || d.First >= len(s.Widths) {
		return DetectorCost{}, fmt.Errorf("counting the detector: the finest level comes from stage %d of %d", d.First, len(s.Widths))
	}
	widths, sizes := s.Widths[d.First:], s.stageSizes(d.Input)[d.First:]
	if d.Levels < len(widths) {
		return DetectorCost{}, fmt.Errorf("counting the detector: %d levels for %d stages; use at least one level a stage", d.Levels, len(widths))
	}
	for len(sizes) < d.Levels {
		sizes = append(sizes, sizes[len(sizes)-1].down(2))
	}
	out := DetectorCost{Backbone: body, Neck: d.neckCost(widths, sizes)}
	if d.Kind == KindRetinaNet {
		out.Neck, out.Head = out.Neck.Plus(d.extraCost(widths, sizes)), d.towersCost(sizes)
		return out, nil
	}
	out.RPN, out.Head = d.rpnCost(sizes), d.headCost()
	return out, nil
}

// neckCost counts a 1x1 lateral and a 3x3 output convolution for each stage.
func (d DetectorSpec) neckCost(widths []int, sizes []Size) Cost {
	var n Cost
	for i, in := range widths {
		n.conv(in, d.NeckChannels, 1, 1, sizes[i])
		n.normOrBias(d.NeckChannels, sizes[i], d.NeckNorm)
		n.conv(d.NeckChannels, d.NeckChannels, 3, 1, sizes[i])
		n.normOrBias(d.NeckChannels, sizes[i], d.NeckNorm)
	}
	return n
}

// extraCost counts a 3x3 convolution for each level beyond the stages.
func (d DetectorSpec) extraCost(widths []int, sizes []Size) Cost {
	var n Cost
	in := d.NeckChannels
	if !d.ExtraOnOutput {
		in = widths[len(widths)-1]
	}
	for _, size := range sizes[len(widths):] {
		n.conv(in, d.NeckChannels, 3, 1, size)
		n.normOrBias(d.NeckChannels, size, d.NeckNorm)
		in = d.NeckChannels
	}
	return n
}

// towersCost counts RetinaNet's head, whose weights all levels share: a score for
// each class and a box, of each anchor.
func (d DetectorSpec) towersCost(sizes []Size) Cost {
	var n Cost
	for _, size := range sizes {
		var level Cost
		for _, outputs := range []int{d.Classes, 4} {
			in := d.NeckChannels
			for range d.TowerConvs {
				level.convBias(in, d.TowerWidth, 3, size)
				level.relu(d.TowerWidth, size)
				in = d.TowerWidth
			}
			level.convBias(in, outputs*d.Anchors, 3, size)
		}
		n = n.Plus(level)
		n.Params = level.Params
	}
	return n
}

// rpnCost counts the RPN, whose weights all levels share.
func (d DetectorSpec) rpnCost(sizes []Size) Cost {
	var n Cost
	for _, size := range sizes {
		var level Cost
		level.convBias(d.NeckChannels, d.RPNChannels, 3, size)
		level.convBias(d.RPNChannels, d.Anchors, 1, size)
		level.convBias(d.RPNChannels, 4*d.Anchors, 1, size)
		n = n.Plus(level)
		n.Params = level.Params
	}
	return n
}

// headCost counts the box head with one score a class and the background, and
// one box a class.
func (d DetectorSpec) headCost() Cost {
	var n Cost
	size, in := Square(d.RoISize), d.NeckChannels
	for range d.RoIConvs {
		n.conv(in, d.RoIWidth, 3, 1, size)
		n.normOrBias(d.RoIWidth, size, d.HeadNorm)
		n.relu(d.RoIWidth, size)
		in = d.RoIWidth
	}
	in *= d.RoISize * d.RoISize
	for range d.FCs {
		n.linear(in, d.FCWidth)
		n.relu(d.FCWidth, Square(1))
		in = d.FCWidth
	}
	n.linear(in, d.Classes+1)
	n.linear(in, 4*d.Classes)
	return n.times(d.RoIs)
}

// convBias adds a convolution with bias.
func (c *Cost) convBias(in, out, k int, o Size) {
	c.conv(in, out, k, 1, o)
	c.bias(out, o)
}

// normOrBias adds the BatchNorm that follows a convolution, or the bias that
// the convolution has without one.
func (c *Cost) normOrBias(channels int, o Size, norm bool) {
	if norm {
		c.norm(channels, o)
		return
	}
	c.bias(channels, o)
}
