package cocoeval

import (
	"math"
	"math/rand/v2"
	"slices"
	"sort"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// naive is COCO's evaluation by its published definition: one category, image,
// area, threshold and limit at a time, with nothing shared between them.
type naive struct {
	gt              *GroundTruth
	zeroIDUnmatched bool
	gtsOf           map[[2]int][]Annotation // by image and category
	dtsOf           map[[2]int][]Detection
}

func newNaive(gt *GroundTruth, dts []Detection, zeroIDUnmatched bool) naive {
	n := naive{gt, zeroIDUnmatched, map[[2]int][]Annotation{}, map[[2]int][]Detection{}}
	for _, a := range gt.Annotations {
		key := [2]int{a.ImageID, a.CategoryID}
		n.gtsOf[key] = append(n.gtsOf[key], a)
	}
	for _, d := range dts {
		key := [2]int{d.ImageID, d.CategoryID}
		n.dtsOf[key] = append(n.dtsOf[key], d)
	}
	return n
}

// naiveMark is a detection of a category after matching.
type naiveMark struct {
	score            float64
	matched, ignored bool
}

// image matches the detections of a category on an image and counts the objects.
func (n naive) image(image, category, limit int, lo, hi, thr float64) (marks []naiveMark, objects int) {
	var gts []Annotation
	for _, wantIgnored := range []bool{false, true} {
		for _, a := range n.gtsOf[[2]int{image, category}] {
			if n.ignore(a, lo, hi) == wantIgnored {
				gts = append(gts, a)
				if !wantIgnored {
					objects++
				}
			}
		}
	}
	dts := slices.Clone(n.dtsOf[[2]int{image, category}])
	sort.SliceStable(dts, func(i, j int) bool { return dts[i].Score > dts[j].Score })
	taken := make([]bool, len(gts))
	for _, d := range dts[:min(limit, len(dts))] {
		best, m := min(thr, 1-1e-10), -1
		for g, a := range gts {
			if taken[g] && !a.Crowd {
				continue
			}
			if m >= 0 && !n.ignore(gts[m], lo, hi) && n.ignore(a, lo, hi) {
				break
			}
			if v := naiveOverlap(d.Box, a.Box, a.Crowd); !(v < best) {
				best, m = v, g
			}
		}
		mark := naiveMark{score: d.Score}
		if m >= 0 {
			taken[m] = true
			mark.matched = !n.zeroIDUnmatched || gts[m].ID != 0
			mark.ignored = n.ignore(gts[m], lo, hi)
		}
		if area := d.Box[2] * d.Box[3]; !mark.matched && (area < lo || area > hi) {
			mark.ignored = true
		}
		marks = append(marks, mark)
	}
	return marks, objects
}

// naiveOverlap is the intersection over the union, or over the detection where g
// is a crowd.
func naiveOverlap(d, g [4]float64, crowd bool) float64 {
	dRight, dBottom, gRight, gBottom := d[0]+d[2], d[1]+d[3], g[0]+g[2], g[1]+g[3]
	width := math.Min(dRight, gRight) - math.Max(d[0], g[0])
	height := math.Min(dBottom, gBottom) - math.Max(d[1], g[1])
	if width <= 0 || height <= 0 {
		return 0
	}
	shared, of := float64(width*height), float64(d[2]*d[3])
	if !crowd {
		of += float64(g[2] * g[3])
		of -= shared
	}
	return shared / of
}

func (n naive) ignore(a Annotation, lo, hi float64) bool {
	return a.Crowd || a.Ignore || a.Area < lo || a.Area > hi
}

// category gives the mean precision and the recall of a category, -1 for both
// where it has no objects.
func (n naive) category(category, limit int, lo, hi, thr float64) (precision, recall float64) {
	var marks []naiveMark
	objects := 0
	for _, image := range slices.Compact(slices.Sorted(slices.Values(n.gt.ImageIDs))) {
		m, o := n.image(image, category, limit, lo, hi, thr)
		marks, objects = append(marks, m...), objects+o
	}
	if objects == 0 {
		return -1, -1
	}
	sort.SliceStable(marks, func(i, j int) bool { return marks[i].score > marks[j].score })
	var ps, rs []float64
	tp, fp := 0.0, 0.0
	for _, m := range marks {
		if !m.ignored && m.matched {
			tp++
		} else if !m.ignored {
			fp++
		}
		ps, rs = append(ps, tp/(tp+fp+0x1p-52)), append(rs, tp/float64(objects))
	}
	for k := range 101 {
		best := 0.0
		for i := range ps {
			if rs[i] >= float64(k)*0.01 {
				best = max(best, ps[i])
			}
		}
		precision += best / 101
	}
	if len(rs) > 0 {
		recall = rs[len(rs)-1]
	}
	return precision, recall
}

// numpyThresholds is what numpy.linspace(0.5, 0.95, 10) gave, by NumPy 1.24.2:
// the ninth is not the literal 0.9.
var numpyThresholds = []float64{
	0x1p-1, 0x1.199999999999ap-1, 0x1.3333333333333p-1, 0x1.4cccccccccccdp-1, 0x1.6666666666666p-1,
	0x1.8p-1, 0x1.999999999999ap-1, 0x1.b333333333333p-1, 0x1.cccccccccccccp-1, 0x1.e666666666666p-1,
}

func TestThresholdsAreNumPys(t *testing.T) {
	if diff := cmp.Diff(numpyThresholds, thresholds[:]); diff != "" { // to the bit
		t.Errorf("(-NumPy +got):\n%s", diff)
	}
}

// mean averages over categories and thresholds what is not -1.
func (n naive) mean(categories []Category, limit int, lo, hi float64, thrs []float64) (ap, ar float64) {
	count := 0.0
	for _, c := range categories {
		for _, thr := range thrs {
			if p, r := n.category(c.ID, limit, lo, hi, thr); p >= 0 {
				ap, ar, count = ap+p, ar+r, count+1
			}
		}
	}
	if count == 0 {
		return -1, -1
	}
	return ap / count, ar / count
}

func (n naive) evaluate() *Result {
	thrs := numpyThresholds
	all := n.gt.Categories
	r := &Result{PerCategory: map[int]CategoryResult{}}
	r.AP, r.AR100 = n.mean(all, 100, 0, 1e10, thrs)
	r.AP50, _ = n.mean(all, 100, 0, 1e10, thrs[:1])
	r.AP75, _ = n.mean(all, 100, 0, 1e10, thrs[5:6])
	r.APs, r.ARs = n.mean(all, 100, 0, 1024, thrs)
	r.APm, r.ARm = n.mean(all, 100, 1024, 9216, thrs)
	r.APl, r.ARl = n.mean(all, 100, 9216, 1e10, thrs)
	_, r.AR1 = n.mean(all, 1, 0, 1e10, thrs)
	_, r.AR10 = n.mean(all, 10, 0, 1e10, thrs)
	for _, c := range all {
		var figures CategoryResult
		figures.AP, _ = n.mean([]Category{c}, 100, 0, 1e10, thrs)
		figures.AP50, _ = n.mean([]Category{c}, 100, 0, 1e10, thrs[:1])
		figures.AP75, _ = n.mean([]Category{c}, 100, 0, 1e10, thrs[5:6])
		r.PerCategory[c.ID] = figures
	}
	return r
}

func TestEqualsTheNaiveOne(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for trial := range 200 {
		gt, dts := randomSet(r, 1+r.IntN(6), 1+r.IntN(4), trial%8 == 0)
		opts := Options{Workers: 1 + trial%3, ZeroIDUnmatched: trial%2 == 0}
		got, err := Evaluate(gt, dts, opts)
		if err != nil {
			t.Fatal(err)
		}
		want := newNaive(gt, dts, opts.ZeroIDUnmatched).evaluate()
		if diff := cmp.Diff(want, got, cmpopts.EquateApprox(0, 1e-12)); diff != "" {
			t.Fatalf("trial %d (-naive +got):\n%s", trial, diff)
		}
	}
}

// randomSet has crowds, ties of score and of overlap, boxes without area and
// larger than any, areas on the ends of their ranges, gaps among the ids,
// detections of unknown categories, annotations of unknown images, and, if many
// is set, more than 100 detections of a class on an image.
func randomSet(r *rand.Rand, images, categories int, many bool) (*GroundTruth, []Detection) {
	gt := &GroundTruth{ImageIDs: []int{0}, Categories: []Category{{ID: 90, Name: "never seen"}}}
	for range images {
		gt.ImageIDs = append(gt.ImageIDs, r.IntN(1000)) // in no order, perhaps twice
	}
	for c := range categories {
		gt.Categories = append(gt.Categories, Category{ID: 3 * (categories - c)})
	}
	box := func() [4]float64 {
		side := math.Exp2(2 + 6*r.Float64())
		b := [4]float64{200 * r.Float64(), 200 * r.Float64(), side, side * (0.5 + r.Float64())}
		if r.IntN(3) > 0 { // a coarse raster makes overlaps tie and lie on a threshold
			for i := range b {
				b[i] = 10 * math.Round(b[i]/10)
			}
		}
		return b
	}
	var dts []Detection
	for i, image := range append(slices.Clone(gt.ImageIDs), 5000) {
		for range r.IntN(12) {
			a := Annotation{ID: len(gt.Annotations), ImageID: image, CategoryID: 3 * r.IntN(categories+1), Box: box(), Crowd: r.IntN(6) == 0, Ignore: r.IntN(8) == 0}
			a.Area = a.Box[2] * a.Box[3] * (0.6 + 0.4*r.Float64())
			if r.IntN(4) == 0 { // on the ends of the ranges of area, or next to them
				a.Area = []float64{0, 1024, math.Nextafter(1024, 0), 9216, math.Nextafter(9216, 1e5), 1e10, 2e10}[r.IntN(7)]
			}
			gt.Annotations = append(gt.Annotations, a)
			if image == 5000 {
				continue
			}
			for range r.IntN(4) {
				b := a.Box
				b[r.IntN(4)] += math.Round(b[2] * 0.2 * r.NormFloat64())
				if r.IntN(20) == 0 { // as large as what is next to a range, or without area
					b[2], b[3] = 32, []float64{32, 288, 0, -5, 1e307, 1e-320}[r.IntN(6)]
				}
				dts = append(dts, Detection{ImageID: image, CategoryID: a.CategoryID, Box: b, Score: float64(r.IntN(12)) / 10})
			}
		}
		if many && i == 0 {
			for range 250 {
				dts = append(dts, Detection{ImageID: image, CategoryID: 3, Box: box(), Score: float64(r.IntN(12)) / 10})
			}
		}
	}
	r.Shuffle(len(dts), func(i, j int) { dts[i], dts[j] = dts[j], dts[i] })
	return gt, dts
}
