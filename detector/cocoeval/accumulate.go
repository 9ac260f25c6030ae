package cocoeval

import (
	"cmp"
	"slices"
)

const numRecalls = 101

// recalls are 0, 0.01, ... 1 with the bits of NumPy's linspace.
var recalls = func() (r [numRecalls]float64) {
	step := 1.0 / (numRecalls - 1)
	for i := range r {
		r[i] = float64(i) * step
	}
	r[numRecalls-1] = 1
	return r
}()

// maxDets are the numbers of detections per image and category that recall is
// given for. Precision uses the last.
var maxDets = [...]int{1, 10, maxDetections}

// curves are the figures of one category in one range of area.
type curves struct {
	// defined is false where there are no objects to find.
	defined bool
	// precision is the mean over the recall levels at each threshold.
	precision [numThresholds]float64
	// recall is the last point of the curve, by maxDets and threshold.
	recall [len(maxDets)][numThresholds]float64
}

// scored is a detection of a category: its score, its place among its image's
// detections and among the category's, and what it came to.
type scored struct {
	score       float64
	rank, place int32
	verdicts    verdicts
}

// ordered lists a category's detections from the highest score down, ties in
// the order of images and, within one, of rank.
func ordered(groups []group) []scored {
	n := 0
	for i := range groups {
		n += len(groups[i].dts)
	}
	all := make([]scored, 0, n)
	for i := range groups {
		for rank, d := range groups[i].dts {
			all = append(all, scored{d.Score, int32(rank), int32(len(all)), groups[i].verdicts[rank]})
		}
	}
	slices.SortFunc(all, func(a, b scored) int {
		if a.score != b.score {
			return cmp.Compare(b.score, a.score)
		}
		return cmp.Compare(a.place, b.place)
	})
	return all
}

// accumulate turns a category's detections, in order, into its curves in range a.
func accumulate(detections []scored, groups []group, a int) curves {
	objects := 0
	for i := range groups {
		objects += groups[i].objects[a]
	}
	if objects == 0 {
		return curves{}
	}
	c := curves{defined: true}
	var precision []float64
	for t := range thresholds {
		var hits [len(maxDets)]int
		precision, hits = trace(detections, a, t, precision[:0])
		c.precision[t] = meanPrecision(precision, objects)
		for m, n := range hits {
			c.recall[m][t] = float64(n) / float64(objects)
		}
	}
	return c
}

// trace appends the precision at each right detection, and counts those among
// the first of each image. In between recall stays and precision falls, so that
// those are all the points that matter.
func trace(detections []scored, a, t int, precision []float64) ([]float64, [len(maxDets)]int) {
	var hits [len(maxDets)]int
	right, wrong := 0, 0
	for i := range detections {
		v := detections[i].verdicts[a]
		wrong += int(v.wrong >> t & 1)
		if v.right>>t&1 == 0 {
			continue
		}
		right++
		precision = append(precision, precisionOf(right, wrong))
		for m, limit := range maxDets {
			if int(detections[i].rank) < limit {
				hits[m]++
			}
		}
	}
	return precision, hits
}

// precisionOf is the precision after so many right and wrong detections.
func precisionOf(right, wrong int) float64 {
	// spacing is NumPy's spacing(1), which keeps pycocotools from dividing 0 by 0.
	const spacing = 0x1p-52
	return float64(right) / (float64(wrong+right) + spacing)
}

// meanPrecision is the mean of atRecalls.
func meanPrecision(precision []float64, objects int) float64 {
	sum := 0.0
	for _, p := range atRecalls(precision, objects) {
		sum += p
	}
	return sum / numRecalls
}

// atRecalls is the best precision at each recall level or beyond, 0 where the curve
// does not reach. precision is given at each object found; it is overwritten.
func atRecalls(precision []float64, objects int) (best [numRecalls]float64) {
	for i := len(precision) - 1; i > 0; i-- {
		precision[i-1] = max(precision[i-1], precision[i])
	}
	at := 0
	for r, level := range recalls {
		for at < len(precision) && float64(at+1)/float64(objects) < level {
			at++
		}
		if at == len(precision) {
			break
		}
		best[r] = precision[at]
	}
	return best
}
