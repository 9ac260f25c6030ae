package config

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"

	tea "charm.land/bubbletea/v2"

	"detnas/configs"
	"detnas/core/config"
	"detnas/core/input"
	"detnas/core/run"
	"detnas/tui/common"
)

// loaded brings the text of a preset or a file.
type loaded struct {
	page *Page
	name string
	path string // of a file, absolute
	text string
}

// read reads a preset, or the file of a path.
func (p *Page) read(name string) tea.Cmd {
	return func() tea.Msg {
		if text, err := fs.ReadFile(configs.Files, name+".toml"); err == nil {
			return loaded{page: p, name: name, text: string(text)}
		}
		if p.common.NoFiles != "" {
			return common.Notice{Text: fmt.Sprintf("%s is no preset, and %s", name, p.common.NoFiles), Bad: true}
		}
		path, err := filepath.Abs(name)
		if err != nil {
			return common.Notice{Text: fmt.Sprintf("opening %s: %v", name, err), Bad: true}
		}
		text, err := readFile(path)
		if err != nil {
			return common.Notice{Text: fmt.Sprintf("opening %s: %v; give a TOML file or one of the presets %s",
				name, err, strings.Join(config.Presets(), ", ")), Bad: true}
		}
		return loaded{page: p, name: strings.TrimSuffix(filepath.Base(path), ".toml"), path: path, text: text}
	}
}

func readFile(path string) (string, error) {
	text, err := config.ReadFile(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "", errors.New("it is not there")
	case errors.Is(err, input.ErrNotFile):
		return "", errors.New("it is no file")
	}
	return string(text), err
}

// take shows what was read; what was typed into it before is still there.
func (p *Page) take(l loaded) tea.Cmd {
	if l.page != p {
		return nil
	}
	id := "preset " + l.name
	if l.path != "" {
		id = "file " + l.path
	}
	d, ok := p.documents[id]
	switch {
	case !ok:
		d = newDocument(p.common, l.name, l.path, nil, l.text)
		p.documents[id] = d
	case l.text == d.base:
	case d.dirty():
		d.stale = true
		d.rebase(l.text)
	default:
		d.adopt(l.text)
	}
	p.show(d)
	return nil
}

// saved says that a text has been written to a file.
type saved struct {
	page *Page
	from *document
	path string
	text string
}

// touched says that a file was not written, for it has changed meanwhile.
type touched struct {
	page *Page
	from *document
	text string // of the file
}

// write writes the document's text to a file. The file may hold what it held
// when it was opened; another one is written over only when force says so.
func (p *Page) write(d *document, path string, force bool) tea.Cmd {
	if p.common.NoFiles != "" {
		return common.Fail(errors.New(p.common.NoFiles))
	}
	text, base, own := d.text, d.base, d.path
	return func() tea.Msg {
		abs, err := filepath.Abs(path)
		if err != nil {
			return common.Notice{Text: fmt.Sprintf("saving %s: %v", path, err), Bad: true}
		}
		now, err := config.ReadFile(abs)
		switch {
		case errors.Is(err, fs.ErrNotExist) || force:
		case err != nil:
			return common.Notice{Text: fmt.Sprintf("saving: %v", err), Bad: true}
		case abs == own && string(now) != base:
			return touched{page: p, from: d, text: string(now)}
		case abs != own:
			return p.askOver(d, abs)
		}
		if err := run.WriteFile(abs, []byte(text)); err != nil {
			return common.Notice{Text: fmt.Sprintf("saving: %v", err), Bad: true}
		}
		return saved{page: p, from: d, path: abs, text: text}
	}
}

// askOver asks before another file is written over.
func (p *Page) askOver(d *document, path string) common.Ask {
	return common.Ask{
		Title: "Write over a file",
		Text:  path + " is there already.",
		Choices: []common.Choice{
			{Key: "k", Name: "keep it", About: "nothing is written; save under another name", Do: common.Notify("nothing was written")},
			{Key: "o", Name: "write over it", About: "what it holds is lost", Do: p.write(d, path, true)},
		},
	}
}

// wrote shows the file that was written. A preset or a run whose text it was has
// its own text again.
func (p *Page) wrote(s saved) tea.Cmd {
	if s.page != p {
		return nil
	}
	id := "file " + s.path
	d, ok := p.documents[id]
	if !ok {
		d = newDocument(p.common, strings.TrimSuffix(filepath.Base(s.path), ".toml"), s.path, nil, s.text)
		p.documents[id] = d
	}
	d.stale = false
	if d != s.from && d.text != s.text {
		d.adopt(s.text)
	}
	d.rebase(s.text)
	if d != s.from && s.from.text == s.text {
		s.from.adopt(s.from.base)
	}
	line := s.from.editor.Line()
	p.show(d)
	d.editor.GoTo(line)
	return common.Notify("saved " + s.path)
}

// overtaken takes in what a file holds that has changed meanwhile.
func (p *Page) overtaken(t touched) tea.Cmd {
	if t.page != p {
		return nil
	}
	t.from.stale = true
	t.from.rebase(t.text)
	p.saving = false
	p.sync()
	return common.Fail(errors.New("nothing was saved: the file has changed meanwhile; save again to put yours in its place"))
}
