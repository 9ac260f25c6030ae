package config

import (
	"errors"
	"path/filepath"
	"slices"

	"detnas/core/config"
	"detnas/core/steer"
	"detnas/tui/common"
	"detnas/tui/components/diff"
	"detnas/tui/components/editor"
	"detnas/tui/follow"
)

// document is a config that is open: the text being edited, and the one that is
// in effect.
type document struct {
	name   string      // of the run, the preset or the file
	path   string      // of a file; empty for a run or a preset
	run    *follow.Run // nil for a preset or a file
	editor *editor.Editor

	base   string            // the text that is in effect: the run's, the file's, the preset's
	before *config.Config    // of base; nil where it cannot be read
	values map[string]string // of base, in TOML
	stale  bool              // base has changed under what was typed
	sent   string            // the text that the run was given and has not taken yet

	text     string // that the rest is of
	problems []config.Problem
	toml     bool            // the text is TOML, whatever is wrong with its values
	changes  []config.Change // from base; the last ones known while the text is no TOML
}

func newDocument(c *common.Common, name, path string, r *follow.Run, base string) *document {
	d := &document{name: name, path: path, run: r, editor: editor.New(c)}
	d.editor.Words = d.words
	d.editor.SetText(base)
	d.rebase(base)
	return d
}

// rebase takes in another text that is in effect; what was typed stays.
func (d *document) rebase(base string) {
	d.base, d.values = base, nil
	d.before, _ = config.Parse(d.file(), []byte(base), nil) // a run's or a preset's can be read; else no change is known
	if len(syntax(config.Check(d.file(), base))) == 0 {
		d.values = config.Values(base)
	}
	d.check()
}

// adopt takes in another text that is in effect, also as the text being edited.
func (d *document) adopt(base string) {
	if d.editor.Text() != base {
		line := d.editor.Line()
		d.editor.Replace(base)
		d.editor.GoTo(line)
	}
	d.stale, d.sent = false, ""
	d.rebase(base)
}

// file is the document's name in errors.
func (d *document) file() string {
	switch {
	case d.path != "":
		return d.path
	case d.run != nil:
		return d.run.Viewer.Folder().Config()
	}
	return "preset " + d.name
}

// title names the document for people.
func (d *document) title() string {
	switch {
	case d.run != nil:
		return "run " + d.name
	case d.path != "":
		return filepath.Base(d.path)
	}
	return "preset " + d.name
}

// dirty reports whether something was typed that is not in effect.
func (d *document) dirty() bool { return d.text != d.base }

// refresh checks the text when it has changed.
func (d *document) refresh() {
	if d.editor.Text() != d.text {
		d.check()
	}
}

// check works out what is wrong with the text and what it changes.
func (d *document) check() {
	d.text = d.editor.Text()
	now, err := config.Parse(d.file(), []byte(d.text), nil)
	d.problems = problemsOf(d.file(), err)
	d.toml = len(syntax(d.problems)) == 0
	switch {
	case now != nil && d.before != nil:
		d.changes = d.asWritten(config.Changes(d.before, now))
	case d.toml:
		d.changes = d.written()
	}
	d.mark()
}

// problemsOf are the problems that an error of reading a config has.
func problemsOf(file string, err error) []config.Problem {
	var all *config.Error
	switch {
	case err == nil:
		return nil
	case errors.As(err, &all):
		return all.Problems
	}
	return []config.Problem{{File: file, What: err.Error()}}
}

// syntax are the problems of a text that is no TOML.
func syntax(problems []config.Problem) []config.Problem {
	return slices.DeleteFunc(slices.Clone(problems), func(p config.Problem) bool { return p.Key != "" })
}

// asWritten puts values as the texts have them, 1e-5 and not 0.00001, in place of
// those of changes.
func (d *document) asWritten(changes []config.Change) []config.Change {
	now := config.Values(d.text)
	for i, c := range changes {
		if v, ok := d.values[c.Key]; ok {
			changes[i].Old = v
		}
		if v, ok := now[c.Key]; ok {
			changes[i].New = v
		}
	}
	return changes
}

// written are the changes by what is written, for a text whose values cannot
// stand.
func (d *document) written() []config.Change {
	now := config.Values(d.text)
	var out []config.Change
	for _, k := range config.Keys() {
		before, after := k.Default, k.Default
		if v, ok := d.values[k.Path]; ok {
			before = v
		}
		if v, ok := now[k.Path]; ok {
			after = v
		}
		if before != after {
			out = append(out, config.Change{Key: k.Path, Old: before, New: after})
		}
	}
	return out
}

// mark puts marks beside the lines that have changed or are wrong.
func (d *document) mark() {
	marks := map[int]editor.Mark{}
	for _, l := range diff.Lines(d.base, d.text) {
		if l.Sign == diff.Added {
			marks[l.New-1] = editor.MarkChanged
		}
	}
	for _, p := range d.problems {
		if p.Line > 0 {
			marks[p.Line-1] = editor.MarkError
		}
	}
	d.editor.Marks = marks
}

// position is where the run stands, for when a change acts.
func (d *document) position() config.Position {
	if d.run == nil {
		return config.Position{}
	}
	st := &d.run.History.State
	done := map[int]bool{}
	for step := range st.Finished {
		done[step] = true
	}
	away := d.run.Steerable
	var barred *steer.Barred
	if errors.As(away, &barred) { // whoever looks on sees when a change of others acts
		away = barred.Away
	}
	return config.Position{Begun: true, Step: st.Step, Running: away == nil, Done: done}
}

// effect says when a change of a key acts.
func (d *document) effect(key string) config.Effect { return config.EffectOf(key, d.position()) }

// why says it in some words.
func (d *document) why(key string) string { return config.Reason(key, d.position()) }

// refused are the changes that the run cannot take.
func (d *document) refused() []string {
	var out []string
	for _, c := range d.changes {
		if d.effect(c.Key) == config.NewRun {
			out = append(out, c.Key)
		}
	}
	return out
}

// live is the value that the run has for a key now: of the learning rate the
// one of the schedule.
func (d *document) live(key string) (string, bool) {
	if d.run == nil {
		return "", false
	}
	if st := &d.run.History.State; st.Step > 0 && st.Train != nil && key == config.StepName(st.Step)+".lr" {
		return rate(st.Train.LR), true
	}
	if v, ok := d.values[key]; ok {
		return v, true
	}
	for _, k := range config.Keys() {
		if k.Path == key {
			return k.Default, true
		}
	}
	return "", false
}

// stands says why the document cannot be given to its run, or is empty.
func (d *document) stands() string {
	switch {
	case len(d.problems) > 0:
		return place(d.problems[0]) + d.problems[0].What
	case !d.dirty():
		return "nothing has changed"
	}
	return ""
}
