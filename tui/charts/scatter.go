package charts

import (
	"math"
	"slices"
)

// Point is one point of a scatter.
type Point struct {
	X, Y  float64
	Style int    // number of the series style and of its mark
	Mark  string // instead of the style's mark, one column; may be empty
}

// Scatter is a chart of points, as of score against cost.
type Scatter struct {
	Look
	Title        string
	Points       []Point
	XName, YName string
	FormatX      func(float64) string // of ticks; nil writes numbers
	FormatY      func(float64) string // of ticks, at most six columns
	Front        []int                // points that a line of steps joins, by rising X
	Selected     int                  // point shown with a ring; -1 for none
	Legend       []string             // what the styles mean; may be empty
}

// Draw draws the scatter. Of points in one cell the selected one shows, else one
// of the front, one with a mark of its own, or the highest.
func (s Scatter) Draw(width, height int) string {
	if width <= 0 || height <= 0 {
		return blank(width, height)
	}
	s.Look = s.sane()
	c := newCanvas(s.Look, width, height)
	plot, axes, rows := s.layOut(c)
	if rows > 0 {
		s.header(c, rows)
	}
	if plot.width <= 0 || plot.height <= 0 {
		return c.String()
	}
	x, y, some := s.ranges(plot)
	if axes {
		c.axes(s.Look, plot, x.ticks(xTicks(plot.width), s.FormatX), y.ticks(yTicks(plot.height), s.FormatY), s.XName)
	}
	if !some {
		text := c.clip("no data yet", plot.width, s.Glyphs.Ellipsis)
		c.text(plot.x+(plot.width-c.columns(text))/2, plot.y+(plot.height-1)/2, text, c.pen(s.Styles.Faint))
		return c.String()
	}
	s.front(c, plot, x, y)
	s.points(c, plot, x, y)
	return c.String()
}

// PointAt is the point whose cell is nearest to a place of a scatter of that
// size, two cells away at most; ok is false where there is none.
func (s Scatter) PointAt(column, row, width, height int) (point int, ok bool) {
	if width <= 0 || height <= 0 {
		return 0, false
	}
	s.Look = s.sane()
	plot, _, _ := s.layOut(newCanvas(s.Look, width, height))
	x, y, _ := s.ranges(plot)
	near := 5
	for _, i := range s.order() {
		px, py, in := s.cell(plot, x, y, s.Points[i])
		if !in {
			continue
		}
		// The last one of a cell is the one that shows.
		if d := square(px-column) + square(py-row); d <= near {
			near, point, ok = d, i, true
		}
	}
	return point, ok
}

// layOut is the plot, whether it has axes, and the lines of the header.
func (s Scatter) layOut(c *canvas) (plot rect, axes bool, rows int) {
	if c.height >= 3 && (s.heading() != "" || len(s.Legend) > 0) {
		from := c.columns(s.heading())
		if from > 0 {
			from += 2
		}
		rows, _, _ = fit(c, s.items(c), from, c.width, c.width, max(1, c.height/5))
	}
	g := gutter(c.width)
	plot = rect{g, rows, c.width - g, c.height - rows}
	if axes = c.height >= 5; axes {
		plot.height -= 2
	}
	return plot, axes, rows
}

// ranges are the axes of all points that can be drawn.
func (s Scatter) ranges(plot rect) (x, y axis, some bool) {
	x0, x1, y0, y1 := math.Inf(1), math.Inf(-1), math.Inf(1), math.Inf(-1)
	for _, p := range s.Points {
		if !finite(p.X) || !finite(p.Y) {
			continue
		}
		x0, x1, y0, y1 = min(x0, p.X), max(x1, p.X), min(y0, p.Y), max(y1, p.Y)
		some = true
	}
	if !some {
		x0, x1, y0, y1 = 0, 1, 0, 1
	}
	return newAxis(x0, x1, false).nice(xTicks(plot.width)), newAxis(y0, y1, false).nice(yTicks(plot.height)), some
}

func finite(v float64) bool { return !math.IsNaN(v) && !math.IsInf(v, 0) }

// cell is where a point is drawn.
func (s Scatter) cell(plot rect, x, y axis, p Point) (column, row int, ok bool) {
	px, okX := x.place(p.X)
	py, okY := y.place(p.Y)
	column, row = cellOf(px, plot.width), cellOf(1-py, plot.height)
	if !okX || !okY || column < 0 || row < 0 || column >= plot.width || row >= plot.height {
		return 0, 0, false
	}
	return plot.x + column, plot.y + row, true
}

// order is the points from the least to the most important.
func (s Scatter) order() []int {
	weight := make([]int, len(s.Points))
	out := make([]int, len(s.Points))
	for i, p := range s.Points {
		out[i] = i
		if p.Mark != "" {
			weight[i] = 1
		}
	}
	for _, i := range s.Front {
		if i >= 0 && i < len(weight) {
			weight[i] += 2
		}
	}
	if s.Selected >= 0 && s.Selected < len(weight) {
		weight[s.Selected] = 4
	}
	slices.SortStableFunc(out, func(a, b int) int {
		if weight[a] != weight[b] {
			return weight[a] - weight[b]
		}
		switch ya, yb := s.Points[a].Y, s.Points[b].Y; {
		case ya < yb:
			return -1
		case ya > yb:
			return 1
		}
		return 0
	})
	return out
}

// front draws the steps that join the front: along x first, then up.
func (s Scatter) front(c *canvas, plot rect, x, y axis) {
	p := newPlane(s.Glyphs.Mode, plot.width, plot.height)
	var lastX, lastY float64
	begun := false
	for _, i := range s.Front {
		if i < 0 || i >= len(s.Points) {
			continue
		}
		px, okX := x.place(s.Points[i].X)
		py, okY := y.place(s.Points[i].Y)
		if !okX || !okY {
			continue
		}
		// The middle of the point's cell, so that the line meets its mark.
		dx := (float64(cellOf(px, plot.width)) + 0.5) * float64(p.dx)
		dy := (float64(cellOf(1-py, plot.height)) + 0.5) * float64(p.dy)
		dx, dy = math.Floor(dx), math.Floor(dy)
		if begun {
			p.stroke(lastX, lastY, dx, lastY, 0)
			p.stroke(dx, lastY, dx, dy, 0)
		}
		lastX, lastY, begun = dx, dy, true
	}
	style := c.pen(s.Styles.Faint)
	for row := range plot.height {
		for column := range plot.width {
			if e := p.cells[row*plot.width+column]; e.bits != 0 {
				c.set(plot.x+column, plot.y+row, p.rune(e), style)
			}
		}
	}
}

func (s Scatter) points(c *canvas, plot rect, x, y axis) {
	for _, i := range s.order() {
		p := s.Points[i]
		column, row, ok := s.cell(plot, x, y, p)
		if !ok {
			continue
		}
		mark, style := p.Mark, s.series(p.Style)
		if mark == "" {
			mark = s.mark(p.Style)
		}
		if i == s.Selected {
			ring := c.pen(s.Styles.Focus.Bold(true))
			c.set(column-1, row, '(', ring)
			c.set(column+1, row, ')', ring)
			style = style.Bold(true)
		}
		c.sign(column, row, mark, c.pen(style))
	}
}

// header writes the title, the name of y and the legend.
func (s Scatter) header(c *canvas, rows int) {
	from := c.text(0, 0, c.clip(s.heading(), c.width, s.Glyphs.Ellipsis), c.pen(s.Styles.Bold))
	if from > 0 {
		from += 2
	}
	c.legend(s.Look, s.items(c), from, c.width, rows)
}

func (s Scatter) heading() string {
	switch {
	case s.Title == "":
		return s.YName
	case s.YName == "":
		return s.Title
	}
	return s.Title + "  " + s.YName
}

func (s Scatter) items(c *canvas) []item {
	out := make([]item, len(s.Legend))
	for i, name := range s.Legend {
		out[i] = item{glyph: s.mark(i), style: c.pen(s.series(i)), name: name}
	}
	return out
}
