package box

import (
	"math"
	"sort"
)

// suppress appends to kept the boxes of order, taken in that order, that none
// taken before them overlaps by more than iouThr.
func suppress(boxes []Box, order []int32, iouThr float64, limit int, kept []int32) []int32 {
	w := newWinners(boxes, iouThr, len(order))
	for _, i := range order {
		if w.beat(boxes[i]) {
			continue
		}
		w.add(i)
		kept = append(kept, i)
		if limit--; limit == 0 {
			break
		}
	}
	return kept
}

// winners are the boxes kept so far, in the order of their left edges. Two
// intervals of lengths a and b that share more than a fraction t of their union
// begin less than b(1-t)/t apart, so that only a window of the winners has to be
// compared with a box: a few per cent of them at the usual thresholds.
type winners struct {
	boxes []Box
	thr   float32
	reach float32 // (1-t)/t
	left  []float32
	index []int32
}

func newWinners(boxes []Box, iouThr float64, n int) *winners {
	w := &winners{boxes: boxes, thr: largestNotAbove(iouThr), reach: float32(math.Inf(1))}
	if iouThr > 0 {
		w.reach = float32(1.01 * max(1-iouThr, 0) / iouThr) // 1 % for rounding
	}
	w.left, w.index = make([]float32, 0, n), make([]int32, 0, n)
	return w
}

// add puts box i among the winners, unless it has no area and so beats nothing.
func (w *winners) add(i int32) {
	b := w.boxes[i]
	if !(b[2] > b[0]) || !(b[3] > b[1]) {
		return
	}
	at := sort.Search(len(w.left), func(k int) bool { return w.left[k] > b[0] })
	w.left, w.index = append(w.left, 0), append(w.index, 0)
	copy(w.left[at+1:], w.left[at:])
	copy(w.index[at+1:], w.index[at:])
	w.left[at], w.index[at] = b[0], i
}

// beat tells whether a winner overlaps b by more than the threshold.
func (w *winners) beat(b Box) bool {
	width, height := b[2]-b[0], b[3]-b[1]
	if !(width > 0) || !(height > 0) {
		return false
	}
	dx, dy := w.window(width, b[0], b[2]), w.window(height, b[1], b[3])
	area := Area(b)
	first := sort.Search(len(w.left), func(k int) bool { return w.left[k] >= b[0]-dx })
	for n := first; n < len(w.left) && w.left[n] <= b[0]+dx; n++ {
		k := &w.boxes[w.index[n]]
		if k[1] < b[1]-dy || k[1] > b[1]+dy {
			continue
		}
		if inter := intersection(*k, b); inter > 0 && overUnion(inter, Area(*k), area) > w.thr {
			return true
		}
	}
	return false
}

// window is how far from the beginning of the interval lo to hi another can
// begin that shares enough with it, with room for the rounding of both.
func (w *winners) window(length, lo, hi float32) float32 {
	return w.reach*length + 1e-6*max(-lo, hi, lo, -hi)
}

// largestNotAbove is the largest float32 that is not above v: a float32 is
// above the one exactly when it is above the other.
func largestNotAbove(v float64) float32 {
	f := float32(v)
	if float64(f) > v {
		f = math.Nextafter32(f, float32(math.Inf(-1)))
	}
	return f
}
