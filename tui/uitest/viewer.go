package uitest

import (
	"strings"
	"testing"

	"detnas/core/run"
	"detnas/core/steer"
	"detnas/tui/keymap"
)

// Viewer is a viewer of a run whose journal is made up. It notes what it is asked
// for.
type Viewer struct {
	At      *run.Folder
	Entries []run.Entry // still to come
	Away    error       // why the run takes no commands
	Err     error       // of reading the journal
	Did     []steer.Command
}

// View is a viewer of a sample run.
func View(t testing.TB, place string) *Viewer {
	t.Helper()
	folder, err := run.Find("", Sample(t, place))
	if err != nil {
		t.Fatal(err)
	}
	return &Viewer{At: folder, Entries: SampleEntries(place)}
}

// Folder is the run's folder.
func (v *Viewer) Folder() *run.Folder { return v.At }

// Steerable is why the run takes no commands.
func (v *Viewer) Steerable() error { return v.Away }

// Close does nothing.
func (v *Viewer) Close() error { return nil }

// Do notes a command.
func (v *Viewer) Do(c steer.Command) error {
	v.Did = append(v.Did, c)
	return v.Away
}

// Next returns entries that are still to come.
func (v *Viewer) Next(limit int) ([]run.Entry, error) {
	n := min(limit, len(v.Entries))
	out := v.Entries[:n]
	v.Entries = v.Entries[n:]
	return out, v.Err
}

// Tell adds events to the journal.
func (v *Viewer) Tell(events ...run.Event) {
	for _, e := range events {
		v.Entries = append(v.Entries, run.Entry{Header: run.Header{Time: Now, Type: e.Kind()}, Event: e})
	}
}

// Off is why a key does nothing now.
func Off(t testing.TB, bindings []keymap.Binding, key string) string {
	t.Helper()
	b, ok := keymap.Find(bindings, key)
	if !ok {
		t.Fatalf("%s is not bound", key)
	}
	return b.Off
}

// See wants words in a view of that size.
func See(t testing.TB, view string, width, height int, words ...string) {
	t.Helper()
	text, _ := Cells(view, width, height)
	for _, w := range words {
		if !strings.Contains(text, w) {
			t.Fatalf("no %q in\n%s", w, text)
		}
	}
}
