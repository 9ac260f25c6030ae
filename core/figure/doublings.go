package figure

import (
	"fmt"
	"image/color"
	"math"
	"strconv"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
)

// Curve is a line through points, or the points alone.
type Curve struct {
	Text   string // for the legend
	Points []Point
	Dots   bool // dots in place of a line: what was measured
}

// Doublings draws curves on axes that both double from tick to tick, dots in black. What is no number,
// or not above 0, is left out.
func Doublings(a Axes, curves []Curve) ([]byte, error) {
	p := blank(a)
	p.X.Scale, p.Y.Scale = plot.LogScale{}, plot.LogScale{}
	p.X.Tick.Marker, p.Y.Tick.Marker = doubling{}, doubling{}
	p.X.Min, p.X.Max, p.Y.Min, p.Y.Max = 1, 2, 1, 2
	p.Legend.Left, p.Legend.Top = true, true
	for i, c := range curves {
		var points plotter.XYs
		for _, at := range c.Points {
			if at.X > 0 && at.Y > 0 {
				points = append(points, plotter.XY(at))
			}
		}
		if points = finite(points); len(points) == 0 {
			continue
		}
		if c.Dots {
			if err := dots(p, points, color.Black); err != nil {
				return nil, err
			}
			continue
		}
		line, err := plotter.NewLine(points)
		if err != nil {
			return nil, fmt.Errorf("drawing %s: %w", c.Text, err)
		}
		line.Color, line.Width = Colour(i), vg.Points(1.5)
		p.Add(line)
		p.Legend.Add(c.Text, line)
	}
	return encode(p)
}

// doubling has ticks at the powers of two.
type doubling struct{}

func (doubling) Ticks(least, most float64) []plot.Tick {
	var ticks []plot.Tick
	for e := math.Ceil(math.Log2(least)); e <= math.Log2(most); e++ {
		v := math.Exp2(e)
		ticks = append(ticks, plot.Tick{Value: v, Label: strconv.FormatFloat(v, 'g', -1, 64)})
	}
	return ticks
}
