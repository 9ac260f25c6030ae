// Package input is a line that is typed.
package input

import (
	"strings"
	"unicode"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/ansi"

	"detnas/tui/common"
)

// Line is a line of text with a cursor in it.
type Line struct {
	common *common.Common
	text   []rune
	at     int // the cursor, from 0 to len(text)
}

// New makes a line that holds text, with the cursor at its end.
func New(c *common.Common, text string) *Line {
	l := &Line{common: c}
	l.Set(text)
	return l
}

// Set replaces the text.
func (l *Line) Set(text string) { l.text = []rune(clean(text)); l.at = len(l.text) }

// Text is what has been typed.
func (l *Line) Text() string { return string(l.text) }

// Update takes a key or a paste, and reports whether the text has changed.
func (l *Line) Update(msg tea.Msg) bool {
	switch msg := msg.(type) {
	case tea.PasteMsg:
		return l.insert(msg.Content)
	case tea.KeyPressMsg:
		return l.key(msg)
	}
	return false
}

func (l *Line) key(k tea.KeyPressMsg) bool {
	switch k.String() {
	case "left", "ctrl+b":
		l.at = max(0, l.at-1)
	case "right", "ctrl+f":
		l.at = min(len(l.text), l.at+1)
	case "home", "ctrl+a":
		l.at = 0
	case "end", "ctrl+e":
		l.at = len(l.text)
	case "backspace":
		return l.remove(l.at-1, l.at)
	case "delete", "ctrl+d":
		return l.remove(l.at, l.at+1)
	case "ctrl+u":
		return l.remove(0, l.at)
	case "ctrl+k":
		return l.remove(l.at, len(l.text))
	case "ctrl+w":
		start := l.at
		for start > 0 && l.text[start-1] == ' ' {
			start--
		}
		for start > 0 && l.text[start-1] != ' ' {
			start--
		}
		return l.remove(start, l.at)
	default:
		return k.Text != "" && l.insert(k.Text)
	}
	return false
}

func (l *Line) insert(text string) bool {
	added := []rune(clean(text))
	l.text = append(l.text[:l.at:l.at], append(added, l.text[l.at:]...)...)
	l.at += len(added)
	return len(added) > 0
}

func (l *Line) remove(from, to int) bool {
	from, to = max(0, from), min(to, len(l.text))
	if from >= to {
		return false
	}
	l.text = append(l.text[:from:from], l.text[to:]...)
	l.at = from
	return true
}

// clean drops what has no place in a line.
func clean(text string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r):
			return ' '
		case unicode.IsPrint(r):
			return r
		}
		return -1
	}, text)
}

// View draws the line in exactly width columns, with the cursor in sight.
func (l *Line) View(width int) string {
	if width <= 0 {
		return ""
	}
	before, under, after := string(l.text[:l.at]), " ", ""
	if l.at < len(l.text) {
		under, after = string(l.text[l.at]), string(l.text[l.at+1:])
	}
	room := max(0, width-ansi.StringWidth(under))
	if w := ansi.StringWidth(before); w > room {
		before = ansi.TruncateLeft(before, w-room, "")
	}
	line := before + l.common.Styles.Selected.Render(under) + after
	line = ansi.Truncate(line, width, "")
	return line + strings.Repeat(" ", max(0, width-ansi.StringWidth(line)))
}
