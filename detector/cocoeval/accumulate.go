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

// scored is a detection of a category: its outcome, its place among its image's
// detections, and its score.
type scored struct {
	outcome *outcome
	rank    int
	score   float64
}

// ordered lists a category's detections from the highest score down, ties in
// the order of images and, within one, of rank.
func ordered(groups []group, outcomes []outcome) []scored {
	var all []scored
	for g := range groups {
		for rank, d := range groups[g].dts {
			all = append(all, scored{&outcomes[g], rank, d.Score})
		}
	}
	slices.SortStableFunc(all, func(a, b scored) int { return cmp.Compare(b.score, a.score) })
	return all
}

// accumulate turns the outcomes of a category into its curves in range a.
func accumulate(detections []scored, outcomes []outcome, a int) curves {
	objects := 0
	for i := range outcomes {
		objects += outcomes[i].objects[a]
	}
	if objects == 0 {
		return curves{}
	}
	c := curves{defined: true}
	precision, recall := make([]float64, 0, len(detections)), make([]float64, 0, len(detections))
	for t := range thresholds {
		for m, limit := range maxDets {
			precision, recall = trace(detections, a, t, limit, objects, precision[:0], recall[:0])
			if n := len(recall); n > 0 {
				c.recall[m][t] = recall[n-1]
			}
		}
		c.precision[t] = meanPrecision(precision, recall)
	}
	return c
}

// trace appends a point of precision and recall for each of the detections of
// rank below limit.
func trace(detections []scored, a, t, limit, objects int, precision, recall []float64) (p, r []float64) {
	// spacing is NumPy's spacing(1), which keeps pycocotools from dividing 0 by 0.
	const spacing = 0x1p-52
	var right, wrong float64
	for _, d := range detections {
		if d.rank >= limit {
			continue
		}
		v := d.outcome.verdicts[a][d.rank]
		switch {
		case v.ignored>>t&1 == 1:
		case v.matched>>t&1 == 1:
			right++
		default:
			wrong++
		}
		precision = append(precision, right/(wrong+right+spacing))
		recall = append(recall, right/float64(objects))
	}
	return precision, recall
}

// meanPrecision is the mean over the recall levels of the best precision at that
// recall or beyond, 0 where the curve does not reach. It overwrites precision.
func meanPrecision(precision, recall []float64) float64 {
	for i := len(precision) - 1; i > 0; i-- {
		precision[i-1] = max(precision[i-1], precision[i])
	}
	sum, at := 0.0, 0
	for _, level := range recalls {
		for at < len(recall) && recall[at] < level {
			at++
		}
		if at == len(recall) {
			break
		}
		sum += precision[at]
	}
	return sum / numRecalls
}
