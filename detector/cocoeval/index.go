package cocoeval

import (
	"cmp"
	"fmt"
	"slices"
	"sync"
)

// index is the input arranged for evaluation: groups in the order of category
// id and, within a category, of image id, as pycocotools goes through them.
type index struct {
	categories []int // ids, ascending
	groups     []group
	first      []int // category c has groups[first[c]:first[c+1]]
}

// group is one category on one image, and what its detections came to.
type group struct {
	gts      []*Annotation // in input order
	dts      []*Detection  // in input order; once evaluated, the best from the highest score down
	verdicts []verdicts    // by detection
	objects  [numAreas]int // ground truths that count
}

// maxDetections is how many detections count per image and category.
const maxDetections = 100

// newIndex checks the input and arranges it.
func newIndex(gt *GroundTruth, dts []Detection) (*index, error) {
	ids := make([]int, len(gt.Categories))
	for i, c := range gt.Categories {
		ids[i] = c.ID
	}
	images, categories := newRanks(gt.ImageIDs), newRanks(ids)
	var gtMembers []member[Annotation]
	var gtErr error
	var wg sync.WaitGroup
	wg.Go(func() { gtMembers, gtErr = arrangeAnnotations(gt, images, categories) })
	dtMembers, err := arrangeDetections(dts, images, categories)
	wg.Wait()
	if gtErr != nil {
		err = gtErr // one error at a time, the same whichever came first
	}
	if err != nil {
		return nil, err
	}
	x := &index{categories: categories.ids, first: make([]int, len(categories.ids)+1)}
	x.fill(gtMembers, dtMembers)
	return x, nil
}

// key is a group: the ranks of its category and of its image.
type key struct{ category, image int32 }

func (k key) compare(other key) int {
	return cmp.Or(cmp.Compare(k.category, other.category), cmp.Compare(k.image, other.image))
}

// member is an annotation or a detection and its group.
type member[T any] struct {
	key
	of *T
}

// arrangeAnnotations puts the annotations in the order of their groups. Those of
// other images and categories are left out.
func arrangeAnnotations(gt *GroundTruth, images, categories *ranks) ([]member[Annotation], error) {
	all := make([]member[Annotation], 0, len(gt.Annotations))
	image, category := images.finder(), categories.finder()
	for i := range gt.Annotations {
		a := &gt.Annotations[i]
		if !finite(a.Box[:]...) || !finite(a.Area) {
			return nil, fmt.Errorf("annotation %d (id %d): box %v and area %v must be finite numbers", i, a.ID, a.Box, a.Area)
		}
		k := key{category(a.CategoryID), image(a.ImageID)}
		if k.category >= 0 && k.image >= 0 {
			all = append(all, member[Annotation]{k, a})
		}
	}
	return arranged(all, images, categories), nil
}

// arrangeDetections puts the detections in the order of their groups. Those of
// other categories are left out. An unknown image is an error, as in pycocotools.
func arrangeDetections(dts []Detection, images, categories *ranks) ([]member[Detection], error) {
	all := make([]member[Detection], 0, len(dts))
	image, category := images.finder(), categories.finder()
	for i := range dts {
		d := &dts[i]
		if !finite(d.Score) {
			return nil, fmt.Errorf("detection %d (image %d, category %d): the score is %v; look for a diverged training", i, d.ImageID, d.CategoryID, d.Score)
		}
		if !finite(d.Box[:]...) {
			return nil, fmt.Errorf("detection %d (image %d, category %d): box %v must be of finite numbers", i, d.ImageID, d.CategoryID, d.Box)
		}
		k := key{category(d.CategoryID), image(d.ImageID)}
		if k.image < 0 {
			return nil, fmt.Errorf("detection %d: image id %d is not in the ground truth; evaluate against the split that the detections were made on", i, d.ImageID)
		}
		if k.category >= 0 {
			all = append(all, member[Detection]{k, d})
		}
	}
	return arranged(all, images, categories), nil
}

// arranged sorts by group and keeps the order of a group. It does so by counting:
// by image, then by category.
func arranged[T any](all []member[T], images, categories *ranks) []member[T] {
	all = counted(all, len(images.ids), func(m *member[T]) int32 { return m.image })
	return counted(all, len(categories.ids), func(m *member[T]) int32 { return m.category })
}

// counted sorts all by rank, which is below n, and keeps the order of equals.
func counted[T any](all []T, n int, rank func(*T) int32) []T {
	next := make([]int, n+1)
	for i := range all {
		next[rank(&all[i])+1]++
	}
	for i := range n {
		next[i+1] += next[i]
	}
	sorted := make([]T, len(all))
	for i := range all {
		r := rank(&all[i])
		sorted[next[r]] = all[i]
		next[r]++
	}
	return sorted
}

// fill merges the two arranged lists into groups.
func (x *index) fill(gts []member[Annotation], dts []member[Detection]) {
	gtList, dtList := pointers(gts), pointers(dts)
	all := make([]verdicts, len(dts))
	for len(gts) > 0 || len(dts) > 0 {
		next := firstKey(gts, dts)
		g, d := run(gts, next), run(dts, next)
		x.groups = append(x.groups, group{gts: gtList[:g:g], dts: dtList[:d:d], verdicts: all[:d:d]})
		gts, gtList = gts[g:], gtList[g:]
		dts, dtList, all = dts[d:], dtList[d:], all[d:]
		x.first[next.category+1] = len(x.groups)
	}
	for c := range x.categories { // one without groups ends where it begins
		x.first[c+1] = max(x.first[c+1], x.first[c])
	}
}

func pointers[T any](all []member[T]) []*T {
	list := make([]*T, len(all))
	for i, m := range all {
		list[i] = m.of
	}
	return list
}

// firstKey is the group that comes first in two lists, not both empty.
func firstKey[A, B any](a []member[A], b []member[B]) key {
	switch {
	case len(a) == 0:
		return b[0].key
	case len(b) == 0 || a[0].compare(b[0].key) < 0:
		return a[0].key
	}
	return b[0].key
}

// run counts how many of all, from the first on, are of the group k.
func run[T any](all []member[T], k key) int {
	n := 0
	for n < len(all) && all[n].key == k {
		n++
	}
	return n
}

// ranks gives ids their places in ascending order.
type ranks struct {
	ids  []int // ascending, each once
	rank map[int]int32
}

func newRanks(ids []int) *ranks {
	r := &ranks{ids: slices.Compact(slices.Sorted(slices.Values(ids))), rank: make(map[int]int32, len(ids))}
	for i, id := range r.ids {
		r.rank[id] = int32(i)
	}
	return r
}

// finder gives a function that finds an id's rank, -1 for one that is not there.
// It is quick where an id comes several times in a row.
func (r *ranks) finder() func(id int) int32 {
	last, of := 0, int32(-1)
	if len(r.ids) > 0 {
		last, of = r.ids[0], 0
	}
	return func(id int) int32 {
		if id != last {
			rank, known := r.rank[id]
			if !known {
				return -1
			}
			last, of = id, rank
		}
		return of
	}
}
