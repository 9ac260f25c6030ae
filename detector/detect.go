package detector

import (
	"fmt"
	"math"

	"detnas/core/nn"
	"detnas/core/tensor"
	"detnas/detector/box"
)

// headOutput is what the box head says of its boxes, read once a batch.
type headOutput struct {
	classes int
	probs   []float32 // classes + 1 each
	deltas  []float32 // 4 * classes each
}

func (h *roiHead) read(p *nn.Pass, logits, deltas *tensor.Tensor) (headOutput, error) {
	out := headOutput{classes: h.classes}
	var err error
	if out.probs, err = p.Softmax(logits, 1).Floats(); err != nil {
		return out, fmt.Errorf("class probabilities: %w", err)
	}
	if out.deltas, err = deltas.Floats(); err != nil {
		return out, fmt.Errorf("box deltas: %w", err)
	}
	return out, nil
}

// detections turns the head's output for the boxes from lo to hi, all of one
// image, into detections from the best down: mmdet's multiclass_nms. Boxes that
// clipping leaves without area are dropped.
func (h *roiHead) detections(out headOutput, r *rois, lo, hi int, im Image, c TestConfig) ([]Detection, error) {
	d := newDecoded(hi-lo, 0) // few boxes have more than one likely class
	threshold := float32(c.ScoreThr)
	for i := lo; i < hi; i++ {
		probs := out.probs[i*(out.classes+1) : (i+1)*(out.classes+1)]
		for k, prob := range probs[:out.classes] {
			if prob <= threshold {
				continue
			}
			if math.IsNaN(float64(prob)) {
				return nil, fmt.Errorf("the class logits of box %d are %w", i, nn.ErrNotFinite)
			}
			at := 4 * (i*out.classes + k)
			b := h.coder.Decode(r.box(i), box.Delta(out.deltas[at:at+4]))
			if !finite(b) {
				return nil, fmt.Errorf("the deltas of box %d are %w", i, nn.ErrNotFinite)
			}
			d.add(box.Clip(b, float32(im.W), float32(im.H)), prob, int32(k))
		}
	}
	return d.detections(c)
}

// detections suppresses among the boxes of each class and keeps the best.
func (d *decoded) detections(c TestConfig) ([]Detection, error) {
	kept, err := box.BatchedNMS(d.boxes, d.scores, d.groups, c.NMSIoU, c.MaxPerImage)
	if err != nil {
		return nil, fmt.Errorf("suppression: %w", err)
	}
	found := make([]Detection, len(kept))
	for i, at := range kept {
		found[i] = Detection{Box: d.boxes[at], Label: int(d.groups[at]), Score: d.scores[at]}
	}
	return found, nil
}
