package detector

import (
	"errors"
	"fmt"

	"detnas/core/nn"
	"detnas/core/tensor"
	"detnas/detector/box"
	"detnas/nas"
)

// FasterRCNN is the two-stage detector: a region proposal network, and a head that
// classifies what it proposes.
type FasterRCNN struct {
	cfg   FasterRCNNConfig
	trunk trunk
	rpn   *rpn
	head  *roiHead
}

// NewFasterRCNN makes a detector around backbone. Its parameters are named as mmdet
// names them: neck, rpn_head and roi_head.bbox_head under path. The error names the
// value of cfg that cannot be; errors of parameters are left in path's store.
func NewFasterRCNN(path nn.Path, backbone Backbone, cfg FasterRCNNConfig) (*FasterRCNN, error) {
	outputs, err := levelsOf(backbone)
	if err != nil {
		return nil, err
	}
	if err := cfg.Check(outputs); err != nil {
		return nil, err
	}
	d := &FasterRCNN{cfg: cfg, trunk: newTrunk(path, backbone, cfg.Neck, cfg.BNMomentum)}
	if d.rpn, err = newRPN(path.At("rpn_head"), cfg.RPN, cfg.Neck.Channels, d.trunk.strides, cfg.PadTo); err != nil {
		return nil, fmt.Errorf("detector: %w", err)
	}
	d.head = newRoIHead(path.At("roi_head.bbox_head"), cfg.RoI, cfg.Classes, cfg.Neck.Channels,
		d.trunk.strides[:len(cfg.Neck.Levels)], cfg.BNMomentum)
	return d, nil
}

// Loss runs a training pass; see Detector.
func (d *FasterRCNN) Loss(p *nn.Pass, batch Batch, subnet nas.Subnet, rng RNG) (Losses, error) {
	if err := batch.check(d.cfg.Classes, true); err != nil {
		return Losses{}, fmt.Errorf("detector: %w", err)
	}
	levels, proposed, proposals, err := d.propose(p, batch, subnet, d.cfg.RPN.Train)
	if err != nil {
		return Losses{}, err
	}
	targets, err := d.rpn.targets(proposed, batch.Images, rng)
	if err != nil {
		return Losses{}, err
	}
	samples := d.head.sample(proposals, batch.Images, rng)
	sums, err := p.Totals(targets.normaliser, samples.normaliser)
	if err != nil {
		return Losses{}, err
	}
	targets.normaliser, samples.normaliser = sums[0], sums[1]
	rpnClass, rpnBox := d.rpn.loss(p, proposed, targets)
	class, boxes, right, err := d.headLoss(p, levels, samples)
	if err != nil {
		return Losses{}, err
	}
	out, err := totalled(p, []Part{
		{"loss_rpn_cls", rpnClass}, {"loss_rpn_bbox", rpnBox}, {"loss_cls", class}, {"loss_bbox", boxes},
	})
	out.Others = map[string]float64{"acc": right}
	return out, err
}

// Calibrate gathers BN statistics; see Detector. Those of the box head's
// convolutions, where it has some, are of the proposals that training samples; the
// RPN, which has no BN, is only run to propose them.
func (d *FasterRCNN) Calibrate(p *nn.Pass, batch Batch, subnet nas.Subnet, rng RNG) error {
	if err := batch.check(d.cfg.Classes, true); err != nil {
		return fmt.Errorf("detector: %w", err)
	}
	if !d.head.normalises() {
		return d.trunk.calibrate(p, batch.X, subnet)
	}
	levels, _, proposals, err := d.propose(p, batch, subnet, d.cfg.RPN.Train)
	if err != nil {
		return err
	}
	if s := d.head.sample(proposals, batch.Images, rng); len(s.labels) > 0 {
		d.head.calibrate(p, levels, &s.rois)
	}
	return p.Err()
}

// headLoss returns the box head's losses, 0 without samples, and the share of its
// samples whose class is right.
func (d *FasterRCNN) headLoss(p *nn.Pass, levels []*tensor.Tensor, s roiSamples) (class, boxes *tensor.Tensor, right float64, err error) {
	if len(s.labels) == 0 {
		if s.normaliser > 0 && d.head.normalises() { // the others normalise together, and wait for this rank's part
			return nil, nil, 0, errors.New("the images of this rank have no proposal to train the box head on, whose BN is over those of all ranks; raise batch, or start fewer ranks")
		}
		dev := levels[0].Device()
		return p.Full(0, dev), p.Full(0, dev), 0, nil
	}
	logits, deltas := d.head.forward(p, levels, &s.rois)
	class, boxes = d.head.loss(p, logits, deltas, s)
	if p.Err() != nil {
		return nil, nil, 0, p.Err()
	}
	right, err = accuracy(p, logits, s.labels, s.normaliser)
	return class, boxes, right, err
}

// Detect finds objects; see Detector.
func (d *FasterRCNN) Detect(p *nn.Pass, batch Batch, subnet nas.Subnet) ([][]Detection, error) {
	if err := batch.check(d.cfg.Classes, false); err != nil {
		return nil, fmt.Errorf("detector: %w", err)
	}
	return detect(p, func(p *nn.Pass) ([][]Detection, error) { return d.detect(p, batch, subnet) })
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
func (d *FasterRCNN) propose(p *nn.Pass, batch Batch, subnet nas.Subnet, c ProposalConfig) ([]*tensor.Tensor, anchorOutput, [][]box.Box, error) {
	levels := d.trunk.forward(p, batch.X, subnet)
	if p.Err() != nil {
		return nil, anchorOutput{}, nil, p.Err()
	}
	out := d.rpn.forward(p, levels)
	if p.Err() != nil {
		return nil, out, nil, p.Err()
	}
	proposals, err := d.rpn.proposals(p, out, batch.Images, c)
	if err != nil {
		return nil, out, nil, d.trunk.blame(err, batch.X, levels)
	}
	return levels, out, proposals, nil
}
