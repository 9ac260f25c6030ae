package keymap

import (
	"strings"
	"testing"

	tea "charm.land/bubbletea/v2"
)

func nothing() tea.Cmd { return nil }

var some = []Binding{
	{Keys: []string{"up", "k"}, Name: "up", About: "one line up", Group: Move, Do: nothing},
	{Keys: []string{"p"}, Name: "pause", About: "pause | go on", Group: Steer, Do: nothing},
	{Keys: []string{"ctrl+s"}, Name: "save", About: "save", Group: Edit, Do: nothing},
}

func TestFind(t *testing.T) {
	for key, want := range map[string]string{"k": "up", "up": "up", "p": "pause", "ctrl+s": "save", "P": "", "": ""} {
		b, ok := Find(some, key)
		if ok != (want != "") || b.Name != want {
			t.Errorf("%q finds %q", key, b.Name)
		}
	}
}

func TestLabel(t *testing.T) {
	for key, want := range map[string][2]string{"up": {"↑", "up"}, "enter": {"Enter", "Enter"}, "p": {"p", "p"}, "ctrl+s": {"ctrl+s", "ctrl+s"}} {
		if got := [2]string{Label(key, false), Label(key, true)}; got != want {
			t.Errorf("%s: %v", key, got)
		}
	}
}

func TestMarkdownHasEveryBindingByGroup(t *testing.T) {
	text := Markdown(some)
	if strings.Count(text, "\n") != 2+len(some) {
		t.Fatalf("a table of\n%s", text)
	}
	if pause, up := strings.Index(text, "`p`"), strings.Index(text, "`↑` `k`"); pause < 0 || up < pause {
		t.Errorf("keys are missing, or steering does not come first:\n%s", text)
	}
	if !strings.Contains(text, `pause \| go on`) {
		t.Errorf("a bar ends a cell:\n%s", text)
	}
}
