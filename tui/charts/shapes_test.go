package charts

import (
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/charmbracelet/x/ansi"

	"detnas/tui/series"
	"detnas/tui/styles"
	"detnas/tui/uitest"
)

func cloud(l Look) Scatter {
	s := Scatter{
		Look: l, YName: "AP50", XName: "MACs", Legend: []string{"population", "all"}, Selected: 5,
		FormatX: Number,
	}
	r := rand.New(rand.NewPCG(3, 2))
	best := 0.0
	for k := range 60 {
		x := 180e6 + float64(k)*2.5e6
		p := Point{X: x, Y: 0.3 + 0.1*math.Log(x/150e6) + 0.03*r.NormFloat64(), Style: 1}
		if p.Y > best {
			best, p.Style = p.Y, 0
			s.Front = append(s.Front, k)
		}
		s.Points = append(s.Points, p)
	}
	s.Points[9].Mark = l.Glyphs.Pin
	return s
}

func TestScatterIsExactEverywhere(t *testing.T) {
	everywhere(t, func(l Look, w, h int) string {
		if len(l.Glyphs.Marks) == 0 {
			return Scatter{}.Draw(w, h)
		}
		return cloud(l).Draw(w, h)
	})
	for seed := range uint64(200) {
		r := rand.New(rand.NewPCG(seed, 7))
		s := Scatter{Look: look(true, styles.Braille), Selected: r.IntN(9) - 3, Front: []int{r.IntN(6) - 2, r.IntN(6)}}
		for range r.IntN(5) {
			s.Points = append(s.Points, Point{X: odd[r.IntN(len(odd))], Y: odd[r.IntN(len(odd))], Style: r.IntN(20) - 9})
		}
		w, h := 1+r.IntN(90), 1+r.IntN(30)
		uitest.Exact(t, s.Draw(w, h), w, h)
		s.PointAt(r.IntN(w), r.IntN(h), w, h)
	}
}

func TestScatterGolden(t *testing.T) {
	for _, e := range looks {
		uitest.Golden(t, "scatter-"+e.name, cloud(look(e.colour, e.mode)).Draw(80, 18), 80, 18)
	}
}

func TestScatterShowsTheMostImportant(t *testing.T) {
	l := look(false, styles.ASCII)
	s := Scatter{Look: l, Selected: -1, Points: []Point{{X: 1, Y: 1, Mark: "a"}, {X: 1, Y: 1, Mark: "b"}, {X: 1, Y: 1, Style: 2}}}
	for _, e := range []struct {
		selected int
		front    []int
		want     string
	}{{-1, nil, "b"}, {-1, []int{0}, "a"}, {2, []int{0}, "(+)"}} {
		s.Selected, s.Front = e.selected, e.front
		if view := s.Draw(20, 4); !strings.Contains(view, e.want) {
			t.Errorf("with %d selected and %v in front, %s does not show:\n%s", e.selected, e.front, e.want, view)
		}
	}
}

func TestPointAt(t *testing.T) {
	s := cloud(look(false, styles.ASCII))
	for i, line := range strings.Split(ansi.Strip(s.Draw(80, 18)), "\n") {
		if column := strings.Index(line, "("); column >= 0 {
			if got, ok := s.PointAt(column+1, i, 80, 18); !ok || got != s.Selected {
				t.Errorf("the point in the ring is %d, %v", got, ok)
			}
		}
	}
	if got, ok := s.PointAt(0, 17, 80, 18); ok {
		t.Errorf("point %d at the edge", got)
	}
}

func choices(l Look, groups []int) Heatmap {
	h := Heatmap{Look: l, Rows: []string{"3x3", "5x5", "7x7", "xcep"}, Groups: groups, Cursor: true, CursorRow: 1, CursorColumn: 9}
	n := 0
	for i, g := range groups {
		n += g
		h.Names = append(h.Names, "stage "+number(i))
	}
	for k := range n {
		h.Columns = append(h.Columns, number(k))
	}
	for i := range h.Rows {
		row := make([]Cell, n)
		for k := range row {
			share := float64((k*7+i*13)%100) / 100
			row[k] = Cell{Level: share, Text: number(int(share * 98)), Picked: k%4 == i}
			if k%9 == 0 {
				row[k] = Cell{Level: math.NaN(), Text: "--"}
			}
			if k%6 == 5 && i == 2 {
				row[k].Mark = l.Glyphs.Lock
			}
		}
		h.Cells = append(h.Cells, row)
	}
	return h
}

func TestHeatmapIsExactEverywhere(t *testing.T) {
	everywhere(t, func(l Look, w, h int) string {
		if len(l.Glyphs.Marks) == 0 {
			return Heatmap{Rows: []string{"a"}, Cells: [][]Cell{{{}, {Picked: true, Level: 9}}}, Cursor: true}.Draw(w, h)
		}
		m := choices(l, []int{8, 8, 16, 8})
		m.CursorColumn, m.CursorRow = (w*7)%50-5, h%7-1
		m.Cells[1] = m.Cells[1][:7] // short rows have empty cells
		m.Cells[2][3].Text = "a long text 猫"
		return m.Draw(w, h)
	})
}

func TestHeatmapGolden(t *testing.T) {
	for _, e := range looks {
		l := look(e.colour, e.mode)
		uitest.Golden(t, "heatmap-"+e.name, choices(l, []int{4, 4, 8, 4}).Draw(80, 6), 80, 6)
		uitest.Golden(t, "heatmap-wide-"+e.name, choices(l, []int{4, 4, 8, 4}).Draw(140, 10), 140, 10)
	}
	m := choices(look(false, styles.Braille), []int{8, 8, 16, 8})
	m.CursorColumn = 30
	uitest.Golden(t, "heatmap-scrolled", m.Draw(80, 6), 80, 6)
}

// 20 blocks fit in 80 columns, with every text whole and the cursor's place seen
// without colour.
func TestHeatmapFits(t *testing.T) {
	h := choices(look(false, styles.ASCII), []int{4, 4, 8, 4})
	view := ansi.Strip(h.Draw(80, 6))
	for _, name := range h.Columns {
		if !strings.Contains(view, name) {
			t.Errorf("column %s does not show", name)
		}
	}
	for i, row := range h.Cells {
		line := strings.Split(view, "\n")[2+i]
		for k, cell := range row {
			if !strings.Contains(line, cell.Text) {
				t.Errorf("%s of column %d is not in %q", cell.Text, k, line)
			}
		}
	}
	if want := h.Glyphs.Pointer + h.Cells[1][9].Text; !strings.Contains(strings.ReplaceAll(view, "> ", ">"), want) {
		t.Errorf("nothing points at the cursor, %s:\n%s", want, view)
	}
}

// Every cell that shows is found under its place, and the cursor always shows.
func TestCellAt(t *testing.T) {
	for _, size := range [][2]int{{24, 4}, {60, 6}, {80, 6}, {80, 20}, {200, 9}, {20, 2}, {12, 1}} {
		w, h := size[0], size[1]
		for column := range 40 {
			m := choices(look(false, styles.ASCII), []int{8, 8, 16, 8})
			m.CursorRow, m.CursorColumn = column%4, column
			m.Cells[m.CursorRow][m.CursorColumn].Text = "@@"
			lines := strings.Split(ansi.Strip(m.Draw(w, h)), "\n")
			found := false
			for y, line := range lines {
				x := strings.Index(line, "@@")
				if x < 0 {
					continue
				}
				found = true
				if r, c, ok := m.CellAt(x, y, w, h); !ok || r != m.CursorRow || c != column {
					t.Fatalf("at %dx%d the cell at %d, %d is %d, %d, %v; want %d, %d", w, h, x, y, r, c, ok, m.CursorRow, column)
				}
			}
			if !found {
				t.Fatalf("at %dx%d the cursor in column %d does not show:\n%s", w, h, column, strings.Join(lines, "\n"))
			}
		}
	}
	m := choices(look(false, styles.ASCII), []int{4, 4, 8, 4})
	for _, at := range [][2]int{{-1, 0}, {0, 3}, {20, 0}, {79, 4}, {20, 99}} {
		if r, c, ok := m.CellAt(at[0], at[1], 80, 6); ok {
			t.Errorf("outside of the cells, at %v, is %d, %d", at, r, c)
		}
	}
}

func TestOneLiners(t *testing.T) {
	s := curve(500, math.Sqrt)
	bad := curve(50, func(x float64) float64 { return odd[int(x)%len(odd)] })
	everywhere(t, func(l Look, w, h int) string {
		line := Spark(l, s, w)
		for _, share := range append([]float64{0.5, 2}, odd...) {
			uitest.Exact(t, Meter(l, share, w), w, 1)
		}
		for _, s := range []*series.Series{nil, {}, bad} {
			uitest.Exact(t, Spark(l, s, w), w, 1)
		}
		return line + strings.Repeat("\n"+strings.Repeat(" ", w), max(h-1, 0))
	})
	everywhere(t, func(l Look, w, h int) string {
		b := Bars{Look: l}
		for i := range 7 {
			b.Bars = append(b.Bars, Bar{Label: "stage 猫 " + number(i), Value: odd[i], Text: Number(odd[i]), Style: i})
		}
		if l.ascii() {
			b.Bars[0].Label = "stage"
		}
		return b.Draw(w, h)
	})
}

func TestMeter(t *testing.T) {
	for _, e := range []struct {
		mode  styles.Mode
		share float64
		want  string
	}{
		{styles.Braille, 0.5, "████░░░░"},
		{styles.Braille, 0.5 + 1.0/64, "████▏░░░"},
		{styles.Block, 1, "████████"},
		{styles.Block, -3, "░░░░░░░░"},
		{styles.ASCII, 0.25, "==------"},
		{styles.ASCII, math.NaN(), "--------"},
	} {
		if got := ansi.Strip(Meter(look(false, e.mode), e.share, 8)); got != e.want {
			t.Errorf("%v in %s is %s; want %s", e.share, e.mode, got, e.want)
		}
	}
}

func TestSpark(t *testing.T) {
	s := curve(8, func(x float64) float64 {
		if x == 3 {
			return math.NaN()
		}
		return x
	})
	if got := ansi.Strip(Spark(look(false, styles.Braille), s, 10)); got != "▁▂×▄▅▆▇█  " {
		t.Errorf("a rise with a gap is %q", got)
	}
}

func TestBarsGolden(t *testing.T) {
	b := Bars{Look: look(true, styles.Braille)}
	for i := range 6 {
		b.Bars = append(b.Bars, Bar{Label: "stage " + number(i), Value: float64(i * i), Text: number(i*i) + "M", Style: i})
	}
	uitest.Golden(t, "bars", b.Draw(50, 4), 50, 4)
	b.Look = look(false, styles.ASCII)
	uitest.Golden(t, "bars-ascii", b.Draw(50, 8), 50, 8)
}
