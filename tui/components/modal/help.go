package modal

import (
	"fmt"
	"slices"
	"strings"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/ansi"

	"detnas/tui/common"
	"detnas/tui/components/input"
	"detnas/tui/components/text"
	"detnas/tui/keymap"
)

// groups in the order that the help has them.
var groups = []string{keymap.Steer, keymap.Show, keymap.Edit, keymap.Move, keymap.Go}

// Help lists what the keys of a page do, and why some do nothing now.
type Help struct {
	common   *common.Common
	title    string
	bindings []keymap.Binding
	top      int
}

// NewHelp lists bindings.
func NewHelp(c *common.Common, title string, bindings []keymap.Binding) *Help {
	return &Help{common: c, title: title, bindings: bindings}
}

// Update scrolls, and any other key closes.
func (h *Help) Update(msg tea.Msg) (done bool, cmd tea.Cmd) {
	switch msg := msg.(type) {
	case tea.KeyPressMsg:
		switch msg.String() {
		case "up", "k":
			h.top = max(0, h.top-1)
		case "down", "j":
			h.top++
		case "pgup":
			h.top = max(0, h.top-10)
		case "pgdown", "space":
			h.top += 10
		default:
			return true, nil
		}
	case tea.MouseWheelMsg:
		if msg.Button == tea.MouseWheelUp {
			h.top = max(0, h.top-3)
		} else {
			h.top += 3
		}
	}
	return false, nil
}

// View draws the help for a screen of that size.
func (h *Help) View(width, height int) []string {
	inner := min(wide, width-4)
	lines := h.lines(inner)
	room := max(1, height-4)
	h.top = min(h.top, max(0, len(lines)-room))
	foot := "Esc closes"
	if len(lines) > room {
		foot = fmt.Sprintf("lines %d to %d of %d; up and down scroll, Esc closes", h.top+1, min(h.top+room, len(lines)), len(lines))
	}
	shown := append(slices.Clone(lines[h.top:min(h.top+room, len(lines))]), "", h.common.Styles.Faint.Render(foot))
	return box(h.common, "Keys: "+h.title, shown, inner)
}

func (h *Help) lines(width int) []string {
	ascii := h.common.Glyphs.Mode == "ascii"
	column := 0
	for _, b := range h.bindings {
		column = max(column, ansi.StringWidth(Keys(b, ascii)))
	}
	column = min(column, width/3)
	s := h.common.Styles
	var out []string
	for _, g := range groups {
		first := true
		for _, b := range h.bindings {
			if b.Group != g {
				continue
			}
			if first && len(out) > 0 {
				out = append(out, "")
			}
			first = false
			about := b.About
			if b.Off != "" {
				about += " (off: " + b.Off + ")"
			}
			for i, l := range wrap(about, width-column-2) {
				key := ""
				if i == 0 {
					key = ansi.Truncate(Keys(b, ascii), column, "")
				}
				if b.Off != "" {
					l = s.Faint.Render(l)
				}
				out = append(out, s.Key.Render(key)+strings.Repeat(" ", column+2-ansi.StringWidth(key))+l)
			}
		}
	}
	return out
}

// Keys are a binding's keys as people read them.
func Keys(b keymap.Binding, ascii bool) string {
	var names []string
	for _, k := range b.Keys {
		names = append(names, keymap.Label(k, ascii))
	}
	return strings.Join(names, " ")
}

// Palette finds an action by its words.
type Palette struct {
	common   *common.Common
	bindings []keymap.Binding
	line     *input.Line
	at       int
}

// NewPalette offers bindings.
func NewPalette(c *common.Common, bindings []keymap.Binding) *Palette {
	return &Palette{common: c, bindings: bindings, line: input.New(c, "")}
}

// found are the bindings that have every word typed.
func (p *Palette) found() []keymap.Binding {
	words := strings.Fields(strings.ToLower(p.line.Text()))
	var out, later []keymap.Binding
	for _, b := range p.bindings {
		name, all := strings.ToLower(b.Name), strings.ToLower(b.Name+" "+b.About)
		hit := true
		for _, w := range words {
			hit = hit && strings.Contains(all, w)
		}
		switch {
		case !hit:
		case len(words) == 0 || strings.HasPrefix(name, words[0]):
			out = append(out, b)
		default:
			later = append(later, b)
		}
	}
	return append(out, later...)
}

// Update takes a message and reports whether the palette is done with.
func (p *Palette) Update(msg tea.Msg) (done bool, cmd tea.Cmd) {
	found := p.found()
	if key, ok := msg.(tea.KeyPressMsg); ok {
		switch key.String() {
		case "esc", "ctrl+c":
			return true, nil
		case "up", "shift+tab":
			p.at = max(0, p.at-1)
			return false, nil
		case "down", "tab":
			p.at = min(max(0, len(found)-1), p.at+1)
			return false, nil
		case "enter":
			if p.at >= len(found) {
				return false, nil
			}
			b := found[p.at]
			if b.Off != "" {
				return true, common.Notify(b.Name + " is off: " + b.Off)
			}
			return true, b.Do()
		}
	}
	if p.line.Update(msg) {
		p.at = 0
	}
	return false, nil
}

// View draws the palette for a screen of that size.
func (p *Palette) View(width, height int) []string {
	inner := min(wide, width-4)
	s, g := p.common.Styles, p.common.Glyphs
	found, room := p.found(), max(1, height-8)
	top := max(0, min(p.at-room+1, len(found)-room))
	lines := []string{": " + p.line.View(inner-2), ""}
	for i := top; i < min(top+room, len(found)); i++ {
		b := found[i]
		about := b.About
		if b.Off != "" {
			about = "off: " + text.Clean(b.Off)
		}
		name := fit(ansi.Truncate(b.Name, 22, g.Ellipsis), 22)
		keys := fit(ansi.Truncate(Keys(b, g.Mode == "ascii"), 8, ""), 8)
		pointer := " "
		if i == p.at {
			pointer, name = g.Pointer, s.Selected.Render(name)
		}
		lines = append(lines, pointer+" "+name+" "+s.Key.Render(keys)+" "+s.Faint.Render(ansi.Truncate(about, max(0, inner-34), g.Ellipsis)))
	}
	if len(found) == 0 {
		lines = append(lines, s.Faint.Render("nothing has these words"))
	}
	return box(p.common, "Do", append(lines, "", s.Faint.Render("Enter does it, Esc goes back")), inner)
}
