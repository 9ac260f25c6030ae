package cocoeval

const (
	numThresholds = 10
	numAreas      = 4
	// tolerance keeps a threshold below 1, as in pycocotools.
	tolerance = 1e-10
)

// thresholds are the overlaps 0.50, 0.55, ... 0.95, with the bits that NumPy's
// linspace gives them: an overlap may lie exactly on one.
var thresholds = func() (t [numThresholds]float64) {
	start, stop := 0.5, 0.95
	step := (stop - start) / (numThresholds - 1)
	for i := range t {
		t[i] = start + float64(float64(i)*step)
	}
	t[numThresholds-1] = stop
	return t
}()

// areas are the ranges of area of all, small, medium and large objects, both
// ends included.
var areas = [numAreas][2]float64{{0, 1e10}, {0, 32 * 32}, {32 * 32, 96 * 96}, {96 * 96, 1e10}}

// Indices into areas.
const (
	areaAll = iota
	areaSmall
	areaMedium
	areaLarge
)

// verdict is what one detection came to: bit t of matched is set where it took
// an object at threshold t, of ignored where it counts neither way.
type verdict struct{ matched, ignored uint16 }

// outcome is what a group came to in each range of area.
type outcome struct {
	verdicts [numAreas][]verdict // by detection
	objects  [numAreas]int       // ground truths that count
}

// overlapping is a ground truth that a detection overlaps by at least the
// lowest threshold.
type overlapping struct {
	gt  int
	iou float64
}

// evaluate matches the detections of g to its ground truth at every threshold
// and area.
func (g *group) evaluate(zeroIDUnmatched bool) outcome {
	near := g.overlaps()
	var o outcome
	ignored, taken := make([]bool, len(g.gts)), make([]bool, len(g.gts))
	verdicts := make([]verdict, numAreas*len(g.dts))
	for a, area := range areas {
		for i, gt := range g.gts {
			ignored[i] = gt.Crowd || outside(gt.Area, area)
			if !ignored[i] {
				o.objects[a]++
			}
		}
		o.verdicts[a] = verdicts[a*len(g.dts):][:len(g.dts)]
		for t := 0; t < numThresholds && near != nil; t++ {
			clear(taken)
			g.match(t, near, ignored, taken, zeroIDUnmatched, o.verdicts[a])
		}
		for i, d := range g.dts {
			if outside(d.Box[2]*d.Box[3], area) {
				o.verdicts[a][i].ignored |= ^o.verdicts[a][i].matched
			}
		}
	}
	return o
}

// overlaps lists, for each detection, the ground truths it can match: nil where
// no detection has any.
func (g *group) overlaps() [][]overlapping {
	var near [][]overlapping
	for i, d := range g.dts {
		for j, gt := range g.gts {
			if v := overlap(d.Box, gt.Box, gt.Crowd); v >= thresholds[0] {
				if near == nil {
					near = make([][]overlapping, len(g.dts))
				}
				near[i] = append(near[i], overlapping{j, v})
			}
		}
	}
	return near
}

// match gives each detection, in turn, the ground truth it overlaps most among
// those that are free and count, and failing that among those that are ignored.
// Of equal overlaps the last is taken. A crowd can be taken again and again.
// taken, a flag for each ground truth, is all false at first.
func (g *group) match(t int, near [][]overlapping, ignored, taken []bool, zeroIDUnmatched bool, verdicts []verdict) {
	for i := range g.dts {
		m := -1
		for _, wantIgnored := range []bool{false, true} {
			best := min(thresholds[t], 1-tolerance)
			for _, o := range near[i] {
				if ignored[o.gt] != wantIgnored || o.iou < best || taken[o.gt] && !g.gts[o.gt].Crowd {
					continue
				}
				best, m = o.iou, o.gt
			}
			if m >= 0 {
				break
			}
		}
		if m < 0 {
			continue
		}
		taken[m] = true
		if !zeroIDUnmatched || g.gts[m].ID != 0 {
			verdicts[i].matched |= 1 << t
		}
		if ignored[m] {
			verdicts[i].ignored |= 1 << t
		}
	}
}

// overlap is the intersection of two boxes over their union, or over d's area
// where gt is a crowd, worked out as pycocotools' bbIou does.
func overlap(d, gt [4]float64, crowd bool) float64 {
	w := min(d[2]+d[0], gt[2]+gt[0]) - max(d[0], gt[0])
	if w <= 0 {
		return 0
	}
	h := min(d[3]+d[1], gt[3]+gt[1]) - max(d[1], gt[1])
	if h <= 0 {
		return 0
	}
	inter, area := float64(w*h), float64(d[2]*d[3])
	if crowd {
		return inter / area
	}
	return inter / (area + float64(gt[2]*gt[3]) - inter)
}

func outside(v float64, area [2]float64) bool { return v < area[0] || v > area[1] }
