package shapes

import (
	"image"
	"math/rand/v2"

	"detnas/core/seed"
)

// The longer side of the object in a classification image, as a part of the
// image's side.
const (
	minFill = 0.4
	maxFill = 0.95
)

// drawCrop draws a classification image: one object of the class, whole, on a
// background like that of the detection images.
func drawCrop(cfg Config, split string, class, index int) *canvas {
	r := seed.Rand(cfg.Seed, "shapes", "classification", split, classes[class].name, index)
	f := centred(r, cfg.ClassSize, class)
	c := newCanvas(cfg.ClassSize, cfg.ClassSize)
	drawBackground(c, r)
	paint(c, r, f, cfg.hueOf(r, class))
	finish(c, r)
	return c
}

// centred draws a form that fills its part of the side and lies inside it.
func centred(r *rand.Rand, side, class int) field {
	f := drawForm(r, class)
	longer := float64(side) * between(r, minFill, maxFill)
	trial := float64(side) / 2
	box, _ := f.raster(trial, 0, 0).mask(image.Rect(-side, -side, side, side))
	drawn := f.raster(trial*longer/float64(max(box.Dx(), box.Dy())), r.Float64(), r.Float64())
	box, _ = drawn.mask(drawn.rect)
	return drawn.at(image.Pt(
		r.IntN(max(1, side-box.Dx()+1))-box.Min.X,
		r.IntN(max(1, side-box.Dy()+1))-box.Min.Y,
	))
}
