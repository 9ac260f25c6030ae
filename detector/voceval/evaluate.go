// Package voceval computes the mean average precision of the PASCAL VOC challenge
// at an overlap of 0.5, as VOCevaldet of its development kit does, in the form of
// 2007 and in the one of 2010 and after.
package voceval

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"slices"

	"detnas/detector/cocoeval"
)

// minOverlap is what a detection must overlap an object by, at least.
const minOverlap = 0.5

// Result holds the figures, each in [0, 1], or -1 where there is nothing to find.
type Result struct {
	// MAP07 is the mean over the categories of AP07, MAP that of AP.
	MAP07 float64
	MAP   float64
	// PerCategory has every category of the ground truth, by its id.
	PerCategory map[int]CategoryResult
}

// CategoryResult holds the figures of one category. AP07 and AP are -1 where it has
// no objects.
type CategoryResult struct {
	// AP07 is the average precision of VOC 2007: the mean, over the recalls 0, 0.1,
	// ... 1, of the best precision at that recall or beyond.
	AP07 float64
	// AP is that of VOC 2010 and after: the area under the curve of the best
	// precision at a recall or beyond.
	AP float64
	// Objects counts what is to be found, so without what is ignored.
	Objects int
}

// Evaluate measures dts against gt. Annotations that are marked Ignore, VOC's
// difficult objects, or Crowd count neither way. A detection on an image that gt
// does not have and one whose score or box is not finite are errors, which give
// the place in dts; one of a category that gt does not have is left out. Equal
// scores keep the order of dts.
//
// Boxes are x, y, width and height with their ends exclusive, as OpenVOC gives
// them. The development kit takes corners whose pixels are in the box, and adds 1
// to every difference: the overlaps are the same.
func Evaluate(gt *cocoeval.GroundTruth, dts []cocoeval.Detection) (*Result, error) {
	truths := newTruths(gt)
	perCategory := map[int][]cocoeval.Detection{}
	for i, d := range dts {
		if err := truths.check(d); err != nil {
			return nil, fmt.Errorf("detection %d (image %d, category %d): %w", i, d.ImageID, d.CategoryID, err)
		}
		perCategory[d.CategoryID] = append(perCategory[d.CategoryID], d)
	}
	r := &Result{PerCategory: make(map[int]CategoryResult, len(gt.Categories))}
	for _, c := range gt.Categories {
		r.PerCategory[c.ID] = truths.category(c.ID, perCategory[c.ID])
	}
	r.MAP07, r.MAP = r.mean()
	return r, nil
}

// mean is the mean of both figures over the categories that have objects.
func (r *Result) mean() (ap07, ap float64) {
	n := 0
	for _, id := range slices.Sorted(maps.Keys(r.PerCategory)) {
		if of := r.PerCategory[id]; of.Objects > 0 {
			ap07, ap, n = ap07+of.AP07, ap+of.AP, n+1
		}
	}
	if n == 0 {
		return -1, -1
	}
	return ap07 / float64(n), ap / float64(n)
}

// truths are the objects by where they are looked for.
type truths struct {
	images  map[int]bool
	objects map[place][]*cocoeval.Annotation
	count   map[int]int // objects to be found, by category
}

type place struct{ image, category int }

func newTruths(gt *cocoeval.GroundTruth) *truths {
	t := &truths{images: map[int]bool{}, objects: map[place][]*cocoeval.Annotation{}, count: map[int]int{}}
	for _, id := range gt.ImageIDs {
		t.images[id] = true
	}
	for i := range gt.Annotations {
		a := &gt.Annotations[i]
		if !t.images[a.ImageID] {
			continue
		}
		p := place{a.ImageID, a.CategoryID}
		t.objects[p] = append(t.objects[p], a)
		if !ignored(a) {
			t.count[a.CategoryID]++
		}
	}
	return t
}

func ignored(a *cocoeval.Annotation) bool { return a.Ignore || a.Crowd }

// check refuses a detection that cannot be measured.
func (t *truths) check(d cocoeval.Detection) error {
	switch {
	case !finite(d.Score):
		return fmt.Errorf("the score %v must be a finite number; look for a diverged training", d.Score)
	case !finite(d.Box[0]) || !finite(d.Box[1]) || !finite(d.Box[2]) || !finite(d.Box[3]):
		return fmt.Errorf("box %v must be of finite numbers", d.Box)
	case !t.images[d.ImageID]:
		return fmt.Errorf("the image is not in the ground truth; evaluate against the split that the detections were made on")
	}
	return nil
}

func finite(v float64) bool { return !math.IsNaN(v) && !math.IsInf(v, 0) }

// category measures the detections of one category.
func (t *truths) category(id int, dts []cocoeval.Detection) CategoryResult {
	r := CategoryResult{AP07: -1, AP: -1, Objects: t.count[id]}
	if r.Objects == 0 {
		return r
	}
	slices.SortStableFunc(dts, func(a, b cocoeval.Detection) int { return cmp.Compare(b.Score, a.Score) })
	c := curve{objects: r.Objects}
	taken := map[*cocoeval.Annotation]bool{}
	for _, d := range dts {
		a := best(d, t.objects[place{d.ImageID, id}])
		switch {
		case a == nil, !ignored(a) && taken[a]: // nothing there, or found before
			c.wrong++
		case ignored(a):
		default:
			taken[a] = true
			c.right++
		}
		c.add()
	}
	c.envelop()
	r.AP07, r.AP = c.elevenPoints(), c.area()
	return r
}

// best is the object that a detection overlaps most, the first of equal ones,
// taken or not, if that is enough.
func best(d cocoeval.Detection, objects []*cocoeval.Annotation) *cocoeval.Annotation {
	var found *cocoeval.Annotation
	most := 0.0
	for _, a := range objects {
		if v := overlap(d.Box, a.Box); v > most {
			found, most = a, v
		}
	}
	if most < minOverlap {
		return nil
	}
	return found
}

// overlap is the intersection of two boxes over their union.
func overlap(a, b [4]float64) float64 {
	w := min(a[0]+a[2], b[0]+b[2]) - max(a[0], b[0])
	h := min(a[1]+a[3], b[1]+b[3]) - max(a[1], b[1])
	if w <= 0 || h <= 0 {
		return 0
	}
	return w * h / (a[2]*a[3] + b[2]*b[3] - w*h)
}
