package detector

import (
	"fmt"

	"detnas/core/nn"
	"detnas/core/tensor"
)

// rpnTargets are the sampled anchors of a batch and what they should become.
type rpnTargets struct {
	index  []int64   // of the sampled anchors in the flattened outputs
	object []float32 // 1 where the anchor holds an object
	posIdx []int64   // of those with an object
	deltas []float32 // their targets, 4 each
	// normaliser divides the losses: mmdet's num_total_samples, to which an image
	// adds the positives and the negatives it has, each counted as one at least.
	// With ranks, it is that of all of them.
	normaliser float64
}

// targets assigns and samples the anchors of every image.
func (r *rpn) targets(out anchorOutput, images []Image, rng RNG) (rpnTargets, error) {
	var t rpnTargets
	sampler := r.cfg.Sample.sampler()
	count := len(out.anchors.Boxes)
	for i, im := range images {
		valid, err := r.anchors.valid(out.sizes, im, r.padTo)
		if err != nil {
			return t, fmt.Errorf("rpn: %w", err)
		}
		assigned := r.matcher.Match(&r.buffers, out.anchors.Boxes, im.Boxes, im.Ignore, valid)
		pos, neg := sampler.Sample(rng(i, "rpn"), assigned)
		for _, a := range pos {
			at := int64(i*count) + int64(a)
			d := rpnCoder.Encode(out.anchors.Boxes[a], im.Boxes[assigned[a]])
			t.index, t.object = append(t.index, at), append(t.object, 1)
			t.posIdx, t.deltas = append(t.posIdx, at), append(t.deltas, d[:]...)
		}
		for _, a := range neg {
			t.index, t.object = append(t.index, int64(i*count)+int64(a)), append(t.object, 0)
		}
		t.normaliser += float64(max(len(pos), 1) + max(len(neg), 1))
	}
	return t, nil
}

// loss returns the losses of objectness and boxes, weighted.
func (r *rpn) loss(p *nn.Pass, out anchorOutput, t rpnTargets) (class, boxes *tensor.Tensor) {
	defer p.Layer("rpn loss")()
	losses := inner(p, func(p *nn.Pass) []*tensor.Tensor {
		dev := out.logits.Device()
		logits := p.IndexSelect(out.logits, 0, p.FromInts(t.index, dev, int64(len(t.index))))
		object := p.FromFloats(t.object, dev, int64(len(t.object)))
		pos := int64(len(t.posIdx))
		deltas := p.IndexSelect(out.deltas, 0, p.FromInts(t.posIdx, dev, pos))
		want := p.FromFloats(t.deltas, dev, pos, 4)
		by := 1 / t.normaliser
		return []*tensor.Tensor{
			p.Scale(p.BCE(logits, object, tensor.Total), by*r.cfg.Loss.ClassWeight),
			p.Scale(p.SmoothL1(deltas, want, tensor.Total, r.cfg.Loss.Beta), by*r.cfg.Loss.BoxWeight),
		}
	})
	return losses[0], losses[1]
}
