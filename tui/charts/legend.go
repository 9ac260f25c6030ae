package charts

import "math"

// item is one entry of a legend.
type item struct {
	glyph       string
	style       pen
	name, value string
}

// items are the legend of curves: the newest values, or those at the crosshair.
func (d *curvesDrawing) items() []item {
	if !d.Legend && !d.Crosshair {
		return nil
	}
	out := make([]item, 0, len(d.Lines))
	for i, l := range d.Lines {
		v := math.NaN()
		if !d.Crosshair {
			v = d.data[i].last()
		} else if at := d.data[i].at(d.Cursor); at.Ok {
			v = at.Mean
		}
		text := "-"
		switch {
		case math.IsNaN(v):
		case d.FormatY != nil:
			text = d.FormatY(v)
		default:
			text = Number(v)
		}
		for d.canvas.columns(text) < 6 {
			text += " " // so that the next ones keep their place
		}
		out = append(out, item{d.mark(l.Style), d.pen(d.series(l.Style)), l.Name, text})
	}
	return out
}

// heading is the title, and the x that values are of.
func (d *curvesDrawing) heading() string {
	if !d.Crosshair {
		return d.Title
	}
	unit := d.Unit
	if unit == "" {
		unit = "x"
	}
	if d.Title != "" && d.width >= 60 {
		unit = d.Title + "  " + unit
	}
	return unit + " " + d.xText(d.Cursor)
}

// zoomLabel tells the window.
func (d *curvesDrawing) zoomLabel() string {
	if !d.zoomed() {
		return ""
	}
	return "zoom " + d.xText(d.X0) + " to " + d.xText(d.X1)
}

// headerRows is how many lines the header takes, of so many at most.
func (d *curvesDrawing) headerRows(most int) int {
	from, room := d.headerRoom()
	rows, _, _ := fit(d.canvas, d.items(), from, room, d.width, most)
	return rows
}

// headerRoom is where the legend begins in the first line, and where it ends.
func (d *curvesDrawing) headerRoom() (from, room int) {
	from, room = d.canvas.columns(d.heading()), d.width
	if n := d.canvas.columns(d.zoomLabel()); n > 0 && from+n+2 <= d.width {
		room -= n + 2
	}
	if from > 0 {
		from += 2
	}
	return from, room
}

func (d *curvesDrawing) header() {
	if d.rows == 0 {
		return
	}
	d.text(0, 0, d.clip(d.heading(), d.width, d.Glyphs.Ellipsis), d.pen(d.Styles.Bold))
	from, room := d.headerRoom()
	if zoom := d.zoomLabel(); room < d.width {
		d.text(room+2, 0, zoom, d.pen(d.Styles.Accent))
	}
	d.legend(d.Look, d.items(), from, room, d.rows)
}

// legend writes items from a column of the first line on, in so many lines. Of
// the first one only so much is free.
func (c *canvas) legend(l Look, items []item, from, room, rows int) {
	_, names, values := fit(c, items, from, room, c.width, rows)
	name, value := c.pen(l.Styles.Text), c.pen(l.Styles.Bold)
	x, y, end := from, 0, room
	for i, it := range items {
		it.name = c.middle(it.name, names, l.Glyphs.Ellipsis)
		if !values {
			it.value = ""
		}
		n := it.columns(c)
		if x > 0 && x+n > end && y+1 < rows {
			x, y, end = 0, y+1, c.width
		}
		if x+n > end {
			more := "+" + whole(float64(len(items)-i))
			if x+len(more) <= end {
				c.text(x, y, more, c.pen(l.Styles.Faint))
			}
			return
		}
		c.sign(x, y, it.glyph, it.style)
		at := c.text(x+2, y, it.name, name)
		if it.value != "" {
			c.text(at+1, y, it.value, value)
		}
		x += n + 2
	}
}

// columns is an item's width.
func (it item) columns(c *canvas) int {
	n := 2 + c.columns(it.name)
	if it.value != "" {
		n += 1 + c.columns(it.value)
	}
	return n
}

// fit finds how items are written in at most so many lines: with names as long
// as they can be, and with values if that leaves names some length.
func fit(c *canvas, items []item, from, room, width, most int) (rows, names int, values bool) {
	longest := 0
	for _, it := range items {
		longest = max(longest, c.columns(it.name))
	}
	longest = min(longest, width)
	for _, values = range []bool{true, false} {
		for names = longest; names >= min(5, longest); names-- {
			if rows = flow(c, items, from, room, width, names, values); rows <= most {
				return rows, names, values
			}
		}
	}
	return most, min(5, longest), false
}

// flow counts the lines that items take.
func flow(c *canvas, items []item, from, room, width, names int, values bool) int {
	x, rows, end := from, 1, room
	for _, it := range items {
		n := 2 + min(c.columns(it.name), names)
		if values && it.value != "" {
			n += 1 + c.columns(it.value)
		}
		if x > 0 && x+n > end {
			x, rows, end = 0, rows+1, width
		}
		if x+n > end {
			return math.MaxInt
		}
		x += n + 2
	}
	return rows
}

// middle cuts a name in its middle: names differ at both ends.
func (c *canvas) middle(s string, width int, ellipsis string) string {
	n := c.columns(s)
	if n <= width {
		return s
	}
	runes := []rune(s)
	head, tail := len(runes)/2, len(runes)-len(runes)/2
	for c.columns(string(runes[:head]))+1+c.columns(string(runes[tail:])) > width {
		if head == 0 && tail == len(runes) {
			return ""
		}
		if len(runes)-tail > head || head == 0 {
			tail++
		} else {
			head--
		}
	}
	return string(runes[:head]) + ellipsis + string(runes[tail:])
}
