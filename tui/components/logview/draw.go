package logview

import (
	"fmt"
	"strings"

	"github.com/charmbracelet/x/ansi"

	"detnas/tui/components/text"
)

// View draws the lines in sight: height lines of exactly width columns.
func (v *View) View() string {
	if v.width <= 0 || v.height <= 0 {
		return ""
	}
	if v.view == "" {
		v.view = v.draw()
	}
	return v.view
}

func (v *View) draw() string {
	s, g := v.common.Styles, v.common.Glyphs
	var lines []string
	switch {
	case v.err != nil:
		lines = append(lines, " "+s.Faint.Render(text.Clean(v.err.Error())))
	case v.total == 0 && !v.loading:
		lines = append(lines, " "+s.Faint.Render(v.Empty))
	default:
		for i := v.top; i < min(v.top+v.rows(), v.total); i++ {
			lines = append(lines, v.line(i))
		}
	}
	if v.typing == nil || v.height == 1 {
		return text.Block(lines, v.width, v.height, g.Ellipsis)
	}
	return text.Block(lines, v.width, v.height-1, g.Ellipsis) + "\n" +
		text.Fit(" "+s.Key.Render("/")+v.typing.View(max(v.width-3, 0)), v.width, "")
}

// line draws one line of the file; one that is not read yet is an ellipsis.
func (v *View) line(i int) string {
	s, g := v.common.Styles, v.common.Glyphs
	pointer := " "
	if i == v.found {
		pointer = s.Accent.Render(g.Pointer)
	}
	if i < v.from || i >= v.from+len(v.lines) {
		return pointer + s.Faint.Render(g.Ellipsis)
	}
	l := v.lines[i-v.from]
	room := max(v.width-1, 0)
	words := l.Text
	if v.left > 0 {
		words = ansi.TruncateLeft(words, v.left, "")
	}
	words = text.Fit(words, room, g.Ellipsis)
	style := s.Text
	if l.Bad {
		style = s.Bad
	}
	return pointer + marked(words, v.query, style.Render, s.Selected.Render)
}

// marked styles a text, and what is searched for in it otherwise.
func marked(words, query string, plain, mark func(...string) string) string {
	lower := strings.ToLower(words)
	query = strings.ToLower(query)
	if query == "" || len(lower) != len(words) || !strings.Contains(lower, query) {
		return plain(words)
	}
	var b strings.Builder
	for {
		i := strings.Index(lower, query)
		if i < 0 {
			break
		}
		if i > 0 {
			b.WriteString(plain(words[:i]))
		}
		b.WriteString(mark(words[i : i+len(query)]))
		words, lower = words[i+len(query):], lower[i+len(query):]
	}
	if words != "" {
		b.WriteString(plain(words))
	}
	return b.String()
}

// Status is where the view stands, for the title above it: "812 of 1204 lines",
// and what a search is about.
func (v *View) Status() string {
	where := fmt.Sprintf("%d lines", v.total)
	switch {
	case v.total <= v.rows():
	case v.follow:
		where += ", following"
	default:
		where = fmt.Sprintf("%d-%d of %d lines", v.top+1, min(v.top+v.rows(), v.total), v.total)
	}
	switch {
	case v.searching:
		return fmt.Sprintf("searching %q, ", v.query) + where
	case v.outcome != "":
		return v.outcome + ", " + where
	case v.query != "":
		return fmt.Sprintf("%q, ", v.query) + where
	}
	return where
}
