package tui

import (
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"detnas/tui/keymap"
	"detnas/tui/uitest"
)

// TestKeysInTheDocumentation holds the tables of keys in docs/screen.md against
// the bindings. With -update it writes them.
func TestKeysInTheDocumentation(t *testing.T) {
	path, err := filepath.Abs("../docs/screen.md")
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(path) //nolint:gosec // of this project
	if err != nil {
		t.Fatal(err)
	}
	s := newStill(t, options(t, colourful), 120, 36)
	uitest.WriteSample(t, filepath.Join(s.options.Runs, uitest.Ranks), uitest.Ranks)
	want := string(text)
	for p := range places {
		of := uitest.Searching
		if p == placeRun { // which has a pane more where there are several processes
			of = uitest.Ranks
		}
		s.open(of)
		want = between(t, want, strings.ToLower(placeNames[p]), keymap.Markdown(s.everyBinding(p)))
	}
	want = between(t, want, "all", keymap.Markdown(s.global()))
	if want == string(text) {
		return
	}
	if f := flag.Lookup("update"); f != nil && f.Value.String() == "true" {
		if err := os.WriteFile(path, []byte(want), 0o600); err != nil {
			t.Fatal(err)
		}
		return
	}
	t.Errorf("%s does not have the keys as they are; write them with: go test ./tui -run Documentation -update", path)
}

// everyBinding are the bindings of a page in all of its views, each once.
func (s *still) everyBinding(p place) []keymap.Binding {
	s.t.Helper()
	s.press(fmt.Sprint(p + 1))
	var out []keymap.Binding
	seen := map[string]bool{}
	for _, key := range append([]string{""}, map[place][]string{
		placeSearch: {"tab", "tab", "tab", "tab"}, placeSubnet: {"tab", "tab"}, placeConfig: {"f", "f"}, placeRun: {"tab", "tab", "tab", "tab", "tab", "tab"},
	}[p]...) {
		if key != "" {
			s.press(key)
		}
		for _, b := range s.pages[p].Bindings() {
			if id := fmt.Sprint(b.Keys, b.Name); !seen[id] {
				seen[id] = true
				out = append(out, b)
			}
		}
	}
	return out
}

// between puts a table between the marks of a page.
func between(t *testing.T, text, page, table string) string {
	t.Helper()
	from, to := fmt.Sprintf("<!-- keys: %s -->\n", page), "<!-- end of keys -->"
	start := strings.Index(text, from)
	if start < 0 {
		t.Fatalf("docs/screen.md has no %q", from)
	}
	start += len(from)
	end := strings.Index(text[start:], to)
	if end < 0 {
		t.Fatalf("docs/screen.md has no %q after %q", to, from)
	}
	return text[:start] + table + text[start+end:]
}

// TestBindingsAreTold wants every binding to have a name, a sentence, a group
// that the help knows, and no key to be bound twice on a page.
func TestBindingsAreTold(t *testing.T) {
	s := newStill(t, options(t, colourful), 120, 36)
	s.open(uitest.Searching)
	for p := range places {
		seen := map[string]string{}
		for _, b := range append(s.pages[p].Bindings(), s.global()...) {
			if b.Name == "" || b.About == "" || b.Do == nil || !slices.Contains([]string{keymap.Move, keymap.Show, keymap.Steer, keymap.Edit, keymap.Go}, b.Group) {
				t.Errorf("%s: %+v is not told", placeNames[p], b)
			}
			for _, k := range b.Keys {
				if other, twice := seen[k]; twice {
					t.Errorf("%s: %s is %s and %s", placeNames[p], k, other, b.Name)
				}
				seen[k] = b.Name
			}
		}
	}
}

// TestBoundsInTheDocumentation wants the tests that docs/inputs.md names to be
// there.
func TestBoundsInTheDocumentation(t *testing.T) {
	text, err := os.ReadFile("../docs/inputs.md")
	if err != nil {
		t.Fatal(err)
	}
	var tests strings.Builder
	err = filepath.WalkDir("..", func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() || !strings.HasSuffix(path, "_test.go") {
			return err
		}
		text, err := os.ReadFile(path) //nolint:gosec // of this project
		tests.Write(text)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	names := regexp.MustCompile(`\b(Test|Fuzz)[A-Z]\w+`).FindAllString(string(text), -1)
	for _, name := range names {
		if !strings.Contains(tests.String(), "func "+name+"(") {
			t.Errorf("docs/inputs.md names %s, and there is no such test", name)
		}
	}
	if len(names) < 40 {
		t.Errorf("docs/inputs.md names %d tests", len(names))
	}
}
