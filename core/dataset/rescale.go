package dataset

import (
	"fmt"
	"math/rand/v2"
)

// Scale bounds a detection image: the shorter side is scaled to Short pixels
// unless the longer one would then pass Max.
type Scale struct {
	Short, Max int
}

// Fit returns the size to which a w by h image is scaled with its shape kept,
// rounded as mmcv's rescale_size does.
func (s Scale) Fit(w, h int) (nw, nh int) {
	long, short := max(w, h), min(w, h)
	factor := min(float64(s.Max)/float64(long), float64(s.Short)/float64(short))
	return max(int(float64(w)*factor+0.5), 1), max(int(float64(h)*factor+0.5), 1)
}

// check refuses a scale that fits no image.
func (s Scale) check() error {
	if s.Short < 1 || s.Max < s.Short {
		return fmt.Errorf("image scale of short side %d px and long side %d px: the short one must be at least 1 and the long one no less", s.Short, s.Max)
	}
	return nil
}

// pick draws one of the scales.
func pick(rng *rand.Rand, scales []Scale) Scale {
	return scales[rng.IntN(len(scales))]
}

// moveBox scales a box, mirrors it in an image of w pixels when flip is set, and
// bounds it to the w by h image.
func moveBox(b [4]float32, sx, sy float32, w, h int, flip bool) [4]float32 {
	fw, fh := float32(w), float32(h)
	b = [4]float32{b[0] * sx, b[1] * sy, b[2] * sx, b[3] * sy}
	if flip {
		b[0], b[2] = fw-b[2], fw-b[0]
	}
	return [4]float32{
		min(max(b[0], 0), fw), min(max(b[1], 0), fh),
		min(max(b[2], 0), fw), min(max(b[3], 0), fh),
	}
}
