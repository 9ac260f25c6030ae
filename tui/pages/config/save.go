package config

import (
	"errors"
	"path/filepath"
	"strings"

	tea "charm.land/bubbletea/v2"

	"detnas/core/input"
	"detnas/core/steer"
	"detnas/tui/common"
	"detnas/tui/keymap"
)

// startSaving shows what differs, and what follows from it, and asks.
func (p *Page) startSaving() {
	p.doc.refresh()
	p.saving, p.typing = true, false
	p.diff.Set(p.doc.base, p.doc.text)
	p.place()
}

// savingBindings are those of the difference before it is saved.
func (p *Page) savingBindings() []keymap.Binding {
	save := keymap.Binding{
		Keys: []string{"enter"}, Name: "save", About: "give the run this text in place of its config", Group: keymap.Steer,
		Off: p.unsaveable(), Do: p.save,
	}
	if p.doc.run == nil {
		save.About = "write the file"
	}
	scroll := func(name, about string, code rune, keys ...string) keymap.Binding {
		return keymap.Binding{
			Keys: keys, Name: name, About: about, Group: keymap.Move, Quiet: true,
			Do: does(func() { p.diff.Update(tea.KeyPressMsg{Code: code}) }),
		}
	}
	return []keymap.Binding{
		save,
		{Keys: []string{"esc"}, Name: "back", About: "back to the text; nothing is saved", Group: keymap.Go, Do: does(func() { p.saving = false })},
		{Keys: []string{"r", "n"}, Name: "new run", About: "start a new run from this text", Group: keymap.Steer, Do: p.askRun},
		{Keys: []string{"a"}, Name: "save as", About: "write this text to a file of another name", Group: keymap.Steer, Off: p.common.NoFiles, Do: p.askPath},
		scroll("up", "one line up", tea.KeyUp, "up", "k"), scroll("down", "one line down", tea.KeyDown, "down", "j"),
		scroll("page up", "as many lines up as are in sight", tea.KeyPgUp, "pgup"), scroll("page down", "as many lines down as are in sight", tea.KeyPgDown, "pgdown", "space"),
	}
}

// fileless says why a text that no run has cannot be saved, where files are out of
// reach.
func (p *Page) fileless() string {
	if p.doc.run == nil {
		return p.common.NoFiles
	}
	return ""
}

// unsaveable says why the run does not take the text; a file takes any.
func (p *Page) unsaveable() string {
	d := p.doc
	if why := p.fileless(); why != "" {
		return why
	}
	if why := d.stands(); why != "" || d.run == nil {
		return why
	}
	if keys := d.refused(); len(keys) > 0 {
		return strings.Join(keys, ", ") + " cannot change in a run that has begun: start a new run, or save as a file"
	}
	if away := d.run.Steerable; away != nil && !errors.Is(away, steer.ErrIdle) {
		return away.Error()
	}
	return ""
}

// save gives the run the text, or writes the file.
func (p *Page) save() tea.Cmd {
	d := p.doc
	switch {
	case d.run != nil:
		p.saving = false
		return d.run.Do(steer.Command{Act: steer.ActConfigure, Who: p.common.Who, Text: d.text})
	case d.path != "":
		return p.write(d, d.path, false)
	}
	return p.askPath()
}

// askPath asks where to write the text.
func (p *Page) askPath() tea.Cmd {
	d := p.doc
	return common.Send(common.Prompt{
		Title: "Save as", Text: "A TOML file, in the working folder unless you name another.", Value: d.name + ".toml",
		Check: func(path string) error {
			if !strings.HasSuffix(path, ".toml") || filepath.Base(path) == ".toml" {
				return errors.New("write a name that ends in .toml")
			}
			return nil
		},
		Accept: func(path string) tea.Cmd { return p.write(d, path, false) },
	})
}

// askRun asks for a new run's name, and starts it from the text.
func (p *Page) askRun() tea.Cmd {
	d := p.doc
	config := d.name
	if d.path != "" {
		config = d.path
	}
	return common.Send(common.Prompt{
		Title: "Start a run", Text: "The name of the run; none makes one of the config's name and the time.",
		Check: func(name string) error {
			if name == "" {
				return nil
			}
			return input.CheckName(name) //nolint:wrapcheck // is said beside what is typed
		},
		Accept: func(name string) tea.Cmd {
			p.saving = false
			return common.Send(common.StartRun{Config: config, Text: d.text, Name: name})
		},
	})
}

// askDiscard asks before what was typed is replaced.
func (p *Page) askDiscard() tea.Cmd {
	d := p.doc
	return common.Send(common.Ask{
		Title: "Discard what you typed",
		Text:  "The text that is in effect takes its place. Undo brings yours back.",
		Choices: []common.Choice{
			{Key: "k", Name: "keep it", About: "nothing changes"},
			{Key: "d", Name: "discard it", About: "go back to the text that is in effect", Do: common.Send(discard{p, d})},
		},
	})
}

// discard puts the text that is in effect into a document.
type discard struct {
	page *Page
	doc  *document
}

func (p *Page) discard(m discard) {
	if m.page == p {
		m.doc.adopt(m.doc.base)
		p.sync()
	}
}
