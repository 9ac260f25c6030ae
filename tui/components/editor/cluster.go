package editor

import (
	"strings"

	"github.com/charmbracelet/x/ansi"
)

// cluster is what a terminal draws as one sign: a rune with what combines with
// it. The cursor stands before one and never within.
type cluster struct {
	start, end int // runes of the line
	width      int // columns, 1 at least
	sign       string
}

// clusters parts a line into its signs.
func clusters(line []rune) []cluster {
	out := make([]cluster, 0, len(line))
	for at := 0; at < len(line); {
		if r := line[at]; r < 0x7f && (at+1 == len(line) || line[at+1] < 0x7f) {
			sign := "?"
			if r >= ' ' {
				sign = string(r)
			}
			out = append(out, cluster{at, at + 1, 1, sign})
			at++
			continue
		}
		c := complexCluster(line, at)
		out = append(out, c)
		at = c.end
	}
	return out
}

// mostRunes bounds one sign; a longer one is drawn as several.
const mostRunes = 16

// complexCluster takes one sign from a place where it may be more than a rune.
func complexCluster(line []rune, at int) cluster {
	sign, width := ansi.FirstGraphemeCluster(string(line[at:min(len(line), at+mostRunes)]), ansi.GraphemeWidth)
	n := max(1, len([]rune(sign)))
	switch r := line[at]; {
	case r < ' ' || r >= 0x7f && r < 0xa0:
		return cluster{at, at + 1, 1, "?"} // the terminal would do something with it
	case width <= 0 || ansi.StringWidth(sign) != width:
		return cluster{at, at + n, 1, "?"} // nothing would show
	}
	return cluster{at, at + n, width, sign}
}

// plain is a sign in ASCII.
func (c cluster) plain() string {
	for i := range len(c.sign) {
		if c.sign[i] > '~' {
			return strings.Repeat("?", c.width)
		}
	}
	return c.sign
}

// columnsOf is the columns that runes take.
func columnsOf(line []rune) int {
	n := 0
	for _, c := range clusters(line) {
		n += c.width
	}
	return n
}

// before is the start of the sign that ends at a rune, or that the rune is
// within.
func before(line []rune, at int) int {
	start := 0
	for _, c := range clusters(line[:min(at, len(line))]) {
		start = c.start
	}
	return start
}

// after is the end of the sign that a rune begins.
func after(line []rune, at int) int {
	for _, c := range clusters(line) {
		if c.end > at {
			return c.end
		}
	}
	return len(line)
}

// atColumn is the rune at which the cursor comes nearest to a column from the
// left.
func atColumn(line []rune, column int) int {
	x := 0
	for _, c := range clusters(line) {
		if x+c.width > column {
			return c.start
		}
		x += c.width
	}
	return len(line)
}
