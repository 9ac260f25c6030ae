package editor

import (
	"fmt"
	"strings"

	"charm.land/lipgloss/v2"
	"github.com/charmbracelet/x/ansi"

	"detnas/core/config"
	"detnas/tui/components/text"
	"detnas/tui/styles"
)

// gutter is the columns of line numbers and marks.
const gutter = 6

// View draws the editor: height lines of exactly width columns.
func (e *Editor) View() string {
	if e.width <= 0 || e.height <= 0 {
		return ""
	}
	e.follow()
	styles := e.highlight()
	lines := make([]string, e.height)
	for y := range lines {
		row := e.top + y
		if row >= len(e.lines) {
			lines[y] = text.Spaces(e.width)
			continue
		}
		lines[y] = e.line(row, styles[row])
	}
	e.overlay(lines)
	return strings.Join(lines, "\n")
}

// follow scrolls so that the cursor shows.
func (e *Editor) follow() {
	e.clamp()
	e.top = min(max(e.top, e.row-e.height+1), e.row)
	e.top = max(0, min(e.top, len(e.lines)-1))
	room := max(1, e.width-gutter)
	at := columnsOf(e.lines[e.row][:e.col])
	e.left = min(max(e.left, at-room+1), at)
}

// highlight returns the kinds of tokens by line and rune.
func (e *Editor) highlight() [][]config.TokenKind {
	whole := e.Text()
	if e.lexed != whole || e.tokens == nil {
		e.lexed, e.tokens = whole, config.Tokens(whole)
	}
	out := make([][]config.TokenKind, len(e.lines))
	for i, l := range e.lines {
		out[i] = make([]config.TokenKind, len(l))
	}
	row, col := 0, 0
	for _, t := range e.tokens {
		for _, r := range whole[t.Start:t.End] {
			if r == '\n' {
				row, col = row+1, 0
				continue
			}
			if row < len(out) && col < len(out[row]) {
				out[row][col] = t.Kind
			}
			col++
		}
	}
	return out
}

func (e *Editor) style(kind config.TokenKind) lipgloss.Style {
	s := e.common.Styles
	switch kind {
	case config.TokenComment:
		return s.Comment
	case config.TokenHeader:
		return s.Title
	case config.TokenKey:
		return s.Keyword
	case config.TokenString:
		return s.String
	case config.TokenNumber, config.TokenBool:
		return s.Number
	}
	return s.Text
}

// line draws one line with its number and mark.
func (e *Editor) line(row int, kinds []config.TokenKind) string {
	s := e.common.Styles
	number := fmt.Sprintf("%4d", row+1)
	mark, style := " ", s.Faint
	switch e.Marks[row] {
	case MarkError:
		mark, style = "!", s.Bad
	case MarkChanged:
		mark, style = "~", s.Accent
	}
	out := style.Render(number+mark) + " "
	room := e.width - gutter
	if room <= 0 {
		return text.Fit(out, e.width, "")
	}
	body, used := e.body(row, kinds, room)
	return out + body + text.Spaces(room-used)
}

// body draws the part of a line that shows, and says how many columns it takes.
func (e *Editor) body(row int, kinds []config.TokenKind, room int) (string, int) {
	var b, run strings.Builder
	kind, at, used := config.TokenKind(-1), 0, 0
	flush := func() {
		if run.Len() > 0 {
			b.WriteString(e.style(kind).Render(run.String()))
			run.Reset()
		}
	}
	put := func(s string, k config.TokenKind, cursor bool, w int) {
		used += w
		if cursor {
			flush()
			b.WriteString(e.common.Styles.Selected.Render(s))
			return
		}
		if k != kind {
			flush()
			kind = k
		}
		run.WriteString(s)
	}
	for _, c := range clusters(e.lines[row]) {
		if at < e.left {
			at += c.width
			for range max(0, at-e.left) { // half of a wide sign
				put(" ", kinds[c.start], false, 1)
			}
			continue
		}
		if used+c.width > room {
			break
		}
		at += c.width
		sign := c.sign
		if e.common.Glyphs.Mode == styles.ASCII {
			sign = c.plain()
		}
		put(sign, kinds[c.start], row == e.row && c.start <= e.col && e.col < c.end, c.width)
	}
	if row == e.row && e.col == len(e.lines[row]) && used < room {
		put(" ", 0, true, 1)
	}
	flush()
	return b.String(), used
}

// overlay lays the offered words over the lines, below the cursor or above it.
func (e *Editor) overlay(lines []string) {
	if len(e.words) == 0 {
		return
	}
	s, g := e.common.Styles, e.common.Glyphs
	n := min(len(e.words), 8, max(e.height-1, 0))
	first := max(0, min(e.word-n+1, len(e.words)-n))
	y := e.row - e.top + 1
	if y+n > e.height {
		y = max(0, e.row-e.top-n)
	}
	width := 0
	for _, w := range e.words {
		width = max(width, text.Width(w.Text))
	}
	width = min(width+2, e.width)
	x := min(gutter+columnsOf(e.lines[e.row][:e.col])-e.left, e.width-width)
	for i := range n {
		w := e.words[first+i]
		pointer := " "
		if first+i == e.word {
			pointer = g.Pointer
		}
		word := text.Fit(pointer+w.Text, width, g.Ellipsis)
		if first+i == e.word {
			word = s.Selected.Render(word)
		} else {
			word = s.Accent.Render(word)
		}
		about := text.Fit(" "+w.About, min(max(0, e.width-x-width), 60), g.Ellipsis)
		line := text.Fit(ansi.Cut(lines[y+i], 0, x), x, "") + "\x1b[m" + word + s.Faint.Render(about)
		lines[y+i] = text.Fit(line, e.width, "")
	}
}
