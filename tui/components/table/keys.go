package table

import (
	tea "charm.land/bubbletea/v2"

	"detnas/tui/components/input"
	"detnas/tui/keymap"
)

// wheelRows is how far one turn of the wheel goes.
const wheelRows = 3

// Bindings move, sort and filter.
func (t *Table) Bindings() []keymap.Binding {
	page := max(t.room(), 1)
	move := func(name, about string, to func() int, keys ...string) keymap.Binding {
		return keymap.Binding{
			Keys: keys, Name: name, About: about, Group: keymap.Move, Quiet: true,
			Do: func() tea.Cmd { t.moveTo(to()); return nil },
		}
	}
	show := func(b keymap.Binding, do func()) keymap.Binding {
		b.Group = keymap.Show
		b.Do = func() tea.Cmd { do(); return nil }
		return b
	}
	noFilter := ""
	if t.filter == "" {
		noFilter = "there is no filter"
	}
	out := []keymap.Binding{
		move("up", "one row up", func() int { return t.at - 1 }, "up", "k"),
		move("down", "one row down", func() int { return t.at + 1 }, "down", "j"),
		move("page up", "as many rows up as are in sight", func() int { return t.at - page }, "pgup"),
		move("page down", "as many rows down as are in sight", func() int { return t.at + page }, "pgdown"),
		move("first", "the first row", func() int { return 0 }, "home", "g"),
		move("last", "the last row", func() int { return len(t.order) - 1 }, "end", "G"),
		show(keymap.Binding{Keys: []string{"left", "h"}, Name: "columns left", About: "columns that do not fit: back to the left", Quiet: true}, func() { t.sideways(-1) }),
		show(keymap.Binding{Keys: []string{"right", "l"}, Name: "columns right", About: "columns that do not fit: on to the right", Quiet: true}, func() { t.sideways(1) }),
		show(keymap.Binding{Keys: []string{"/"}, Name: "filter", About: "show only rows with every word that you type; Enter keeps it, Esc clears it"}, t.startFilter),
		show(keymap.Binding{Keys: []string{"esc"}, Name: "clear filter", About: "show all rows again", Off: noFilter, Quiet: true}, func() { t.Filter("") }),
		show(keymap.Binding{Keys: []string{"s", ">"}, Name: "sort", About: "sort by the next column"}, func() { t.sortNext(1) }),
		show(keymap.Binding{Keys: []string{"<"}, Name: "sort back", About: "sort by the column before", Quiet: true}, func() { t.sortNext(-1) }),
		show(keymap.Binding{Keys: []string{"S"}, Name: "turn order", About: "the largest first, or the smallest", Quiet: true}, func() { t.Sort(t.sortBy, !t.falling) }),
	}
	if t.Marks {
		out = append(out, show(keymap.Binding{Keys: []string{"space"}, Name: "mark", About: "mark the row, or take its mark off"}, t.markSelected))
	}
	return out
}

func (t *Table) markSelected() {
	if r, ok := t.Selected(); ok {
		t.Mark(r.Key, !t.marked[r.Key])
		t.moveTo(t.at + 1)
	}
}

func (t *Table) sideways(by int) {
	t.left = max(0, min(t.left+by, len(t.columns)-2))
	t.places() // takes back what is too far
	t.view = ""
}

func (t *Table) startFilter() {
	t.typing = input.New(t.common, t.filter)
	t.view = ""
}

// Capturing reports whether the filter is being typed.
func (t *Table) Capturing() bool { return t.typing != nil }

// Update takes keys while the filter is typed, and mouse messages whose place
// counts from the table's top left cell. It reports whether the message was for
// it.
func (t *Table) Update(msg tea.Msg) bool {
	switch msg := msg.(type) {
	case tea.MouseClickMsg:
		return msg.Button == tea.MouseLeft && t.Click(msg.X, msg.Y)
	case tea.MouseWheelMsg:
		switch msg.Button {
		case tea.MouseWheelUp:
			t.scroll(-wheelRows)
		case tea.MouseWheelDown:
			t.scroll(wheelRows)
		case tea.MouseWheelLeft:
			t.sideways(-1)
		case tea.MouseWheelRight:
			t.sideways(1)
		default:
			return false
		}
		return true
	}
	if t.typing == nil {
		return false
	}
	t.typed(msg)
	return true
}

// typed takes a key while the filter is typed.
func (t *Table) typed(msg tea.Msg) {
	t.view = ""
	if k, ok := msg.(tea.KeyPressMsg); ok {
		switch k.String() {
		case "enter":
			t.typing = nil
			return
		case "esc":
			t.typing = nil
			t.Filter("")
			return
		case "up":
			t.moveTo(t.at - 1)
			return
		case "down":
			t.moveTo(t.at + 1)
			return
		}
	}
	if t.typing.Update(msg) {
		t.Filter(t.typing.Text())
	}
}

// Click selects the row at a cell, or sorts by the title there. It reports
// whether there was one.
func (t *Table) Click(x, y int) bool {
	if x < 0 || x >= t.width || y < 0 {
		return false
	}
	if y == 0 {
		return t.clickTitle(x)
	}
	at := t.top + y - 1
	if y > t.room() || at >= len(t.order) {
		return false
	}
	t.moveTo(at)
	return true
}

// At is the key of the row in a line, counted from the table's top; "" where
// there is none.
func (t *Table) At(y int) string {
	at := t.top + y - 1
	if y < 1 || y > t.room() || at >= len(t.order) {
		return ""
	}
	return t.rows[t.order[at]].Key
}

func (t *Table) clickTitle(x int) bool {
	places, _ := t.places()
	for _, p := range places {
		c := t.columns[p.column]
		if x < p.x || x >= p.x+p.width || c.Less == nil {
			continue
		}
		falling := c.Falling
		if t.sortBy == p.column {
			falling = !t.falling
		}
		t.Sort(p.column, falling)
		return true
	}
	return false
}

// scroll moves what is in sight; the selection stays in it.
func (t *Table) scroll(by int) {
	room := t.room()
	t.top = max(0, min(t.top+by, len(t.order)-room))
	t.moveTo(max(t.top, min(t.at, t.top+room-1)))
}
