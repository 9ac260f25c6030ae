package search

import (
	"testing"

	tea "charm.land/bubbletea/v2"

	"detnas/tui/common"
	"detnas/tui/follow"
	"detnas/tui/keymap"
	"detnas/tui/styles"
	"detnas/tui/uitest"
)

// screen is a page with the run that it shows.
type screen struct {
	*Page
	t    testing.TB
	fake *uitest.Viewer
	run  *follow.Run
	last tea.Msg // what the last key brought
}

func open(t testing.TB, place string, colour bool, mode styles.Mode) *screen {
	t.Helper()
	f := uitest.View(t, place)
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

func (s *screen) off(key string) string { s.t.Helper(); return uitest.Off(s.t, s.Bindings(), key) }

func (s *screen) text() string {
	text, _ := uitest.Cells(s.View(), s.width, s.height)
	return text
}

func (s *screen) see(words ...string) {
	s.t.Helper()
	uitest.See(s.t, s.View(), s.width, s.height, words...)
}
