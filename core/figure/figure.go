// Package figure draws what was measured as PNG pictures: curves, scatters, speed-ups
// and values by group. The same figures give the same bytes.
package figure

import (
	"bytes"
	"fmt"
	"image/color"
	"math"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgimg"
)

// The size of a picture, at the 96 dots an inch of vgimg.
const (
	width  = 6.5 * vg.Inch
	height = 4.75 * vg.Inch
	size   = font.Length(10)
)

// palette is Okabe and Ito's, which people with any sight for colours can tell apart
// (jfly.uni-koeln.de/color, 2008), without its yellow.
var palette = []color.RGBA{ //nolint:gochecknoglobals // a constant table
	{R: 0, G: 114, B: 178, A: 255},
	{R: 213, G: 94, B: 0, A: 255},
	{R: 0, G: 158, B: 115, A: 255},
	{R: 204, G: 121, B: 167, A: 255},
	{R: 86, G: 180, B: 233, A: 255},
	{R: 230, G: 159, B: 0, A: 255},
}

// Colour is that of series number i.
func Colour(i int) color.Color { return palette[((i%len(palette))+len(palette))%len(palette)] }

// Axes name what a picture shows.
type Axes struct {
	Title, X, Y string
}

// blank is a picture with nothing on it yet.
func blank(a Axes) *plot.Plot {
	p := plot.New()
	p.Title.Text, p.X.Label.Text, p.Y.Label.Text = a.Title, a.X, a.Y
	p.Title.TextStyle.Font.Size = size * 1.2
	p.Title.Padding = size / 2
	p.Legend.TextStyle.Font.Size = size
	for _, axis := range []*plot.Axis{&p.X, &p.Y} {
		axis.Label.TextStyle.Font.Size, axis.Tick.Label.Font.Size = size, size*0.9
	}
	grid := plotter.NewGrid()
	grid.Vertical.Color, grid.Horizontal.Color = color.Gray{Y: 225}, color.Gray{Y: 225}
	p.Add(grid)
	return p
}

// encode draws a picture as PNG.
func encode(p *plot.Plot) ([]byte, error) {
	canvas := vgimg.New(width, height)
	p.Draw(draw.New(canvas))
	var b bytes.Buffer
	if _, err := (vgimg.PngCanvas{Canvas: canvas}).WriteTo(&b); err != nil {
		return nil, fmt.Errorf("drawing %s: %w", p.Title.Text, err)
	}
	return b.Bytes(), nil
}

// finite are the points that can be drawn.
func finite(points plotter.XYs) plotter.XYs {
	var out plotter.XYs
	for _, p := range points {
		if !math.IsNaN(p.X) && !math.IsInf(p.X, 0) && !math.IsNaN(p.Y) && !math.IsInf(p.Y, 0) {
			out = append(out, p)
		}
	}
	return out
}
