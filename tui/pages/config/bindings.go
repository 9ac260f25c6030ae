package config

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	tea "charm.land/bubbletea/v2"

	"detnas/core/config"
	"detnas/tui/common"
	"detnas/tui/keymap"
)

// Bindings are what the keys do now.
func (p *Page) Bindings() []keymap.Binding {
	switch {
	case p.doc == nil:
		return p.choosing()
	case p.saving:
		return p.savingBindings()
	case p.listing:
		return p.listingBindings()
	case p.typing && !p.asForm:
		return p.typingBindings()
	case p.asForm:
		return append(append(p.formBindings(), p.shared()...), p.formMoves()...)
	}
	return append(append(p.textBindings(), p.shared()...), p.textMoves()...)
}

// does makes a binding's action of a function.
func does(f func()) func() tea.Cmd { return func() tea.Cmd { f(); return nil } }

// choosing are the bindings of the list of presets.
func (p *Page) choosing() []keymap.Binding {
	names := config.Presets()
	move := func(by int) func() tea.Cmd {
		return does(func() { p.at = max(0, min(p.at+by, len(names)-1)) })
	}
	return []keymap.Binding{
		{Keys: []string{"enter"}, Name: "open", About: "open the preset that is selected", Group: keymap.Go, Do: func() tea.Cmd { return p.read(names[p.at]) }},
		p.opening(),
		{Keys: []string{"up", "k"}, Name: "up", About: "one preset up", Group: keymap.Move, Quiet: true, Do: move(-1)},
		{Keys: []string{"down", "j"}, Name: "down", About: "one preset down", Group: keymap.Move, Quiet: true, Do: move(1)},
	}
}

// opening opens another config.
func (p *Page) opening() keymap.Binding {
	return keymap.Binding{
		Keys: []string{"o"}, Name: "open", About: "open a preset or a TOML file by its name; what you typed here stays", Group: keymap.Go, Quiet: p.doc != nil,
		Do: func() tea.Cmd {
			return common.Send(common.Prompt{
				Title: "Open a config", Text: p.offer(),
				Accept: p.read,
			})
		},
	}
}

// offer says what can be opened.
func (p *Page) offer() string {
	presets := list(config.Presets())
	if p.common.NoFiles != "" {
		return fmt.Sprintf("A preset: %s.", presets)
	}
	return fmt.Sprintf("A preset (%s) or the path of a TOML file.", presets)
}

// textBindings are those of the text.
func (p *Page) textBindings() []keymap.Binding {
	d := p.doc
	noForm, fine := "", "nothing is wrong"
	if !d.toml {
		noForm = "the text is no TOML yet: " + place(d.problems[0]) + d.problems[0].What
	}
	if len(d.problems) > 0 {
		fine = ""
	}
	return []keymap.Binding{
		{
			Keys: []string{"e", "enter", "i"}, Name: "edit", About: "type into the text; Esc ends it, Tab completes keys and words", Group: keymap.Edit,
			Do: does(func() { p.typing = true }),
		},
		{
			Keys: []string{"f", "ctrl+o"}, Name: "form", About: "show the text as a form, each key with what it is", Group: keymap.Show, Off: noForm,
			Do: does(p.toForm),
		},
		{
			Keys: []string{"n", "ctrl+n"}, Name: "next error", About: "go to the next line with an error", Group: keymap.Move, Off: fine,
			Do: does(p.nextError), Quiet: fine != "",
		},
		{
			Keys: []string{"/", "ctrl+f"}, Name: "find", About: "find a text from the cursor on", Group: keymap.Move, Quiet: true,
			Do: p.askFind,
		},
		{
			Keys: []string{"g", "ctrl+g"}, Name: "go to line", About: "go to a line by its number", Group: keymap.Move, Quiet: true,
			Do: p.askLine,
		},
	}
}

// typingBindings are those that act while one types: the ones with ctrl.
func (p *Page) typingBindings() []keymap.Binding {
	out := []keymap.Binding{
		{Keys: []string{"esc"}, Name: "end typing", About: "keys act again; what you typed stays", Group: keymap.Edit, Do: does(func() { p.typing = false })},
		{
			Keys: []string{"tab", "ctrl+space"}, Name: "complete", About: "offer the keys of the table, or the words that the key takes", Group: keymap.Edit,
			Do: does(func() { p.doc.editor.Press("ctrl+space") }),
		},
	}
	for _, b := range append(p.textBindings(), p.shared()...) {
		keys := slices.DeleteFunc(slices.Clone(b.Keys), func(k string) bool { return !strings.HasPrefix(k, "ctrl+") })
		if len(keys) > 0 {
			b.Keys = keys
			out = append(out, b)
		}
	}
	return out
}

// formBindings are those of the form.
func (p *Page) formBindings() []keymap.Binding {
	same, none := "", ""
	if !p.form.Changed() {
		same = "the value is as it was"
	}
	if p.form.Key() == "" {
		none = "no key is selected"
	}
	return []keymap.Binding{
		{
			Keys: []string{"enter"}, Name: "change", About: "type the value, or turn it to the next of its words", Group: keymap.Edit, Off: none,
			Do: does(func() {
				if p.form.Edit() {
					p.formChanged()
				}
			}),
		},
		{
			Keys: []string{"e"}, Name: "type", About: "type the value, also where it has words", Group: keymap.Edit, Off: none, Quiet: true,
			Do: does(func() { p.form.Type() }),
		},
		{
			Keys: []string{"x", "delete"}, Name: "put back", About: "put back the value that is in effect", Group: keymap.Edit, Off: same,
			Do: does(func() {
				if p.form.Reset() {
					p.formChanged()
				}
			}),
		},
		{
			Keys: []string{"f", "ctrl+o"}, Name: "text", About: "show the form as the text that it is", Group: keymap.Show,
			Do: does(p.toText),
		},
		{
			Keys: []string{"/"}, Name: "find", About: `show only keys with some words in their name or description; "changed" shows those that are`, Group: keymap.Show,
			Do: does(func() { p.form.Press("/") }),
		},
	}
}

// shared are the bindings that the text and the form have.
func (p *Page) shared() []keymap.Binding {
	d := p.doc
	none, same, wrong := "", "nothing has changed", ""
	if len(d.changes) == 0 {
		none = "no key has changed"
	}
	if d.dirty() {
		same = ""
	}
	if len(d.problems) > 0 {
		wrong = d.stands()
	}
	return []keymap.Binding{
		{
			Keys: []string{"ctrl+s", "w"}, Name: "save", About: "show what changes and when it acts, then give it to the run, or write the file", Group: keymap.Steer,
			Off: cmp.Or(p.fileless(), d.stands()), Do: does(p.startSaving),
		},
		{
			Keys: []string{"c"}, Name: "changes", About: "list the keys that change, and when each change acts", Group: keymap.Show, Off: none,
			Do: does(func() { p.listing = true }),
		},
		{
			Keys: []string{"r"}, Name: "start a run", About: "start a new run from this text", Group: keymap.Steer, Off: wrong, Quiet: d.run != nil,
			Do: p.askRun,
		},
		{
			Keys: []string{"a"}, Name: "save as", About: "write this text to a file of another name", Group: keymap.Steer, Quiet: true,
			Off: cmp.Or(p.common.NoFiles, wrong),
			Do:  p.askPath,
		},
		{
			Keys: []string{"u", "ctrl+z"}, Name: "undo", About: "undo the last change of the text", Group: keymap.Edit, Quiet: true,
			Do: does(func() { d.editor.Press("ctrl+z"); p.sync() }),
		},
		{
			Keys: []string{"ctrl+y"}, Name: "redo", About: "do again what was undone", Group: keymap.Edit, Quiet: true,
			Do: does(func() { d.editor.Press("ctrl+y"); p.sync() }),
		},
		{
			Keys: []string{"ctrl+r"}, Name: "discard", About: "take the text that is in effect in place of what you typed; undo brings that back", Group: keymap.Edit, Off: same,
			Quiet: !d.stale, Do: p.askDiscard,
		},
		p.opening(),
	}
}

// textMoves move in the text while nothing is typed.
func (p *Page) textMoves() []keymap.Binding {
	move := func(name, about string, keys ...string) keymap.Binding {
		return keymap.Binding{
			Keys: keys, Name: name, About: about, Group: keymap.Move, Quiet: true,
			Do: does(func() { p.doc.editor.Press(keys[0]) }),
		}
	}
	return []keymap.Binding{
		move("up", "one line up", "up", "k"), move("down", "one line down", "down", "j"),
		move("left", "one sign to the left", "left", "h"), move("right", "one sign to the right", "right", "l"),
		move("page up", "as many lines up as are in sight", "pgup"), move("page down", "as many lines down as are in sight", "pgdown"),
		move("first line", "the start of the text", "ctrl+home", "home"), move("last line", "the end of the text", "ctrl+end", "end", "G"),
	}
}

// formMoves move in the form.
func (p *Page) formMoves() []keymap.Binding {
	move := func(name, about string, keys ...string) keymap.Binding {
		return keymap.Binding{
			Keys: keys, Name: name, About: about, Group: keymap.Move, Quiet: true,
			Do: does(func() {
				if p.form.Press(keys[0]) {
					p.formChanged()
				}
			}),
		}
	}
	turn := func(name, about string, keys ...string) keymap.Binding {
		b := move(name, about, keys...)
		b.Group = keymap.Edit
		return b
	}
	return []keymap.Binding{
		move("up", "one key up", "up", "k"), move("down", "one key down", "down", "j"),
		turn("next word", "turn the value to the next of its words", "right", "l"),
		turn("word before", "turn the value to the word before", "left", "h"),
		move("next table", "the first key of the next table", "tab", "]"), move("table before", "the first key of the table before", "shift+tab", "["),
		move("page up", "as many keys up as are in sight", "pgup"), move("page down", "as many keys down as are in sight", "pgdown"),
		move("first", "the first key", "home"), move("last", "the last key", "end", "G"),
		move("all keys", "show all keys again", "esc"),
	}
}

// listingBindings are those of the list of changes.
func (p *Page) listingBindings() []keymap.Binding {
	back := keymap.Binding{
		Keys: []string{"esc", "c"}, Name: "back", About: "back to the text or the form", Group: keymap.Go, Do: does(func() { p.listing = false }),
	}
	save, _ := keymap.Find(p.shared(), "ctrl+s")
	return []keymap.Binding{back, save}
}

// place is where a problem is, with a colon, or nothing.
func place(x config.Problem) string {
	where := ""
	switch {
	case x.Column > 0:
		where = fmt.Sprintf("line %d, column %d: ", x.Line, x.Column)
	case x.Line > 0:
		where = fmt.Sprintf("line %d: ", x.Line)
	}
	if x.Key != "" {
		where += x.Key + ": "
	}
	return where
}

func list(names []string) string {
	out := ""
	for i, n := range slices.Sorted(slices.Values(names)) {
		if i > 0 {
			out += ", "
		}
		out += n
	}
	return out
}
