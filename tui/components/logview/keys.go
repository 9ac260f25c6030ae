package logview

import (
	tea "charm.land/bubbletea/v2"

	"detnas/tui/keymap"
)

// sidestep is how many columns are scrolled at once.
const sidestep = 8

// wheelLines is how far one turn of the wheel goes.
const wheelLines = 3

// Bindings scroll and search.
func (v *View) Bindings() []keymap.Binding {
	off := ""
	if v.query == "" {
		off = "nothing is searched for"
	}
	move := func(name, about string, do func() tea.Cmd, keys ...string) keymap.Binding {
		return keymap.Binding{Keys: keys, Name: name, About: about, Group: keymap.Move, Quiet: true, Do: do}
	}
	by := func(lines func() int) func() tea.Cmd { return func() tea.Cmd { return v.move(lines()) } }
	return []keymap.Binding{
		move("line up", "the log: one line up", by(func() int { return -1 }), "up", "k"),
		move("line down", "the log: one line down", by(func() int { return 1 }), "down", "j"),
		move("log page up", "the log: as many lines up as are in sight", by(func() int { return -v.rows() }), "pgup"),
		move("log page down", "the log: as many lines down as are in sight", by(func() int { return v.rows() }), "pgdown"),
		move("log start", "the log: its first line", by(func() int { return -v.total }), "home", "g"),
		move("log end", "the log: its end, which is then followed", v.end, "end", "G"),
		{Keys: []string{"/"}, Name: "search", About: "find a text in the log", Group: keymap.Show, Quiet: true, Do: v.startSearch},
		{Keys: []string{"n"}, Name: "next match", About: "the next line of the log that has the text", Group: keymap.Show, Off: off, Quiet: true, Do: func() tea.Cmd { return v.seek(false) }},
		{Keys: []string{"N"}, Name: "match before", About: "the line before that has the text", Group: keymap.Show, Off: off, Quiet: true, Do: func() tea.Cmd { return v.seek(true) }},
		{Keys: []string{"esc"}, Name: "end search", About: "forget what is searched for in the log", Group: keymap.Show, Off: off, Quiet: true, Do: v.clear},
	}
}

// Sideways are the bindings that show the rest of long lines.
func (v *View) Sideways() []keymap.Binding {
	side := func(name, about string, by int, keys ...string) keymap.Binding {
		return keymap.Binding{Keys: keys, Name: name, About: about, Group: keymap.Move, Quiet: true, Do: func() tea.Cmd {
			v.left, v.view = max(0, v.left+by), ""
			return nil
		}}
	}
	return []keymap.Binding{
		side("log left", "long lines: back to the left", -sidestep, "left", "h"),
		side("log right", "long lines: on to the right", sidestep, "right", "l"),
	}
}

// end goes to the end of the file and stays there as it grows.
func (v *View) end() tea.Cmd {
	v.follow, v.view = true, ""
	v.settle()
	return v.Poll()
}

// Capturing reports whether the search is being typed.
func (v *View) Capturing() bool { return v.typing != nil }

// Wheel scrolls by turns of the wheel.
func (v *View) Wheel(turns int) tea.Cmd { return v.move(turns * wheelLines) }
