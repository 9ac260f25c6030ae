package config

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"detnas/core/config"
	"detnas/tui/components/editor"
)

// words completes what stands left of the cursor on a line of the text: a
// table's name, a key of the table, or one of the words that a key takes.
func (d *document) words(before string, line int) ([]editor.Word, int) {
	table := config.TableAt(d.editor.Text(), line+1)
	typed := strings.TrimLeft(before, " ")
	switch {
	case strings.HasPrefix(typed, "#"):
		return nil, 0
	case strings.HasPrefix(typed, "["):
		return tableWords(strings.TrimLeft(typed, "["))
	}
	if name, value, found := strings.Cut(typed, "="); found {
		key := join(table, strings.TrimSpace(name))
		if brace := strings.LastIndexAny(value, "{,"); strings.Contains(value, "{") && brace >= 0 {
			inner := strings.TrimLeft(value[brace+1:], " ")
			if n, v, is := strings.Cut(inner, "="); is {
				return valueWords(join(key, strings.TrimSpace(n)), v)
			}
			return d.keyWords(key, inner)
		}
		return valueWords(key, value)
	}
	return d.keyWords(table, typed)
}

func join(table, name string) string {
	if table == "" {
		return name
	}
	return table + "." + name
}

// tableWords are the tables that begin with what is typed.
func tableWords(typed string) ([]editor.Word, int) {
	var out []editor.Word
	for _, k := range config.Keys() {
		word := k.Table + "]"
		if k.Table != "" && strings.HasPrefix(k.Table, typed) && !slices.ContainsFunc(out, func(w editor.Word) bool { return w.Text == word }) {
			out = append(out, editor.Word{Text: word, About: tableAbout(k.Table)})
		}
	}
	return out, len([]rune(typed))
}

// tableAbout counts a table's keys.
func tableAbout(table string) string {
	n := 0
	for _, k := range config.Keys() {
		if k.Table == table {
			n++
		}
	}
	return fmt.Sprintf("%d keys", n)
}

// keyWords are the keys of a table that begin with what is typed and are not
// there yet.
func (d *document) keyWords(table, typed string) ([]editor.Word, int) {
	there := d.there()
	var out []editor.Word
	for _, k := range config.Keys() {
		name, ok := strings.CutPrefix(k.Path, join(table, ""))
		if table == "" {
			name, ok = k.Path, true
		}
		if !ok || there[k.Path] || !strings.HasPrefix(name, typed) || strings.Contains(name, ".") && !strings.Contains(typed, ".") {
			continue
		}
		out = append(out, editor.Word{Text: name + " = ", About: k.Doc})
	}
	return out, len([]rune(typed))
}

// there are the keys that other lines than the cursor's have; the text may be
// half typed.
func (d *document) there() map[string]bool {
	out, table, here := map[string]bool{}, "", d.editor.Line()
	for i, line := range strings.Split(d.editor.Text(), "\n") {
		line = strings.TrimSpace(line)
		if strings.HasPrefix(line, "[") && strings.Contains(line, "]") {
			table = strings.TrimSpace(line[1:strings.Index(line, "]")])
			continue
		}
		if name, _, found := strings.Cut(line, "="); found && i != here && !strings.HasPrefix(line, "#") {
			out[join(table, strings.TrimSpace(name))] = true
		}
	}
	return out
}

// valueWords are the words that a key takes, and what it is by default.
func valueWords(key, value string) ([]editor.Word, int) {
	at := slices.IndexFunc(config.Keys(), func(k config.Key) bool { return k.Path == key })
	if at < 0 {
		return nil, 0
	}
	k := config.Keys()[at]
	typed := strings.TrimLeft(value, " ")
	list := strings.HasPrefix(k.Wants, "a list")
	if list && strings.Contains(typed, "[") {
		typed = strings.TrimLeft(typed[strings.LastIndexAny(typed, "[,")+1:], " ")
	}
	var out []editor.Word
	add := func(literal, about string) {
		same := func(w editor.Word) bool { return w.Text == literal }
		if strings.HasPrefix(literal, typed) && !slices.ContainsFunc(out, same) {
			out = append(out, editor.Word{Text: literal, About: about})
		}
	}
	for _, w := range k.Words {
		literal := w
		if w != "true" && w != "false" {
			literal = strconv.Quote(w)
		}
		about := ""
		if literal == k.Default {
			about = "the default"
		}
		add(literal, about)
	}
	if !list || !strings.Contains(value, "[") {
		add(k.Default, "the default")
	}
	return out, len([]rune(typed))
}
