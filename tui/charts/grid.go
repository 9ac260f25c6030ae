package charts

// grid is where the cells of a heatmap lie.
type grid struct {
	label          int   // columns of the labels, with the pointer and a gap
	names, numbers int   // lines of the head; -1 for none
	y              int   // first line of the cells
	tall, wide     int   // of a cell
	text           int   // columns of the longest text
	row, column    int   // first ones that show
	rows           int   // that show
	xs             []int // of the columns that show
	columns        int   // in all
	groups         []int // of each column
	pens           map[cellKind]cellPens
}

// Bounds of a cell's width.
const (
	narrow = 3
	broad  = 7
)

// textFrom and textEnd bound a cell's text. There is a place for a mark behind
// it, and in cells of four and more one for a pointer before it.
func (g grid) textFrom() int {
	if g.wide < 4 {
		return 0
	}
	return 1 + max(g.wide-2-g.text, 0)/2
}

func (g grid) textEnd() int {
	switch {
	case g.wide >= 4:
		return min(g.textFrom()+g.text, g.wide-1)
	case g.wide == narrow:
		return g.wide - 1
	}
	return g.wide
}

func (h Heatmap) grid(c *canvas) grid {
	g := grid{names: -1, numbers: -1, columns: len(h.Columns), pens: map[cellKind]cellPens{}}
	for _, row := range h.Cells {
		g.columns = max(g.columns, len(row))
	}
	h.group(&g)
	for _, name := range h.Rows {
		g.label = max(g.label, c.columns(name)+2)
	}
	g.label = min(g.label, max(c.width/4, 8))
	if c.width < 16 {
		g.label = min(1, c.width/4) // for an arrow
	}
	h.vertical(&g, c.height)
	h.horizontal(&g, c)
	return g
}

// group finds the group of each column; those beyond all groups are the last's.
func (h Heatmap) group(g *grid) {
	g.groups = make([]int, g.columns)
	i, left := 0, 0
	if len(h.Groups) > 0 {
		left = h.Groups[0]
	}
	for k := range g.groups {
		for left <= 0 && i+1 < len(h.Groups) {
			i++
			left = h.Groups[i]
		}
		left--
		g.groups[k] = i
	}
}

// vertical gives lines to the head and the rows.
func (h Heatmap) vertical(g *grid, height int) {
	n := len(h.Rows)
	spare := height - n
	if len(h.Columns) > 0 && (spare > 0 || height > 2) {
		g.numbers = 0
		g.y = 1
	}
	if len(h.Names) > 0 && spare > 1 {
		g.names, g.numbers, g.y = 0, g.numbers+1, g.y+1
	}
	g.tall = 1
	if n > 0 {
		g.tall = min(max((height-g.y)/n, 1), 3)
	}
	g.rows = max(min((height-g.y)/g.tall, n), 0)
	if h.Cursor {
		g.row = window(h.CursorRow, g.rows, n)
	}
}

// horizontal gives columns to the cells: as many as their texts need, or three,
// if all then fit, more where there is room. Else the map scrolls.
func (h Heatmap) horizontal(g *grid, c *canvas) {
	room := c.width - g.label
	gaps := 0
	for k := 1; k < g.columns; k++ {
		if g.groups[k] != g.groups[k-1] {
			gaps++
		}
	}
	need, least := h.need(c, g)
	switch all := (room - gaps) / max(g.columns, 1); {
	case all >= need:
		g.wide = min(all, max(broad, need))
	case all >= least:
		g.wide = all
	default:
		g.wide = need
	}
	g.wide = max(min(g.wide, room), 1)
	fits := room/g.wide >= g.columns && g.columns*g.wide+gaps <= room
	if !fits {
		room-- // for the arrow
	}
	if h.Cursor && !fits {
		// Gaps take room too: fewer columns may show than without them.
		n := max(room/g.wide, 1)
		for ; n > 1; n-- {
			g.column = window(h.CursorColumn, n, g.columns)
			if h.places(g, room); g.column+len(g.xs) >= min(g.column+n, g.columns) {
				break
			}
		}
		g.column = window(h.CursorColumn, n, g.columns)
	}
	h.places(g, room)
}

// need is the width of a cell that holds every text and mark, and the least that
// holds most.
func (h Heatmap) need(c *canvas, g *grid) (need, least int) {
	marks := false
	for _, row := range h.Cells {
		for _, e := range row {
			need = max(need, c.columns(e.Text))
			marks = marks || e.Mark != "" || e.Picked
		}
	}
	g.text = min(max(need, 2), 8)
	need = g.text + 1
	if need > narrow {
		need++ // for the pointer's place, which cells of four and more have
	}
	least = narrow
	if need == narrow && !marks && !h.Cursor {
		least = 2
	}
	return need, least
}

// places are the columns that fit from the first on.
func (h Heatmap) places(g *grid, room int) {
	g.xs = g.xs[:0]
	x := g.label
	for k := g.column; k < g.columns; k++ {
		if k > g.column && g.groups[k] != g.groups[k-1] {
			x++
		}
		if x+g.wide > g.label+room {
			return
		}
		g.xs = append(g.xs, x)
		x += g.wide
	}
}

// window is the first of n that show out of all, with one of them shown. It
// moves by half of what shows, not with every step.
func window(at, n, all int) int {
	if n >= all || n <= 0 {
		return 0
	}
	at = min(max(at, 0), all-1)
	half := max(n/2, 1)
	return min(max(at/half*half-half/2, 0), all-n)
}
