// Package config is the page on which a run's, a preset's or a file's config is
// edited, as a text or as a form, and given to the run, saved, or started.
package config

import (
	"fmt"
	"slices"
	"strings"

	tea "charm.land/bubbletea/v2"

	"detnas/core/config"
	"detnas/core/steer"
	"detnas/tui/common"
	"detnas/tui/components/diff"
	"detnas/tui/components/form"
	"detnas/tui/follow"
	"detnas/tui/keymap"
)

// Page is the config page. What was typed into a document stays in it while
// others are open.
type Page struct {
	common    *common.Common
	documents map[string]*document // by what they are of
	doc       *document            // that is shown; nil while one chooses
	at        int                  // the preset that is chosen

	form    *form.Form
	diff    *diff.View
	asForm  bool // the form is shown, not the text
	typing  bool // keys are typed into the text
	saving  bool // the difference is shown, before it is saved
	listing bool // the changes are shown in place of the text

	found         string // that was last looked for
	width, height int
}

// New makes the page with nothing open.
func New(c *common.Common) *Page {
	p := &Page{common: c, documents: map[string]*document{}, form: form.New(c), diff: diff.New(c)}
	p.form.Effect = func(key string) config.Effect {
		if p.doc == nil {
			return config.NextStart
		}
		return p.doc.effect(key)
	}
	p.form.Why = func(key string) string {
		if p.doc == nil {
			return ""
		}
		return p.doc.why(key)
	}
	p.form.Live = func(key string) (string, bool) {
		if p.doc == nil {
			return "", false
		}
		return p.doc.live(key)
	}
	return p
}

// Title is the page's name; a star ends it while something typed is not in
// effect.
func (p *Page) Title() string {
	if p.doc == nil {
		return "Config"
	}
	if p.doc.dirty() {
		return "Config of " + p.doc.title() + " *"
	}
	return "Config of " + p.doc.title()
}

// Capturing reports whether keys are typed text.
func (p *Page) Capturing() bool {
	if p.doc == nil || p.saving || p.listing {
		return false
	}
	if p.asForm {
		return p.form.Capturing()
	}
	return p.typing
}

// Resize gives the page its cells.
func (p *Page) Resize(width, height int) {
	p.width, p.height = width, height
	p.place()
}

// OpenRun shows the config of the run.
func (p *Page) OpenRun(r *follow.Run) tea.Cmd {
	id := "run " + r.Dir()
	if d, ok := p.documents[id]; ok {
		d.run = r
		p.show(d)
		p.follow(d)
		return nil
	}
	d := newDocument(p.common, r.Viewer.Folder().Name(), "", r, r.Text())
	p.documents[id] = d
	p.show(d)
	return nil
}

// OpenPreset shows a preset, or the file of a path.
func (p *Page) OpenPreset(name string) tea.Cmd { return p.read(name) }

// show shows a document.
func (p *Page) show(d *document) {
	p.doc, p.saving, p.typing, p.listing = d, false, false, false
	p.sync()
	p.place()
}

// sync brings the form up with the text.
func (p *Page) sync() {
	d := p.doc
	d.refresh()
	if !d.toml {
		p.asForm = false
		return
	}
	if p.asForm {
		p.form.Problems = map[string]string{}
		for _, x := range d.problems {
			p.form.Problems[x.Key] = x.What
		}
		if p.form.Text() != d.text || p.form.Base() != d.base {
			p.form.SetText(d.text, d.base)
		}
	}
}

// follow takes in that the run of a document has changed.
func (p *Page) follow(d *document) {
	now := d.run.Text()
	d.refresh()
	switch {
	case now == "" || now == d.base:
	case !d.dirty() || d.text == now || d.text == d.sent:
		d.adopt(now)
	default:
		d.stale = true
		d.rebase(now)
	}
	if _, asked := d.run.History.State.Steering.Request(steer.ActConfigure); !asked && d.sent != "" && now != "" && d.base == now {
		d.sent = ""
	}
	if d == p.doc {
		p.sync()
	}
}

// Update takes a message.
func (p *Page) Update(msg tea.Msg) tea.Cmd {
	switch msg := msg.(type) {
	case follow.Updated:
		for _, d := range p.documents {
			if d.run != nil {
				p.follow(d)
			}
		}
		return nil
	case loaded:
		return p.take(msg)
	case saved:
		return p.wrote(msg)
	case touched:
		return p.overtaken(msg)
	case find:
		p.find(msg.text)
		return nil
	case jump:
		if p.doc != nil {
			p.goTo(msg.line)
		}
		return nil
	case discard:
		p.discard(msg)
		return nil
	case follow.Done:
		return p.given(msg.Command)
	}
	return p.input(msg)
}

// given notes that the run has been given a config.
func (p *Page) given(c steer.Command) tea.Cmd {
	if c.Act != steer.ActConfigure {
		return nil
	}
	for _, d := range p.documents {
		if d.run != nil && d.text == c.Text {
			d.sent = c.Text
			return common.Notify("the run has the new config; what it changes is in the journal when it is taken")
		}
	}
	return nil
}

// input takes keys, pastes and the mouse.
func (p *Page) input(msg tea.Msg) tea.Cmd {
	if p.doc == nil {
		return nil
	}
	if key, ok := msg.(tea.KeyPressMsg); ok && p.Capturing() {
		if cmd, done := p.command(key.String()); done {
			return cmd
		}
	}
	switch m := msg.(type) {
	case tea.MouseClickMsg:
		m.Y -= headHeight
		msg = m
		if p.inBody(m.X, m.Y) && !p.saving && !p.listing && !p.asForm && m.Button == tea.MouseLeft {
			p.doc.editor.Click(m.X, m.Y)
			return nil
		}
	case tea.MouseWheelMsg:
		if !p.saving && !p.listing && !p.asForm {
			p.doc.editor.Scroll(map[tea.MouseButton]int{tea.MouseWheelUp: -3, tea.MouseWheelDown: 3}[m.Button])
			return nil
		}
	}
	p.give(msg)
	return nil
}

// give gives a message to what is shown.
func (p *Page) give(msg tea.Msg) {
	switch {
	case p.saving:
		p.diff.Update(msg)
	case p.listing:
	case p.asForm:
		if p.form.Update(msg) {
			p.formChanged()
		}
	case p.typing:
		if p.doc.editor.Update(msg) {
			p.sync()
		}
	}
}

// formChanged takes the form's text over.
func (p *Page) formChanged() {
	p.doc.editor.Replace(p.form.Text())
	p.sync()
}

// command takes keys that act while one types into the text: esc, and those with
// ctrl that are bound, but for those that choose one of the words on offer.
func (p *Page) command(key string) (tea.Cmd, bool) {
	if p.asForm || key != "esc" && !strings.HasPrefix(key, "ctrl+") {
		return nil, false
	}
	if p.doc.editor.Completing() && slices.Contains([]string{"esc", "ctrl+n", "ctrl+p"}, key) {
		return nil, false
	}
	b, ok := keymap.Find(p.Bindings(), key)
	switch {
	case !ok || key == "ctrl+space":
		return nil, false
	case b.Off != "":
		return common.Notify(b.Name + " is off: " + b.Off), true
	}
	return b.Do(), true
}

// place gives what is shown its cells.
func (p *Page) place() {
	if p.doc == nil {
		return
	}
	w, h := p.bodyWidth(), p.bodyHeight()
	p.doc.editor.Resize(w, h)
	p.form.Resize(w, h)
	p.diff.Resize(p.width, max(0, h-p.effectHeight()))
}

// rate writes a learning rate in four digits.
func rate(lr float64) string { return fmt.Sprintf("%.4g", lr) }
