package uitest

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode"
)

// Hostile is what a terminal would obey, in each of the ways that it may be told:
// clearing, hiding, titles, the start of a line, C1, and the direction of text.
const Hostile = "<\x1b[2J\x1b[8m\x1b]0;t\x07\r\n\x08\u009b2J\u009d\u202e\u2066\x1b"

// colours is all that a view may tell the terminal.
var colours = regexp.MustCompile(`\x1b\[[0-9;:]*m`)

// Harmless wants a view to be text and colours.
func Harmless(t *testing.T, what, view string) {
	t.Helper()
	if strings.Contains(view, "\x1b[8m") {
		at := strings.Index(view, "\x1b[8m")
		t.Errorf("%s: a text of others hides what follows %q", what, colours.ReplaceAllString(view[max(0, at-90):at], ""))
	}
	for line := range strings.SplitSeq(colours.ReplaceAllString(view, ""), "\n") {
		if strings.ContainsFunc(line, func(r rune) bool { return !unicode.IsPrint(r) }) {
			t.Errorf("%s: the terminal is told %q", what, line)
		}
	}
}

// spoil adds the hostile text to the strings of a journal's line: to all, with the
// names of losses and metrics, or to those that are free.
func spoil(v any, key string, all bool) any {
	switch v := v.(type) {
	case map[string]any:
		out := map[string]any{}
		for k, x := range v {
			name := k
			if all && (key == "losses" || key == "metrics") {
				name += Hostile
			}
			out[name] = spoil(x, k, all)
		}
		return out
	case []any:
		for i := range v {
			v[i] = spoil(v[i], key, all)
		}
		return v
	case string:
		fixed := key == "type" || key == "time"
		free := slices.Contains([]string{"run", "version", "device", "config_hash", "who", "error", "cause", "path", "text", "key", "old", "new"}, key)
		if !fixed && (all || free) {
			return v + Hostile
		}
		return v
	}
	return v
}

// WriteSpoiled writes a sample run with the hostile text in its name and in all that
// is read of it, and returns its folder. Its journal is one that is read, unless all
// strings are spoiled, and not only those that are free.
func WriteSpoiled(t *testing.T, runs, place string, all bool) string {
	t.Helper()
	dir := filepath.Join(runs, place+Hostile)
	WriteSample(t, dir, place)
	path := filepath.Join(dir, "events.jsonl")
	text, err := os.ReadFile(path) //nolint:gosec // of the test
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	for line := range bytes.Lines(text) {
		var v map[string]any
		if err := json.Unmarshal(line, &v); err != nil {
			t.Fatal(err)
		}
		line, err := json.Marshal(spoil(v, "", all || slices.Contains([]any{"warning", "preparing", "data_problem", "run_failed"}, v["type"])))
		if err != nil {
			t.Fatal(err)
		}
		out.Write(append(line, '\n'))
	}
	for name, text := range map[string][]byte{path: out.Bytes(), filepath.Join(dir, "log.txt"): []byte("a\n" + Hostile + "b\n" + Hostile)} {
		if err := os.WriteFile(name, text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	config := filepath.Join(dir, "config.toml")
	was, err := os.ReadFile(config) //nolint:gosec // as above
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(config, append([]byte("# \u009b2J\u202e\n"), was...), 0o600); err != nil {
		t.Fatal(err)
	}
	return dir
}
