// Package detector holds Faster R-CNN with a feature pyramid (Ren et al., 2015;
// Lin et al., 2017) in the form that mmdet 2.x gives it, on which MMRazor's
// DetNAS is built. Sizes and thresholds come from a Config; the backbone is
// whatever gives feature maps.
//
// Assignments, sampling, decoding and suppression run on the CPU in Go (package
// box), on data that is read once a batch.
package detector

import (
	"fmt"
	"math/rand/v2"

	"detnas/core/nn"
	"detnas/core/tensor"
	"detnas/detector/box"
	"detnas/nas"
)

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

// FasterRCNN is the detector. It belongs to one goroutine at a time.
type FasterRCNN struct {
	cfg      Config
	backbone Backbone
	neck     *neck
	rpn      *rpn
	head     *roiHead
}

// New makes a detector around backbone. Its parameters are named as mmdet names
// them: neck, rpn_head and roi_head.bbox_head under path. The error names the
// value of cfg that cannot be; errors of parameters are left in path's store.
func New(path nn.Path, backbone Backbone, cfg Config) (*FasterRCNN, error) {
	channels, strides := backbone.Channels(), backbone.Strides()
	if len(channels) != len(strides) {
		return nil, fmt.Errorf("detector: the backbone has %d channel counts and %d strides", len(channels), len(strides))
	}
	if err := cfg.Check(len(strides)); err != nil {
		return nil, err
	}
	var outs []int
	for _, l := range cfg.Neck.Levels {
		outs = append(outs, strides[l])
	}
	pooled := outs
	for len(outs) < cfg.Neck.NumOuts {
		outs = append(outs, 2*outs[len(outs)-1])
	}
	proposer, err := newRPN(path.At("rpn_head"), cfg.RPN, cfg.Neck.Channels, outs, cfg.PadTo)
	if err != nil {
		return nil, fmt.Errorf("detector: %w", err)
	}
	return &FasterRCNN{
		cfg: cfg, backbone: backbone, rpn: proposer,
		neck: newNeck(path.At("neck"), cfg.Neck, channels, cfg.BNMomentum),
		head: newRoIHead(path.At("roi_head.bbox_head"), cfg.RoI, cfg.Classes, cfg.Neck.Channels, pooled, cfg.BNMomentum),
	}, nil
}

// Config is what the detector was made from.
func (d *FasterRCNN) Config() Config { return d.cfg }

// Loss runs a training pass over batch along subnet. The pass's mode decides
// about BN alone: under nn.Calibrate, with autograd off, it gathers BN statistics
// on the proposals that training samples. A result that is not finite is an error
// that names the part and wraps nn.ErrNotFinite.
func (d *FasterRCNN) Loss(p *nn.Pass, batch Batch, subnet nas.Subnet, rng RNG) (Losses, error) {
	var out Losses
	if err := batch.check(d.cfg.Classes, true); err != nil {
		return out, fmt.Errorf("detector: %w", err)
	}
	levels, proposed, proposals, err := d.propose(p, batch, subnet, d.cfg.RPN.Train)
	if err != nil {
		return out, err
	}
	targets, err := d.rpn.targets(proposed, batch.Images, rng)
	if err != nil {
		return out, err
	}
	out.RPNClass, out.RPNBox = d.rpn.loss(p, proposed, targets)
	samples := d.head.sample(proposals, batch.Images, rng)
	if err := d.headLoss(p, levels, samples, &out); err != nil {
		return out, err
	}
	out.Total = p.Add(p.Add(out.RPNClass, out.RPNBox), p.Add(out.Class, out.Box))
	if p.Err() != nil {
		return out, p.Err()
	}
	return out, out.check()
}

// headLoss adds the box head's losses to out; without samples they are 0.
func (d *FasterRCNN) headLoss(p *nn.Pass, levels []*tensor.Tensor, s roiSamples, out *Losses) error {
	if len(s.labels) == 0 {
		dev := levels[0].Device()
		out.Class, out.Box = p.Full(0, dev), p.Full(0, dev)
		return nil
	}
	logits, deltas := d.head.forward(p, levels, &s.rois)
	out.Class, out.Box = d.head.loss(p, logits, deltas, s)
	if p.Err() != nil {
		return p.Err()
	}
	var err error
	out.Accuracy, err = accuracy(p, logits, s.labels)
	return err
}

// Detect finds the objects of each image of batch along subnet, from the best
// down. Boxes are in pixels of the batch. It runs with autograd off.
func (d *FasterRCNN) Detect(p *nn.Pass, batch Batch, subnet nas.Subnet) ([][]Detection, error) {
	if err := batch.check(d.cfg.Classes, false); err != nil {
		return nil, fmt.Errorf("detector: %w", err)
	}
	var found [][]Detection
	err := tensor.NoGrad(func() error {
		inner(p, func(p *nn.Pass) []*tensor.Tensor {
			var err error
			found, err = d.detect(p, batch, subnet)
			p.Fail(err)
			return nil
		})
		return p.Err()
	})
	return found, err
}

func (d *FasterRCNN) detect(p *nn.Pass, batch Batch, subnet nas.Subnet) ([][]Detection, error) {
	levels, _, proposals, err := d.propose(p, batch, subnet, d.cfg.RPN.Test)
	if err != nil {
		return nil, err
	}
	var all rois
	start := []int{0}
	for i, boxes := range proposals {
		for _, b := range boxes {
			d.head.add(&all, i, b)
		}
		start = append(start, all.len())
	}
	found := make([][]Detection, len(batch.Images))
	if all.len() == 0 {
		return found, nil
	}
	logits, deltas := d.head.forward(p, levels, &all)
	if p.Err() != nil {
		return nil, p.Err()
	}
	out, err := d.head.read(p, logits, deltas)
	if err != nil {
		return nil, fmt.Errorf("roi head: %w", err)
	}
	for i, im := range batch.Images {
		found[i], err = d.head.detections(out, &all, start[i], start[i+1], im, d.cfg.Test)
		if err != nil {
			return nil, fmt.Errorf("roi head: image %d: %w", i, err)
		}
	}
	return found, nil
}

// propose runs backbone, neck and RPN.
func (d *FasterRCNN) propose(p *nn.Pass, batch Batch, subnet nas.Subnet, c ProposalConfig) ([]*tensor.Tensor, rpnOutput, [][]box.Box, error) {
	levels := inner(p, func(p *nn.Pass) []*tensor.Tensor {
		done := p.Layer("backbone")
		features := d.backbone.Forward(p, batch.X, subnet)
		done()
		return d.neck.forward(p, features)
	})
	if p.Err() != nil {
		return nil, rpnOutput{}, nil, p.Err()
	}
	out := d.rpn.forward(p, levels)
	if p.Err() != nil {
		return nil, out, nil, p.Err()
	}
	proposals, err := d.rpn.proposals(p, out, batch.Images, c)
	if err != nil {
		return nil, out, nil, d.blame(err, batch.X, levels)
	}
	return levels, out, proposals, nil
}

// blame names the first part whose output is not finite, where err is about that.
func (d *FasterRCNN) blame(err error, x *tensor.Tensor, levels []*tensor.Tensor) error {
	if ok, e := x.AllFinite(); e == nil && !ok {
		return fmt.Errorf("the images of the batch hold values that are %w (found in %w)", nn.ErrNotFinite, err)
	}
	for i, t := range levels {
		if ok, e := t.AllFinite(); e == nil && !ok {
			return fmt.Errorf("pyramid level %d (backbone or neck) is %w (found in %w)", i, nn.ErrNotFinite, err)
		}
	}
	return err
}

// check names the losses that are not finite.
func (l Losses) check() error {
	if ok, err := l.Total.AllFinite(); ok || err != nil {
		return err
	}
	for _, part := range []struct {
		name string
		loss *tensor.Tensor
	}{{"rpn class loss", l.RPNClass}, {"rpn box loss", l.RPNBox}, {"class loss", l.Class}, {"box loss", l.Box}} {
		if ok, err := part.loss.AllFinite(); !ok {
			if err != nil {
				return err
			}
			return fmt.Errorf("the %s is %w", part.name, nn.ErrNotFinite)
		}
	}
	return fmt.Errorf("the sum of the losses is %w", nn.ErrNotFinite)
}
