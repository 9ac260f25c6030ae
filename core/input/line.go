package input

import (
	"math"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// mostShown is how many bytes of a text an error shows.
const mostShown = 1000

// Line is a text as a line may hold it: what does not print is written as in Go,
// \n or \x1b, so that nothing breaks the line or reaches the terminal as a
// command to it. A long text is cut.
func Line(text string) string { return escaped(text, mostShown) }

// Brief is Line for what is to take little room: at most so many bytes, and dots.
func Brief(text string, most int) string { return escaped(text, most) }

// Shown is Line for what is shown by itself, and in full.
func Shown(text string) string { return escaped(text, math.MaxInt) }

// escaped is at most so many bytes of a text, and dots, all of which print.
func escaped(text string, most int) string {
	if len(text) <= most && plain(text) {
		return text
	}
	var b strings.Builder
	for len(text) > 0 {
		r, n := utf8.DecodeRuneInString(text)
		shown := text[:n]
		if r == utf8.RuneError && n == 1 || !unicode.IsPrint(r) {
			shown = strings.Trim(strconv.Quote(shown), `"`)
		}
		if len(shown) > most-b.Len() {
			b.WriteString("...")
			break
		}
		b.WriteString(shown)
		text = text[n:]
	}
	return b.String()
}

// plain reports whether all of a text prints.
func plain(text string) bool {
	for i, r := range text {
		if !unicode.IsPrint(r) || r == utf8.RuneError && !strings.HasPrefix(text[i:], "\uFFFD") {
			return false
		}
	}
	return true
}

// Plain is an error whose words fit a line: those of parsers quote what they
// read, in any length.
func Plain(err error) error {
	if err == nil || Line(err.Error()) == err.Error() {
		return err
	}
	return &plainError{err}
}

type plainError struct{ err error }

func (e *plainError) Error() string { return Line(e.err.Error()) }
func (e *plainError) Unwrap() error { return e.err }
