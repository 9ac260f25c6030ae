package charts

import "math"

// strokes are the signs of axes.
type strokes struct{ vertical, horizontal, left, below, corner rune }

func (l Look) strokes() strokes {
	if l.ascii() {
		return strokes{'|', '-', '+', '+', '+'}
	}
	return strokes{'│', '─', '┤', '┬', '└'}
}

// axes draws the left and the lower axis of a plot with their ticks.
func (c *canvas) axes(l Look, plot rect, xs, ys []tick, unit string) {
	line, label := c.pen(l.Styles.Border), c.pen(l.Styles.Faint)
	s := l.strokes()
	low := plot.y + plot.height
	if plot.x > 0 {
		for y := range plot.height {
			c.set(plot.x-1, plot.y+y, s.vertical, line)
		}
		last := -1
		for i := len(ys) - 1; i >= 0; i-- { // from the top
			row := cellOf(1-ys[i].place, plot.height)
			if row < 0 || row >= plot.height || row == last {
				continue
			}
			last = row
			c.set(plot.x-1, plot.y+row, s.left, line)
			text := c.clip(ys[i].label, plot.x-1, l.Glyphs.Ellipsis)
			c.text(plot.x-1-c.columns(text), plot.y+row, text, label)
		}
		c.set(plot.x-1, low, s.corner, line)
	}
	c.fill(plot.x, low, plot.width, s.horizontal, line)
	c.xLabels(l, plot, xs, unit)
}

// xLabel is where the label of a tick stands.
type xLabel struct {
	tick, from, to int
	text           string
}

// xLabels writes the ticks of the lower axis, each where it does not touch the
// one before, and the unit behind the last or in the last gap that holds it.
func (c *canvas) xLabels(l Look, plot rect, xs []tick, unit string) {
	labels := c.placed(plot, xs)
	room := c.columns(unit) + 4
	at := c.gap(labels, room)
	for k := len(labels) - 2; unit != "" && at < 0 && k > 0; k-- {
		// No gap is wide enough: the label that makes one by its absence goes.
		if labels[k+1].from-labels[k-1].to >= room {
			labels = append(labels[:k:k], labels[k+1:]...)
			at = c.gap(labels, room)
		}
	}
	line, label, s := c.pen(l.Styles.Border), c.pen(l.Styles.Faint), l.strokes()
	low := plot.y + plot.height
	for _, e := range labels {
		c.set(plot.x+e.tick, low, s.below, line)
		c.text(e.from, low+1, e.text, label)
	}
	if at >= 0 {
		c.text(at, low+1, unit, line)
	}
}

// placed are the labels that have room.
func (c *canvas) placed(plot rect, xs []tick) []xLabel {
	var out []xLabel
	free := 0
	for _, t := range xs {
		col, n := cellOf(t.place, plot.width), c.columns(t.label)
		from := min(plot.x+col-n/2, c.width-n)
		if col < 0 || col >= plot.width || from < free || n > plot.width {
			continue
		}
		out = append(out, xLabel{col, from, from + n, t.label})
		free = from + n + 1
	}
	return out
}

// gap is where the unit goes, with room for two blanks on each side; -1 is
// nowhere.
func (c *canvas) gap(labels []xLabel, room int) int {
	if len(labels) == 0 {
		return -1
	}
	if last := labels[len(labels)-1].to; c.width-last >= room-2 {
		return c.width - room + 4
	}
	for k := len(labels) - 1; k > 0; k-- {
		if free := labels[k].from - labels[k-1].to; free >= room {
			return labels[k-1].to + (free-room)/2 + 2
		}
	}
	return -1
}

// frame draws the axes of curves and the marks of values that are no number.
func (d *curvesDrawing) frame() {
	low := d.plot.y + d.plot.height
	switch {
	case d.axes:
		d.canvas.axes(d.Look, d.plot, d.x.ticks(xTicks(d.plot.width), d.FormatX),
			d.y.ticks(yTicks(d.plot.height), d.FormatY), d.Unit)
	default:
		low--
	}
	p := d.pen(d.Styles.Bad)
	for x, bad := range d.bad {
		if bad {
			d.sign(d.plot.x+x, low, d.Glyphs.Times, p)
		}
	}
}

// cross draws the crosshair: a line down, the value of each curve on it, and
// its x below.
func (d *curvesDrawing) cross() {
	if !d.Crosshair {
		return
	}
	place, ok := d.x.place(d.Cursor)
	col := cellOf(place, d.plot.width)
	if !ok || col < 0 || col >= d.plot.width {
		return
	}
	x, line := d.plot.x+col, d.pen(d.Styles.Text)
	for y := range d.plot.height {
		if d.on.cells[y*d.plot.width+col].bits == 0 {
			d.sign(x, d.plot.y+y, d.Glyphs.Vertical, line)
		}
	}
	for i, l := range d.Lines {
		if v := d.data[i].at(d.Cursor); v.Ok && !math.IsNaN(v.Mean) {
			if r := d.row(v.Mean); r >= 0 && int(r)/d.on.dy < d.plot.height {
				d.sign(x, d.plot.y+int(r)/d.on.dy, d.mark(l.Style), d.pen(d.series(l.Style).Bold(true)))
			}
		}
	}
	if !d.axes {
		return
	}
	low := d.plot.y + d.plot.height
	d.sign(x, low, d.Glyphs.Up, d.pen(d.Styles.Focus))
	tag := " " + d.xText(d.Cursor) + " "
	n := d.canvas.columns(tag)
	from := min(max(x-n/2, 0), max(d.width-n, 0))
	d.clear(from-1, low+1, n+2)
	d.text(from, low+1, tag, d.pen(d.Styles.Selected))
}

// clear blanks the words that touch a part of a line.
func (c *canvas) clear(x, y, n int) {
	from, to := max(x, 0), min(x+n, c.width)
	for from > 0 && c.at(from-1, y) != ' ' && c.at(from, y) != ' ' {
		from--
	}
	for to < c.width && to > 0 && c.at(to, y) != ' ' && c.at(to-1, y) != ' ' {
		to++
	}
	c.fill(from, y, to-from, ' ', 0)
}

// xText writes an x as exactly as it is told apart.
func (c Curves) xText(x float64) string {
	if c.FormatX != nil {
		return c.FormatX(x)
	}
	if x == math.Trunc(x) && math.Abs(x) < 1e9 {
		return whole(x)
	}
	return Number(x)
}
