package shapes

import (
	"image"
	"math"
	"math/rand/v2"

	"detnas/core/seed"
)

const (
	// minVisible is the part of an object that must be seen, the rest being
	// behind others or outside the picture.
	minVisible = 0.4
	// overhang is how far an object may reach out of the picture, as a part of
	// its width or height.
	overhang = 0.15
	// tries is how often a place is looked for before an object is given up.
	tries = 20
)

// object is a shape at its place in a detection image.
type object struct {
	class int
	field field
	box   image.Rectangle // tight around the whole mask inside the picture
	area  int             // pixels of the mask that are seen
}

// drawScene draws a detection image and tells what is in it, front to back.
func drawScene(cfg Config, split string, index int) (*canvas, []object) {
	r := seed.Rand(cfg.Seed, "shapes", "detection", split, index)
	objects := compose(cfg, r)
	c := newCanvas(cfg.Width, cfg.Height)
	drawBackground(c, r)
	for i := len(objects) - 1; i >= 0; i-- {
		paint(c, r, objects[i].field, cfg.hueOf(r, objects[i].class))
	}
	finish(c, r)
	return c, objects
}

// compose places objects from the front to the back, so that what is seen of
// each is known when it is placed.
func compose(cfg Config, r *rand.Rand) []object {
	s := stage{
		bounds:  image.Rect(0, 0, cfg.Width, cfg.Height),
		taken:   make([]bool, cfg.Width*cfg.Height),
		overlap: cfg.MaxOverlap,
	}
	for range cfg.MinObjects + r.IntN(cfg.MaxObjects-cfg.MinObjects+1) {
		f := drawForm(r, r.IntN(cfg.Classes))
		shorter := float64(min(cfg.Width, cfg.Height))
		radius := logBetween(r, cfg.MinSize, cfg.maxSize()) / math.Sqrt(f.area())
		radius = min(radius, maxRadius*shorter)
		s.place(r, f.class, f.raster(radius, r.Float64(), r.Float64()))
	}
	return s.objects
}

// stage is a picture with the objects placed so far.
type stage struct {
	bounds  image.Rectangle
	taken   []bool // pixels covered by an object
	overlap float64
	objects []object
}

// place looks for a spot where enough of the object is seen and its box keeps
// clear enough of the others, and leaves the object out if there is none.
func (s *stage) place(r *rand.Rand, class int, f field) {
	whole, full := f.mask(f.rect)
	if full == 0 {
		return
	}
	for range tries {
		moved := f.at(image.Pt(
			spot(r, s.bounds.Dx(), whole.Min.X, whole.Max.X),
			spot(r, s.bounds.Dy(), whole.Min.Y, whole.Max.Y),
		))
		box, _ := moved.mask(s.bounds)
		if s.crowded(box) {
			continue
		}
		seen := s.visible(moved)
		if float64(seen) < minVisible*float64(full) {
			continue
		}
		s.cover(moved)
		s.objects = append(s.objects, object{class, moved, box, seen})
		return
	}
}

// spot draws a shift that brings [lo, hi) into [0, side), up to the overhang.
func spot(r *rand.Rand, side, lo, hi int) int {
	out := int(overhang * float64(hi-lo))
	first, last := -out-lo, side+out-hi
	if last <= first {
		return (first + last) / 2
	}
	return first + r.IntN(last-first+1)
}

func (s *stage) crowded(box image.Rectangle) bool {
	for _, o := range s.objects {
		both := size(o.box.Intersect(box))
		if float64(both) > s.overlap*float64(size(o.box)+size(box)-both) {
			return true
		}
	}
	return false
}

func size(r image.Rectangle) int { return r.Dx() * r.Dy() }

// visible counts the mask's pixels inside the picture that no object covers.
func (s *stage) visible(f field) int {
	seen := 0
	s.each(f, func(taken *bool) {
		if !*taken {
			seen++
		}
	})
	return seen
}

func (s *stage) cover(f field) {
	s.each(f, func(taken *bool) { *taken = true })
}

func (s *stage) each(f field, visit func(taken *bool)) {
	in := f.rect.Intersect(s.bounds)
	for y := in.Min.Y; y < in.Max.Y; y++ {
		line := s.taken[y*s.bounds.Dx()+in.Min.X:]
		for i, d := range f.row(y, in.Min.X, in.Max.X) {
			if d <= 0 {
				visit(&line[i])
			}
		}
	}
}
