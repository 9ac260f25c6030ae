package table

import (
	"fmt"
	"strings"
	"testing"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/ansi"

	"detnas/tui/keymap"
	"detnas/tui/styles"
	"detnas/tui/uitest"
)

func byValue(a, b Row) bool { return a.Value.(int) < b.Value.(int) }

func columns() []Column {
	return []Column{
		{Title: "name", Min: 6, Less: func(a, b Row) bool { return a.Cells[0] < b.Cells[0] }},
		{Title: "score", Right: true, Less: byValue, Falling: true},
		{Title: "origin", Width: 12},
		{Title: "about", Grow: true, Min: 8},
		{Title: "last", Right: true},
	}
}

func rows(n int) []Row {
	out := make([]Row, n)
	for i := range out {
		v := (i * 7) % 10
		out[i] = Row{
			Key: fmt.Sprint(i), Value: v,
			Cells: []string{
				fmt.Sprintf("row-%02d", i), fmt.Sprintf("\x1b[31m%d\x1b[m", v), []string{"random", "mutation"}[i%2],
				fmt.Sprintf("what is said of number %d", i), fmt.Sprint(1000 + i),
			},
		}
	}
	return out
}

func made(t *testing.T, n, width, height int) *Table {
	t.Helper()
	tb := New(uitest.Common(true, styles.Braille), columns())
	tb.Marks, tb.Empty = true, "there is nothing"
	tb.SetRows(rows(n))
	tb.Resize(width, height)
	return tb
}

// press gives keys to the table as the program does.
func press(t *testing.T, tb *Table, keys ...string) {
	t.Helper()
	for _, k := range keys {
		if tb.Capturing() {
			tb.Update(uitest.Key(k))
			continue
		}
		b, ok := keymap.Find(tb.Bindings(), k)
		if !ok {
			t.Fatalf("%q is not bound", k)
		}
		if b.Off == "" {
			b.Do()
		}
	}
}

func selected(t *testing.T, tb *Table) string {
	t.Helper()
	r, ok := tb.Selected()
	if !ok {
		return "none"
	}
	return r.Key
}

func TestEveryWidthIsExact(t *testing.T) {
	for _, n := range []int{0, 3, 100} {
		for _, keys := range [][]string{nil, {"l", "l", "end", "space", "s", "s"}, {"/", "1", "2"}} {
			tb := made(t, n, 80, 20)
			press(t, tb, keys...)
			uitest.Widths(t, func(w, h int) string { tb.Resize(w, h); return tb.View() })
		}
	}
	for w := range 24 {
		for h := range 6 {
			tb := made(t, 5, w, h)
			tb.View() // must not panic
			tb.Click(w/2, h/2)
		}
	}
}

func TestSelectionFollowsItsKey(t *testing.T) {
	tb := made(t, 40, 80, 12)
	press(t, tb, "down", "down", "j")
	if selected(t, tb) != "3" {
		t.Fatalf("three down is %s", selected(t, tb))
	}
	tb.SetRows(append([]Row{{Key: "new", Value: 99, Cells: []string{"new"}}}, rows(40)...))
	if selected(t, tb) != "3" {
		t.Errorf("after a row came before it: %s", selected(t, tb))
	}
	press(t, tb, "s", "s", "S")
	if selected(t, tb) != "3" {
		t.Errorf("after sorting: %s", selected(t, tb))
	}
	if !strings.Contains(ansi.Strip(tb.View()), "row-03") {
		t.Errorf("the selection is out of sight:\n%s", ansi.Strip(tb.View()))
	}
	press(t, tb, "G")
	tb.SetRows(rows(2))
	if k := selected(t, tb); k != "0" && k != "1" {
		t.Errorf("when its row is gone: %s", k)
	}
	tb.SetRows(nil)
	if selected(t, tb) != "none" {
		t.Error("an empty table has a selection")
	}
}

func TestSortKeepsTiesAsTheyCame(t *testing.T) {
	tb := made(t, 20, 80, 24)
	tb.Sort(1, true)
	last, value := -1, 10
	for _, i := range tb.order {
		v := tb.rows[i].Value.(int)
		if v > value || v == value && i < last {
			t.Fatalf("order %v", tb.order)
		}
		last, value = i, v
	}
	head := strings.SplitN(ansi.Strip(tb.View()), "\n", 2)[0]
	if !strings.Contains(head, "score▼") {
		t.Errorf("the head is %q", head)
	}
	press(t, tb, "S")
	if by, falling := tb.Sorted(); by != 1 || falling || tb.rows[tb.order[0]].Value.(int) != 0 {
		t.Errorf("turned: by %d, falling %v", by, falling)
	}
	tb.Sort(2, true) // it has no order
	if by, _ := tb.Sorted(); by != 1 {
		t.Errorf("sorted by %d", by)
	}
}

func TestFilterWantsEveryWord(t *testing.T) {
	tb := made(t, 40, 80, 12)
	press(t, tb, "/", "R", "A", "N", "D", "space", "1", "2")
	if tb.Shown() != 1 || selected(t, tb) != "12" {
		t.Fatalf("%d rows, selected %s, filter %q", tb.Shown(), selected(t, tb), tb.Filtered())
	}
	if v := ansi.Strip(tb.View()); !strings.Contains(v, "1 of 40") || !strings.Contains(v, "/RAND 12") {
		t.Errorf("the foot does not tell of it:\n%s", v)
	}
	press(t, tb, "enter")
	if tb.Capturing() || tb.Shown() != 1 {
		t.Error("Enter keeps the filter")
	}
	press(t, tb, "/", "z", "z", "enter")
	if v := ansi.Strip(tb.View()); tb.Shown() != 0 || !strings.Contains(v, "nothing matches") {
		t.Errorf("%d rows:\n%s", tb.Shown(), v)
	}
	press(t, tb, "esc")
	if tb.Shown() != 40 || selected(t, tb) != "12" {
		t.Errorf("cleared: %d rows, selected %s", tb.Shown(), selected(t, tb))
	}
}

func TestColumnsAreReachedSideways(t *testing.T) {
	tb := made(t, 5, 34, 10)
	head := func() string { return strings.SplitN(ansi.Strip(tb.View()), "\n", 2)[0] }
	first := head()
	if !strings.Contains(first, "name") || !strings.HasSuffix(first, "▸") || strings.Contains(first, "last") {
		t.Fatalf("the head is %q", first)
	}
	press(t, tb, "l", "l", "l", "l", "l")
	if h := head(); !strings.Contains(h, "name") || !strings.Contains(h, "last") || !strings.Contains(h, "◂") || strings.HasSuffix(h, "▸") {
		t.Errorf("at the right end it is %q", h)
	}
	press(t, tb, "h")
	if head() == first {
		t.Errorf("one to the left goes all the way: %q", first)
	}
	press(t, tb, "h", "h", "h", "h")
	if head() != first {
		t.Errorf("back at the left it is %q", head())
	}
	tb.Resize(120, 10)
	if h := head(); strings.ContainsAny(h, "◂▸") || !strings.Contains(h, "last") {
		t.Errorf("where all fits it is %q", h)
	}
}

func TestMarks(t *testing.T) {
	tb := made(t, 10, 80, 12)
	press(t, tb, "space", "j", "space")
	if got := fmt.Sprint(tb.Marked()); got != "[0 2]" {
		t.Errorf("marked %s", got)
	}
	if !strings.Contains(ansi.Strip(tb.View()), "2 marked") {
		t.Error("the count of marks is not shown")
	}
	tb.SetRows(rows(2))
	if got := fmt.Sprint(tb.Marked()); got != "[0]" {
		t.Errorf("after a row is gone: %s", got)
	}
	tb.Marks = false
	if _, ok := keymap.Find(tb.Bindings(), "space"); ok {
		t.Error("a table without marks binds space")
	}
}

func TestMouse(t *testing.T) {
	tb := made(t, 100, 80, 12) // ten rows in sight
	if !tb.Update(tea.MouseClickMsg{X: 5, Y: 4, Button: tea.MouseLeft}) || selected(t, tb) != "3" {
		t.Errorf("a click on the fourth row selects %s", selected(t, tb))
	}
	if tb.Click(5, 11) || tb.Click(5, -1) || tb.Click(200, 3) {
		t.Error("a click outside of the rows counts")
	}
	tb.Update(tea.MouseWheelMsg{Button: tea.MouseWheelDown})
	tb.Update(tea.MouseWheelMsg{Button: tea.MouseWheelDown})
	if selected(t, tb) != "6" || tb.top != 6 {
		t.Errorf("the wheel leaves row %d on top and selects %s", tb.top, selected(t, tb))
	}
	press(t, tb, "g")
	if !tb.Click(3, 0) {
		t.Fatal("a click on a title does nothing")
	}
	if by, falling := tb.Sorted(); by != 0 || falling {
		t.Errorf("sorted by %d, falling %v", by, falling)
	}
	tb.Click(3, 0)
	if _, falling := tb.Sorted(); !falling {
		t.Error("a second click does not turn the order")
	}
}

func TestUnchangedViewIsTheSame(t *testing.T) {
	tb := made(t, 100, 80, 12)
	a := tb.View()
	tb.SetRows(rows(100))
	if tb.View() != a {
		t.Error("the same rows look different")
	}
}

func TestPlainTerminals(t *testing.T) {
	tb := New(uitest.Common(false, styles.ASCII), columns())
	tb.SetRows([]Row{{Key: "1", Value: 1, Cells: []string{"a\nb\tc", "1", "a name that is long"}}, {Key: "2", Value: 2}})
	tb.Resize(40, 8)
	tb.Sort(1, true)
	uitest.Exact(t, tb.View(), 40, 8)
	uitest.ASCII(t, tb.View())
	uitest.Colourless(t, tb.View())
	if !strings.Contains(tb.View(), "\x1b[7m") || !strings.Contains(tb.View(), ">") {
		t.Error("the selection is not seen without colour")
	}
}

func BenchmarkTenThousandRows(b *testing.B) {
	tb := New(uitest.Common(true, styles.Braille), columns())
	all := rows(10000)
	tb.SetRows(all)
	tb.Resize(160, 46)
	tb.Sort(1, true)
	b.Run("set", func(b *testing.B) {
		for b.Loop() {
			tb.SetRows(all)
		}
	})
	b.Run("move", func(b *testing.B) {
		for b.Loop() {
			tb.moveTo((tb.at + 1) % len(tb.order))
			tb.View()
		}
	})
}
