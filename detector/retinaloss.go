package detector

import (
	"fmt"

	"detnas/core/native"
	"detnas/core/nn"
	"detnas/core/tensor"
)

// retinaTargets say what the anchors of a batch should become: all of them count
// in the focal loss, and the positive ones in that of the boxes.
type retinaTargets struct {
	labels []int64   // a class, or the matcher's mark, which the focal loss reads too
	posIdx []int64   // of the positive ones in the flattened outputs
	deltas []float32 // their targets, 4 each
	// normaliser divides the losses: the positive anchors, of which mmdet counts
	// one at least in every image.
	// With ranks, it is that of all of them.
	normaliser float64
}

// targets assigns the anchors of every image.
func (h *retinaHead) targets(out anchorOutput, images []Image) (retinaTargets, error) {
	count := len(out.anchors.Boxes)
	t := retinaTargets{labels: make([]int64, 0, count*len(images))}
	for i, im := range images {
		valid, err := h.anchors.valid(out.sizes, im, h.padTo)
		if err != nil {
			return t, fmt.Errorf("retina head: %w", err)
		}
		before := len(t.posIdx)
		for a, gt := range h.matcher.Match(&h.buffers, out.anchors.Boxes, im.Boxes, im.Ignore, valid) {
			if gt < 0 {
				t.labels = append(t.labels, int64(gt))
				continue
			}
			d := h.coder.Encode(out.anchors.Boxes[a], im.Boxes[gt])
			t.labels = append(t.labels, int64(im.Labels[gt]))
			t.posIdx, t.deltas = append(t.posIdx, int64(i*count+a)), append(t.deltas, d[:]...)
		}
		t.normaliser += float64(max(len(t.posIdx)-before, 1))
	}
	return t, nil
}

// loss returns the losses of classes and boxes, weighted.
func (h *retinaHead) loss(p *nn.Pass, out anchorOutput, t retinaTargets) (class, boxes *tensor.Tensor) {
	defer p.Layer("retina loss")()
	losses := inner(p, func(p *nn.Pass) []*tensor.Tensor {
		dev, pos := out.logits.Device(), int64(len(t.posIdx))
		labels := p.FromInts(t.labels, dev, int64(len(t.labels)))
		deltas := p.IndexSelect(out.deltas, 0, p.FromInts(t.posIdx, dev, pos))
		want := p.FromFloats(t.deltas, dev, pos, 4)
		by := 1 / t.normaliser
		focus := native.Focus{Alpha: h.cfg.Alpha, Gamma: h.cfg.Gamma}
		return []*tensor.Tensor{
			p.Scale(p.FocalLoss(out.logits, labels, focus), by*h.cfg.Loss.ClassWeight),
			p.Scale(p.SmoothL1(deltas, want, tensor.Total, h.cfg.Loss.Beta), by*h.cfg.Loss.BoxWeight),
		}
	})
	return losses[0], losses[1]
}
