package detector

import (
	"fmt"

	"detnas/core/nn"
	"detnas/core/tensor"
	"detnas/nas"
)

// RetinaNet is the one-stage detector: every anchor is classified and moved.
type RetinaNet struct {
	cfg   RetinaNetConfig
	trunk trunk
	head  *retinaHead
}

// NewRetinaNet makes a detector around backbone. Its parameters are named as mmdet
// names them: neck and bbox_head under path. The error names the value of cfg that
// cannot be; errors of parameters are left in path's store.
func NewRetinaNet(path nn.Path, backbone Backbone, cfg RetinaNetConfig) (*RetinaNet, error) {
	outputs, err := levelsOf(backbone)
	if err != nil {
		return nil, err
	}
	if err := cfg.Check(outputs); err != nil {
		return nil, err
	}
	d := &RetinaNet{cfg: cfg, trunk: newTrunk(path, backbone, cfg.Neck, cfg.BNMomentum)}
	d.head, err = newRetinaHead(path.At("bbox_head"), cfg.Head, cfg.Classes, cfg.Neck.Channels, d.trunk.strides, cfg.PadTo)
	if err != nil {
		return nil, fmt.Errorf("detector: %w", err)
	}
	return d, nil
}

// Loss runs a training pass; see Detector. Nothing of it is drawn.
func (d *RetinaNet) Loss(p *nn.Pass, batch Batch, subnet nas.Subnet, _ RNG) (Losses, error) {
	if err := batch.check(d.cfg.Classes, true); err != nil {
		return Losses{}, fmt.Errorf("detector: %w", err)
	}
	levels, out, err := d.forward(p, batch, subnet)
	if err != nil {
		return Losses{}, err
	}
	targets, err := d.head.targets(out, batch.Images)
	if err != nil {
		return Losses{}, err
	}
	sums, err := p.Totals(targets.normaliser)
	if err != nil {
		return Losses{}, err
	}
	targets.normaliser = sums[0]
	class, boxes := d.head.loss(p, out, targets)
	losses, err := totalled(p, []Part{{"loss_cls", class}, {"loss_bbox", boxes}})
	if err != nil {
		return losses, d.trunk.blame(err, batch.X, levels)
	}
	return losses, nil
}

// Calibrate gathers BN statistics; see Detector. The head has no BN.
func (d *RetinaNet) Calibrate(p *nn.Pass, batch Batch, subnet nas.Subnet, _ RNG) error {
	if err := batch.check(d.cfg.Classes, true); err != nil {
		return fmt.Errorf("detector: %w", err)
	}
	return d.trunk.calibrate(p, batch.X, subnet)
}

// Detect finds objects; see Detector.
func (d *RetinaNet) Detect(p *nn.Pass, batch Batch, subnet nas.Subnet) ([][]Detection, error) {
	if err := batch.check(d.cfg.Classes, false); err != nil {
		return nil, fmt.Errorf("detector: %w", err)
	}
	return detect(p, func(p *nn.Pass) ([][]Detection, error) {
		levels, out, err := d.forward(p, batch, subnet)
		if err != nil {
			return nil, err
		}
		found, err := d.head.detections(p, out, batch.Images, d.cfg.Test)
		if err != nil {
			return nil, d.trunk.blame(fmt.Errorf("retina head: %w", err), batch.X, levels)
		}
		return found, nil
	})
}

// forward runs backbone, neck and head.
func (d *RetinaNet) forward(p *nn.Pass, batch Batch, subnet nas.Subnet) ([]*tensor.Tensor, anchorOutput, error) {
	levels := d.trunk.forward(p, batch.X, subnet)
	if p.Err() != nil {
		return nil, anchorOutput{}, p.Err()
	}
	out := d.head.forward(p, levels)
	return levels, out, p.Err()
}
