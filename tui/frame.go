package tui

import (
	"fmt"
	"strings"

	"github.com/charmbracelet/x/ansi"

	"detnas/core/config"
	"detnas/core/run"
	"detnas/tui/components/modal"
	"detnas/tui/components/text"
	"detnas/tui/history"
	"detnas/tui/keymap"
)

// The lines of the frame around a page.
const (
	headHeight = 2
	footHeight = 2
)

// What a terminal has to have at least.
const (
	leastWidth  = 60
	leastHeight = 16
)

func (m *Model) pageHeight() int { return max(0, m.height-headHeight-footHeight) }

// small reports whether there is no room for the pages.
func (m *Model) small() bool { return m.width < leastWidth || m.height < leastHeight }

// resize gives every page its cells.
func (m *Model) resize() {
	m.frame = ""
	if m.small() {
		return
	}
	for _, p := range m.pages {
		if p != nil {
			p.Resize(m.width, m.pageHeight())
		}
	}
}

// draw draws the whole screen: height lines of width columns.
func (m *Model) draw() string {
	if m.width <= 0 || m.height <= 0 {
		return " "
	}
	if m.small() {
		return m.tooSmall()
	}
	view := strings.Join([]string{m.tabs(), m.status(), m.body(), m.noticeLine(), m.hints()}, "\n")
	if m.modal != nil {
		view = modal.Over(view, m.modal.View(m.width, m.height-2), m.width, m.height)
	}
	return view
}

// tooSmall says what is wanted, in what room there is.
func (m *Model) tooSmall() string {
	words := fmt.Sprintf("detnas needs at least %dx%d; this terminal is %dx%d. What runs goes on; q leaves.",
		leastWidth, leastHeight, m.width, m.height)
	lines := strings.Split(ansi.Wrap(words, m.width, ""), "\n")
	out := make([]string, m.height)
	for i := range out {
		if i < len(lines) {
			out[i] = lines[i]
		}
		out[i] = m.fit(out[i])
	}
	return strings.Join(out, "\n")
}

// fit makes a line exactly as wide as the screen.
func (m *Model) fit(line string) string { return text.Fit(line, m.width, m.common.Glyphs.Ellipsis) }

// body is the page, or what is being done to have one.
func (m *Model) body() string {
	if p := m.page(); p != nil && m.opening == "" {
		return p.View()
	}
	lines := make([]string, m.pageHeight())
	for i := range lines {
		lines[i] = m.fit("")
	}
	if m.opening != "" && len(lines) > 1 {
		lines[1] = m.fit("  reading " + oneLine(m.opening))
	}
	return strings.Join(lines, "\n")
}

// tab is where a page's name stands in the head.
type tab struct {
	place      place
	text       string
	start, end int // columns
}

func (m *Model) tabList() []tab {
	var out []tab
	x := len("detnas") + 3
	for p := range places {
		text := fmt.Sprintf(" %d %s ", p+1, placeNames[p])
		if p == placeConfig && m.pages[p] != nil && strings.HasSuffix(m.pages[p].Title(), "*") {
			text = fmt.Sprintf(" %d %s* ", p+1, placeNames[p])
		}
		out = append(out, tab{place: p, text: text, start: x, end: x + len(text)})
		x += len(text)
	}
	return out
}

func (m *Model) tabAt(x int) (place, bool) {
	for _, t := range m.tabList() {
		if t.start <= x && x < t.end {
			return t.place, true
		}
	}
	return 0, false
}

// tabs is the first line: the pages, and the run that is open.
func (m *Model) tabs() string {
	s := m.common.Styles
	line := " " + s.Title.Render("detnas") + "  "
	for _, t := range m.tabList() {
		switch {
		case t.place == m.at:
			line += s.Selected.Render(t.text)
		case m.pages[t.place] == nil:
			line += s.Off.Render(t.text)
		default:
			line += s.Text.Render(t.text)
		}
	}
	name := "no run is open"
	if m.run != nil {
		name = oneLine(m.run.History.State.Name)
	}
	room := m.width - ansi.StringWidth(line) - 2
	name = ansi.Truncate(name, max(0, room), m.common.Glyphs.Ellipsis)
	gap := strings.Repeat(" ", max(0, room-ansi.StringWidth(name)+1))
	return m.fit(line + gap + s.Bold.Render(name) + " ")
}

// status is the second line: where the open run stands, and what was asked of it.
func (m *Model) status() string {
	g, s := m.common.Glyphs, m.common.Styles
	if m.run == nil {
		return m.fit(s.Border.Render(strings.Repeat(g.Horizontal, m.width)))
	}
	h := m.run.History
	state, words, style := m.standing()
	left := " " + style.Render(g.State(state)+" "+words)
	for _, part := range m.where(h, state) {
		left += s.Faint.Render("  ") + part
	}
	return m.fit(ansi.Truncate(left, m.width-1, g.Ellipsis))
}

// where are the parts that say how far the run is.
func (m *Model) where(h *history.History, state string) []string {
	st := &h.State
	var parts []string
	if err := m.run.Err; err != nil {
		return []string{m.common.Styles.Bad.Render(oneLine(err.Error()))}
	}
	if h.Preparing != nil {
		parts = append(parts, fmt.Sprintf("%s %d/%d", oneLine(h.Preparing.What), h.Preparing.Done, h.Preparing.Total))
	}
	if st.Step > 0 {
		parts = append(parts, fmt.Sprintf("step %d/5 %s", st.Step, config.StepName(st.Step)))
		if st.Iterations > 0 {
			parts = append(parts, fmt.Sprintf("%d/%d", st.Iteration, st.Iterations))
		}
		if left := h.Steps[st.Step].Left; left > 0 && state == run.StateRunning {
			parts = append(parts, text.Span(left)+" left")
		}
	}
	for _, why := range []string{st.Error, st.Cause} {
		if why != "" {
			parts = append(parts, m.common.Styles.Bad.Render(oneLine(why)))
		}
	}
	if m.run.ConfigErr != nil {
		parts = append(parts, m.common.Styles.Bad.Render("config: "+oneLine(m.run.ConfigErr.Error())))
	}
	return parts
}

// noticeLine says what has just happened, or who runs what is shown.
func (m *Model) noticeLine() string {
	s := m.common.Styles
	switch {
	case m.notice.Text == "":
		return m.fit(" " + s.Faint.Render(oneLine(m.options.Watching)))
	case m.notice.Bad:
		return m.fit(" " + s.Bad.Render("! "+oneLine(m.notice.Text)))
	}
	return m.fit(" " + s.Accent.Render(oneLine(m.notice.Text)))
}

// oneLine is a text of others on one line.
func oneLine(words string) string { return text.Clean(strings.Join(strings.Fields(words), " ")) }

// hints are the keys that fit, those of the page first.
func (m *Model) hints() string {
	s, ascii := m.common.Styles, m.common.Glyphs.Mode == "ascii"
	help := " " + s.Key.Render("?") + s.Hint.Render(" help ")
	room := m.width - ansi.StringWidth(help)
	line := ""
	for _, b := range m.bindings() {
		if b.Quiet || len(b.Keys) == 0 || b.Name == "help" {
			continue
		}
		hint := s.Key.Render(keymap.Label(b.Keys[0], ascii)) + " " + s.Hint.Render(b.Name)
		if b.Off != "" {
			hint = s.Off.Render(keymap.Label(b.Keys[0], ascii) + " " + b.Name)
		}
		if ansi.StringWidth(line)+ansi.StringWidth(hint)+3 > room {
			continue // a shorter one may fit
		}
		line += " " + hint + " "
	}
	return m.fit(line + strings.Repeat(" ", max(0, room-ansi.StringWidth(line))) + help)
}

func (m *Model) windowTitle() string {
	if m.run == nil {
		return "detnas"
	}
	return "detnas " + oneLine(m.run.History.State.Name)
}
