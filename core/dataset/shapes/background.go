package shapes

import (
	"image"
	"math"
	"math/rand/v2"
)

// drawBackground fills the canvas with a gradient, a pattern and clutter that is
// no class: bands, lines, scribbles and lumps. Its colours are paler than those
// of objects.
func drawBackground(c *canvas, r *rand.Rand) {
	unit := float64(min(c.bounds.Dx(), c.bounds.Dy()))
	from := hsv(r.Float64(), between(r, 0, 0.5), between(r, 0.2, 0.95))
	to := from.mix(drawPale(r), float32(between(r, 0.2, 0.8)))
	third := from.mix(drawPale(r), float32(between(r, 0.1, 0.5)))
	shade := ramp(r, unit*between(r, 0.8, 2))
	pattern := drawGround(r, unit)
	strength := float32(between(r, 0.2, 0.8))
	for y := range c.bounds.Dy() {
		for x, row := 0, c.row(y, 0, c.bounds.Dx()); x < len(row); x++ {
			fx, fy := float64(x), float64(y)
			row[x] = from.mix(to, shade(fx, fy)).mix(third, strength*pattern(fx, fy))
		}
	}
	for range r.IntN(3) {
		c.fill(drawBand(r, unit, c.bounds), drawPale(r), float32(between(r, 0.2, 0.7)))
	}
	for range 1 + r.IntN(6) {
		c.fill(drawClutter(r, unit, c.bounds), drawPale(r), float32(between(r, 0.4, 1)))
	}
}

func drawPale(r *rand.Rand) rgb {
	return hsv(r.Float64(), between(r, 0, 0.5), between(r, 0.15, 1))
}

// drawGround draws the pattern of a background whose shorter side is unit.
func drawGround(r *rand.Rand, unit float64) texture {
	switch r.IntN(6) {
	case 0:
		return stripes(r, unit*between(r, 0.05, 0.3))
	case 1:
		return checks(r, unit*between(r, 0.05, 0.25))
	case 2:
		return clouds(r, unit*between(r, 0.02, 0.1))
	default:
		return clouds(r, unit*between(r, 0.15, 0.6))
	}
}

// patch is a piece of clutter: signed distance in pixels, and where to look.
type patch struct {
	rect image.Rectangle
	dist distance
}

// fill blends a patch into the canvas with a smooth edge.
func (c *canvas) fill(p patch, colour rgb, alpha float32) {
	in := p.rect.Intersect(c.bounds)
	for y := in.Min.Y; y < in.Max.Y; y++ {
		row := c.row(y, in.Min.X, in.Max.X)
		for i := range row {
			d := p.dist(float64(in.Min.X+i)+0.5, float64(y)+0.5)
			if cover := float32(min(max(0.5-d, 0), 1)); cover > 0 {
				row[i] = row[i].mix(colour, cover*alpha)
			}
		}
	}
}

// drawBand draws a straight edge or strip right across the picture.
func drawBand(r *rand.Rand, unit float64, bounds image.Rectangle) patch {
	x, y := drawPoint(r, bounds)
	sin, cos := math.Sincos(turn(r))
	half := unit * logBetween(r, 0.03, 0.6)
	return patch{bounds, func(px, py float64) float64 {
		return math.Abs((px-x)*cos+(py-y)*sin) - half
	}}
}

func drawClutter(r *rand.Rand, unit float64, bounds image.Rectangle) patch {
	switch r.IntN(3) {
	case 0:
		return drawScribble(r, unit, bounds, 1)
	case 1:
		return drawScribble(r, unit, bounds, 2+r.IntN(4))
	default:
		return drawLump(r, unit, bounds)
	}
}

// drawScribble draws a pen stroke of straight pieces.
func drawScribble(r *rand.Rand, unit float64, bounds image.Rectangle, pieces int) patch {
	width := max(0.6, unit*between(r, 0.002, 0.012))
	x, y := drawPoint(r, bounds)
	heading := turn(r)
	type piece struct{ x, y, dx, dy float64 }
	strokes := make([]piece, pieces)
	rect := image.Rectangle{}
	for i := range strokes {
		length := unit * between(r, 0.1, 0.6) / math.Sqrt(float64(pieces))
		sin, cos := math.Sincos(heading)
		strokes[i] = piece{x, y, length * cos, length * sin}
		rect = rect.Union(around(x+length*cos/2, y+length*sin/2, length/2+width+1))
		x, y = x+length*cos, y+length*sin
		heading += between(r, -1.8, 1.8)
	}
	return patch{rect, func(px, py float64) float64 {
		nearest := math.Inf(1)
		for _, s := range strokes {
			qx, qy := px-s.x, py-s.y
			t := min(max((qx*s.dx+qy*s.dy)/(s.dx*s.dx+s.dy*s.dy), 0), 1)
			ox, oy := qx-t*s.dx, qy-t*s.dy
			nearest = min(nearest, ox*ox+oy*oy)
		}
		return math.Sqrt(nearest) - width
	}}
}

// drawLump draws a closed smooth outline that is far from round.
func drawLump(r *rand.Rand, unit float64, bounds image.Rectangle) patch {
	x, y := drawPoint(r, bounds)
	radius := unit * logBetween(r, 0.03, 0.15)
	var size, phase [5]float64
	for i := range size {
		size[i] = between(r, 0.12, 0.3) / math.Sqrt(float64(i+1))
		phase[i] = turn(r)
	}
	return patch{around(x, y, 2.2*radius+1), func(px, py float64) float64 {
		px, py = px-x, py-y
		angle, edge := math.Atan2(py, px), 1.0
		for i, s := range size {
			edge += s * math.Sin(float64(i+2)*angle+phase[i])
		}
		return math.Sqrt(px*px+py*py) - radius*max(edge, 0.2)
	}}
}

func drawPoint(r *rand.Rand, bounds image.Rectangle) (x, y float64) {
	return between(r, 0, float64(bounds.Dx())), between(r, 0, float64(bounds.Dy()))
}

// around returns the whole pixels within reach of a point.
func around(x, y, reach float64) image.Rectangle {
	return image.Rect(
		int(math.Floor(x-reach)), int(math.Floor(y-reach)),
		int(math.Ceil(x+reach)), int(math.Ceil(y+reach)),
	)
}
