package table

import "detnas/tui/components/text"

const (
	before = 2 // columns of cells before a row: the pointer and the mark
	gap    = 2 // between columns
	beyond = 2 // at the right, where columns are scrolled out
)

// place is where a column stands.
type place struct {
	column, x, width int
}

// measure finds the widest cell of each column.
func (t *Table) measure() {
	t.content = make([]int, len(t.columns))
	for i, c := range t.columns {
		if c.Width > 0 {
			continue
		}
		for _, r := range t.rows {
			if i < len(r.Cells) {
				t.content[i] = max(t.content[i], text.Width(r.Cells[i]))
			}
		}
	}
}

// natural is the width that a column wants.
func (t *Table) natural(i int) int {
	c := t.columns[i]
	if c.Width > 0 {
		return c.Width
	}
	title := text.Width(c.Title)
	if c.Less != nil {
		title++ // for the arrow
	}
	if i < len(t.content) {
		title = max(title, t.content[i])
	}
	return max(title, c.Min)
}

// places lays the columns out; more tells whether some are scrolled out at the
// right.
func (t *Table) places() (places []place, more bool) {
	room := t.width - before
	widths := make([]int, len(t.columns))
	need := gap * (len(widths) - 1)
	for i := range widths {
		widths[i] = t.natural(i)
		need += widths[i]
	}
	if need > room {
		need -= t.shrink(widths, need-room)
	}
	if need <= room {
		t.left = 0
		t.grow(widths, allOf(widths), room-need)
		return put(widths, allOf(widths)), false
	}
	seen, more := t.sight(widths, room-beyond)
	used := gap * (len(seen) - 1)
	for _, i := range seen {
		used += widths[i]
	}
	t.grow(widths, seen, room-beyond-used)
	return put(widths, seen), more
}

func allOf(widths []int) []int {
	all := make([]int, len(widths))
	for i := range all {
		all[i] = i
	}
	return all
}

// shrink takes from the columns that may shrink, the widest first, and returns
// how much.
func (t *Table) shrink(widths []int, over int) (taken int) {
	for taken < over {
		widest := -1
		for i, c := range t.columns {
			if c.Min > 0 && widths[i] > c.Min && (widest < 0 || widths[i] > widths[widest]) {
				widest = i
			}
		}
		if widest < 0 {
			return taken
		}
		widths[widest]--
		taken++
	}
	return taken
}

// sight chooses the columns that are seen beside the first one.
func (t *Table) sight(widths []int, room int) (seen []int, more bool) {
	widths[0] = max(1, min(widths[0], room))
	t.left = min(t.left, t.mostLeft(widths, room))
	seen, used := []int{0}, widths[0]
	for i := 1 + t.left; i < len(widths); i++ {
		if used+gap+widths[i] > room {
			return seen, true
		}
		seen, used = append(seen, i), used+gap+widths[i]
	}
	return seen, false
}

// mostLeft is how many columns are scrolled out when the last one is in sight.
func (t *Table) mostLeft(widths []int, room int) int {
	used := widths[0]
	for i := len(widths) - 1; i >= 1; i-- {
		used += gap + widths[i]
		if used > room {
			return min(i, max(0, len(widths)-2))
		}
	}
	return 0
}

// grow gives what room is left to the columns that take it, or to what was
// shrunk.
func (t *Table) grow(widths, seen []int, rest int) {
	var takers []int
	for _, i := range seen {
		if t.columns[i].Grow {
			takers = append(takers, i)
		}
	}
	for i, column := range takers {
		share := rest / (len(takers) - i)
		widths[column] += share
		rest -= share
	}
	for _, i := range seen {
		if more := min(rest, t.natural(i)-widths[i]); more > 0 && len(takers) == 0 {
			widths[i] += more
			rest -= more
		}
	}
}

func put(widths, seen []int) []place {
	out := make([]place, len(seen))
	x := before
	for i, column := range seen {
		out[i] = place{column: column, x: x, width: widths[column]}
		x += widths[column] + gap
	}
	return out
}
