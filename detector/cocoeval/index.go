package cocoeval

import (
	"cmp"
	"fmt"
	"math"
	"slices"
)

// index is the input arranged for evaluation: groups in the order of category
// id and, within a category, of image id, as pycocotools goes through them.
type index struct {
	categories []int // ids, ascending
	groups     []group
	first      []int // category c has groups[first[c]:first[c+1]]
}

// group is one category on one image: the ground truth in input order and the
// best detections from the highest score down.
type group struct {
	gts []*Annotation
	dts []*Detection
}

// maxDetections is how many detections count per image and category.
const maxDetections = 100

// place is a detection's or an annotation's group and its place in the input.
type place struct {
	category, image, input int
	score                  float64
}

// newIndex checks the input and arranges it.
func newIndex(gt *GroundTruth, dts []Detection) (*index, error) {
	images := ranks(gt.ImageIDs)
	ids := make([]int, len(gt.Categories))
	for i, c := range gt.Categories {
		ids[i] = c.ID
	}
	categories := ranks(ids)
	gtPlaces, err := placeAnnotations(gt, images, categories)
	if err != nil {
		return nil, err
	}
	dtPlaces, err := placeDetections(dts, images, categories)
	if err != nil {
		return nil, err
	}
	x := &index{categories: sortedUnique(ids), first: make([]int, len(categories)+1)}
	x.fill(gt, dts, gtPlaces, dtPlaces)
	return x, nil
}

// placeAnnotations finds the group of each annotation of the images and
// categories to evaluate on.
func placeAnnotations(gt *GroundTruth, images, categories map[int]int) ([]place, error) {
	places := make([]place, 0, len(gt.Annotations))
	for i := range gt.Annotations {
		a := &gt.Annotations[i]
		if !finite(a.Box[:]...) || !finite(a.Area) {
			return nil, fmt.Errorf("annotation %d (id %d): box %v and area %v must be finite numbers", i, a.ID, a.Box, a.Area)
		}
		image, known := images[a.ImageID]
		category, wanted := categories[a.CategoryID]
		if known && wanted {
			places = append(places, place{category: category, image: image, input: i})
		}
	}
	slices.SortFunc(places, comparePlaces)
	return places, nil
}

// placeDetections finds the group of each detection of the categories to
// evaluate on. An unknown image is an error, as in pycocotools.
func placeDetections(dts []Detection, images, categories map[int]int) ([]place, error) {
	places := make([]place, 0, len(dts))
	for i := range dts {
		d := &dts[i]
		if math.IsNaN(d.Score) {
			return nil, fmt.Errorf("detection %d (image %d, category %d): the score is NaN; look for a diverged training", i, d.ImageID, d.CategoryID)
		}
		if !finite(d.Box[:]...) {
			return nil, fmt.Errorf("detection %d (image %d, category %d): box %v must be of finite numbers", i, d.ImageID, d.CategoryID, d.Box)
		}
		image, known := images[d.ImageID]
		if !known {
			return nil, fmt.Errorf("detection %d: image id %d is not in the ground truth; evaluate against the split that the detections were made on", i, d.ImageID)
		}
		if category, wanted := categories[d.CategoryID]; wanted {
			places = append(places, place{category: category, image: image, input: i, score: d.Score})
		}
	}
	slices.SortFunc(places, comparePlaces)
	return places, nil
}

// comparePlaces orders by category, image, falling score and place in the
// input: pycocotools' stable sort of each group.
func comparePlaces(a, b place) int {
	if c := cmp.Compare(a.category, b.category); c != 0 {
		return c
	}
	if c := cmp.Compare(a.image, b.image); c != 0 {
		return c
	}
	if a.score != b.score {
		return cmp.Compare(b.score, a.score)
	}
	return cmp.Compare(a.input, b.input)
}

// fill merges the two sorted lists into groups.
func (x *index) fill(gt *GroundTruth, dts []Detection, gtPlaces, dtPlaces []place) {
	category := 0
	for len(gtPlaces) > 0 || len(dtPlaces) > 0 {
		next := nextGroup(gtPlaces, dtPlaces)
		for ; category < next.category; category++ {
			x.first[category+1] = len(x.groups)
		}
		var g group
		for ; len(gtPlaces) > 0 && sameGroup(gtPlaces[0], next); gtPlaces = gtPlaces[1:] {
			g.gts = append(g.gts, &gt.Annotations[gtPlaces[0].input])
		}
		for ; len(dtPlaces) > 0 && sameGroup(dtPlaces[0], next); dtPlaces = dtPlaces[1:] {
			if len(g.dts) < maxDetections {
				g.dts = append(g.dts, &dts[dtPlaces[0].input])
			}
		}
		x.groups = append(x.groups, g)
	}
	for ; category < len(x.categories); category++ {
		x.first[category+1] = len(x.groups)
	}
}

// nextGroup is whichever head of the two lists, not both empty, comes first.
func nextGroup(a, b []place) place {
	switch {
	case len(a) == 0:
		return b[0]
	case len(b) == 0:
		return a[0]
	}
	p, q := a[0], b[0]
	if p.category < q.category || p.category == q.category && p.image < q.image {
		return p
	}
	return q
}

func sameGroup(a, b place) bool { return a.category == b.category && a.image == b.image }

// ranks maps each id to its place among the ids in ascending order.
func ranks(ids []int) map[int]int {
	rank := make(map[int]int, len(ids))
	for i, id := range sortedUnique(ids) {
		rank[id] = i
	}
	return rank
}

func sortedUnique(ids []int) []int {
	return slices.Compact(slices.Sorted(slices.Values(ids)))
}
