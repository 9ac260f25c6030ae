package shapes

import (
	"image"
	"math"
	"math/rand/v2"
)

// enough is the distance in RGB (0 to 441) at which an object stands out from
// what is behind it.
const enough = 95

// paint covers a field on the canvas: two colours that stand out from what lies
// under the object, a texture between them, perhaps an outline. Without a hue cue
// colour is drawn alike for every class, so that shape alone tells them apart.
func paint(c *canvas, r *rand.Rand, f field, hue hue) {
	under := c.mean(f)
	one, two := drawVivid(r, under, hue), drawVivid(r, under, hue)
	radius := float64(max(f.rect.Dx(), f.rect.Dy())) / 2
	surface := drawTexture(r, radius)
	strength := float32(between(r, 0.3, 1))
	line, edge := float32(0), rgb{}
	if chance(r, 0.5) {
		line = float32(max(1, radius*between(r, 0.03, 0.12)))
		edge = hsv(r.Float64(), between(r, 0, 0.6), float64(r.IntN(2))*between(r, 0.7, 1))
	}
	in := f.rect.Intersect(c.bounds)
	for y := in.Min.Y; y < in.Max.Y; y++ {
		row := c.row(y, in.Min.X, in.Max.X)
		for i, d := range f.row(y, in.Min.X, in.Max.X) {
			cover := 0.5 - d
			if cover <= 0 {
				continue
			}
			colour := one.mix(two, strength*surface(float64(in.Min.X+i), float64(y)))
			if line > 0 {
				colour = colour.mix(edge, min(max(d+line+0.5, 0), 1))
			}
			row[i] = row[i].mix(colour, min(cover, 1))
		}
	}
}

// hue draws a place on the circle of hues, 0 to 1.
type hue func(r *rand.Rand) float64

// hueOf gives an object of a class any hue, or, by the chance HueCue, one near
// the class's own.
func (c Config) hueOf(r *rand.Rand, class int) hue {
	if c.HueCue > 0 && chance(r, c.HueCue) {
		return func(r *rand.Rand) float64 { return (float64(class) + between(r, 0, 0.4)) / float64(c.Classes) }
	}
	return (*rand.Rand).Float64
}

// drawVivid draws a colour of a hue that stands out from under, or the best of a
// number of tries.
func drawVivid(r *rand.Rand, under rgb, hue hue) rgb {
	var best rgb
	most := float32(-1)
	for range 12 {
		c := hsv(hue(r), between(r, 0.3, 1), between(r, 0.15, 1))
		apart := float32(0)
		for k := range c {
			apart += (c[k] - under[k]) * (c[k] - under[k])
		}
		if apart > most {
			best, most = c, apart
		}
		if most >= enough*enough {
			break
		}
	}
	return best
}

// mean returns the mean colour under a field's mask, from every fourth pixel of
// every fourth row.
func (c *canvas) mean(f field) rgb {
	in := f.rect.Intersect(c.bounds)
	var sum rgb
	count := float32(0)
	add := func(p rgb) {
		for k := range sum {
			sum[k] += p[k]
		}
		count++
	}
	for y := in.Min.Y; y < in.Max.Y; y += 4 {
		row := c.row(y, in.Min.X, in.Max.X)
		for i, d := range f.row(y, in.Min.X, in.Max.X) {
			if i%4 == 0 && d <= 0 {
				add(row[i])
			}
		}
	}
	if count == 0 { // smaller than the mesh: take the middle
		at := image.Pt((in.Min.X+in.Max.X)/2, (in.Min.Y+in.Max.Y)/2)
		if !at.In(c.bounds) {
			return rgb{}
		}
		add(c.row(at.Y, at.X, at.X+1)[0])
	}
	for k := range sum {
		sum[k] /= count
	}
	return sum
}

// finish adds a change of light and grain, as a camera would.
func finish(c *canvas, r *rand.Rand) {
	gain := float32(math.Exp(between(r, -0.2, 0.15)))
	for i := range c.pix {
		for k := range c.pix[i] {
			c.pix[i][k] *= gain
		}
	}
	c.grain(r, between(r, 1, 7))
}
