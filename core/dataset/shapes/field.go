package shapes

import (
	"image"
	"math"
	"math/rand/v2"
)

// An object's radius stays below this part of the image's shorter side, however
// thin the shape, so that it fits into the picture.
const maxRadius = 0.42

// form is one object's outline before it is brought to a size and a place.
type form struct {
	class    int
	outline  distance
	sin, cos float64 // of the rotation
	sx, sy   float64 // stretch along the shape's own axes; their product is 1
}

func drawForm(r *rand.Rand, class int) form {
	f := form{class: class, outline: classes[class].draw(r)}
	f.sin, f.cos = math.Sincos(turn(r))
	f.sx = math.Sqrt(logBetween(r, 0.8, 1.25))
	f.sy = 1 / f.sx
	return f
}

// area returns the form's area for radius 1, measured on a grid.
func (f form) area() float64 {
	const n = 48
	inside := 0
	for j := range n {
		for i := range n {
			if f.outline((2*float64(i)+1)/n-1, (2*float64(j)+1)/n-1) <= 0 {
				inside++
			}
		}
	}
	return 4 * float64(inside) / (n * n)
}

// field holds a form's signed distance in pixels at every pixel centre of rect,
// row by row. Pixels with a distance of at most 0 are the object's mask.
type field struct {
	rect image.Rectangle
	dist []float32
}

// raster brings the form to a radius in pixels with its centre at (cx, cy).
// The field reaches at least one pixel beyond the mask on every side.
func (f form) raster(radius, cx, cy float64) field {
	reach := radius*max(f.sx, f.sy) + 1.5
	rect := image.Rect(
		int(math.Floor(cx-reach)), int(math.Floor(cy-reach)),
		int(math.Ceil(cx+reach)), int(math.Ceil(cy+reach)),
	)
	dist := make([]float32, 0, rect.Dx()*rect.Dy())
	kx, ky := 1/(radius*f.sx), 1/(radius*f.sy)
	pixels := radius * min(f.sx, f.sy)
	for y := rect.Min.Y; y < rect.Max.Y; y++ {
		py := float64(y) + 0.5 - cy
		for x := rect.Min.X; x < rect.Max.X; x++ {
			px := float64(x) + 0.5 - cx
			d := f.outline((px*f.cos+py*f.sin)*kx, (py*f.cos-px*f.sin)*ky)
			dist = append(dist, float32(d*pixels))
		}
	}
	return field{rect, dist}
}

// at returns the field moved by whole pixels; the distances are shared.
func (f field) at(offset image.Point) field {
	return field{f.rect.Add(offset), f.dist}
}

// row returns the distances of the pixels from x0 to x1 in row y.
func (f field) row(y, x0, x1 int) []float32 {
	start := (y-f.rect.Min.Y)*f.rect.Dx() - f.rect.Min.X
	return f.dist[start+x0 : start+x1]
}

// mask returns the tight box of the mask's pixels inside bounds and how many
// they are; the box is empty if there are none.
func (f field) mask(bounds image.Rectangle) (box image.Rectangle, area int) {
	in := f.rect.Intersect(bounds)
	box = image.Rectangle{Min: in.Max, Max: in.Min}
	for y := in.Min.Y; y < in.Max.Y; y++ {
		for i, d := range f.row(y, in.Min.X, in.Max.X) {
			if d > 0 {
				continue
			}
			x := in.Min.X + i
			area++
			box.Min.X, box.Max.X = min(box.Min.X, x), max(box.Max.X, x+1)
			box.Min.Y, box.Max.Y = min(box.Min.Y, y), max(box.Max.Y, y+1)
		}
	}
	if area == 0 {
		return image.Rectangle{}, 0
	}
	return box, area
}
