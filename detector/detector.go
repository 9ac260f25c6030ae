// Package detector holds two detectors with a feature pyramid (Lin et al., 2017):
// the two-stage Faster R-CNN (Ren et al., 2015), in the form that mmdet 2.x gives
// it, on which MMRazor's DetNAS is built, and the one-stage RetinaNet (Lin et al.,
// Focal Loss for Dense Object Detection, 2017). Sizes and thresholds come from a
// config; the backbone is whatever gives feature maps.
//
// Assignments, sampling, decoding and suppression run on the CPU in Go (package
// box), on data that is read once a batch.
package detector

import (
	"fmt"
	"math/rand/v2"

	"detnas/core/nn"
	"detnas/core/onnx"
	"detnas/core/tensor"
	"detnas/nas"
)

// Detector finds objects and learns to. It belongs to one goroutine at a time.
type Detector interface {
	// Loss runs a training pass over batch along subnet. The pass's mode decides
	// about BN alone. A result that is not finite is an error that names the part
	// and wraps nn.ErrNotFinite.
	Loss(p *nn.Pass, batch Batch, subnet nas.Subnet, rng RNG) (Losses, error)
	// Calibrate gathers BN statistics along subnet as a training pass over batch
	// sees them. It computes what Loss does up to the last layer that has BN, and
	// nothing after it. The pass's mode is nn.Calibrate; it runs with autograd off.
	Calibrate(p *nn.Pass, batch Batch, subnet nas.Subnet, rng RNG) error
	// Detect finds the objects of each image of batch along subnet, from the best
	// down. Boxes are in pixels of the batch. It runs with autograd off.
	Detect(p *nn.Pass, batch Batch, subnet nas.Subnet) ([][]Detection, error)
	// Draw draws what Detect computes of a backbone's levels up to the raw outputs,
	// for images of a size.
	Draw(d *nn.Drawing, features []onnx.Value, size Extent) []Map
	// Raw computes the values of Draw's maps for images x [n, 3, h, w] along subnet.
	Raw(p *nn.Pass, x *tensor.Tensor, subnet nas.Subnet) []*tensor.Tensor
	// Decoding is what makes boxes of Draw's maps.
	Decoding() Decoding
}

// Backbone gives feature maps, from fine to coarse.
type Backbone interface {
	// Forward maps x [n, 3, h, w] to a level [n, Channels[i], h/Strides[i],
	// w/Strides[i]] each, along the path of subnet.
	Forward(p *nn.Pass, x *tensor.Tensor, subnet nas.Subnet) []*tensor.Tensor
	// Channels and Strides (px) of the levels.
	Channels() []int
	Strides() []int
}

// RNG gives the generator of the draws for an image of the batch at a stage,
// "rpn" or "roi".
type RNG func(image int, stage string) *rand.Rand

// Losses are the losses of a batch.
type Losses struct {
	// Parts have mmdet's names and their weights applied; Total is their sum.
	Parts []Part
	Total *tensor.Tensor
	// Others are figures that nothing is trained by.
	Others map[string]float64
}

// Part is one named loss, a scalar.
type Part struct {
	Name string
	T    *tensor.Tensor
}

// totalled sums parts up and refuses one that is not finite, by its name.
func totalled(p *nn.Pass, parts []Part) (Losses, error) {
	out := Losses{Parts: parts, Total: parts[0].T}
	for _, part := range parts[1:] {
		out.Total = p.Add(out.Total, part.T)
	}
	if p.Err() != nil {
		return out, p.Err()
	}
	if ok, err := out.Total.AllFinite(); ok || err != nil {
		return out, err
	}
	for _, part := range parts {
		if ok, err := part.T.AllFinite(); err != nil {
			return out, err
		} else if !ok {
			return out, fmt.Errorf("%s is %w", part.Name, nn.ErrNotFinite)
		}
	}
	return out, fmt.Errorf("the sum of the losses is %w", nn.ErrNotFinite)
}

// trunk is what both detectors stand on: the backbone and its pyramid.
type trunk struct {
	backbone Backbone
	neck     *neck
	// strides of the pyramid's levels, in px.
	strides []int
}

func newTrunk(path nn.Path, backbone Backbone, c NeckConfig, bnMomentum float64) trunk {
	t := trunk{backbone: backbone, neck: newNeck(path.At("neck"), c, backbone.Channels(), bnMomentum)}
	for _, l := range c.Levels {
		t.strides = append(t.strides, backbone.Strides()[l])
	}
	for len(t.strides) < c.NumOuts {
		t.strides = append(t.strides, 2*t.strides[len(t.strides)-1])
	}
	return t
}

// levelsOf is the number of a backbone's levels.
func levelsOf(b Backbone) (int, error) {
	channels, strides := b.Channels(), b.Strides()
	if len(channels) != len(strides) {
		return 0, fmt.Errorf("detector: the backbone has %d channel counts and %d strides", len(channels), len(strides))
	}
	return len(strides), nil
}

// forward maps x [n, 3, h, w] to the pyramid's levels.
func (t trunk) forward(p *nn.Pass, x *tensor.Tensor, subnet nas.Subnet) []*tensor.Tensor {
	return inner(p, func(p *nn.Pass) []*tensor.Tensor {
		done := p.Layer("backbone")
		features := t.backbone.Forward(p, x, subnet)
		done()
		return t.neck.forward(p, features)
	})
}

// calibrate runs the backbone, and the pyramid where that has BN.
func (t trunk) calibrate(p *nn.Pass, x *tensor.Tensor, subnet nas.Subnet) error {
	if t.neck.normalises() {
		t.forward(p, x, subnet)
		return p.Err()
	}
	inner(p, func(p *nn.Pass) []*tensor.Tensor {
		defer p.Layer("backbone")()
		t.backbone.Forward(p, x, subnet)
		return nil
	})
	return p.Err()
}

// blame names the first part whose output is not finite, where err is about that.
func (t trunk) blame(err error, x *tensor.Tensor, levels []*tensor.Tensor) error {
	if ok, e := x.AllFinite(); e == nil && !ok {
		return fmt.Errorf("the images of the batch hold values that are %w (found in %w)", nn.ErrNotFinite, err)
	}
	for i, level := range levels {
		if ok, e := level.AllFinite(); e == nil && !ok {
			return fmt.Errorf("pyramid level %d (backbone or neck) is %w (found in %w)", i, nn.ErrNotFinite, err)
		}
	}
	return err
}

// detect runs find with autograd off, in a scope of its own.
func detect(p *nn.Pass, find func(p *nn.Pass) ([][]Detection, error)) ([][]Detection, error) {
	var found [][]Detection
	err := tensor.NoGrad(func() error {
		inner(p, func(p *nn.Pass) []*tensor.Tensor {
			var err error
			found, err = find(p)
			p.Fail(err)
			return nil
		})
		return p.Err()
	})
	return found, err
}
