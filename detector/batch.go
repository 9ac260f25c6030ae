package detector

import (
	"fmt"
	"math"

	"detnas/core/tensor"
	"detnas/detector/box"
)

// Batch is a batch of images as a network takes it.
type Batch struct {
	// X is [n, 3, h, w], normalised; each image stands in its top left corner.
	X      *tensor.Tensor
	Images []Image
}

// Image describes one image of a batch. Boxes are in pixels of the batch.
type Image struct {
	// W and H are the image's size without padding, in px.
	W, H int
	// Boxes are the objects and Labels their classes, from 0. Detect does not
	// look at them.
	Boxes  []box.Box
	Labels []int
	// Ignore are the crowds; see AssignConfig.IgnoreIoF.
	Ignore []box.Box
}

// Detection is one found object.
type Detection struct {
	// Box is in pixels of the batch, within the image.
	Box   box.Box
	Label int
	Score float32 // probability of the class
}

// check compares the batch with itself and, where train, its ground truth with
// the classes.
func (b Batch) check(classes int, train bool) error {
	if d := b.X.Shape(); len(d) != 4 || d[0] != int64(len(b.Images)) {
		return fmt.Errorf("batch of shape %v with %d images described", d, len(b.Images))
	}
	for i, im := range b.Images {
		if im.W <= 0 || im.H <= 0 || int64(im.H) > b.X.Dim(2) || int64(im.W) > b.X.Dim(3) {
			return fmt.Errorf("image %d of %dx%d px in a batch of shape %v", i, im.W, im.H, b.X.Shape())
		}
		if !train {
			continue
		}
		if err := im.checkTruth(classes); err != nil {
			return fmt.Errorf("image %d: %w", i, err)
		}
	}
	return nil
}

// checkTruth refuses ground truth whose targets would not be finite.
func (im Image) checkTruth(classes int) error {
	if len(im.Labels) != len(im.Boxes) {
		return fmt.Errorf("%d boxes and %d labels", len(im.Boxes), len(im.Labels))
	}
	for k, b := range im.Boxes {
		if !(b[2] > b[0]) || !(b[3] > b[1]) || !finite(b) {
			return fmt.Errorf("box %d %v has no area; leave it out of the training set", k, b)
		}
		if im.Labels[k] < 0 || im.Labels[k] >= classes {
			return fmt.Errorf("box %d has the label %d, and there are %d classes", k, im.Labels[k], classes)
		}
	}
	return nil
}

// finite tells whether no corner is NaN or infinite.
func finite(b box.Box) bool {
	sum := b[0] + b[1] + b[2] + b[3]
	return !math.IsNaN(float64(sum)) && !math.IsInf(float64(sum), 0)
}
