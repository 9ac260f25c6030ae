package logview

import (
	"fmt"
	"strings"

	tea "charm.land/bubbletea/v2"

	"detnas/tui/components/input"
)

// chunk is how many lines a search reads at once; between two it looks whether
// it is still wanted.
const chunk = 2000

// hit brings what a search has found.
type hit struct {
	view   *View
	number int64
	line   int // or -1
	err    error
}

// find looks for the next line that has a text, in any case, after a line or,
// backwards, before it, and from the other end on where there is none.
func (f *file) find(v *View, text string, after int, backwards bool) tea.Cmd {
	number := f.search.Add(1)
	text = strings.ToLower(text)
	return func() tea.Msg {
		line, err := f.scan(number, text, after, backwards)
		return hit{view: v, number: number, line: line, err: err}
	}
}

// scan looks at every line once, in the order of the search.
func (f *file) scan(number int64, text string, after int, backwards bool) (int, error) {
	if err := f.source.Refresh(); err != nil {
		return -1, err
	}
	total := f.source.Len()
	type part struct{ from, to int }
	parts := []part{{after + 1, total}, {0, min(after+1, total)}}
	if backwards {
		parts = []part{{0, after}, {max(after, 0), total}}
	}
	for _, p := range parts {
		if line, err := f.within(number, text, p.from, p.to, backwards); line >= 0 || err != nil {
			return line, err
		}
	}
	return -1, nil
}

// within looks at the lines between two.
func (f *file) within(number int64, text string, from, to int, backwards bool) (int, error) {
	for from < to {
		if f.search.Load() != number {
			return -1, nil // nobody waits for it
		}
		at, n := from, min(chunk, to-from)
		if backwards {
			at = to - n
			to = at
		} else {
			from += n
		}
		lines, err := f.read(at, n)
		if err != nil {
			return -1, err
		}
		for i := range lines {
			k := i
			if backwards {
				k = len(lines) - 1 - i
			}
			if strings.Contains(strings.ToLower(lines[k].Text), text) {
				return at + k, nil
			}
		}
	}
	return -1, nil
}

// seek searches on from the line that was found, or from the top.
func (v *View) seek(backwards bool) tea.Cmd {
	if v.query == "" {
		return nil
	}
	after := v.found
	if after < 0 {
		after = v.top - 1
		if backwards {
			after = v.top + v.rows()
		}
	}
	v.searching, v.outcome, v.view = true, "", ""
	return v.file.find(v, v.query, after, backwards)
}

// hit shows what a search has found.
func (v *View) hit(h hit) tea.Cmd {
	if h.number != v.file.search.Load() {
		return nil // of an earlier search
	}
	v.searching, v.view = false, ""
	switch {
	case h.err != nil:
		v.outcome = h.err.Error()
		return nil
	case h.line < 0:
		v.outcome = fmt.Sprintf("no line has %q", v.query)
		return nil
	}
	v.found, v.follow = h.line, false
	v.total = max(v.total, h.line+1)
	if h.line < v.top || h.line >= v.top+v.rows() {
		v.top = h.line - v.rows()/2
	}
	v.settle()
	return v.need()
}

func (v *View) startSearch() tea.Cmd {
	v.typing, v.view = input.New(v.common, ""), ""
	v.settle()
	return v.need()
}

// typed takes a key while the search is typed.
func (v *View) typed(msg tea.Msg) tea.Cmd {
	v.view = ""
	if k, ok := msg.(tea.KeyPressMsg); ok {
		switch k.String() {
		case "enter":
			v.query, v.typing, v.found = v.typing.Text(), nil, -1
			v.settle()
			return v.seek(v.follow) // from the end there is only back
		case "esc":
			v.typing = nil
			v.settle()
			return v.need()
		}
	}
	v.typing.Update(msg)
	return nil
}

// clear forgets the search.
func (v *View) clear() tea.Cmd {
	v.file.search.Add(1)
	v.query, v.found, v.searching, v.outcome, v.view = "", -1, false, "", ""
	return nil
}
