package tui

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	tea "charm.land/bubbletea/v2"

	"detnas/tui/common"
	"detnas/tui/uitest"
)

// TestTextsOfOthersReachNoTerminal opens runs in which every text would have the
// terminal do something, on every page, and looks at what is drawn.
func TestTextsOfOthersReachNoTerminal(t *testing.T) {
	for _, all := range []bool{false, true} {
		o := options(t, colourful)
		o.Watching = "looking on" + uitest.Hostile
		for _, place := range []string{uitest.Training, uitest.Paused, uitest.Finished, uitest.Failed, uitest.Stuck, uitest.Searching, uitest.Ranks} {
			dir := uitest.WriteSpoiled(t, o.Runs, place, all)
			s := newStill(t, o, 160, 50)
			uitest.Harmless(t, place+" at the start", s.View().Content)
			s.send(common.OpenRun{Dir: dir})
			for _, keys := range [][]string{{"1"}, {"2"}, {"2", "tab"}, {"2", "shift+tab", "shift+tab"}, {"2", "enter"}, {"2", "l"}, {"2", "l", "l"}, {"3"}, {"3", "enter"}, {"4"}, {"5"}, {"5", "e"}, {"1", "?"}, {"2", ":"}, {"q"}} {
				s.press(keys...)
				uitest.Harmless(t, place+" "+strings.Join(keys, " "), s.View().Content)
				if s.modal != nil || keys[len(keys)-1] == "e" {
					s.press("esc")
				}
			}
			uitest.Harmless(t, place+"'s title", s.View().WindowTitle)
			s.send(common.Notice{Text: uitest.Hostile, Bad: true})
			uitest.Harmless(t, place+" with a notice", s.View().Content)
			s.send(common.Ask{Title: uitest.Hostile, Text: uitest.Hostile, Choices: []common.Choice{{Key: "y", Name: "yes" + uitest.Hostile, About: uitest.Hostile}}})
			uitest.Harmless(t, place+" asked", s.View().Content)
			s.send(common.Prompt{Title: uitest.Hostile, Text: uitest.Hostile, Value: uitest.Hostile, Check: func(string) error { return errors.New(uitest.Hostile) }})
			uitest.Harmless(t, place+" prompted", s.View().Content)
			s.send(tea.WindowSizeMsg{Width: 40, Height: 10})
			uitest.Harmless(t, place+", small", s.View().Content)
		}
	}
}

// TestPagesWithoutAConfig opens runs whose config cannot be read.
func TestPagesWithoutAConfig(t *testing.T) {
	for _, text := range []string{"[[[ # \u009b\u202e", "name = \"\\u001b[2J\u202e\"\n"} {
		o := options(t, colourful)
		for _, place := range []string{uitest.Training, uitest.Searching, uitest.Finished} {
			dir := filepath.Join(o.Runs, place)
			if err := os.WriteFile(filepath.Join(dir, "config.toml"), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			s := newStill(t, o, 160, 50)
			s.send(common.OpenRun{Dir: dir})
			for _, keys := range [][]string{{"1"}, {"2"}, {"3"}, {"3", "enter"}, {"c"}, {"tab"}, {"4"}, {"5"}, {"5", "e"}} {
				s.press(keys...)
				view := s.View().Content
				uitest.Exact(t, view, 160, 50)
				uitest.Harmless(t, place+" "+strings.Join(keys, " "), view)
			}
		}
	}
}
