// Package form shows a config's text as a form: each key of the schema with its
// value, what it is, and when a change of it acts.
package form

import (
	"slices"
	"strings"

	"detnas/core/config"
	"detnas/tui/common"
	"detnas/tui/components/input"
)

// Form is the component. It changes the same text that the editor shows: what
// the text holds besides values stays as it is.
type Form struct {
	// Effect says when a change of a key acts.
	Effect func(key string) config.Effect
	// Why says it in some words; nil says it in general ones.
	Why func(key string) string
	// Live is the value, in TOML, that a running engine has; nil where nothing
	// runs.
	Live func(key string) (literal string, ok bool)
	// Problems say by key what is wrong with the text.
	Problems map[string]string

	common        *common.Common
	text          string
	base          string // what the text was before it was changed
	all           []row  // every key, in the order of the schema
	rows          []row  // those that the filter lets through, below the headers of their tables
	at, top       int    // in rows
	width, height int
	line          *input.Line // the value as it is typed
	wrong         string      // with it
	filter        string
	filtering     *input.Line // the filter as it is typed
}

// row is a key, or the header of a table.
type row struct {
	header bool
	table  string
	key    config.Key
	value  string // TOML, on one line
	set    bool   // the text has it
	was    string // before the text was changed
}

func (r row) changed() bool { return r.value != r.was }

// New makes an empty form.
func New(c *common.Common) *Form { return &Form{common: c} }

// SetText shows a text, which has to be TOML, beside what it was before it was
// changed.
func (f *Form) SetText(now, base string) {
	f.text, f.base, f.all = now, base, nil
	values, were := config.Values(now), config.Values(base)
	for _, k := range config.Keys() {
		r := row{table: k.Table, key: k, value: k.Default, was: k.Default}
		if v, ok := values[k.Path]; ok {
			r.value, r.set = oneLine(v), true
		}
		if v, ok := were[k.Path]; ok {
			r.was = oneLine(v)
		}
		f.all = append(f.all, r)
	}
	f.group()
	f.arrange()
}

// group brings the keys of a table together: in the schema the keys of a table
// within it may stand between them.
func (f *Form) group() {
	place := map[string]int{}
	for _, r := range f.all {
		if _, ok := place[r.table]; !ok {
			place[r.table] = len(place)
		}
	}
	slices.SortStableFunc(f.all, func(a, b row) int { return place[a.table] - place[b.table] })
}

// oneLine takes the line breaks out of a value.
func oneLine(value string) string {
	if strings.ContainsAny(value, "\n\t") {
		return strings.Join(strings.Fields(value), " ")
	}
	return value
}

// arrange makes the rows of the keys that the filter lets through.
func (f *Form) arrange() {
	key, words := f.Key(), strings.Fields(strings.ToLower(f.filter))
	f.rows = nil
	table := "\x00"
	for _, r := range f.all {
		if !r.has(words) {
			continue
		}
		if r.table != table {
			table = r.table
			f.rows = append(f.rows, row{header: true, table: table})
		}
		f.rows = append(f.rows, r)
	}
	if f.at = 0; key != "" {
		f.Select(key)
	}
	f.clamp(1)
}

// has reports whether a key has every word in its path or its description, or
// is changed where "changed" is asked for.
func (r row) has(words []string) bool {
	for _, w := range words {
		if w == "changed" && r.changed() {
			continue
		}
		if !strings.Contains(strings.ToLower(r.key.Path+" "+r.key.Doc), w) {
			return false
		}
	}
	return true
}

// Text is the text with what was changed.
func (f *Form) Text() string { return f.text }

// Base is the text before it was changed.
func (f *Form) Base() string { return f.base }

// selected is the row of the key that is selected.
func (f *Form) selected() (row, bool) {
	if f.at < 0 || f.at >= len(f.rows) || f.rows[f.at].header {
		return row{}, false
	}
	return f.rows[f.at], true
}

// Key is the key that is selected; empty where no key is.
func (f *Form) Key() string {
	r, _ := f.selected()
	return r.key.Path
}

// Select selects a key.
func (f *Form) Select(key string) {
	if i := slices.IndexFunc(f.rows, func(r row) bool { return r.key.Path == key && key != "" }); i >= 0 {
		f.at = i
	}
}

// Changed reports whether the selected value differs from what it was.
func (f *Form) Changed() bool {
	r, ok := f.selected()
	return ok && r.changed()
}

// Capturing reports whether a value or the filter is being typed.
func (f *Form) Capturing() bool { return f.line != nil || f.filtering != nil }

// Resize gives the form its cells.
func (f *Form) Resize(width, height int) { f.width, f.height = max(0, width), max(0, height) }

// Press presses a key by its name, such as "pgdown", and reports whether the text
// has changed.
func (f *Form) Press(name string) bool { return f.key(name) }

// Edit begins to change the selected value, or goes on to the next of its words.
// It reports whether the text has changed.
func (f *Form) Edit() bool {
	if words := f.words(); len(words) > 0 {
		return f.cycle(1)
	}
	return f.Type()
}

// Type begins to type the selected value, where it has words too. The text is
// never changed by it at once.
func (f *Form) Type() bool {
	if r, ok := f.selected(); ok {
		f.line, f.wrong = input.New(f.common, config.Bare(r.key.Path, r.value)), ""
	}
	return false
}

// words are the values, in TOML, that the selected key can be turned through.
func (f *Form) words() []string {
	r, ok := f.selected()
	if !ok || strings.HasPrefix(r.key.Wants, "a list") {
		return nil
	}
	var out []string
	for _, w := range r.key.Words {
		if literal, err := config.Typed(r.key.Path, w); err == nil {
			out = append(out, literal)
		}
	}
	return out
}

// cycle turns the selected value to another of its words.
func (f *Form) cycle(by int) bool {
	words := f.words()
	if len(words) == 0 {
		return false
	}
	r, _ := f.selected()
	i := slices.IndexFunc(words, func(w string) bool { return config.Bare(r.key.Path, w) == config.Bare(r.key.Path, r.value) })
	if i < 0 && by < 0 {
		i = 0
	}
	return f.set(words[(i+by+len(words))%len(words)])
}

// Reset puts the value back that the text had before it was changed.
func (f *Form) Reset() bool {
	r, ok := f.selected()
	return ok && r.changed() && f.set(r.was)
}

// set puts a value into the text.
func (f *Form) set(literal string) bool {
	edited, err := config.SetInText(f.text, f.Key(), literal)
	if err != nil {
		f.wrong = err.Error()
		return false
	}
	f.SetText(edited, f.base)
	return true
}

// problem says what is wrong with a value, as it is typed, for the selected key.
func (f *Form) problem(typed string) string {
	key := f.Key()
	literal, err := config.Typed(key, typed)
	if err != nil {
		return strings.TrimPrefix(err.Error(), key+" ")
	}
	edited, err := config.SetInText(f.text, key, literal)
	if err != nil {
		return err.Error()
	}
	for _, p := range config.Check("config", edited) {
		if p.Key == key {
			return p.What
		}
	}
	return ""
}

// clamp keeps the selection on a key; headers are passed over.
func (f *Form) clamp(direction int) {
	f.at = max(0, min(f.at, len(f.rows)-1))
	for f.at >= 0 && f.at < len(f.rows) && f.rows[f.at].header {
		f.at += direction
	}
	if f.at < 0 || f.at >= len(f.rows) {
		f.at = min(1, max(0, len(f.rows)-1))
	}
}
