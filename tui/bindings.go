package tui

import (
	"fmt"
	"slices"

	tea "charm.land/bubbletea/v2"

	"detnas/tui/common"
	"detnas/tui/components/modal"
	"detnas/tui/keymap"
	"detnas/tui/looks"
	"detnas/tui/styles"
)

// placeNames are the pages' names in the head, by place.
var placeNames = [places]string{"Runs", "Run", "Search", "Subnet", "Config"}

// abouts say what is on each page.
var abouts = [places]string{
	"every run under the runs folder: open, start, compare, resume, delete",
	"the open run: its five steps, losses, speed, use of the machine, log",
	"its search: candidates, score against cost, generations, choices by layer",
	"one subnet: its blocks, its cost, what it detects",
	"the run's or a preset's config: edit, check, save, start",
}

// global are the bindings that every page has.
func (m *Model) global() []keymap.Binding {
	var out []keymap.Binding
	for p := range places {
		off := ""
		if m.pages[p] == nil {
			off = "no run is open"
		}
		out = append(out, keymap.Binding{
			Keys: []string{fmt.Sprint(p + 1)}, Name: placeNames[p], About: abouts[p], Group: keymap.Go, Off: off, Quiet: true,
			Do: func() tea.Cmd { return m.goTo(p) },
		})
	}
	return append(
		out,
		keymap.Binding{
			Keys: []string{"?"}, Name: "help", About: "what the keys of this page do", Group: keymap.Go,
			Do: func() tea.Cmd { m.modal = modal.NewHelp(m.common, m.title(), m.bindings()); return nil },
		},
		keymap.Binding{
			Keys: []string{":"}, Name: "palette", About: "find an action by its words", Group: keymap.Go,
			Do: func() tea.Cmd {
				m.modal = modal.NewPalette(m.common, append(m.bindings(), m.wardrobe()...))
				return nil
			},
		},
		keymap.Binding{
			Keys: []string{"ctrl+l"}, Name: "redraw", About: "draw the whole screen anew", Group: keymap.Show, Quiet: true,
			Do: func() tea.Cmd { return tea.ClearScreen },
		},
		keymap.Binding{
			Keys: []string{"ctrl+t"}, Name: "next theme", About: "dark, light, and both for colour-blind readers", Group: keymap.Show, Quiet: true,
			Do: m.nextTheme,
		},
		keymap.Binding{
			Keys: []string{"q", "ctrl+c"}, Name: "quit", About: "leave the screen; the open run goes on, pauses or stops, as you say", Group: keymap.Go,
			Do: m.quit,
		},
	)
}

// wardrobe are the actions that only the palette has.
func (m *Model) wardrobe() []keymap.Binding {
	var out []keymap.Binding
	wear := func(name, about string, l looks.Looks) {
		off := ""
		if l == m.options.Looks {
			off = "it is so already"
		}
		out = append(out, keymap.Binding{
			Name: name, About: about, Group: keymap.Show, Off: off,
			Do: func() tea.Cmd { m.dress(l); return m.keep() },
		})
	}
	for _, t := range styles.Themes() {
		l := m.options.Looks
		l.Theme = t.Name
		wear("theme "+t.Name, t.About, l)
	}
	for _, mode := range styles.Modes() {
		l := m.options.Looks
		l.Mode = mode
		wear("glyphs "+string(mode), map[styles.Mode]string{
			styles.Braille: "2x4 dots a cell; most fonts have them",
			styles.Block:   "for fonts without braille",
			styles.ASCII:   "for terminals with nothing else",
		}[mode], l)
	}
	l := m.options.Looks
	l.Colour = !l.Colour
	wear(map[bool]string{true: "colour on", false: "colour off"}[l.Colour], "nothing is told by colour alone", l)
	return out
}

func (m *Model) nextTheme() tea.Cmd {
	themes := styles.Themes()
	at := slices.IndexFunc(themes, func(t styles.Theme) bool { return t.Name == m.options.Theme })
	l := m.options.Looks
	l.Theme = themes[(at+1)%len(themes)].Name
	m.dress(l)
	return m.keep()
}

// keep stores the looks for the next start.
func (m *Model) keep() tea.Cmd {
	l, store := m.options.Looks, m.options.Keep
	said := fmt.Sprintf("theme %s, glyphs %s", l.Theme, l.Mode)
	if !l.Colour {
		said = fmt.Sprintf("no colour, glyphs %s", l.Mode)
	}
	return func() tea.Msg {
		if store != nil {
			if err := store(l); err != nil {
				return common.Notice{Text: said + "; not kept for the next start: " + err.Error(), Bad: true}
			}
		}
		return common.Notice{Text: said}
	}
}

func (m *Model) title() string {
	if p := m.page(); p != nil {
		return p.Title()
	}
	return placeNames[m.at]
}
