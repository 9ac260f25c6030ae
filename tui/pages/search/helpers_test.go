package search

import (
	"strings"
	"testing"

	tea "charm.land/bubbletea/v2"

	"detnas/core/run"
	"detnas/core/steer"
	"detnas/tui/common"
	"detnas/tui/follow"
	"detnas/tui/keymap"
	"detnas/tui/styles"
	"detnas/tui/uitest"
)

// fake is a viewer of made-up entries that keeps what it is told to do.
type fake struct {
	folder    *run.Folder
	entries   []run.Entry
	steerable error
	did       []steer.Command
}

func (f *fake) Folder() *run.Folder      { return f.folder }
func (f *fake) Steerable() error         { return f.steerable }
func (f *fake) Close() error             { return nil }
func (f *fake) Do(c steer.Command) error { f.did = append(f.did, c); return nil }
func (f *fake) tell(events ...run.Event) {
	for _, e := range events {
		f.entries = append(f.entries, run.Entry{Header: run.Header{Time: uitest.Now, Type: e.Kind()}, Event: e})
	}
}

func (f *fake) Next(limit int) ([]run.Entry, error) {
	n := min(limit, len(f.entries))
	out := f.entries[:n]
	f.entries = f.entries[n:]
	return out, nil
}

// screen is a page with the run that it shows.
type screen struct {
	*Page
	t    testing.TB
	fake *fake
	run  *follow.Run
	last tea.Msg // what the last key brought
}

func open(t testing.TB, place string, colour bool, mode styles.Mode) *screen {
	t.Helper()
	dir := uitest.Sample(t, place)
	folder, err := run.Find("", dir)
	if err != nil {
		t.Fatal(err)
	}
	f := &fake{folder: folder, entries: uitest.SampleEntries(place)}
	r := follow.Read(f)
	if r.Err != nil {
		t.Fatal(r.Err)
	}
	s := &screen{Page: New(uitest.Common(colour, mode), r), t: t, fake: f, run: r}
	s.Resize(160, 46)
	return s
}

// poll takes in what the run has told since.
func (s *screen) poll() {
	s.t.Helper()
	p, ok := s.run.Poll()().(follow.Polled)
	if !ok {
		s.t.Fatal("no poll")
	}
	s.run.Take(p)
	s.Update(follow.Updated{})
}

// press presses keys as the program around the page does.
func (s *screen) press(keys ...string) *screen {
	s.t.Helper()
	for _, k := range keys {
		msg := uitest.Key(k)
		if s.Capturing() {
			s.Update(msg)
			continue
		}
		b, ok := keymap.Find(s.Bindings(), msg.String())
		switch {
		case !ok:
			s.Update(msg)
		case b.Off != "":
			s.last = common.Notice{Text: b.Off}
		default:
			if cmd := b.Do(); cmd != nil {
				s.last = cmd()
			}
		}
	}
	return s
}

// off is why a key does nothing now.
func (s *screen) off(key string) string {
	s.t.Helper()
	b, ok := keymap.Find(s.Bindings(), key)
	if !ok {
		s.t.Fatalf("%s is not bound", key)
	}
	return b.Off
}

func (s *screen) text() string {
	text, _ := uitest.Cells(s.View(), s.width, s.height)
	return text
}

func (s *screen) see(words ...string) {
	s.t.Helper()
	for _, w := range words {
		if !strings.Contains(s.text(), w) {
			s.t.Fatalf("no %q in\n%s", w, s.text())
		}
	}
}
