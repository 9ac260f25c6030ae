package box

import "math"

// Delta is a box relative to another: dx, dy, dw, dh.
type Delta = [4]float32

// maxLogRatio is ln(1000/16), the bound of a decoded dw and dh: mmdet's
// wh_ratio_clip 16/1000, torchvision's bbox_xform_clip.
var maxLogRatio = math.Log(1000.0 / 16)

// Coder writes a box as its offset and log-size relative to a reference (an
// anchor or a proposal) and reads it back: mmdet's DeltaXYWHBBoxCoder with
// means 0, torchvision's BoxCoder with weights 1/Stds.
type Coder struct {
	// Stds divide the four deltas: 1,1,1,1 in mmdet's RPN and 0.1,0.1,0.2,0.2
	// in its box head.
	Stds [4]float32
	// UpperOnly leaves a very small dw or dh alone, as torchvision does; mmdet
	// bounds both sides.
	UpperOnly bool
}

// Encode returns the deltas that take ref to target. Both need a positive width
// and height; otherwise the deltas are not finite.
func (c Coder) Encode(ref, target Box) Delta {
	rw, rh := ref[2]-ref[0], ref[3]-ref[1]
	tw, th := target[2]-target[0], target[3]-target[1]
	dx := (middle(target[0], target[2]) - middle(ref[0], ref[2])) / rw
	dy := (middle(target[1], target[3]) - middle(ref[1], ref[3])) / rh
	return Delta{
		dx / c.Stds[0],
		dy / c.Stds[1],
		log32(tw/rw) / c.Stds[2],
		log32(th/rh) / c.Stds[3],
	}
}

// Decode returns the box that d describes relative to ref. Clip the result to
// the image with Clip where it is wanted.
func (c Coder) Decode(ref Box, d Delta) Box {
	rw, rh := ref[2]-ref[0], ref[3]-ref[1]
	cx := middle(ref[0], ref[2]) + float32(rw*float32(d[0]*c.Stds[0]))
	cy := middle(ref[1], ref[3]) + float32(rh*float32(d[1]*c.Stds[1]))
	w := float32(rw*c.grow(d[2]*c.Stds[2])) * 0.5
	h := float32(rh*c.grow(d[3]*c.Stds[3])) * 0.5
	return Box{cx - w, cy - h, cx + w, cy + h}
}

// grow is the factor of size that a log-ratio stands for, within the bounds.
func (c Coder) grow(d float32) float32 {
	v := min(float64(d), maxLogRatio)
	if !c.UpperOnly {
		v = max(v, -maxLogRatio)
	}
	return float32(math.Exp(v))
}

func middle(a, b float32) float32 { return float32(a+b) * 0.5 }

func log32(v float32) float32 { return float32(math.Log(float64(v))) }
