// Package modal is what lies over a page: questions, prompts, the palette and
// the help.
package modal

import (
	"strings"

	"github.com/charmbracelet/x/ansi"

	"detnas/tui/common"
	"detnas/tui/components/text"
)

// box frames lines, each cut or filled to width columns within the frame.
func box(c *common.Common, title string, lines []string, width int) []string {
	g, border := c.Glyphs, c.Styles.Focus
	title = ansi.Truncate(text.Clean(title), max(0, width-2), g.Ellipsis)
	head := border.Render(g.TopLeft+g.Horizontal) + c.Styles.Title.Render(" "+title+" ")
	if title == "" {
		head = border.Render(g.TopLeft + g.Horizontal + g.Horizontal + g.Horizontal)
	}
	head += border.Render(strings.Repeat(g.Horizontal, max(0, width+4-ansi.StringWidth(head)-1)) + g.TopRight)
	out := []string{head}
	for _, l := range lines {
		out = append(out, border.Render(g.Vertical)+" "+fit(l, width)+" "+border.Render(g.Vertical))
	}
	return append(out, border.Render(g.BottomLeft+strings.Repeat(g.Horizontal, width+2)+g.BotRight))
}

// fit makes a line exactly width columns wide.
func fit(line string, width int) string {
	line = ansi.Truncate(line, width, "")
	return line + strings.Repeat(" ", max(0, width-ansi.StringWidth(line)))
}

// wrap breaks a text into lines of at most width columns.
func wrap(words string, width int) []string {
	if words == "" {
		return nil
	}
	var out []string
	for line := range strings.SplitSeq(words, "\n") {
		out = append(out, strings.Split(ansi.Wrap(text.Clean(line), max(1, width), ""), "\n")...)
	}
	return out
}

// Over lays a box over the middle of a view of that size.
func Over(view string, lines []string, width, height int) string {
	under := strings.Split(view, "\n")
	boxWidth := 0
	for _, l := range lines {
		boxWidth = max(boxWidth, ansi.StringWidth(l))
	}
	boxWidth = min(boxWidth, width)
	lines = lines[:min(len(lines), height)]
	left, top := (width-boxWidth)/2, (height-len(lines))/2
	for i, l := range lines {
		y := top + i
		if y >= len(under) {
			break
		}
		under[y] = fit(ansi.Cut(under[y], 0, left), left) + "\x1b[m" + fit(l, boxWidth) + "\x1b[m" +
			fit(ansi.Cut(under[y], left+boxWidth, width), width-left-boxWidth)
	}
	return strings.Join(under, "\n")
}
