package charts

import (
	"math"

	"detnas/tui/series"
)

// Line is one curve of a chart. Of lines that cross, the later one is on top.
type Line struct {
	Name   string
	Series *series.Series
	Style  int // number of the series style and of its mark
}

// Curves is a chart of lines over a common x.
type Curves struct {
	Look
	Title      string
	Lines      []Line
	LogX, LogY bool
	X0, X1     float64 // window; both 0 is all there is
	XMax       float64 // where x will end, as a step's iterations; 0 if not known
	Smooth     float64 // weight of the moving average, 0 for none
	Raw        bool    // draw the min/max envelope under the average
	Cursor     float64 // x of the crosshair
	Crosshair  bool
	Legend     bool
	Unit       string               // of x: "iteration"
	FormatX    func(float64) string // of ticks; nil writes numbers
	FormatY    func(float64) string // of ticks, at most six columns, and of values
}

// Draw draws the chart.
func (c Curves) Draw(width, height int) string {
	if width <= 0 || height <= 0 {
		return blank(width, height)
	}
	c.Look = c.sane()
	d := &curvesDrawing{Curves: c, canvas: newCanvas(c.Look, width, height)}
	d.data = make([]lineData, len(c.Lines))
	for i, l := range c.Lines {
		d.data[i] = c.load(l)
	}
	d.layOut()
	d.header()
	if d.plot.width <= 0 || d.plot.height <= 0 {
		return d.String()
	}
	d.x = c.xAxis(d.plot.width)
	d.reduce()
	d.y = d.yAxis()
	d.lines()
	d.frame()
	d.cross()
	if d.empty() {
		d.note("no data yet")
	}
	return d.String()
}

// Value is what a line has at the crosshair.
type Value struct {
	Line int // its place in Lines
	Bin  series.Bin
	Mean float64 // of the moving average
	Ok   bool
}

// At returns the values of every line at x.
func (c Curves) At(x float64) []Value {
	out := make([]Value, len(c.Lines))
	for i, l := range c.Lines {
		out[i] = c.load(l).at(x)
		out[i].Line = i
	}
	return out
}

// XAt is the x under a column of a chart of that width, for the mouse and for
// moving the crosshair by whole columns; ok is false left of the plot or right
// of it. It is a whole number where columns are wider than one.
func (c Curves) XAt(column, width int) (x float64, ok bool) {
	n := width - gutter(width)
	i := column - gutter(width)
	if i < 0 || i >= n {
		return 0, false
	}
	a := c.xAxis(n)
	x = a.value((float64(i) + 0.5) / float64(n))
	if w := a.value(float64(i+1)/float64(n)) - a.value(float64(i)/float64(n)); w > 2 && math.Abs(x) < 1e15 {
		x = math.Round(x)
	}
	return x, true
}

// Step is the x so many columns further (or back, for -1) than the crosshair, at
// the edge of the plot at most.
func (c Curves) Step(columns, width int) float64 {
	n := width - gutter(width)
	if n <= 0 {
		return c.Cursor
	}
	at := 0
	if place, ok := c.xAxis(n).place(c.Cursor); ok {
		at = cellOf(place, n)
	}
	at = min(max(at, 0), n-1) + min(max(columns, -n), n)
	x, _ := c.XAt(min(max(at, 0), n-1)+gutter(width), width)
	return x
}

// gutter is the width of the labels left of a plot and of its axis. It hangs on
// nothing but the width, so that columns keep their x.
func gutter(width int) int {
	switch {
	case width < 16:
		return 0
	case width < 40:
		return 6
	}
	return 7
}

// cellOf is the cell of a place on an axis of n cells; -1 or n outside of it.
func cellOf(place float64, n int) int {
	switch {
	case place < 0:
		return -1
	case place > 1:
		return n
	}
	return min(int(place*float64(n)), n-1)
}

// xAxis is the axis of a plot of that many columns: the window, or the whole
// run up to XMax, or to a little more than there is.
func (c Curves) xAxis(columns int) axis {
	lo, hi, some := c.bounds()
	if c.X0 != 0 || c.X1 != 0 {
		from, to := min(c.X0, c.X1), max(c.X0, c.X1)
		if c.LogX && from <= 0 && some {
			from = min(lo, to/10)
		}
		return newAxis(from, to, c.LogX)
	}
	if !some {
		return newAxis(0, max(c.XMax, 1), c.LogX)
	}
	if lo > 0 && (lo <= hi/20 || c.XMax > 0) && !c.LogX {
		lo = 0
	}
	if c.XMax >= hi && c.XMax > lo {
		return newAxis(lo, c.XMax, c.LogX)
	}
	if hi == lo && !c.LogX { // one point
		return newAxis(lo, lo+1, false)
	}
	a := newAxis(lo, hi, c.LogX)
	n := a.nice(xTicks(columns))
	return newAxis(a.lo, n.hi, c.LogX)
}

// bounds are the first and the last x of all lines that the axis can have.
func (c Curves) bounds() (lo, hi float64, some bool) {
	lo, hi = math.Inf(1), math.Inf(-1)
	for _, l := range c.Lines {
		if l.Series == nil {
			continue
		}
		x0, x1, ok := l.Series.Bounds()
		if c.LogX && ok && x0 <= 0 {
			x0, ok = firstAbove(l.Series, x1)
		}
		if !ok {
			continue
		}
		lo, hi, some = min(lo, x0), max(hi, x1), true
	}
	return lo, hi, some
}

// firstAbove is the first x above 0.
func firstAbove(s *series.Series, last float64) (float64, bool) {
	for _, b := range s.Bins(math.SmallestNonzeroFloat64, last, math.MaxInt) {
		if b.X1 > 0 {
			return max(b.X0, b.X1/10), true
		}
	}
	return 0, false
}

// xTicks is how many ticks that many columns have room for.
func xTicks(columns int) int { return max(columns/11, 1) }
