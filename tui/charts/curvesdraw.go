package charts

import (
	"math"
	"slices"
)

// curvesDrawing is one drawing of curves.
type curvesDrawing struct {
	Curves
	*canvas
	data      []lineData
	plot      rect
	rows      int // of the header
	axes      bool
	x, y      axis
	columns   [][]stretch // of each line
	bad       []bool      // columns of cells with values that are no number
	on, under *plane
}

// rect is a part of a canvas, in cells.
type rect struct{ x, y, width, height int }

// layOut parts the canvas into header, plot and axes; what there is no room for
// is left out.
func (d *curvesDrawing) layOut() {
	if d.height >= 3 && (d.Title != "" || d.Legend || d.Crosshair || d.zoomed()) {
		d.rows = d.headerRows(max(1, d.height/4))
	}
	d.axes = d.height >= 5
	g := gutter(d.width)
	d.plot = rect{g, d.rows, d.width - g, d.height - d.rows}
	if d.axes {
		d.plot.height -= 2
	}
}

func (d *curvesDrawing) zoomed() bool { return d.X0 != 0 || d.X1 != 0 }

// empty reports whether no line has a point.
func (d *curvesDrawing) empty() bool {
	for _, l := range d.data {
		if len(l.bins) > 0 {
			return false
		}
	}
	return true
}

// note writes a line in the middle of the plot.
func (d *curvesDrawing) note(text string) {
	text = d.clip(text, d.plot.width, d.Glyphs.Ellipsis)
	d.text(d.plot.x+(d.plot.width-d.canvas.columns(text))/2, d.plot.y+(d.plot.height-1)/2, text, d.pen(d.Styles.Faint))
}

// reduce gathers the lines by columns of dots.
func (d *curvesDrawing) reduce() {
	d.on = newPlane(d.Glyphs.Mode, d.plot.width, d.plot.height)
	d.under = newPlane(d.Glyphs.Mode, d.plot.width, d.plot.height)
	d.bad = make([]bool, d.plot.width)
	for _, l := range d.data {
		d.columns = append(d.columns, l.columns(d.x, d.plot.width*d.on.dx, d.LogY, func(place float64) {
			d.bad[cellOf(place, d.plot.width)] = true
		}))
	}
}

// yAxis holds all of the averages, and of the values under them all but the
// farthest out in a hundredth of the columns, which would press the rest flat.
func (d *curvesDrawing) yAxis() axis {
	lo, hi := math.Inf(1), math.Inf(-1)
	var lows, highs []float64
	for _, line := range d.columns {
		for _, s := range line {
			if s.gap || s.at < 0 || s.at >= d.plot.width*d.on.dx {
				continue
			}
			lo, hi = min(lo, s.min), max(hi, s.max)
			if d.Raw {
				highs = append(highs, s.hi)
				if s.lo > 0 || !d.LogY {
					lows = append(lows, s.lo)
				}
			}
		}
	}
	if len(lows) > 0 {
		slices.Sort(lows)
		slices.Sort(highs)
		lo = min(lo, lows[(len(lows)-1)/50])
		hi = max(hi, highs[len(highs)-1-(len(highs)-1)/50])
	}
	if lo > hi {
		lo, hi = 0, 1
	}
	if lo > 0 && lo < hi/4 && !d.LogY {
		lo = 0
	}
	return newAxis(lo, hi, d.LogY).nice(yTicks(d.plot.height))
}

// yTicks is how many ticks that many rows have room for.
func yTicks(rows int) int { return max((rows+1)/3, 1) }

// lines draws the curves on the planes and these on the canvas.
func (d *curvesDrawing) lines() {
	for i, line := range d.columns {
		var before *stretch
		for k := range line {
			s := &line[k]
			if s.gap {
				before = nil
				continue
			}
			if d.Raw {
				d.envelope(i, before, s)
			}
			d.curve(i, before, s)
			before = s
		}
	}
	d.paint()
	d.marks()
}

// row is the row of dots of a value, from the top.
func (d *curvesDrawing) row(v float64) float64 {
	n := float64(d.plot.height * d.on.dy)
	place, ok := d.y.place(v)
	if !ok {
		return n // what a log axis cannot have is below all
	}
	r := (1-place)*n - 0.5
	if place >= 0 && place <= 1 {
		r = min(max(r, 0), n-1)
	}
	return r
}

func (d *curvesDrawing) curve(line int, before, s *stretch) {
	x := float64(s.at)
	if before != nil {
		d.on.stroke(float64(before.at), d.row(before.last), x, d.row(s.first), line)
	}
	d.on.stroke(x, d.row(s.min), x, d.row(s.max), line)
}

func (d *curvesDrawing) envelope(line int, before, s *stretch) {
	x := float64(s.at)
	if before != nil && s.at-before.at > 1 {
		d.under.stroke(float64(before.at), d.row(before.out), x, d.row(s.in), line)
	}
	d.under.stroke(x, d.row(s.lo), x, d.row(s.hi), line)
}

// paint puts the planes on the canvas. Under a line there is no envelope, so
// that the line stands out.
func (d *curvesDrawing) paint() {
	over, under := make([]pen, len(d.Lines)), d.pen(d.Styles.Off)
	for i, l := range d.Lines {
		over[i] = d.pen(d.series(l.Style))
	}
	for y := range d.plot.height {
		for x := range d.plot.width {
			i := y*d.plot.width + x
			if e := d.on.cells[i]; e.bits != 0 {
				d.dots(x, y, e, over)
			} else if e := d.under.cells[i]; e.bits != 0 {
				d.set(d.plot.x+x, d.plot.y+y, d.shade(e), under)
			}
		}
	}
}

// dots draws a cell of lines. Half blocks can have two colours.
func (d *curvesDrawing) dots(x, y int, e dots, pens []pen) {
	if d.Styles.Colour && d.on.dy == 2 && e.bits == 3 && e.owner[0] != e.owner[1] {
		top, bottom := d.Lines[int(e.owner[0])], d.Lines[int(e.owner[1])]
		s := d.series(top.Style).Background(d.series(bottom.Style).GetForeground())
		d.set(d.plot.x+x, d.plot.y+y, '▀', d.pen(s))
		return
	}
	d.set(d.plot.x+x, d.plot.y+y, d.on.rune(e), pens[d.on.winner(x, y)%len(pens)])
}

// shade is the sign of a cell of the envelope.
func (d *curvesDrawing) shade(e dots) rune {
	switch d.on.dy {
	case 4:
		return 0x2800 + rune(e.bits)
	case 2:
		return '░'
	}
	return ':'
}

// marks puts each line's sign on it at intervals, at other columns than those of
// the lines before it, so that lines can be told apart without colour too.
func (d *curvesDrawing) marks() {
	every := 12
	if d.Styles.Colour && !d.ascii {
		every = 30
	}
	if len(d.Lines) < 2 || d.plot.height < 3 {
		return
	}
	for i, line := range d.columns {
		p, mark := d.pen(d.series(d.Lines[i].Style)), d.mark(d.Lines[i].Style)
		first := (every/2 + i*every/len(d.Lines)) % every
		for k, x := 0, first; x < d.plot.width; x += every {
			dot := x*d.on.dx + d.on.dx/2
			for k+1 < len(line) && line[k+1].at <= dot {
				k++
			}
			if row, ok := d.rowAt(line, k, dot); ok {
				d.sign(d.plot.x+x, d.plot.y+row/d.on.dy, mark, p)
			}
		}
	}
}

// rowAt is where a line passes a column of dots, from its k-th stretch on.
func (d *curvesDrawing) rowAt(line []stretch, k, dot int) (row int, ok bool) {
	if k >= len(line) || line[k].gap || line[k].at > dot {
		return 0, false
	}
	r := d.row(line[k].last)
	if apart := dot - line[k].at; apart > 0 {
		if k+1 >= len(line) || line[k+1].gap {
			return 0, false
		}
		r += (d.row(line[k+1].first) - r) * float64(apart) / float64(line[k+1].at-line[k].at)
	}
	if !(r >= 0 && r < float64(d.plot.height*d.on.dy)) {
		return 0, false
	}
	return int(r), true
}
