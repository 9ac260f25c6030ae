package table

import (
	"fmt"
	"strings"

	"github.com/charmbracelet/x/ansi"

	"detnas/tui/components/text"
)

// footed reports whether there is a line for the filter and the count.
func (t *Table) footed() bool { return t.height >= 4 }

// room is how many rows are in sight.
func (t *Table) room() int {
	room := t.height - 1
	if t.footed() {
		room--
	}
	return max(room, 0)
}

// View draws the table: height lines of exactly width columns.
func (t *Table) View() string {
	if t.width <= 0 || t.height <= 0 {
		return ""
	}
	if t.view == "" {
		t.view = t.draw()
	}
	return t.view
}

func (t *Table) draw() string {
	places, more := t.places()
	lines := make([]string, 0, t.height)
	lines = append(lines, t.head(places, more))
	for i := t.top; i < min(t.top+t.room(), len(t.order)); i++ {
		lines = append(lines, t.row(places, i))
	}
	if len(t.order) == 0 {
		lines = append(lines, t.none()...)
	}
	body := t.height
	if t.footed() {
		body--
	}
	block := text.Block(lines, t.width, body, t.common.Glyphs.Ellipsis)
	if t.footed() {
		block += "\n" + t.foot()
	}
	return block
}

// head is the line of the titles, with arrows for what the rows are sorted by
// and for the columns that are scrolled out.
func (t *Table) head(places []place, more bool) string {
	s, g := t.common.Styles, t.common.Glyphs
	var b strings.Builder
	x := 0
	for i, p := range places {
		between := text.Spaces(p.x - x)
		if i == 1 && t.left > 0 {
			between = s.Accent.Render(g.Left) + text.Spaces(p.x-x-1)
		}
		b.WriteString(between)
		c, title := t.columns[p.column], t.columns[p.column].Title
		style := s.Faint
		if p.column == t.sortBy {
			style = s.Bold
			if t.falling {
				title += g.Down
			} else {
				title += g.Up
			}
		}
		fit := text.Fit
		if c.Right {
			fit = text.FitRight
		}
		b.WriteString(style.Render(fit(title, p.width, g.Ellipsis)))
		x = p.x + p.width
	}
	line := b.String()
	if more {
		line = text.Fit(line, t.width-1, "") + s.Accent.Render(g.Right)
	}
	return line
}

// row draws the row at a place in the order.
func (t *Table) row(places []place, at int) string {
	s, g := t.common.Styles, t.common.Glyphs
	r := t.rows[t.order[at]]
	selected := at == t.at
	pointer, mark := " ", " "
	if selected {
		pointer = g.Pointer
	}
	if t.marked[r.Key] {
		mark = g.Star
		if !selected {
			mark = s.Accent.Render(mark)
		}
	}
	var b strings.Builder
	b.WriteString(pointer + mark)
	x := before
	for _, p := range places {
		b.WriteString(text.Spaces(p.x - x))
		cell := ""
		if p.column < len(r.Cells) {
			cell = oneLine(r.Cells[p.column])
		}
		if selected {
			cell = ansi.Strip(cell) // its styles would end the reverse video
		}
		if t.columns[p.column].Right {
			b.WriteString(text.FitRight(cell, p.width, g.Ellipsis))
		} else {
			b.WriteString(text.Fit(cell, p.width, g.Ellipsis))
		}
		x = p.x + p.width
	}
	if selected {
		return s.Selected.Render(text.Fit(b.String(), t.width, ""))
	}
	return b.String()
}

// oneLine takes what moves the cursor out of a cell; its styles stay.
func oneLine(s string) string {
	if strings.IndexFunc(s, moves) < 0 {
		return s
	}
	return strings.Map(func(r rune) rune {
		if moves(r) {
			return ' '
		}
		return r
	}, s)
}

func moves(r rune) bool { return r < ' ' && r != '\x1b' || r >= 0x7f && r < 0xa0 }

// none says why there are no rows.
func (t *Table) none() []string {
	words := t.Empty
	if len(t.rows) > 0 {
		words = "nothing matches the filter; Esc clears it"
	}
	var lines []string
	for l := range strings.SplitSeq(ansi.Wrap(words, max(1, t.width-2*before), ""), "\n") {
		lines = append(lines, text.Spaces(before)+t.common.Styles.Faint.Render(l))
	}
	return lines
}

// foot is the filter and how many rows there are.
func (t *Table) foot() string {
	s := t.common.Styles
	right := fmt.Sprintf("%d %s ", len(t.rows), t.Noun)
	if t.filter != "" {
		right = fmt.Sprintf("%d of %d %s ", len(t.order), len(t.rows), t.Noun)
	}
	if n := len(t.marked); n > 0 {
		right = fmt.Sprintf("%d marked, ", n) + right
	}
	left := ""
	room := t.width - text.Width(right) - 2
	switch {
	case t.typing != nil && room > 2:
		left = " " + s.Key.Render("/") + t.typing.View(room-1)
	case t.typing != nil:
		return " " + s.Key.Render("/") + t.typing.View(t.width-2)
	case t.filter != "":
		left = " " + s.Key.Render("/") + s.Text.Render(text.Fit(t.filter, max(room-1, 0), t.common.Glyphs.Ellipsis))
	}
	return text.Between(left, s.Faint.Render(right), t.width, "")
}
