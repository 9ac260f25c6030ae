package figure

import (
	"fmt"
	"image/color"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// Point is one of a scatter.
type Point struct{ X, Y float64 }

// Scatter draws points. What is no number is left out.
func Scatter(a Axes, points []Point) ([]byte, error) {
	p := blank(a)
	all := make(plotter.XYs, len(points))
	for i, at := range points {
		all[i] = plotter.XY(at)
	}
	if err := dots(p, all, Colour(0)); err != nil {
		return nil, err
	}
	return encode(p)
}

// Group is a set of values under one name.
type Group struct {
	Name   string
	Values []float64
}

// Groups draws each value as a dot above its group's name, and the group's mean as a
// line across.
func Groups(a Axes, groups []Group) ([]byte, error) {
	p := blank(a)
	names := make([]string, len(groups))
	for i, g := range groups {
		names[i] = g.Name
		points := make(plotter.XYs, len(g.Values))
		for k, v := range g.Values { // side by side, in the order given
			points[k] = plotter.XY{X: float64(i) + 0.3*(float64(k)+0.5-float64(len(g.Values))/2)/float64(len(g.Values)), Y: v}
		}
		if points = finite(points); len(points) == 0 {
			continue
		}
		mean := 0.0
		for _, at := range points {
			mean += at.Y / float64(len(points))
		}
		line, err := plotter.NewLine(plotter.XYs{{X: float64(i) - 0.35, Y: mean}, {X: float64(i) + 0.35, Y: mean}})
		if err != nil {
			return nil, fmt.Errorf("drawing %s: %w", g.Name, err)
		}
		line.Color, line.Width = color.Gray{Y: 90}, vg.Points(1.5)
		p.Add(line)
		if err := dots(p, points, Colour(i)); err != nil {
			return nil, err
		}
	}
	if len(names) > 0 {
		p.NominalX(names...)
		p.X.Min, p.X.Max = -0.6, float64(len(groups))-0.4
	}
	return encode(p)
}

// dots adds points to a picture.
func dots(p *plot.Plot, points plotter.XYs, ink color.Color) error {
	if points = finite(points); len(points) == 0 {
		return nil
	}
	s, err := plotter.NewScatter(points)
	if err != nil {
		return fmt.Errorf("drawing points: %w", err)
	}
	s.Shape, s.Radius, s.Color = draw.CircleGlyph{}, vg.Points(3.5), ink
	p.Add(s)
	return nil
}
