package cocoeval

import (
	"runtime"
	"sync"
	"sync/atomic"
)

// Evaluate measures dts against gt. Detections of categories that gt does not
// have are left out, as in pycocotools; one on an image that gt does not have,
// a score or a box that is not finite are errors, which give the place in dts.
// Of the detections of a category on an image the 100 with the highest scores
// count; equal scores keep the order of dts.
func Evaluate(gt *GroundTruth, dts []Detection, opts Options) (*Result, error) {
	m, err := match(gt, dts, opts)
	if err != nil {
		return nil, err
	}
	all := make([][numAreas]curves, len(m.categories))
	parallel(m.workers, len(all)*numAreas, 1, func() func(int) {
		return func(i int) {
			c, a := i/numAreas, i%numAreas
			all[c][a] = accumulate(m.detections[c], m.of(c), a)
		}
	})
	return summarize(m.categories, all), nil
}

// matched is a ground truth with what was found of it.
type matched struct {
	*index
	workers    int
	detections [][]scored // by category, from the highest score down
}

// of are the groups of a category.
func (m *matched) of(c int) []group { return m.groups[m.first[c]:m.first[c+1]] }

// match decides which detections are right, at every threshold and area.
func match(gt *GroundTruth, dts []Detection, opts Options) (*matched, error) {
	x, err := newIndex(gt, dts)
	if err != nil {
		return nil, err
	}
	m := &matched{index: x, workers: opts.Workers, detections: make([][]scored, len(x.categories))}
	if m.workers <= 0 {
		m.workers = runtime.GOMAXPROCS(0)
	}
	parallel(m.workers, len(x.groups), 64, func() func(int) {
		each := matcher{zeroIDUnmatched: opts.ZeroIDUnmatched}
		return func(i int) { each.evaluate(&x.groups[i]) }
	})
	parallel(m.workers, len(m.detections), 1, func() func(int) {
		return func(c int) { m.detections[c] = ordered(m.of(c)) }
	})
	return m, nil
}

// parallel calls a do for 0 to n-1 on the given number of goroutines, a chunk of
// neighbours at a time; each goroutine has a do of its own. A call writes to its
// own place, so that the order in which they run does not matter.
func parallel(workers, n, chunk int, newDo func() func(i int)) {
	var next atomic.Int64
	var wg sync.WaitGroup
	for range min(workers, (n+chunk-1)/chunk) {
		wg.Go(func() {
			do := newDo()
			for {
				hi := int(next.Add(int64(chunk)))
				for i := hi - chunk; i < min(hi, n); i++ {
					do(i)
				}
				if hi >= n {
					return
				}
			}
		})
	}
	wg.Wait()
}

// Places of the overlaps 0.50 and 0.75 in Curve.Precision.
const (
	At50 = 0
	At75 = 5
)

// Places in maxDets that the figures are named after.
const dets1, dets10, dets100 = 0, 1, 2

// summarize takes the means that the figures are.
func summarize(categories []int, all [][numAreas]curves) *Result {
	r := &Result{
		AP:          meanAP(all, areaAll, 0, numThresholds),
		AP50:        meanAP(all, areaAll, At50, At50+1),
		AP75:        meanAP(all, areaAll, At75, At75+1),
		APs:         meanAP(all, areaSmall, 0, numThresholds),
		APm:         meanAP(all, areaMedium, 0, numThresholds),
		APl:         meanAP(all, areaLarge, 0, numThresholds),
		AR1:         meanAR(all, areaAll, dets1),
		AR10:        meanAR(all, areaAll, dets10),
		AR100:       meanAR(all, areaAll, dets100),
		ARs:         meanAR(all, areaSmall, dets100),
		ARm:         meanAR(all, areaMedium, dets100),
		ARl:         meanAR(all, areaLarge, dets100),
		PerCategory: make(map[int]CategoryResult, len(categories)),
	}
	for c, id := range categories {
		r.PerCategory[id] = CategoryResult{
			AP:   meanAP(all[c:c+1], areaAll, 0, numThresholds),
			AP50: meanAP(all[c:c+1], areaAll, At50, At50+1),
			AP75: meanAP(all[c:c+1], areaAll, At75, At75+1),
		}
	}
	return r
}

// meanAP is the mean precision in area a over the categories that have objects
// there and the thresholds lo to hi-1, or -1 where there are none.
func meanAP(all [][numAreas]curves, a, lo, hi int) float64 {
	return mean(all, a, func(c *curves) []float64 { return c.precision[lo:hi] })
}

// meanAR is the mean recall in area a with maxDets[m] detections.
func meanAR(all [][numAreas]curves, a, m int) float64 {
	return mean(all, a, func(c *curves) []float64 { return c.recall[m][:] })
}

func mean(all [][numAreas]curves, a int, figures func(*curves) []float64) float64 {
	sum, n := 0.0, 0
	for c := range all {
		if !all[c][a].defined {
			continue
		}
		for _, v := range figures(&all[c][a]) {
			sum += v
			n++
		}
	}
	if n == 0 {
		return -1
	}
	return sum / float64(n)
}
