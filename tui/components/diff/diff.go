package diff

import (
	"fmt"
	"strings"

	tea "charm.land/bubbletea/v2"

	"detnas/tui/common"
	"detnas/tui/components/text"
	"detnas/tui/styles"
)

// beside is how many lines that are the same stand beside each that is not.
const beside = 3

// View is a difference that scrolls.
type View struct {
	common         *common.Common
	lines          []Line
	added, removed int
	top            int
	width, height  int
}

// New makes a view in which nothing differs.
func New(c *common.Common) *View { return &View{common: c} }

// Set shows the difference of two texts.
func (v *View) Set(before, after string) {
	v.lines, v.top, v.added, v.removed = nil, 0, 0, 0
	all := Lines(before, after)
	for _, l := range all {
		switch l.Sign {
		case Added:
			v.added++
		case Removed:
			v.removed++
		}
	}
	if v.added+v.removed > 0 {
		v.lines = Near(all, beside)
	}
}

// Counts are the lines that were added and removed.
func (v *View) Counts() (added, removed int) { return v.added, v.removed }

// Hidden are the lines above and below what shows.
func (v *View) Hidden() (above, below int) {
	return v.top, max(0, len(v.lines)-v.top-v.height)
}

// Resize gives the view its cells.
func (v *View) Resize(width, height int) {
	v.width, v.height = width, height
	v.scroll(0)
}

// Update scrolls, and reports whether the message was one to scroll.
func (v *View) Update(msg tea.Msg) bool {
	switch msg := msg.(type) {
	case tea.KeyPressMsg:
		by, ok := map[string]int{
			"up": -1, "k": -1, "down": 1, "j": 1, "pgup": 1 - v.height, "pgdown": v.height - 1,
			"home": -len(v.lines), "end": len(v.lines),
		}[msg.String()]
		v.scroll(by)
		return ok
	case tea.MouseWheelMsg:
		v.scroll(map[bool]int{true: -3, false: 3}[msg.Button == tea.MouseWheelUp])
		return true
	}
	return false
}

func (v *View) scroll(by int) { v.top = max(0, min(v.top+by, len(v.lines)-v.height)) }

// View draws the difference: height lines of exactly width columns.
func (v *View) View() string {
	out := make([]string, max(v.height, 0))
	for y := range out {
		switch i := v.top + y; {
		case i < len(v.lines):
			out[y] = v.line(v.lines[i])
		case len(v.lines) == 0 && y == 0:
			out[y] = text.Fit(" nothing differs", v.width, v.common.Glyphs.Ellipsis)
		default:
			out[y] = text.Spaces(v.width)
		}
	}
	return strings.Join(out, "\n")
}

func (v *View) line(l Line) string {
	s, g := v.common.Styles, v.common.Glyphs
	if l.Sign == Gap {
		return text.Fit(s.Faint.Render("      "+l.Text), v.width, g.Ellipsis)
	}
	number, style := l.New, s.Text
	switch l.Sign {
	case Added:
		style = s.Added
	case Removed:
		number, style = l.Old, s.Removed
	}
	body := text.Clean(l.Text)
	if g.Mode == styles.ASCII {
		body = text.Plain(body)
	}
	head := s.Faint.Render(fmt.Sprintf("%4d", number)) + " "
	return text.Fit(head+style.Render(fmt.Sprintf("%c %s", l.Sign, body)), v.width, g.Ellipsis)
}

// unchanged says that lines are left out.
func unchanged(n int) string {
	if n == 1 {
		return "1 line is the same"
	}
	return fmt.Sprintf("%d lines are the same", n)
}
