// Package cocoset makes up a set of the size of COCO's val2017, and detections on
// it, to measure the evaluation with.
package cocoset

import (
	"math"
	"math/rand/v2"
	"slices"

	"detnas/core/seed"
	"detnas/detector/cocoeval"
)

// Size is what a set is made of. The same size gives the same set.
type Size struct {
	Seed                        uint64
	Images, Objects, Detections int
}

// Val2017 is the size that the evaluation's speed is stated for.
var Val2017 = Size{Seed: 1, Images: 5000, Objects: 36_000, Detections: 100_000}

// Widths and heights of every image, in pixels.
const (
	width  = 640
	height = 480
)

// numCategories have ids from 1 to 90 with gaps, as in COCO.
const numCategories = 80

// Make makes up a set. A hundredth of the images has no objects. Half of the
// detections lie on an object, more or less, with a score to match; the others
// lie anywhere. They come image by image, from the highest score down, as a
// detector gives them, in float32's precision.
func Make(size Size) (*cocoeval.GroundTruth, []cocoeval.Detection) {
	gt := &cocoeval.GroundTruth{}
	for i := range size.Images {
		gt.ImageIDs = append(gt.ImageIDs, 139+i*115+i%7)
	}
	for i := range numCategories {
		gt.Categories = append(gt.Categories, cocoeval.Category{ID: categoryID(i), Name: "category " + string(rune('A'+i%26)) + string(rune('a'+i/26))})
	}
	for i := range size.Objects {
		gt.Annotations = append(gt.Annotations, object(size, gt.ImageIDs, i))
	}
	dts := make([]cocoeval.Detection, size.Detections)
	for i := range dts {
		dts[i] = detection(size, gt, i)
	}
	slices.SortStableFunc(dts, func(a, b cocoeval.Detection) int {
		if a.ImageID != b.ImageID {
			return a.ImageID - b.ImageID
		}
		if a.Score > b.Score {
			return -1
		}
		return 1
	})
	return gt, dts
}

func categoryID(i int) int { return i + 1 + i/8 }

func object(size Size, images []int, i int) cocoeval.Annotation {
	r := seed.Rand(size.Seed, "object", i)
	empty := len(images) / 100
	a := cocoeval.Annotation{
		ID: 1000 + 37*i, ImageID: images[empty+r.IntN(len(images)-empty)], CategoryID: anyCategory(r), Box: box(r), Crowd: r.IntN(90) == 0,
	}
	a.Area = hundredths(a.Box[2] * a.Box[3] * (0.4 + 0.5*r.Float64()))
	return a
}

// anyCategory is the first for a third of all, as people are in COCO, and then the
// rarer the later.
func anyCategory(r *rand.Rand) int {
	if r.IntN(3) == 0 {
		return categoryID(0)
	}
	return categoryID(int(numCategories * r.Float64() * r.Float64()))
}

// box has sides from 4 pixels up to the image's, small ones more often.
func box(r *rand.Rand) [4]float64 {
	w, h := side(r, width), side(r, height)
	return [4]float64{hundredths(r.Float64() * (width - w)), hundredths(r.Float64() * (height - h)), w, h}
}

func side(r *rand.Rand, most float64) float64 {
	u := r.Float64()
	return hundredths(4 + (most-4)*u*u*u)
}

func hundredths(v float64) float64 { return math.Round(v*100) / 100 }

func detection(size Size, gt *cocoeval.GroundTruth, i int) cocoeval.Detection {
	r := seed.Rand(size.Seed, "detection", i)
	on := gt.Annotations[r.IntN(len(gt.Annotations))]
	d := cocoeval.Detection{ImageID: on.ImageID, CategoryID: on.CategoryID, Box: box(r), Score: single(r.Float64() * r.Float64())}
	if r.IntN(2) == 0 {
		off := 0.25 * r.Float64()
		for k, v := range on.Box {
			d.Box[k] = v + on.Box[2+k%2]*off*(r.Float64()-0.5)
		}
		d.Score = single(1 - off*2 - 0.5*r.Float64())
	}
	if r.IntN(10) == 0 {
		d.CategoryID = anyCategory(r)
	}
	for k, v := range d.Box {
		d.Box[k] = single(v)
	}
	return d
}

// single is v as a float32 holds it.
func single(v float64) float64 { return float64(float32(v)) }
