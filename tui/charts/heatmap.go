package charts

import "math"

// Cell is one cell of a heatmap.
type Cell struct {
	Level  float64 // 0 to 1; NaN draws an empty cell
	Text   string  // written in it, clipped to its width; two columns fit everywhere
	Mark   string  // one column, after the text: a lock, a pin; may be empty
	Picked bool    // part of a subnet that is built on the map
}

// Heatmap is a table of levels with labels: choices down, blocks across. Each
// cell can be read without colour, by its text.
type Heatmap struct {
	Look
	Rows                    []string
	Columns                 []string
	Groups                  []int    // columns in each group, as stages have blocks; a gap parts them
	Names                   []string // of the groups, above them; may be empty
	Cells                   [][]Cell // by row, then column
	CursorRow, CursorColumn int
	Cursor                  bool
}

// Draw draws the map. What does not fit scrolls so that the cursor shows.
func (h Heatmap) Draw(width, height int) string {
	if width <= 0 || height <= 0 {
		return blank(width, height)
	}
	h.Look = h.sane()
	c := newCanvas(h.Look, width, height)
	g := h.grid(c)
	h.head(c, g)
	for i := range g.rows {
		row := g.row + i
		y := g.y + i*g.tall
		h.label(c, g, row, y+(g.tall-1)/2)
		for k, x := range g.xs {
			h.cell(c, g, row, g.column+k, x, y)
		}
	}
	if h.Cursor && g.rows > 0 && len(g.xs) > 0 {
		h.pointers(c, g)
	}
	h.arrows(c, g)
	return c.String()
}

// CellAt is the cell under a place of a map of that size.
func (h Heatmap) CellAt(x, y, width, height int) (row, column int, ok bool) {
	if width <= 0 || height <= 0 || x < 0 || y < 0 || x >= width || y >= height {
		return 0, 0, false
	}
	h.Look = h.sane()
	g := h.grid(newCanvas(h.Look, width, height))
	if y < g.y || y >= g.y+g.rows*g.tall {
		return 0, 0, false
	}
	for k, from := range g.xs {
		if x >= from && x < from+g.wide {
			return g.row + (y-g.y)/g.tall, g.column + k, true
		}
	}
	return 0, 0, false
}

// head writes the names of the groups and of the columns.
func (h Heatmap) head(c *canvas, g grid) {
	if g.names >= 0 {
		for i, name := range h.Names {
			from, to := h.span(g, i)
			if to > from {
				name = c.clip(name, to-from, h.Glyphs.Ellipsis)
				x := c.text(from, g.names, name, c.pen(h.Styles.Faint))
				for x++; x < to; x++ {
					c.sign(x, g.names, h.Glyphs.Horizontal, c.pen(h.Styles.Border))
				}
			}
		}
	}
	if g.numbers < 0 {
		return
	}
	for k, x := range g.xs {
		i := g.column + k
		if i >= len(h.Columns) {
			break
		}
		style := h.Styles.Faint
		if h.Cursor && i == h.CursorColumn {
			style = h.Styles.Bold
		}
		name := c.clip(h.Columns[i], g.wide, h.Glyphs.Ellipsis)
		c.text(x+max(g.textEnd()-c.columns(name), 0), g.numbers, name, c.pen(style))
	}
}

// span is where the shown part of a group lies.
func (h Heatmap) span(g grid, group int) (from, to int) {
	for k, x := range g.xs {
		if g.groups[g.column+k] != group {
			continue
		}
		if to == 0 {
			from = x
		}
		to = x + g.wide - 1
	}
	return from, to
}

func (h Heatmap) label(c *canvas, g grid, row, y int) {
	if g.label < narrow {
		return
	}
	style := h.Styles.Text
	if h.Cursor && row == h.CursorRow {
		style = h.Styles.Bold
		c.sign(0, y, h.Glyphs.Pointer, c.pen(h.Styles.Focus))
	}
	c.text(1, y, c.clip(h.Rows[row], g.label-2, h.Glyphs.Ellipsis), c.pen(style))
}

// cell draws one cell: a place for the pointer, the text, a place for the mark.
func (h Heatmap) cell(c *canvas, g grid, row, column, x, y int) {
	e := Cell{Level: math.NaN()}
	if row < len(h.Cells) && column < len(h.Cells[row]) {
		e = h.Cells[row][column]
	}
	k := cellKind{h.level(e.Level), e.Picked, h.Cursor && row == h.CursorRow && column == h.CursorColumn}
	pens, ok := g.pens[k]
	if !ok {
		pens = h.pens(c, k)
		g.pens[k] = pens
	}
	for i := range g.tall {
		c.fill(x, y+i, g.wide, ' ', pens.blank)
	}
	y += (g.tall - 1) / 2
	room := g.textEnd() - g.textFrom()
	if e.Mark != "" && g.wide == g.textEnd() && room > 1 {
		room--
	}
	text := c.clip(e.Text, room, h.Glyphs.Ellipsis)
	c.text(x+g.textFrom()+max(room-c.columns(text), 0), y, text, pens.text)
	before, after := h.signs(e, g, k.level)
	if g.textFrom() > 0 {
		c.sign(x+g.textFrom()-1, y, before, pens.text)
	}
	if after != "" {
		c.sign(x+min(g.textEnd(), g.wide-1), y, after, pens.text)
	}
}

// signs stand before and after a cell's text. What is picked stands in brackets,
// or, where there is no room, before a bullet; without colour, a bar before the
// text tells the level.
func (h Heatmap) signs(e Cell, g grid, level int) (before, after string) {
	after = e.Mark
	switch {
	case e.Picked && g.wide >= 4:
		before = "["
		if after == "" {
			after = "]"
		}
	case e.Picked && after == "":
		after = h.Glyphs.Bullet
	case !h.Styles.Colour && g.wide >= 4 && level >= 0:
		before = h.Glyphs.Spark[level*len(h.Glyphs.Spark)/len(h.Styles.Ramp)]
	}
	return before, after
}

// cellKind is what a cell's style hangs on.
type cellKind struct {
	level          int // -1 for an empty cell
	picked, cursor bool
}

// cellPens are of a cell's text and of its blanks.
type cellPens struct{ text, blank pen }

func (h Heatmap) pens(c *canvas, k cellKind) cellPens {
	text := h.Styles.Faint
	if k.level >= 0 {
		text = h.Styles.Ramp[k.level]
	}
	text = text.Bold(k.picked).Reverse(k.cursor)
	return cellPens{text: c.pen(text.Underline(k.picked)), blank: c.pen(text)}
}

// level is a level's step on the ramp; -1 is an empty cell.
func (h Heatmap) level(level float64) int {
	n := len(h.Styles.Ramp)
	if math.IsNaN(level) || n == 0 {
		return -1
	}
	return min(int(min(max(level, 0), 1)*float64(n)), n-1)
}

// pointers puts signs left and right of the cursor where nothing else stands.
func (h Heatmap) pointers(c *canvas, g grid) {
	k, i := h.CursorColumn-g.column, h.CursorRow-g.row
	if k < 0 || k >= len(g.xs) || i < 0 || i >= g.rows {
		return
	}
	y := g.y + i*g.tall + (g.tall-1)/2
	left := g.xs[k] + g.textFrom() - 1
	if r := c.at(left, y); left >= 0 && (r == ' ' || left >= g.xs[k]) {
		c.sign(left, y, h.Glyphs.Pointer, c.cells[y*c.width+left].p)
	}
	right := g.xs[k] + min(g.textEnd(), g.wide-1)
	if c.at(right, y) == ' ' && right < c.width {
		c.sign(right, y, h.Glyphs.Left, c.cells[y*c.width+right].p)
	}
}

// arrows tell that there is more than shows.
func (h Heatmap) arrows(c *canvas, g grid) {
	y := max(g.numbers, 0)
	p := c.pen(h.Styles.Accent)
	if g.column > 0 {
		c.sign(max(g.label-1, 0), y, h.Glyphs.Left, p)
	}
	if g.column+len(g.xs) < g.columns {
		c.sign(c.width-1, y, h.Glyphs.Right, p)
	}
	if g.label == 0 || g.rows == 0 {
		return
	}
	if g.row > 0 {
		c.sign(g.label-1, g.y, h.Glyphs.Up, p)
	}
	if g.row+g.rows < len(h.Rows) {
		c.sign(g.label-1, g.y+g.rows*g.tall-1, h.Glyphs.Down, p)
	}
}
