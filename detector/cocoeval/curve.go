package cocoeval

// Curve is the precision of a category against its recall, over objects of any size
// and the 100 best detections of an image: pycocotools' eval["precision"].
type Curve struct {
	// Objects counts what is to be found. Without any there is no curve.
	Objects int
	// Precision is, at the overlaps 0.50, 0.55, ... 0.95, the best precision at the
	// recalls 0, 0.01, ... 1 or beyond, 0 where the detections do not reach so far.
	Precision [numThresholds][numRecalls]float64
}

// Mean is the mean over the overlaps, the curve whose mean is AP.
func (c *Curve) Mean() (mean [numRecalls]float64) {
	for r := range mean {
		for t := range c.Precision {
			mean[r] += c.Precision[t][r] / numThresholds
		}
	}
	return mean
}

// Curves are the curves of every category of the ground truth, by its id; see
// Evaluate for what is refused.
func Curves(gt *GroundTruth, dts []Detection, opts Options) (map[int]*Curve, error) {
	m, err := match(gt, dts, opts)
	if err != nil {
		return nil, err
	}
	all := make([]Curve, len(m.categories))
	parallel(m.workers, len(all), 1, func() func(int) {
		return func(c int) {
			groups := m.of(c)
			for i := range groups {
				all[c].Objects += groups[i].objects[areaAll]
			}
			if all[c].Objects == 0 {
				return
			}
			var precision []float64
			for t := range thresholds {
				precision, _ = trace(m.detections[c], areaAll, t, precision[:0])
				all[c].Precision[t] = atRecalls(precision, all[c].Objects)
			}
		}
	})
	out := make(map[int]*Curve, len(all))
	for c, id := range m.categories {
		out[id] = &all[c]
	}
	return out, nil
}
