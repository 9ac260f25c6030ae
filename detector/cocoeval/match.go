package cocoeval

import (
	"cmp"
	"math"
	"slices"
)

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

// verdict is what a detection came to in a range of area: bit t of right is set
// where it took an object at threshold t, of wrong where it took nothing and
// should have. Where neither is, it does not count.
type verdict struct{ right, wrong uint16 }

// verdicts of a detection, by range of area.
type verdicts [numAreas]verdict

// allThresholds has a bit for each of them.
const allThresholds = 1<<numThresholds - 1

// near is a pair that overlaps by the lowest threshold or more.
type near struct {
	dt, gt int
	iou    float64
}

// matcher evaluates groups one after the other. It has no state but scratch.
type matcher struct {
	zeroIDUnmatched bool
	pairs           []near
	ignored, taken  []bool // by ground truth
}

// evaluate puts the detections of g in order, leaves the best, and matches them
// to the ground truths at every threshold and area.
func (m *matcher) evaluate(g *group) {
	slices.SortStableFunc(g.dts, func(a, b *Detection) int { return cmp.Compare(b.Score, a.Score) })
	if len(g.dts) > maxDetections {
		g.dts, g.verdicts = g.dts[:maxDetections], g.verdicts[:maxDetections]
	}
	m.pair(g)
	m.ignored = slices.Grow(m.ignored[:0], len(g.gts))[:len(g.gts)]
	m.taken = slices.Grow(m.taken[:0], len(g.gts))[:len(g.gts)]
	for a, area := range areas {
		for i, gt := range g.gts {
			m.ignored[i] = gt.Crowd || gt.Ignore || outside(gt.Area, area)
			if !m.ignored[i] {
				g.objects[a]++
			}
		}
		for i, d := range g.dts {
			g.verdicts[i][a].wrong = allThresholds
			if outside(d.Box[2]*d.Box[3], area) {
				g.verdicts[i][a].wrong = 0
			}
		}
		for t := 0; t < numThresholds && len(m.pairs) > 0; t++ {
			clear(m.taken)
			m.match(g, a, t)
		}
	}
}

// pair lists the pairs of g that may match, by detection: those that overlap by
// the lowest threshold, or all where an overlap is NaN, since that matches, and
// after it whatever comes next, however small.
func (m *matcher) pair(g *group) {
	if !m.pairFrom(g, thresholds[0]) {
		m.pairFrom(g, math.Inf(-1))
	}
}

// pairFrom lists the pairs of g that overlap by least or more, and tells whether
// every overlap is a number.
func (m *matcher) pairFrom(g *group, least float64) bool {
	m.pairs = m.pairs[:0]
	numbers := true
	for i, d := range g.dts {
		for j, gt := range g.gts {
			v := overlap(&d.Box, &gt.Box, gt.Crowd)
			if v < least {
				continue
			}
			numbers = numbers && !math.IsNaN(v)
			m.pairs = append(m.pairs, near{i, j, v})
		}
	}
	return numbers
}

// match gives each detection, in turn, the ground truth it overlaps most among
// those that are free and count, and failing that among those that are ignored.
func (m *matcher) match(g *group, a, t int) {
	for rest := m.pairs; len(rest) > 0; {
		d, n := rest[0].dt, 1
		for n < len(rest) && rest[n].dt == d {
			n++
		}
		got := m.best(g, rest[:n], t, false)
		if got < 0 {
			got = m.best(g, rest[:n], t, true)
		}
		rest = rest[n:]
		if got < 0 {
			continue
		}
		m.taken[got] = true
		v, bit := &g.verdicts[d][a], uint16(1)<<t
		switch {
		case m.ignored[got]:
			v.wrong &^= bit
		case m.zeroIDUnmatched && g.gts[got].ID == 0: // stays as it is
		default:
			v.right |= bit
			v.wrong &^= bit
		}
	}
}

// best is the ground truth of the largest overlap, of equal ones the last, or -1
// where none can be taken. A crowd can be taken again and again.
func (m *matcher) best(g *group, pairs []near, t int, ignored bool) int {
	got, best := -1, min(thresholds[t], 1-tolerance)
	for _, p := range pairs {
		if m.ignored[p.gt] != ignored || p.iou < best || m.taken[p.gt] && !g.gts[p.gt].Crowd {
			continue
		}
		got, best = p.gt, p.iou
	}
	return got
}

// overlap is the intersection of two boxes over their union, or over d's area
// where gt is a crowd, with the roundings of pycocotools' bbIou. It is NaN where
// the areas are too small or too large for a float64.
func overlap(d, gt *[4]float64, crowd bool) float64 {
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
