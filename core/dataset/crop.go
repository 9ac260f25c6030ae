package dataset

import (
	"fmt"
	"math"
	"math/rand/v2"
)

// CropMode says how a classification training crop is cut.
type CropMode string

const (
	// CropResized cuts a random part of random size and shape and scales it, as
	// torchvision's RandomResizedCrop: the ImageNet recipe.
	CropResized CropMode = "resized"
	// CropPad scales the short side to the size, pads with black, and cuts at
	// random: the usual recipe for CIFAR's small images.
	CropPad CropMode = "pad"
)

// The ranges of torchvision's RandomResizedCrop: the part's share of the area,
// its width over its height, and the tries before the centre is taken.
const (
	cropMinShare = 0.08
	cropMinShape = 3.0 / 4
	cropMaxShape = 4.0 / 3
	cropTries    = 10
)

// randomPart draws the part of a w by h image that RandomResizedCrop would cut,
// minShare to all of its area.
func randomPart(rng *rand.Rand, w, h int, minShare float64) Rect {
	area := float64(w) * float64(h)
	for range cropTries {
		target := area * uniform(rng, minShare, 1)
		shape := math.Exp(uniform(rng, math.Log(cropMinShape), math.Log(cropMaxShape)))
		cw := int(math.RoundToEven(math.Sqrt(target * shape)))
		ch := int(math.RoundToEven(math.Sqrt(target / shape)))
		if cw > 0 && cw <= w && ch > 0 && ch <= h {
			y := rng.IntN(h - ch + 1)
			x := rng.IntN(w - cw + 1)
			return Rect{X: x, Y: y, W: cw, H: ch}
		}
	}
	cw, ch := w, h
	switch shape := float64(w) / float64(h); {
	case shape < cropMinShape:
		ch = int(math.RoundToEven(float64(w) / cropMinShape))
	case shape > cropMaxShape:
		cw = int(math.RoundToEven(float64(h) * cropMaxShape))
	}
	return Rect{X: (w - cw) / 2, Y: (h - ch) / 2, W: cw, H: ch}
}

// shortSide scales m, antialiased, so that its shorter side has short pixels;
// the longer one is cut to whole pixels, as torchvision's Resize does. A long and
// thin image that would become one of more than limit pixels is refused.
func shortSide(m Image, short, limit int) (Image, error) {
	w, h := short, short
	if m.W < m.H {
		h = max(short*m.H/m.W, 1)
	} else {
		w = max(short*m.W/m.H, 1)
	}
	if h > limit/w {
		return Image{}, fmt.Errorf("%dx%d px scaled to a short side of %d px is over the limit of %d pixels; cut the image", m.W, m.H, short, limit)
	}
	return ResizeAntialias(m, m.bounds(), w, h), nil
}

// centre cuts size by size pixels from the middle, black where m is smaller.
func centre(m Image, size int) Image {
	x := int(math.RoundToEven(float64(m.W-size) / 2))
	y := int(math.RoundToEven(float64(m.H-size) / 2))
	return m.crop(Rect{X: x, Y: y, W: size, H: size})
}

// paddedCrop cuts size by size pixels at random from m with a black border of
// pad pixels about it.
func paddedCrop(rng *rand.Rand, m Image, size, pad int) Image {
	y := rng.IntN(max(m.H+2*pad-size, 0)+1) - pad
	x := rng.IntN(max(m.W+2*pad-size, 0)+1) - pad
	return m.crop(Rect{X: x, Y: y, W: size, H: size})
}
