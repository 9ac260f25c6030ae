package detector

import (
	"fmt"

	"detnas/core/nn"
	"detnas/core/tensor"
	"detnas/detector/box"
)

// roiSamples are the sampled proposals of a batch and what they should become.
type roiSamples struct {
	rois   rois
	labels []int64 // classes is background
	// posIdx picks the deltas of a positive's own class among
	// [samples * classes, 4]; targets holds 4 each.
	posIdx  []int64
	targets []float32
	// normaliser divides the losses: the samples, positive or not, of all ranks.
	normaliser float64
}

// sample assigns and samples the proposals of every image. The ground truth joins
// them after the assignment, each box belonging to itself, as mmdet's
// add_gt_as_proposals has it.
func (h *roiHead) sample(proposals [][]box.Box, images []Image, rng RNG) roiSamples {
	var s roiSamples
	sampler := h.cfg.Sample.sampler()
	for i, im := range images {
		own := len(im.Boxes)
		boxes := make([]box.Box, 0, own+len(proposals[i]))
		boxes = append(append(boxes, im.Boxes...), proposals[i]...)
		assigned := make([]int32, own, len(boxes))
		for k := range assigned {
			assigned[k] = int32(k)
		}
		assigned = append(assigned, h.matcher.Match(&h.buffers, proposals[i], im.Boxes, im.Ignore, nil)...)
		pos, neg := sampler.Sample(rng(i, "roi"), assigned)
		for _, k := range pos {
			gt := assigned[k]
			d := h.coder.Encode(boxes[k], im.Boxes[gt])
			s.posIdx = append(s.posIdx, int64(len(s.labels)*h.classes+im.Labels[gt]))
			s.targets = append(s.targets, d[:]...)
			s.labels = append(s.labels, int64(im.Labels[gt]))
			h.add(&s.rois, i, boxes[k])
		}
		for _, k := range neg {
			s.labels = append(s.labels, int64(h.classes))
			h.add(&s.rois, i, boxes[k])
		}
	}
	s.normaliser = float64(len(s.labels))
	return s
}

// loss returns the losses of classes and boxes, weighted, of logits
// [samples, classes+1] and deltas [samples, 4*classes]. Both are divided by the
// number of samples, positive or not, of all ranks.
func (h *roiHead) loss(p *nn.Pass, logits, deltas *tensor.Tensor, s roiSamples) (class, boxes *tensor.Tensor) {
	defer p.Layer("roi loss")()
	losses := inner(p, func(p *nn.Pass) []*tensor.Tensor {
		dev, n, pos := logits.Device(), int64(len(s.labels)), int64(len(s.posIdx))
		labels := p.FromInts(s.labels, dev, n)
		own := p.IndexSelect(p.Reshape(deltas, n*int64(h.classes), 4), 0, p.FromInts(s.posIdx, dev, pos))
		want := p.FromFloats(s.targets, dev, pos, 4)
		return []*tensor.Tensor{
			p.Scale(p.CrossEntropy(logits, labels, tensor.Average, 0), h.cfg.Loss.ClassWeight*(float64(n)/s.normaliser)),
			p.Scale(p.SmoothL1(own, want, tensor.Total, h.cfg.Loss.Beta), h.cfg.Loss.BoxWeight/s.normaliser),
		}
	})
	return losses[0], losses[1]
}

// accuracy is the share of samples, of which there are so many, whose best class is
// theirs; with ranks, this one's part of that.
func accuracy(p *nn.Pass, logits *tensor.Tensor, labels []int64, samples float64) (float64, error) {
	best, err := p.Argmax(p.Detach(logits), 1).Ints()
	if err != nil {
		return 0, fmt.Errorf("class logits: %w", err)
	}
	right := 0
	for i, b := range best {
		if b == labels[i] {
			right++
		}
	}
	return float64(right) / max(samples, 1), nil
}
