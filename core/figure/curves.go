package figure

import (
	"fmt"

	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
)

// Line is a curve over x from 0 to 1, at evenly spaced places.
type Line struct {
	Text   string // for the legend
	Values []float64
}

// Curves draws lines on axes from 0 to 1. What is no number is left out of a line.
func Curves(a Axes, lines []Line) ([]byte, error) {
	p := blank(a)
	p.X.Min, p.X.Max, p.Y.Min, p.Y.Max = 0, 1, 0, 1
	p.Legend.Left = true
	for i, l := range lines {
		var points plotter.XYs
		for k, v := range l.Values {
			points = append(points, plotter.XY{X: float64(k) / float64(max(len(l.Values)-1, 1)), Y: v})
		}
		if points = finite(points); len(points) == 0 {
			continue
		}
		line, err := plotter.NewLine(points)
		if err != nil {
			return nil, fmt.Errorf("drawing %s: %w", l.Text, err)
		}
		line.Color, line.Width = Colour(i), vg.Points(1.5)
		p.Add(line)
		p.Legend.Add(l.Text, line)
	}
	p.X.Min, p.X.Max, p.Y.Min, p.Y.Max = 0, 1, 0, 1 // Add widens them
	return encode(p)
}
