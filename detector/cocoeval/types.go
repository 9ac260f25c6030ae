// Package cocoeval computes the figures of the COCO detection challenge for
// boxes. It gives pycocotools' numbers (COCOeval with iouType "bbox" and the
// default parameters) and takes a fraction of its time.
package cocoeval

import (
	"encoding/json"
	"fmt"
	"math"
)

// GroundTruth is what a set of detections is measured against.
type GroundTruth struct {
	// ImageIDs are the images to evaluate on; one given twice counts once.
	ImageIDs []int
	// Categories to evaluate on.
	Categories []Category
	// Annotations of other images or categories are left out.
	Annotations []Annotation
}

// Category is a class of objects.
type Category struct {
	ID   int
	Name string
}

// Annotation is one object, or a region with a crowd of them.
type Annotation struct {
	ID         int
	ImageID    int
	CategoryID int
	// Box is x, y, width, height in pixels.
	Box [4]float64
	// Area in square pixels decides between small, medium and large. In COCO it
	// is the area of the object's mask, so it is less than the box's.
	Area float64
	// Crowd marks a region in which detections are neither right nor wrong.
	Crowd bool
	// Ignore marks a single object, such as VOC's difficult ones, that need not be
	// found: what finds it is neither right nor wrong.
	Ignore bool
}

// Detection is one box that a detector found.
type Detection struct {
	ImageID    int
	CategoryID int
	// Box is x, y, width, height in pixels.
	Box   [4]float64
	Score float64
}

// Options change how Evaluate works; the zero value is fine.
type Options struct {
	// Workers is how many goroutines evaluate; 0 means one a CPU. The figures
	// do not depend on it.
	Workers int
	// ZeroIDUnmatched repeats a peculiarity of pycocotools: it marks a match by
	// the annotation's id and reads the mark as a truth value, so whatever
	// matches the annotation with id 0 counts as a false positive. Set it where
	// the figures must be pycocotools' for files whose ids begin at 0; leave it
	// where ids have no meaning.
	ZeroIDUnmatched bool
}

// Result holds the twelve figures of COCO, each in [0, 1], or -1 where there is
// nothing to measure.
type Result struct {
	// AP is the average precision over categories and the overlaps 0.50 to
	// 0.95, AP50 and AP75 those at one overlap, APs, APm and APl those of objects
	// below 32 x 32, up to 96 x 96 and above, in square pixels.
	AP   float64 `json:"AP"`
	AP50 float64 `json:"AP50"`
	AP75 float64 `json:"AP75"`
	APs  float64 `json:"APs"`
	APm  float64 `json:"APm"`
	APl  float64 `json:"APl"`
	// AR1, AR10 and AR100 are the recall with as many detections per image and
	// category, ARs, ARm and ARl the recall by size with 100.
	AR1   float64 `json:"AR1"`
	AR10  float64 `json:"AR10"`
	AR100 float64 `json:"AR100"`
	ARs   float64 `json:"ARs"`
	ARm   float64 `json:"ARm"`
	ARl   float64 `json:"ARl"`
	// PerCategory has every category of the ground truth, by its id.
	PerCategory map[int]CategoryResult `json:"per_category"`
}

// CategoryResult holds the figures of one category, -1 where it has no objects.
type CategoryResult struct {
	AP   float64 `json:"AP"`
	AP50 float64 `json:"AP50"`
	AP75 float64 `json:"AP75"`
}

// MarshalJSON writes the object that `detnas eval` prints, with an empty
// per_category as {}.
func (r Result) MarshalJSON() ([]byte, error) {
	type plain Result
	if r.PerCategory == nil {
		r.PerCategory = map[int]CategoryResult{}
	}
	b, err := json.Marshal(plain(r))
	if err != nil {
		return nil, fmt.Errorf("writing the figures as JSON: %w", err)
	}
	return b, nil
}

// finite tells whether all of vs are numbers with an end.
func finite(vs ...float64) bool {
	for _, v := range vs {
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return false
		}
	}
	return true
}
