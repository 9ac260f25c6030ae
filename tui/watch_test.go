package tui

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"detnas/core/run"
	"detnas/core/steer"
	"detnas/tui/common"
	"detnas/tui/keymap"
	"detnas/tui/uitest"
)

const onlyWatches = "this key may watch, not steer"

// watching are the options of a screen that may only watch. Whatever it asks the
// program for fails the test.
func watching(t *testing.T) Options {
	t.Helper()
	o := options(t, colourful)
	o.Watching, o.NoFiles = onlyWatches, "no files here"
	o.Start = func(s common.StartRun) (steer.Viewer, error) {
		t.Errorf("starts %+v", s)
		return nil, errors.New("not here")
	}
	o.Resume = func(dir string) (steer.Viewer, error) {
		t.Errorf("resumes %s", dir)
		return nil, errors.New("not here")
	}
	o.Delete = func(dir string) error { t.Errorf("deletes %s", dir); return errors.New("not here") }
	o.Watch = func(dir string) (steer.Viewer, error) { // steerable, so that the screen alone holds back
		v := uitest.View(t, filepath.Base(dir))
		t.Cleanup(func() {
			if len(v.Did) > 0 {
				t.Errorf("asks %s for %+v", dir, v.Did)
			}
		})
		return v, nil
	}
	return o
}

// tree is all files below the working folder with what they hold.
func tree(t *testing.T) map[string]string {
	t.Helper()
	out := map[string]string{}
	err := filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := os.ReadFile(path)
		out[path] = string(text)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// views are the keys that lead to all views of a page.
var views = map[place][][]string{
	placeRuns:   {{}},
	placeRun:    {{}, {"tab"}, {"tab"}, {"tab"}, {"tab"}},
	placeSearch: {{}, {"tab"}, {"tab"}, {"tab"}},
	placeSubnet: {{}, {"tab"}},
	placeConfig: {{}, {"f"}, {"f"}},
}

// TestWatchersSteerNothing presses every key on every view of runs in every
// state: nothing is asked of a run or of the program, and no file changes.
func TestWatchersSteerNothing(t *testing.T) {
	s := newStill(t, watching(t), 120, 36)
	before := tree(t)
	for _, place := range []string{uitest.Training, uitest.Searching, uitest.Paused, uitest.Finished, uitest.Failed} {
		s.send(common.OpenRun{Dir: filepath.Join("runs", place)})
		for p := range places {
			s.press(string('1' + rune(p)))
			for _, keys := range views[p] {
				s.press(keys...)
				s.checkBarred(p)
				for _, key := range everyKey {
					s.press(key)
					if s.modal != nil { // a question: both of its answers
						s.press("enter", "esc", "esc")
					}
					if s.at != p {
						s.press(string('1' + rune(p)))
					}
				}
				s.press("esc", "esc")
			}
		}
	}
	after := tree(t)
	for path, text := range after {
		if before[path] != text {
			t.Errorf("%s has changed", path)
		}
	}
	if len(after) != len(before) {
		t.Errorf("%d files, and before %d", len(after), len(before))
	}
}

// checkBarred wants what steers or edits to be off, with the reason.
func (s *still) checkBarred(p place) {
	s.t.Helper()
	for _, b := range s.bindings() {
		if (b.Group == keymap.Steer || b.Group == keymap.Edit) && b.Off != onlyWatches {
			s.t.Errorf("%s: %s is %q", placeNames[p], b.Name, b.Off)
		}
	}
}

// everyKey are the keys that a keyboard has, as far as any is bound.
var everyKey = func() []string {
	keys := []string{
		"enter", "space", "delete", "backspace", "tab", "shift+tab", "up", "down", "left", "right", "pgup", "pgdown", "home", "end",
		"ctrl+s", "ctrl+o", "ctrl+z", "ctrl+y", "ctrl+r", "ctrl+n", "ctrl+f", "ctrl+g", "ctrl+space", "shift+left", "shift+right",
	}
	for r := '!'; r <= '~'; r++ {
		if r != 'q' && (r < '1' || r > '5') {
			keys = append(keys, string(r))
		}
	}
	return keys
}()

// TestWatchersCannotActPastTheKeys sends what the keys would have sent.
func TestWatchersCannotActPastTheKeys(t *testing.T) {
	s := newStill(t, watching(t), 120, 36)
	for _, msg := range []any{
		common.StartRun{Config: "tiny"}, common.ResumeRun{Dir: "runs/failed"}, common.DeleteRun{Dir: "runs/failed"},
	} {
		s.notice = common.Notice{}
		s.send(msg)
		if s.notice.Text != onlyWatches || !s.notice.Bad {
			t.Errorf("%T: %+v", msg, s.notice)
		}
	}
}

func TestWatchersAreTold(t *testing.T) {
	s := newStill(t, watching(t), 120, 36)
	uitest.See(t, s.View().Content, 120, 36, onlyWatches)
	s.open(uitest.Paused)
	s.press("2")
	if text := s.text(); strings.Contains(text, "p goes on") {
		t.Errorf("a key is offered:\n%s", text)
	}
	s.press("p")
	uitest.See(t, s.View().Content, 120, 36, "resume is off: "+onlyWatches)
	s.press("?")
	uitest.See(t, s.View().Content, 120, 36, "(off: "+onlyWatches+")")
}

// TestEffectsOfTheRunThatOthersSteer wants a watcher to be told when a change acts
// as whoever may make it is told.
func TestEffectsOfTheRunThatOthersSteer(t *testing.T) {
	for _, away := range []error{nil, steer.ErrIdle} {
		texts := map[string]string{}
		for _, why := range []string{"", onlyWatches} {
			o := options(t, colourful)
			o.Watch = func(dir string) (steer.Viewer, error) {
				v := uitest.View(t, filepath.Base(dir))
				v.Away = away
				if why == "" {
					return v, nil
				}
				return steer.Spectate(v, why), nil
			}
			s := newStill(t, o, 160, 50)
			s.open(uitest.Training)
			s.press("5", "f", "down", "down", "down", "down")
			for line := range strings.Lines(s.text()) {
				if strings.Contains(line, "a change acts") {
					texts[why] = line
				}
			}
		}
		if texts[""] == "" || texts[""] != texts[onlyWatches] {
			t.Errorf("away %v: a watcher sees %q; want %q", away, texts[onlyWatches], texts[""])
		}
	}
}

// TestNoFiles wants a screen without files to open presets alone, to save to runs
// alone, and all else to work.
func TestNoFiles(t *testing.T) {
	const why = "files of the server are out of reach"
	o := options(t, colourful)
	o.NoFiles = why
	var started []common.StartRun
	o.Start = func(s common.StartRun) (steer.Viewer, error) {
		started = append(started, s)
		return nil, errors.New("not here")
	}
	s := newStill(t, o, 120, 36)
	if err := os.WriteFile("mine.toml", []byte("seed = 77\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	own, err := filepath.Abs("mine.toml")
	if err != nil {
		t.Fatal(err)
	}
	off := func(key string) {
		t.Helper()
		if b, ok := keymap.Find(s.bindings(), key); !ok || b.Off != why {
			t.Errorf("%s is %q", key, b.Off)
		}
	}
	s.press("n")
	off("f")
	s.press("e") // the preset that is selected, demo
	if s.at != placeConfig || !strings.Contains(s.text(), "preset demo") {
		t.Fatalf("no preset is open:\n%s", s.text())
	}
	off("a")
	off("ctrl+s")
	for _, path := range []string{"mine.toml", own, "runs/training/config.toml"} {
		s.press("o", "ctrl+u")
		for _, r := range path {
			s.press(string(r))
		}
		s.press("enter")
		if text := s.text(); !strings.Contains(text, "is no preset") || strings.Contains(text, "seed = 77") {
			t.Errorf("%s is opened:\n%s", path, text)
		}
		s.send(common.OpenConfig{Preset: path}) // as the list of runs did
		if strings.Contains(s.text(), "seed = 77") {
			t.Errorf("%s is opened by another page", path)
		}
	}
	s.press("r", "enter")
	if len(started) != 1 || started[0].Config != "demo" || started[0].Text == "" {
		t.Errorf("started %+v", started)
	}
	s.open(uitest.Training)
	s.press("5", "e")
	s.press("#")
	s.press("esc")
	if b, ok := keymap.Find(s.bindings(), "ctrl+s"); !ok || b.Off != "" {
		t.Errorf("a run's config cannot be saved: %q", b.Off)
	}
	s.press("ctrl+s")
	off("a")
}

// TestCloseLetsGo wants a screen that ends to close what it read.
func TestCloseLetsGo(t *testing.T) {
	o := options(t, colourful)
	var opened []steer.Viewer
	o.Watch = func(dir string) (steer.Viewer, error) {
		f, err := run.Find("", dir)
		if err != nil {
			return nil, err
		}
		v, err := steer.Watch(f)
		opened = append(opened, v)
		return v, err
	}
	s := newStill(t, o, 120, 36)
	s.open(uitest.Training)
	s.open(uitest.Finished)
	s.Close()
	if len(opened) != 2 {
		t.Fatalf("%d viewers", len(opened))
	}
	for _, v := range opened {
		if _, err := v.Next(1); err == nil {
			t.Errorf("the viewer of %s is open", v.Folder().Dir())
		}
	}
}
