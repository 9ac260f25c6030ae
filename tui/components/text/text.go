// Package text fits words and figures into a terminal's cells.
package text

import (
	"fmt"
	"strings"
	"time"
	"unicode"

	"github.com/charmbracelet/x/ansi"
)

// Width is the columns that a text takes; its escapes take none.
func Width(s string) int {
	if plain(s) {
		return len(s)
	}
	return ansi.StringWidth(s)
}

// plain reports whether each byte of a text is one column.
func plain(s string) bool {
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' {
			return false
		}
	}
	return true
}

// Fit makes a text exactly width columns wide: cut with the ellipsis as its last
// sign, or filled with spaces.
func Fit(s string, width int, ellipsis string) string {
	s, n := cut(s, width, ellipsis)
	return s + Spaces(width-n)
}

// FitRight is Fit with the text at the right.
func FitRight(s string, width int, ellipsis string) string {
	s, n := cut(s, width, ellipsis)
	return Spaces(width-n) + s
}

func cut(s string, width int, ellipsis string) (text string, columns int) {
	if width <= 0 {
		return "", 0
	}
	n := Width(s)
	if n <= width {
		return s, n
	}
	s = ansi.Truncate(s, width, ellipsis)
	return s, Width(s)
}

// Spaces are n spaces; none for a negative n.
func Spaces(n int) string { return strings.Repeat(" ", max(n, 0)) }

// Between puts one text at the left of a line and one at its right. The left one
// is cut first.
func Between(left, right string, width int, ellipsis string) string {
	right, n := cut(right, width, ellipsis)
	if n == 0 {
		return Fit(left, width, ellipsis)
	}
	return Fit(left, width-n, ellipsis) + right
}

// Clean takes the escapes out of a text that others wrote, makes what moves the
// cursor a space, and leaves out what else does not print, such as the marks that
// turn the direction of a line.
func Clean(s string) string {
	if plain(s) {
		return s
	}
	return strings.Map(func(r rune) rune {
		switch {
		case unicode.IsPrint(r):
			return r
		case unicode.IsControl(r), unicode.IsSpace(r):
			return ' '
		}
		return -1
	}, ansi.Strip(s))
}

// Block makes exactly height lines of exactly width columns of what is there.
func Block(lines []string, width, height int, ellipsis string) string {
	if height <= 0 {
		return ""
	}
	out := make([]string, height)
	for i := range out {
		if i < len(lines) {
			out[i] = Fit(lines[i], width, ellipsis)
		} else {
			out[i] = Spaces(width)
		}
	}
	return strings.Join(out, "\n")
}

// Beside puts blocks of equally many lines side by side.
func Beside(gap string, blocks ...string) string {
	if len(blocks) == 0 {
		return ""
	}
	out := strings.Split(blocks[0], "\n")
	for _, b := range blocks[1:] {
		for i, line := range strings.Split(b, "\n") {
			if i < len(out) {
				out[i] += gap + line
			}
		}
	}
	return strings.Join(out, "\n")
}

// Span is a time in the two largest units that it has: 12s, 3m12s, 2h05m, 3d04h.
func Span(d time.Duration) string {
	switch d = d.Round(time.Second); {
	case d >= 24*time.Hour:
		return fmt.Sprintf("%dd%02dh", int(d.Hours())/24, int(d.Hours())%24)
	case d >= time.Hour:
		return fmt.Sprintf("%dh%02dm", int(d.Hours()), int(d.Minutes())%60)
	case d >= time.Minute:
		return fmt.Sprintf("%dm%02ds", int(d.Minutes()), int(d.Seconds())%60)
	}
	return fmt.Sprintf("%ds", max(0, int(d.Seconds())))
}

// Age is how long something is past, in its largest unit: 12s, 3m, 2h, 4d.
func Age(d time.Duration) string {
	switch {
	case d >= 24*time.Hour:
		return fmt.Sprintf("%dd", int(d.Hours())/24)
	case d >= time.Hour:
		return fmt.Sprintf("%dh", int(d.Hours()))
	case d >= time.Minute:
		return fmt.Sprintf("%dm", int(d.Minutes()))
	}
	return fmt.Sprintf("%ds", max(0, int(d.Seconds())))
}

// Bytes writes a size: 512 B, 1.4 GiB.
func Bytes(n int64) string {
	v, units := float64(n), []string{"B", "KiB", "MiB", "GiB", "TiB"}
	for v >= 1024 && len(units) > 1 {
		v, units = v/1024, units[1:]
	}
	if v >= 100 || v == float64(int64(v)) {
		return fmt.Sprintf("%.0f %s", v, units[0])
	}
	return fmt.Sprintf("%.1f %s", v, units[0])
}

// Plain puts question marks in place of what is not ASCII, as many as its
// columns.
func Plain(s string) string {
	if plain(s) {
		return s
	}
	var b strings.Builder
	for _, r := range s {
		if r <= '~' {
			b.WriteRune(r)
		} else {
			b.WriteString(strings.Repeat("?", ansi.StringWidth(string(r))))
		}
	}
	return b.String()
}
