package input

import (
	"strings"
	"testing"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/ansi"

	"detnas/tui/styles"
	"detnas/tui/uitest"
)

func TestTyping(t *testing.T) {
	for name, tt := range map[string]struct {
		keys []string
		want string
	}{
		"letters":         {[]string{"a", "b"}, "startab"},
		"in the middle":   {[]string{"home", "right", "X"}, "sXtart"},
		"backspace":       {[]string{"backspace", "backspace"}, "sta"},
		"delete":          {[]string{"home", "delete"}, "tart"},
		"past the ends":   {[]string{"right", "delete", "home", "left", "backspace"}, "start"},
		"all before":      {[]string{"left", "ctrl+u"}, "t"},
		"all behind":      {[]string{"home", "right", "ctrl+k"}, "s"},
		"a word":          {[]string{"space", "x", "y", "ctrl+w"}, "start "},
		"end after home":  {[]string{"home", "end", "!"}, "start!"},
		"keys of no text": {[]string{"up", "f5", "esc"}, "start"},
	} {
		l := New(uitest.Common(true, styles.Braille), "start")
		for _, k := range tt.keys {
			if k == "f5" {
				l.Update(tea.KeyPressMsg{Code: tea.KeyF5})
				continue
			}
			l.Update(uitest.Key(k))
		}
		if l.Text() != tt.want {
			t.Errorf("%s: %q, want %q", name, l.Text(), tt.want)
		}
	}
}

func TestPasteIsOneLine(t *testing.T) {
	l := New(uitest.Common(true, styles.Braille), "")
	if !l.Update(tea.PasteMsg{Content: "a\nb\tc\x1b[31m"}) || l.Text() != "a b c[31m" {
		t.Errorf("%q", l.Text())
	}
}

func TestViewIsExactAndShowsTheCursor(t *testing.T) {
	l := New(uitest.Common(true, styles.Braille), "")
	l.Set("long 日本語 text " + strings.Repeat("x", 50))
	for range 70 {
		for width := 1; width < 60; width++ {
			v := l.View(width)
			if ansi.StringWidth(v) != width {
				t.Fatalf("%d columns for %d: %q", ansi.StringWidth(v), width, v)
			}
			if width > 2 && !strings.Contains(v, "\x1b[7m") {
				t.Fatalf("no cursor at %d: %q", width, v)
			}
		}
		l.Update(uitest.Key("left"))
	}
}
