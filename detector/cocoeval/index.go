package cocoeval

import (
	"cmp"
	"fmt"
	"slices"
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
	gtKeys, err := annotationKeys(gt, images, categories)
	if err != nil {
		return nil, err
	}
	dtKeys, err := detectionKeys(dts, images, categories)
	if err != nil {
		return nil, err
	}
	x := &index{categories: categories.ids, first: make([]int, len(categories.ids)+1)}
	x.fill(
		arranged(gt.Annotations, gtKeys, len(images.ids), len(categories.ids)),
		arranged(dts, dtKeys, len(images.ids), len(categories.ids)),
	)
	return x, nil
}

// key is the group of an annotation or a detection: the ranks of its category
// and of its image, or -1 and 0 where it is left out.
type key struct{ category, image int32 }

func (k key) compare(other key) int {
	return cmp.Or(cmp.Compare(k.category, other.category), cmp.Compare(k.image, other.image))
}

var leftOut = key{category: -1}

// annotationKeys finds the group of each annotation. Those of other images and
// categories are left out.
func annotationKeys(gt *GroundTruth, images, categories *ranks) ([]key, error) {
	keys := make([]key, len(gt.Annotations))
	for i := range gt.Annotations {
		a := &gt.Annotations[i]
		if !finite(a.Box[:]...) || !finite(a.Area) {
			return nil, fmt.Errorf("annotation %d (id %d): box %v and area %v must be finite numbers", i, a.ID, a.Box, a.Area)
		}
		image, known := images.of(a.ImageID)
		category, wanted := categories.of(a.CategoryID)
		keys[i] = leftOut
		if known && wanted {
			keys[i] = key{category, image}
		}
	}
	return keys, nil
}

// detectionKeys finds the group of each detection. Those of other categories
// are left out. An unknown image is an error, as in pycocotools.
func detectionKeys(dts []Detection, images, categories *ranks) ([]key, error) {
	keys := make([]key, len(dts))
	for i := range dts {
		d := &dts[i]
		if !finite(d.Score) {
			return nil, fmt.Errorf("detection %d (image %d, category %d): the score is %v; look for a diverged training", i, d.ImageID, d.CategoryID, d.Score)
		}
		if !finite(d.Box[:]...) {
			return nil, fmt.Errorf("detection %d (image %d, category %d): box %v must be of finite numbers", i, d.ImageID, d.CategoryID, d.Box)
		}
		image, known := images.of(d.ImageID)
		if !known {
			return nil, fmt.Errorf("detection %d: image id %d is not in the ground truth; evaluate against the split that the detections were made on", i, d.ImageID)
		}
		category, wanted := categories.of(d.CategoryID)
		keys[i] = leftOut
		if wanted {
			keys[i] = key{category, image}
		}
	}
	return keys, nil
}

// member is an annotation or a detection and its group.
type member[T any] struct {
	key
	of *T
}

// arranged puts items, less those left out, in the order of their groups, and
// those of a group in the order of the input. It sorts by counting: by image,
// then by category.
func arranged[T any](items []T, keys []key, images, categories int) []member[T] {
	all := make([]member[T], 0, len(items))
	for i, k := range keys {
		if k != leftOut {
			all = append(all, member[T]{k, &items[i]})
		}
	}
	all = counted(all, images, func(m *member[T]) int32 { return m.image })
	return counted(all, categories, func(m *member[T]) int32 { return m.category })
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

func (r *ranks) of(id int) (rank int32, known bool) {
	rank, known = r.rank[id]
	return rank, known
}
