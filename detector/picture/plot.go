package picture

import (
	"fmt"
	"image"
	"image/color"
	"image/draw"
	"math"
)

// Line is a curve over x from 0 to 1, at evenly spaced places.
type Line struct {
	Text   string // for the legend
	Values []float64
}

// The plot's size and margins in px, before it is doubled.
const (
	plotW, plotH             = 420, 320
	left, right, top, bottom = 50, 12, 26, 40
)

// Plot draws curves from 0 to 1 in both directions, with a title, names of the axes
// and a legend.
func Plot(title, x, y string, lines []Line) *image.RGBA {
	const scale = 2
	on := image.NewRGBA(image.Rect(0, 0, plotW*scale, plotH*scale))
	draw.Draw(on, on.Bounds(), image.White, image.Point{}, draw.Src)
	field := image.Rect(left*scale, top*scale, (plotW-right)*scale, (plotH-bottom)*scale)
	grid(on, field, scale)
	for i, l := range lines {
		trace(on, field, l.Values, scale, lineColour(i))
	}
	dark := color.RGBA{A: 255}
	write(on, image.Pt(max(field.Min.X, 7*(len(y)+3)*scale), 4*scale), title, scale, dark)
	write(on, image.Pt((field.Min.X+field.Max.X)/2-7*len(x)*scale/2, (plotH-17)*scale), x, scale, dark)
	write(on, image.Pt(2*scale, 4*scale), y, scale, dark)
	legend(on, field, lines, scale)
	return on
}

// lineColour is dark enough for a white ground.
func lineColour(i int) color.RGBA {
	c := Colour(i)
	return color.RGBA{R: c.R / 4 * 3, G: c.G / 4 * 3, B: c.B / 4 * 3, A: 255}
}

// grid draws the field's border and lines at every fifth, with their numbers.
func grid(on *image.RGBA, field image.Rectangle, scale int) {
	faint, dark := color.RGBA{R: 220, G: 220, B: 220, A: 255}, color.RGBA{R: 90, G: 90, B: 90, A: 255}
	for i := range 6 {
		px := field.Min.X + i*(field.Dx()-1)/5
		py := field.Max.Y - 1 - i*(field.Dy()-1)/5
		draw.Draw(on, image.Rect(px, field.Min.Y, px+1, field.Max.Y), image.NewUniform(faint), image.Point{}, draw.Src)
		draw.Draw(on, image.Rect(field.Min.X, py, field.Max.X, py+1), image.NewUniform(faint), image.Point{}, draw.Src)
		number := fmt.Sprintf("%.1f", float64(i)/5)
		write(on, image.Pt(px-12*scale, field.Max.Y+2*scale), number, scale, dark)
		write(on, image.Pt(field.Min.X-26*scale, py-7*scale), number, scale, dark)
	}
	outline(on, field, 1, dark)
}

// trace draws a curve as short strokes from place to place.
func trace(on *image.RGBA, field image.Rectangle, values []float64, width int, ink color.RGBA) {
	at := func(i int) (float64, float64) {
		v := math.Max(0, math.Min(1, values[i]))
		return float64(field.Min.X) + float64(i)/float64(len(values)-1)*float64(field.Dx()-1),
			float64(field.Max.Y-1) - v*float64(field.Dy()-1)
	}
	for i := range len(values) - 1 {
		x0, y0 := at(i)
		x1, y1 := at(i + 1)
		steps := int(math.Max(math.Abs(x1-x0), math.Abs(y1-y0))) + 1
		for k := range steps + 1 {
			f := float64(k) / float64(steps)
			x, y := round(x0+f*(x1-x0)), round(y0+f*(y1-y0))
			dot := image.Rect(x-width/2, y-width/2, x-width/2+width, y-width/2+width).Intersect(field)
			draw.Draw(on, dot, image.NewUniform(ink), image.Point{}, draw.Src)
		}
	}
}

// legend names the curves in the lower left corner, where they seldom are.
func legend(on *image.RGBA, field image.Rectangle, lines []Line, scale int) {
	for i, l := range lines {
		y := field.Max.Y - (len(lines)-i)*15*scale - 4*scale
		mark := image.Rect(field.Min.X+8*scale, y+6*scale, field.Min.X+24*scale, y+8*scale)
		draw.Draw(on, mark, image.NewUniform(lineColour(i)), image.Point{}, draw.Src)
		write(on, image.Pt(field.Min.X+26*scale, y), l.Text, scale, color.RGBA{A: 255})
	}
}

// write writes text with its upper left corner at a place.
func write(on *image.RGBA, at image.Point, text string, scale int, ink color.RGBA) {
	mask := Text(text)
	for y := range mask.Bounds().Dy() * scale {
		for x := range mask.Bounds().Dx() * scale {
			if mask.AlphaAt(x/scale, y/scale).A > 127 {
				on.SetRGBA(at.X+x, at.Y+y, ink)
			}
		}
	}
}
