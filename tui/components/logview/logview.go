// Package logview shows a growing text file of any length: only the lines in
// sight and some around them are read, and only in commands.
package logview

import (
	tea "charm.land/bubbletea/v2"

	"detnas/tui/common"
	"detnas/tui/components/input"
)

// Line is a line as it is shown.
type Line struct {
	Text string // without escapes and control characters
	Bad  bool   // bad news
}

// View is the component.
type View struct {
	// Empty is what stands in a file without lines.
	Empty string

	common *common.Common
	file   *file

	total  int // lines in the file
	top    int // line in sight at the top, from 0
	left   int // columns that are scrolled out
	follow bool
	err    error

	from  int    // of the lines that are held
	lines []Line // read from there on

	loading bool // a command is under way
	stale   bool // what it brings will not be enough
	again   bool // it was sent because what the last one brought was not

	typing    *input.Line // the search while it is typed
	query     string
	found     int // line that the search found, or -1
	searching bool
	outcome   string // of the search

	width, height int
	view          string // empty when it has to be drawn anew
}

// New makes a view that follows the end of a file; words makes what is shown of
// a line of it, and may be called from any goroutine.
func New(c *common.Common, source Source, words func(line string) Line) *View {
	return &View{common: c, file: &file{source: source, words: words}, follow: true, found: -1, Empty: "nothing yet"}
}

// Resize gives the view its cells. What has come into sight by it is fetched by
// the next Poll.
func (v *View) Resize(width, height int) {
	if width == v.width && height == v.height {
		v.view = ""
		return
	}
	v.width, v.height, v.view = width, height, ""
	v.settle()
}

// Poll is the command that looks for new lines, and for those in sight that are
// not held; nil while one is under way.
func (v *View) Poll() tea.Cmd {
	if v.loading {
		v.stale = true
		return nil
	}
	v.loading, v.stale = true, false
	return v.file.load(v, window{from: v.top - v.rows(), n: 3*v.rows() + around, end: v.follow}, held{v.total, v.from, v.lines})
}

// around is how many lines are read beyond those in sight, besides a screenful
// before and after.
const around = 200

// Update takes what the view's commands bring, and keys while the search is
// typed. It reports whether the message was for it.
func (v *View) Update(msg tea.Msg) (cmd tea.Cmd, mine bool) {
	switch msg := msg.(type) {
	case loaded:
		if msg.view != v {
			return nil, false
		}
		return v.take(msg), true
	case hit:
		if msg.view != v {
			return nil, false
		}
		return v.hit(msg), true
	}
	if v.typing != nil {
		return v.typed(msg), true
	}
	return nil, false
}

// take takes in lines that were read.
func (v *View) take(l loaded) tea.Cmd {
	v.loading, v.view = false, ""
	v.err = l.err
	if l.err == nil {
		v.total, v.from, v.lines = l.total, l.from, l.lines
	}
	v.settle()
	if again := l.err == nil && !v.holds() && !v.again; v.stale || again {
		v.again = again
		return v.Poll()
	}
	v.again = false
	return nil
}

// rows is how many lines of the file are in sight.
func (v *View) rows() int {
	if v.typing != nil {
		return max(v.height-1, 1)
	}
	return max(v.height, 1)
}

// settle keeps the top within the file, at its end while that is followed.
func (v *View) settle() {
	end := max(0, v.total-v.rows())
	top := min(max(v.top, 0), end)
	if v.follow {
		top = end
	}
	if top != v.top {
		v.top, v.view = top, ""
	}
}

// holds reports whether the lines in sight are held.
func (v *View) holds() bool {
	to := min(v.top+v.rows(), v.total)
	return v.top >= v.from && to <= v.from+len(v.lines)
}

// move scrolls by so many lines. At the end of the file it is followed again.
func (v *View) move(by int) tea.Cmd {
	v.view = ""
	v.follow = false
	v.top += by
	v.settle()
	v.follow = by > 0 && v.top >= v.total-v.rows()
	return v.need()
}

// need fetches the lines in sight where they are not held.
func (v *View) need() tea.Cmd {
	if v.holds() {
		return nil
	}
	return v.Poll()
}
