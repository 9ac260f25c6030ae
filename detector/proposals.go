package detector

import (
	"fmt"

	"detnas/core/nn"
	"detnas/core/tensor"
	"detnas/detector/box"
)

// candidates are the best anchors of a batch, level by level within an image.
type candidates struct {
	index  []int64   // rows of the flattened outputs
	scores []float32 // the RPN's are logits; the sigmoid would keep their order
	levels []int32
	labels []int32 // classes, where there are any
	start  []int   // of each image, and the end
}

// boxes decodes the candidates of image i with their deltas, four each, and clips
// them to the image. Those of minSize px or less are left out. They belong to the
// groups of their class, or else of their level.
func (c candidates) boxes(i int, im Image, anchors []box.Box, deltas []float32, coder box.Coder, minSize float32) (*decoded, error) {
	lo, hi := c.start[i], c.start[i+1]
	groups := c.levels
	if c.labels != nil {
		groups = c.labels
	}
	d := newDecoded(hi-lo, minSize)
	for k := lo; k < hi; k++ {
		anchor := anchors[int(c.index[k])-i*len(anchors)]
		b := coder.Decode(anchor, box.Delta(deltas[4*k:4*k+4]))
		if !finite(b) {
			return nil, fmt.Errorf("image %d, level %d: a box of %v is %w", i, c.levels[k], b, nn.ErrNotFinite)
		}
		d.add(box.Clip(b, float32(im.W), float32(im.H)), c.scores[k], groups[k])
	}
	return d, nil
}

// proposals turns the RPN's outputs into the boxes that the head looks at, for
// each image from the best down, within its w by h px: mmdet's RPNHead. They
// carry no gradient.
func (r *rpn) proposals(p *nn.Pass, out anchorOutput, images []Image, c ProposalConfig) ([][]box.Box, error) {
	logits, err := out.logits.Floats()
	if err != nil {
		return nil, fmt.Errorf("rpn objectness: %w", err)
	}
	best, err := pick(logits, out.anchors.Start, len(images), c.PerLevel)
	if err != nil {
		return nil, err
	}
	deltas, err := gather(p, out.deltas, best.index)
	if err != nil {
		return nil, fmt.Errorf("rpn deltas: %w", err)
	}
	proposals := make([][]box.Box, len(images))
	for i, im := range images {
		d, err := best.boxes(i, im, out.anchors.Boxes, deltas, rpnCoder, float32(c.MinSize))
		if err != nil {
			return nil, fmt.Errorf("rpn deltas: %w", err)
		}
		kept, err := box.BatchedNMS(d.boxes, d.scores, d.groups, c.NMSIoU, c.Max)
		if err != nil {
			return nil, fmt.Errorf("rpn: image %d: %w", i, err)
		}
		proposals[i] = make([]box.Box, len(kept))
		for k, at := range kept {
			proposals[i][k] = d.boxes[at]
		}
	}
	return proposals, nil
}

// pick takes the perLevel best anchors of every level of every image.
func pick(logits []float32, start []int, images, perLevel int) (candidates, error) {
	levels, room := len(start)-1, 0
	for l := range levels {
		room += images * min(start[l+1]-start[l], perLevel)
	}
	c := candidates{
		index: make([]int64, 0, room), scores: make([]float32, 0, room), levels: make([]int32, 0, room),
		start: make([]int, 1, images+1),
	}
	for i := range images {
		first := i * start[levels]
		for l := range levels {
			level := logits[first+start[l] : first+start[l+1]]
			top, err := box.TopK(level, perLevel)
			if err != nil {
				return c, fmt.Errorf("rpn objectness: image %d, level %d: %w: %w", i, l, err, nn.ErrNotFinite)
			}
			for _, k := range top {
				c.index = append(c.index, int64(first+start[l])+int64(k))
				c.scores = append(c.scores, level[k])
				c.levels = append(c.levels, int32(l))
			}
		}
		c.start = append(c.start, len(c.index))
	}
	return c, nil
}

// gather reads rows of t [rows, 4], outside of autograd.
func gather(p *nn.Pass, t *tensor.Tensor, index []int64) ([]float32, error) {
	var values []float32
	err := tensor.NoGrad(func() error {
		rows := inner(p, func(p *nn.Pass) []*tensor.Tensor {
			return []*tensor.Tensor{p.IndexSelect(t, 0, p.FromInts(index, t.Device(), int64(len(index))))}
		})
		if p.Err() != nil {
			return p.Err()
		}
		defer p.Free(rows[0])
		var err error
		values, err = rows[0].Floats()
		return err
	})
	return values, err
}

// decoded gathers boxes for the suppression.
type decoded struct {
	min    float32 // px; both sides have to be longer
	boxes  []box.Box
	scores []float32
	groups []int32
}

// newDecoded has room for n boxes.
func newDecoded(n int, minSize float32) *decoded {
	return &decoded{
		min: minSize, boxes: make([]box.Box, 0, n), scores: make([]float32, 0, n), groups: make([]int32, 0, n),
	}
}

func (d *decoded) add(b box.Box, score float32, group int32) {
	if b[2]-b[0] > d.min && b[3]-b[1] > d.min {
		d.boxes, d.scores, d.groups = append(d.boxes, b), append(d.scores, score), append(d.groups, group)
	}
}
