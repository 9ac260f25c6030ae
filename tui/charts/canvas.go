package charts

import (
	"strings"
	"unicode"

	"charm.land/lipgloss/v2"
	"github.com/charmbracelet/x/ansi"

	"detnas/tui/styles"
)

// pen is a style of a canvas, by number; 0 is no style.
type pen int

// taken stands in the cell to the right of a rune of two columns.
const taken rune = -1

// cell is one column of one line.
type cell struct {
	r rune
	p pen
}

// canvas is a grid of cells. What is drawn outside of it is dropped.
type canvas struct {
	width, height int
	ascii         bool
	cells         []cell
	open, close   []string // escapes of the pens
}

func newCanvas(l Look, width, height int) *canvas {
	c := &canvas{width: width, height: height, ascii: l.Glyphs.Mode == styles.ASCII, cells: make([]cell, width*height)}
	for i := range c.cells {
		c.cells[i].r = ' '
	}
	c.open, c.close = []string{""}, []string{""}
	return c
}

// pen adds a style.
func (c *canvas) pen(s lipgloss.Style) pen {
	// A style is rendered once, and its escapes used for every run of cells:
	// rendering each run costs more than all else.
	before, after, _ := strings.Cut(s.Render("x"), "x")
	if before == "" {
		return 0
	}
	for i, o := range c.open {
		if o == before && c.close[i] == after {
			return pen(i)
		}
	}
	c.open, c.close = append(c.open, before), append(c.close, after)
	return pen(len(c.open) - 1)
}

// set writes a rune of one column.
func (c *canvas) set(x, y int, r rune, p pen) {
	if x < 0 || y < 0 || x >= c.width || y >= c.height {
		return
	}
	i := y*c.width + x
	c.part(x, i)
	c.cells[i] = cell{r, p}
}

// part blanks the other half of a wide rune that a write at a cell cuts.
func (c *canvas) part(x, i int) {
	if c.cells[i].r == taken {
		c.cells[i-1].r = ' '
	}
	if x+1 < c.width && c.cells[i+1].r == taken {
		c.cells[i+1].r = ' '
	}
}

// sign writes a glyph of one column.
func (c *canvas) sign(x, y int, glyph string, p pen) {
	for _, r := range glyph {
		c.set(x, y, r, p)
		return
	}
}

// at is the rune of a cell, or a space outside.
func (c *canvas) at(x, y int) rune {
	if x < 0 || y < 0 || x >= c.width || y >= c.height {
		return ' '
	}
	return c.cells[y*c.width+x].r
}

// text writes from x on and returns the x after it. What goes beyond the canvas
// is dropped.
func (c *canvas) text(x, y int, s string, p pen) int {
	for _, r := range s {
		w := c.runeWidth(&r)
		if w == 0 {
			continue
		}
		if x+w > c.width || y < 0 || y >= c.height {
			return x
		}
		if x >= 0 {
			c.set(x, y, r, p)
			if w == 2 {
				c.set(x+1, y, ' ', p)
				c.cells[y*c.width+x].r, c.cells[y*c.width+x+1].r = r, taken
			}
		}
		x += w
	}
	return x
}

// fill writes a rune n times.
func (c *canvas) fill(x, y, n int, r rune, p pen) {
	for i := range n {
		c.set(x+i, y, r, p)
	}
}

// runeWidth is the columns of a rune in a canvas: 0 for what is left out because
// it joins others. What an ASCII terminal lacks becomes a question mark.
func (c *canvas) runeWidth(r *rune) int {
	switch {
	case *r >= ' ' && *r < 127:
		return 1
	case unicode.Is(unicode.M, *r), unicode.Is(unicode.Cf, *r), unicode.Is(unicode.Cc, *r):
		return 0
	case c.ascii:
		*r = '?'
		return 1
	case joins(*r):
		*r = '?'
		return 1
	case *r < 0x1100 || *r >= 0x2500 && *r < 0x2600 || *r >= 0x2800 && *r < 0x2900:
		return 1
	}
	if w := ansi.StringWidth(string(*r)); w == 1 || w == 2 {
		return w
	}
	*r = '?'
	return 1
}

// joins reports whether a rune takes fewer columns beside another of its kind:
// letters of Hangul, flags, shades of skin.
func joins(r rune) bool {
	switch {
	case r >= 0x1100 && r <= 0x11ff, r >= 0xa960 && r <= 0xa97f, r >= 0xd7b0 && r <= 0xd7ff,
		r >= 0x1f1e6 && r <= 0x1f1ff, r >= 0x1f3fb && r <= 0x1f3ff:
		return true
	}
	return false
}

// columns is the width that a canvas gives a text.
func (c *canvas) columns(s string) int {
	n := 0
	for _, r := range s {
		n += c.runeWidth(&r)
	}
	return n
}

// clip cuts a text to a width, with the sign of what is left out at its end.
func (c *canvas) clip(s string, width int, ellipsis string) string {
	if c.columns(s) <= width {
		return s
	}
	if width <= 0 {
		return ""
	}
	var b strings.Builder
	n := 0
	for _, r := range s {
		w := c.runeWidth(&r)
		if n+w > width-1 {
			break
		}
		if w > 0 {
			b.WriteRune(r)
		}
		n += w
	}
	return b.String() + ellipsis
}

// String is the canvas as lines, with runs of one style in one pair of escapes.
func (c *canvas) String() string {
	var b strings.Builder
	b.Grow(3*len(c.cells) + c.height)
	for y := range c.height {
		if y > 0 {
			b.WriteByte('\n')
		}
		c.line(&b, c.cells[y*c.width:(y+1)*c.width])
	}
	return b.String()
}

func (c *canvas) line(b *strings.Builder, cells []cell) {
	now := pen(0)
	for _, e := range cells {
		if e.r == taken {
			continue
		}
		if e.p != now {
			b.WriteString(c.close[now])
			b.WriteString(c.open[e.p])
			now = e.p
		}
		b.WriteRune(e.r)
	}
	b.WriteString(c.close[now])
}
