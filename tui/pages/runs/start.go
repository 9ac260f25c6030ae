package runs

import (
	"fmt"
	"io/fs"
	"strings"

	tea "charm.land/bubbletea/v2"

	"detnas/configs"
	"detnas/core/config"
	"detnas/tui/common"
	"detnas/tui/components/table"
	"detnas/tui/components/text"
	"detnas/tui/keymap"
)

// starts is the list of what a run can be started from.
type starts struct {
	page  *Page
	table *table.Table
}

// newStarts lists the presets with the first sentence of each.
func newStarts(p *Page) *starts {
	s := &starts{page: p, table: table.New(p.common, []table.Column{{Title: "preset"}, {Title: "about", Grow: true, Min: 20}})}
	s.table.Noun = "presets"
	var rows []table.Row
	for _, name := range config.Presets() {
		about := ""
		if toml, err := fs.ReadFile(configs.Files, name+".toml"); err == nil {
			about = heading(string(toml))
		}
		rows = append(rows, table.Row{Key: name, Cells: []string{name, sentence(about)}, Value: about})
	}
	s.table.SetRows(rows)
	s.table.Select("demo")
	s.resize(p.width, p.height)
	return s
}

// heading is the comment that a config begins with.
func heading(toml string) string {
	var words []string
	for l := range strings.Lines(toml) {
		comment, ok := strings.CutPrefix(strings.TrimSpace(l), "#")
		if !ok || strings.TrimSpace(comment) == "" {
			break
		}
		words = append(words, strings.TrimSpace(comment))
	}
	return strings.Join(words, " ")
}

// sentence is the first sentence of a text.
func sentence(words string) string {
	first, _, _ := strings.Cut(words+" ", ". ")
	return strings.TrimSuffix(strings.TrimSpace(first), ".")
}

// headRows is how many lines stand above the list, and listRows how many it has;
// below it, where there is room, is all that a preset says of itself.
func (s *starts) headRows(height int) int { return min(2, max(height-3, 0)) }

func (s *starts) listRows(height int) int {
	room := height - s.headRows(height)
	if all := s.table.Len() + 2; room >= all+3 {
		return all
	}
	return room
}

func (s *starts) resize(width, height int) { s.table.Resize(width, s.listRows(height)) }

func (s *starts) view(width, height int) string {
	st, ellipsis := s.page.common.Styles, s.page.common.Glyphs.Ellipsis
	var blocks []string
	if n := s.headRows(height); n > 0 {
		title := " " + st.Title.Render("Start a run") + st.Faint.Render("  in "+text.Clean(s.page.folder))
		blocks = append(blocks, text.Block([]string{title}, width, n, ellipsis))
	}
	blocks = append(blocks, s.table.View())
	if n := height - s.headRows(height) - s.listRows(height); n > 0 {
		lines := []string{""}
		row, _ := s.table.Selected()
		about, _ := row.Value.(string)
		for _, l := range wrapped(about, min(width-4, 76)) {
			lines = append(lines, "  "+st.Faint.Render(l))
		}
		blocks = append(blocks, text.Block(lines, width, n, ellipsis))
	}
	return strings.Join(blocks, "\n")
}

func (s *starts) touch(msg tea.Msg) tea.Cmd {
	switch m := msg.(type) {
	case tea.MouseClickMsg:
		m.Y -= s.headRows(s.page.height)
		msg = m
	case tea.MouseWheelMsg:
		m.Y -= s.headRows(s.page.height)
		msg = m
	}
	s.table.Update(msg)
	return nil
}

// bindings start a run, or show its config first.
func (s *starts) bindings() []keymap.Binding {
	row, _ := s.table.Selected()
	name := row.Key
	leave := func(then tea.Cmd) func() tea.Cmd {
		return func() tea.Cmd { s.page.starts = nil; return then }
	}
	out := []keymap.Binding{
		{
			Keys: []string{"enter"}, Name: "start", About: "start a run from the preset, in the background", Group: keymap.Steer,
			Do: leave(common.Send(common.StartRun{Config: name})),
		},
		{
			Keys: []string{"e"}, Name: "edit first", About: "look at the preset's config, change it and start from there", Group: keymap.Go,
			Do: leave(common.Send(common.OpenConfig{Preset: name})),
		},
		{
			Keys: []string{"f"}, Name: "from a file", About: "start from a TOML file of one's own: its config is shown first", Group: keymap.Go,
			Off: s.page.common.NoFiles,
			Do:  leave(common.Send(askFile())),
		},
		{Keys: []string{"esc", "n"}, Name: "back", About: "to the list of runs", Group: keymap.Go, Do: leave(nil)},
	}
	for _, b := range s.table.Bindings() {
		if b.Group == keymap.Move {
			out = append(out, b)
		}
	}
	return out
}

func askFile() common.Prompt {
	return common.Prompt{
		Title: "Start from a file", Text: "The path of a config in TOML:",
		Check: func(path string) error {
			if strings.TrimSpace(path) == "" {
				return fmt.Errorf("give a path, such as mine.toml")
			}
			return nil
		},
		Accept: func(path string) tea.Cmd { return common.Send(common.OpenConfig{Preset: strings.TrimSpace(path)}) },
	}
}
