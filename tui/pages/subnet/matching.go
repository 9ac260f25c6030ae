package subnet

import (
	"detnas/core/run"
)

// matching tells which true boxes were found, and which found boxes are of a
// true one.
type matching struct {
	truth, found []bool
}

// enough is the overlap from which on a found box is of a true one, as in AP50.
const enough = 0.5

// pair gives each found box, the best score first, the true box of its class
// that it overlaps most and that is not taken.
func pair(truth, found []run.PreviewBox) matching {
	m := matching{truth: make([]bool, len(truth)), found: make([]bool, len(found))}
	for i, f := range found {
		best, overlap := -1, enough
		for j, t := range truth {
			if t.Label != f.Label || m.truth[j] {
				continue
			}
			if o := iou(t.Box, f.Box); o >= overlap {
				best, overlap = j, o
			}
		}
		if best >= 0 {
			m.truth[best], m.found[i] = true, true
		}
	}
	return m
}

// iou is the intersection of two boxes over their union.
func iou(a, b [4]float64) float64 {
	w := min(a[0]+a[2], b[0]+b[2]) - max(a[0], b[0])
	h := min(a[1]+a[3], b[1]+b[3]) - max(a[1], b[1])
	if w <= 0 || h <= 0 {
		return 0
	}
	return w * h / (a[2]*a[3] + b[2]*b[3] - w*h)
}

// above are the boxes with at least a score.
func above(boxes []run.PreviewBox, score float64) []run.PreviewBox {
	var out []run.PreviewBox
	for _, b := range boxes {
		if b.Score >= score-1e-9 {
			out = append(out, b)
		}
	}
	return out
}
