package modal

import (
	"strings"
	"testing"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/ansi"

	"detnas/tui/common"
	"detnas/tui/keymap"
	"detnas/tui/styles"
	"detnas/tui/uitest"
)

type modal interface {
	Update(tea.Msg) (bool, tea.Cmd)
	View(width, height int) []string
}

func bindings(did *string) []keymap.Binding {
	act := func(what string) func() tea.Cmd {
		return func() tea.Cmd { *did = what; return nil }
	}
	return []keymap.Binding{
		{Keys: []string{"p"}, Name: "pause", About: "stop between two iterations and write a checkpoint", Group: keymap.Steer, Do: act("pause")},
		{Keys: []string{"S"}, Name: "stop", About: "end the run with a checkpoint", Group: keymap.Steer, Off: "nothing runs", Do: act("stop")},
		{Keys: []string{"up", "k"}, Name: "up", About: "one line up", Group: keymap.Move, Do: act("up")},
		{Name: "theme dark", About: "for dark backgrounds", Group: keymap.Show, Do: act("dark")},
	}
}

func press(m modal, keys ...string) (done bool, cmd tea.Cmd) {
	for _, k := range keys {
		if done, cmd = m.Update(uitest.Key(k)); done {
			return done, cmd
		}
	}
	return done, cmd
}

func TestAsk(t *testing.T) {
	ask := common.Ask{Title: "Leave", Text: "It runs.", Choices: []common.Choice{
		{Key: "k", Name: "keep", About: "goes on", Do: common.Notify("kept")},
		{Key: "s", Name: "stop", About: "with a checkpoint", Do: common.Notify("stopped")},
	}}
	for name, tt := range map[string]struct {
		keys []string
		done bool
		want string
	}{
		"default":  {[]string{"enter"}, true, "kept"},
		"letter":   {[]string{"s"}, true, "stopped"},
		"moved":    {[]string{"down", "enter"}, true, "stopped"},
		"too far":  {[]string{"down", "down", "down", "up", "up", "enter"}, true, "kept"},
		"back":     {[]string{"esc"}, true, ""},
		"no key":   {[]string{"x"}, false, ""},
		"ctrl+c":   {[]string{"ctrl+c"}, true, ""},
		"not yet ": {[]string{"down"}, false, ""},
	} {
		done, cmd := press(NewAsk(uitest.Common(true, styles.Braille), ask), tt.keys...)
		got := ""
		if cmd != nil {
			got = cmd().(common.Notice).Text
		}
		if done != tt.done || got != tt.want {
			t.Errorf("%s: done %v, %q", name, done, got)
		}
	}
}

func TestAskForAWord(t *testing.T) {
	ask := common.Ask{Title: "Delete", Word: "run", Choices: []common.Choice{{Key: "d", Name: "delete", Do: common.Notify("gone")}}}
	a := NewAsk(uitest.Common(true, styles.Braille), ask)
	for _, keys := range [][]string{{"enter"}, {"d", "enter"}, {"backspace", "r", "u", "enter"}} {
		if done, _ := press(a, keys...); done {
			t.Fatalf("%v deletes", keys)
		}
	}
	if done, cmd := press(a, "n", "enter"); !done || cmd == nil {
		t.Error("the word does not delete")
	}
}

func TestPromptChecks(t *testing.T) {
	p := NewPrompt(uitest.Common(true, styles.Braille), common.Prompt{
		Title: "Name", Value: "a",
		Check: func(s string) error {
			if s != "ab" {
				return errWord
			}
			return nil
		},
		Accept: common.Notify,
	})
	if done, _ := press(p, "enter"); done {
		t.Error("what is wrong was accepted")
	}
	if !strings.Contains(strings.Join(p.View(80, 24), "\n"), "want ab") {
		t.Error("it does not say what is wrong")
	}
	if done, cmd := press(p, "b", "enter"); !done || cmd().(common.Notice).Text != "ab" {
		t.Error("what is right was not accepted")
	}
}

type wordError string

func (e wordError) Error() string { return string(e) }

const errWord = wordError("want ab")

func TestPalette(t *testing.T) {
	for name, tt := range map[string]struct {
		typed string
		keys  []string
		want  string
	}{
		"by name":    {"pau", nil, "pause"},
		"by about":   {"backgrounds", nil, "dark"},
		"two words":  {"dark theme", nil, "dark"},
		"moved":      {"", []string{"down", "down"}, "up"},
		"off":        {"stop end", nil, ""},
		"nothing":    {"zzz", nil, ""},
		"name first": {"up", nil, "up"},
	} {
		did := ""
		p := NewPalette(uitest.Common(true, styles.Braille), bindings(&did))
		for _, r := range tt.typed {
			p.Update(tea.KeyPressMsg{Code: r, Text: string(r)})
		}
		press(p, append(tt.keys, "enter")...)
		if did != tt.want {
			t.Errorf("%s: did %q", name, did)
		}
	}
}

func TestHelpSaysWhyAKeyIsOff(t *testing.T) {
	did := ""
	h := NewHelp(uitest.Common(true, styles.Braille), "Run", bindings(&did))
	if text := ansi.Strip(strings.Join(h.View(80, 24), "\n")); !strings.Contains(text, "nothing runs") || !strings.Contains(text, "one line up") {
		t.Errorf("help is\n%s", text)
	}
}

func TestOverIsExact(t *testing.T) {
	did := ""
	for _, c := range []*common.Common{uitest.Common(true, styles.Braille), uitest.Common(false, styles.ASCII)} {
		for name, m := range map[string]modal{
			"help":    NewHelp(c, "Run", bindings(&did)),
			"palette": NewPalette(c, bindings(&did)),
			"ask": NewAsk(c, common.Ask{Title: "A title that is rather long for a narrow screen", Text: strings.Repeat("words ", 30), Choices: []common.Choice{
				{Key: "k", Name: "keep", About: strings.Repeat("about ", 20)},
			}}),
			"prompt": NewPrompt(c, common.Prompt{Title: "Name", Check: func(string) error { return errWord }}),
		} {
			for width := 60; width <= 200; width++ {
				for _, height := range []int{16, 24, 50} {
					under := strings.TrimSuffix(strings.Repeat(strings.Repeat("日", width/2)+strings.Repeat("x", width%2)+"\n", height), "\n")
					lines := m.View(width, height-2)
					for _, l := range lines {
						if ansi.StringWidth(l) != ansi.StringWidth(lines[0]) || ansi.StringWidth(l) > width {
							t.Fatalf("%s at %d: a line of %d columns: %q", name, width, ansi.StringWidth(l), ansi.Strip(l))
						}
						if c.Glyphs.Mode == styles.ASCII {
							uitest.ASCII(t, l)
							uitest.Colourless(t, l)
						}
					}
					uitest.Exact(t, Over(under, lines, width, height), width, height)
				}
			}
		}
	}
}
