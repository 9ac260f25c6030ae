package detector

import (
	"fmt"

	"detnas/core/nn"
	"detnas/core/tensor"
	"detnas/detector/box"
)

// detections turns the head's output into detections, for each image from the best
// down, within its w by h px: mmdet's BaseDenseHead (with filter_scores_and_topk) and
// torchvision's. Boxes that clipping leaves without area are dropped, as in mmdet.
func (h *retinaHead) detections(p *nn.Pass, out anchorOutput, images []Image, c TestConfig) ([][]Detection, error) {
	best, err := h.pick(p, out, len(images), float32(c.ScoreThr))
	if err != nil {
		return nil, err
	}
	deltas, err := gather(p, out.deltas, best.index)
	if err != nil {
		return nil, fmt.Errorf("box deltas: %w", err)
	}
	found := make([][]Detection, len(images))
	for i, im := range images {
		d, err := best.boxes(i, im, out.anchors.Boxes, deltas, h.coder, 0)
		if err != nil {
			return nil, fmt.Errorf("box deltas: %w", err)
		}
		if found[i], err = d.detections(c); err != nil {
			return nil, fmt.Errorf("image %d: %w", i, err)
		}
	}
	return found, nil
}

// pick takes the best pairs of anchor and class of every level of every image,
// among those that score more than threshold.
func (h *retinaHead) pick(p *nn.Pass, out anchorOutput, images int, threshold float32) (candidates, error) {
	c := candidates{start: make([]int, 1, images+1), labels: []int32{}}
	if ok, err := out.logits.AllFinite(); err != nil || !ok {
		if err == nil {
			err = nn.ErrNotFinite
		}
		return c, fmt.Errorf("class logits are %w", err)
	}
	count := len(out.anchors.Boxes)
	for i := range images {
		scores, err := h.scores(p, out.logits, i*count, count)
		if err != nil {
			return c, err
		}
		for l, lo := range out.anchors.Start[:len(out.sizes)] {
			hi := out.anchors.Start[l+1]
			if err := c.level(scores[lo*h.classes:hi*h.classes], h.classes, threshold, h.cfg.PerLevel, i*count+lo, int32(l)); err != nil {
				return c, fmt.Errorf("class scores: %w", err)
			}
		}
		c.start = append(c.start, len(c.index))
	}
	return c, nil
}

// scores reads the probabilities of rows of the logits: one image at a time, for
// all classes of all anchors are many.
func (h *retinaHead) scores(p *nn.Pass, logits *tensor.Tensor, from, rows int) ([]float32, error) {
	s := inner(p, func(p *nn.Pass) []*tensor.Tensor {
		return []*tensor.Tensor{p.Sigmoid(p.Narrow(p.Detach(logits), 0, int64(from), int64(rows)))}
	})
	if p.Err() != nil {
		return nil, p.Err()
	}
	defer p.Free(s[0])
	values, err := s[0].Floats()
	if err != nil {
		return nil, fmt.Errorf("class scores: %w", err)
	}
	return values, nil
}

// level appends the best of a level's scores, classes of them for each row from
// first on.
func (c *candidates) level(scores []float32, classes int, threshold float32, most, first int, level int32) error {
	var pairs []int
	var above []float32
	for k, s := range scores {
		if s > threshold {
			pairs, above = append(pairs, k), append(above, s)
		}
	}
	top, err := box.TopK(above, most)
	if err != nil {
		return err
	}
	for _, k := range top {
		c.index = append(c.index, int64(first+pairs[k]/classes))
		c.labels = append(c.labels, int32(pairs[k]%classes))
		c.scores, c.levels = append(c.scores, above[k]), append(c.levels, level)
	}
	return nil
}
