package progress

import (
	"strings"
	"time"
	"unicode"

	"charm.land/lipgloss/v2"

	"detnas/core/input"
)

// weight says who gets to see a line. The log has all of them.
type weight int

const (
	trace     weight = iota // the log alone
	detail                  // plain output too; a terminal has the live line instead
	milestone               // everyone
)

// line is a line that stays.
type line struct {
	at     time.Time
	text   string
	weight weight
	mark   mark
}

// mark is what a line is about, for its colour.
type mark int

const (
	plain mark = iota
	good
	bad
)

// clean takes out what would move the cursor or break the line, and escapes what
// else a terminal would obey: file names and messages of libraries may hold
// anything.
func clean(text string) string {
	return input.Shown(strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) {
			return ' '
		}
		return r
	}, text))
}

// fit breaks a line so that no part is wider than width; 0 leaves it whole.
func (l line) fit(width int, k ink) string {
	text := clean(l.text)
	if width > 0 {
		text = lipgloss.Wrap(text, max(width-1, 1), "/ ")
	}
	paint := map[mark]func(string) string{good: k.good, bad: k.bad}[l.mark]
	if paint == nil {
		return text
	}
	parts := strings.Split(text, "\n")
	for i := range parts {
		parts[i] = paint(parts[i])
	}
	return strings.Join(parts, "\n")
}

// ink paints text where colour is allowed. It uses the terminal's own 16
// colours, which suit its background.
type ink bool

func (k ink) paint(text string, style lipgloss.Style) string {
	if !k || text == "" {
		return text
	}
	return style.Render(text)
}

func (k ink) bold(text string) string { return k.paint(text, lipgloss.NewStyle().Bold(true)) }
func (k ink) faint(text string) string {
	return k.paint(text, lipgloss.NewStyle().Faint(true))
}

func (k ink) good(text string) string {
	return k.paint(text, lipgloss.NewStyle().Foreground(lipgloss.Green))
}

func (k ink) bad(text string) string {
	return k.paint(text, lipgloss.NewStyle().Foreground(lipgloss.Yellow))
}
