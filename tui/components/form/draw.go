package form

import (
	"fmt"
	"strings"

	"github.com/charmbracelet/x/ansi"

	"detnas/core/config"
	"detnas/tui/components/text"
	"detnas/tui/styles"
)

const (
	nameWidth = 20
	noteWidth = 11 // of the longest effect
	mostValue = 48 // columns of a value, so that what follows stays near it
	// wideFrom is the width from which a list of the tables stands at the left.
	wideFrom   = 100
	tablesWide = 28
)

// aboutHeight is the lines below the keys that tell of the selected one.
func (f *Form) aboutHeight() int {
	switch {
	case f.height < 6:
		return 1
	case f.height < 12:
		return 3
	case f.height < 26:
		return 5
	}
	return 7
}

// room is the lines of the keys.
func (f *Form) room() int { return max(0, f.height-f.aboutHeight()) }

func (f *Form) indexWidth() int {
	if f.width < wideFrom {
		return 0
	}
	return tablesWide
}

// scroll brings the selection in sight, with the header above it.
func (f *Form) scroll() {
	room := max(1, f.room())
	first := f.at
	if first > 0 && f.rows[first-1].header && room > 1 {
		first--
	}
	f.top = max(min(f.top, first), f.at-room+1)
	f.top = max(0, min(f.top, len(f.rows)-room))
}

// View draws the form: height lines of exactly width columns.
func (f *Form) View() string {
	f.scroll()
	left := f.index()
	lines := make([]string, 0, f.height)
	for y := range f.room() {
		line := ""
		if i := f.top + y; i < len(f.rows) {
			line = f.row(i, f.width-f.indexWidth())
		} else if len(f.rows) == 0 && y == 0 {
			line = f.common.Styles.Faint.Render("  no key has these words; Esc shows all")
		}
		if left != nil {
			line = left[y] + line
		}
		lines = append(lines, line)
	}
	lines = append(lines, f.aboutLines(f.aboutHeight())...)
	return text.Block(lines, f.width, f.height, f.common.Glyphs.Ellipsis)
}

// indexTop is the first table in sight of the list at the left.
func (f *Form) indexTop() int {
	r, _ := f.selected()
	tables := f.tables()
	for i, t := range tables {
		if t == r.table {
			return max(0, min(i-f.room()/2, len(tables)-f.room()))
		}
	}
	return 0
}

// index draws the list of the tables at the left; nil where there is no room
// for one.
func (f *Form) index() []string {
	if f.indexWidth() == 0 {
		return nil
	}
	s, g := f.common.Styles, f.common.Glyphs
	selected, _ := f.selected()
	tables, top := f.tables(), f.indexTop()
	out := make([]string, f.room())
	for y := range out {
		line := ""
		if i := top + y; i < len(tables) {
			changed, wrong := f.count(tables[i])
			name, marks := titleOf(tables[i]), ""
			if changed > 0 {
				marks += fmt.Sprintf(" ~%d", changed)
			}
			if wrong > 0 {
				marks += fmt.Sprintf(" !%d", wrong)
			}
			name = text.Fit(name, tablesWide-4-len(marks), g.Ellipsis)
			if tables[i] == selected.table {
				line = g.Pointer + " " + s.Bold.Render(name)
			} else {
				line = "  " + s.Text.Render(name)
			}
			line += s.Accent.Render(marks)
		}
		out[y] = text.Fit(line, tablesWide-2, "") + s.Border.Render(g.Vertical) + " "
	}
	return out
}

// count is how many keys of a table are changed, and how many are wrong.
func (f *Form) count(table string) (changed, wrong int) {
	for _, r := range f.all {
		if r.table != table {
			continue
		}
		if r.changed() {
			changed++
		}
		if f.Problems[r.key.Path] != "" {
			wrong++
		}
	}
	return changed, wrong
}

func titleOf(table string) string {
	if table == "" {
		return "general"
	}
	return table
}

func (f *Form) row(i, width int) string {
	s, g, r := f.common.Styles, f.common.Glyphs, f.rows[i]
	if r.header {
		return s.Title.Render(titleOf(r.table))
	}
	pointer, mark, at := " ", " ", i == f.at
	if at {
		pointer = g.Pointer
	}
	names := min(nameWidth, max(6, width/3))
	values := max(4, min(mostValue, width-names-noteWidth-5))
	name, value := text.Fit(r.key.Name, names, g.Ellipsis), text.Fit(f.sayable(r.value), values, g.Ellipsis)
	note, noteStyle := "", s.Faint
	switch {
	case r.changed():
		note, noteStyle, mark = string(f.effect(r.key.Path)), s.Accent, "~"
	case !r.set:
		note = "default"
	}
	nameStyle, valueStyle := s.Text, s.Text
	switch {
	case f.Problems[r.key.Path] != "":
		mark, valueStyle = "!", s.Bad
	case r.changed():
		valueStyle = s.Accent
	case !r.set:
		valueStyle = s.Faint
	}
	if at {
		nameStyle, valueStyle = s.Selected, s.Selected
	}
	value = valueStyle.Render(value)
	if at && f.line != nil {
		value = f.line.View(values)
	}
	return pointer + mark + nameStyle.Render(name) + " " + value + " " + noteStyle.Render(note)
}

// sayable is a value in the signs that the terminal has.
func (f *Form) sayable(value string) string {
	value = text.Clean(value)
	if f.common.Glyphs.Mode == styles.ASCII {
		return text.Plain(value)
	}
	return value
}

func (f *Form) effect(key string) config.Effect {
	if f.Effect == nil {
		return config.NextStart
	}
	return f.Effect(key)
}

// aboutLines tell of the selected key: n lines.
func (f *Form) aboutLines(n int) []string {
	s, g := f.common.Styles, f.common.Glyphs
	var out []string
	if n > 1 {
		out = append(out, s.Border.Render(strings.Repeat(g.Horizontal, f.width)))
	}
	if f.filtering != nil {
		return append(out, " keys with the words: "+f.filtering.View(max(1, f.width-24)))
	}
	r, ok := f.selected()
	if !ok {
		return out
	}
	if what := f.wrongWith(r.key.Path); what != "" {
		for l := range strings.SplitSeq(f.wrap("! "+r.key.Name+": "+f.sayable(what)), "\n") {
			out = append(out, " "+s.Bad.Render(l))
		}
	}
	tail := f.tail(r)
	what, plain := strings.CutPrefix(r.key.Doc, r.key.Name+" ")
	if !plain {
		what = " " + what
	}
	doc := strings.Split(f.wrap(r.key.Path+" "+what), "\n")
	if room := max(1, n-len(out)-len(tail)); len(doc) > room {
		doc = doc[:room]
		doc[room-1] = text.Fit(doc[room-1]+" "+g.Ellipsis, max(0, f.width-2), g.Ellipsis)
	}
	for i, l := range doc {
		if head, rest, found := strings.Cut(l, r.key.Path); i == 0 && found {
			l = head + s.Bold.Render(r.key.Path) + rest
		}
		out = append(out, " "+l)
	}
	for _, l := range tail {
		out = append(out, " "+s.Faint.Render(l))
	}
	return out
}

// wrongWith is what is wrong with a key, first of all with what is being typed.
func (f *Form) wrongWith(key string) string {
	if f.wrong != "" {
		return f.wrong
	}
	return f.Problems[key]
}

// tail says what a key takes, what it is by default and in the run, and when a
// change acts.
func (f *Form) tail(r row) []string {
	takes := r.key.Wants
	if len(r.key.Words) > 0 {
		takes = strings.Join(r.key.Words, ", ")
		if strings.HasPrefix(r.key.Wants, "a list") {
			takes = "a list of " + takes
		}
	}
	what := fmt.Sprintf("takes %s; default %s", takes, f.sayable(r.key.Default))
	if r.changed() {
		what += "; was " + f.sayable(r.was)
	}
	if f.Live != nil {
		if live, ok := f.Live(r.key.Path); ok && live != r.value {
			what += "; the run has " + f.sayable(live) + " now"
		}
	}
	when := f.effect(r.key.Path).About()
	if f.Why != nil {
		when = f.Why(r.key.Path)
	}
	if strings.HasPrefix(when, "acts") {
		when = "a change " + when
	}
	return []string{what, when}
}

func (f *Form) wrap(s string) string { return ansi.Wrap(s, max(8, f.width-2), " ") }
