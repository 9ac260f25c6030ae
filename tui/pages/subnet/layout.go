package subnet

import (
	"fmt"
	"math"
	"strings"

	"github.com/charmbracelet/x/ansi"

	"detnas/core/config"
	"detnas/nas"
	"detnas/tui/components/text"
	"detnas/tui/ranking"
)

// The size from which on the blocks and the detections stand side by side, and
// the lines that say whose they are.
const (
	bothWidth, bothHeight = 110, 18
	headHeight            = 3
)

func (p *Page) both() bool { return p.width >= bothWidth && p.height >= bothHeight }

// blocksWidth is what the blocks take of the width.
func (p *Page) blocksWidth() int {
	if !p.both() {
		return p.width
	}
	return min(max(p.width*11/20, 62), 92)
}

// paneHeight is the lines of a pane below its title.
func (p *Page) paneHeight() int { return max(p.height-headHeight-1, 0) }

// draw draws the page: height lines of width columns.
func (p *Page) draw() string {
	if p.width <= 0 || p.height <= 0 {
		return ""
	}
	g := p.common.Glyphs
	if p.subnet.short == "" {
		return text.Block(p.empty(), p.width, p.height, g.Ellipsis)
	}
	head := text.Block(p.head(), p.width, min(headHeight, p.height), g.Ellipsis)
	if p.height <= headHeight {
		return head
	}
	height, left := p.paneHeight(), p.blocksWidth()
	var panes string
	switch {
	case p.both():
		right := p.width - left - 2
		panes = text.Beside("  ", p.titled(blocksPane, left)+"\n"+p.drawBlocks(left, height),
			p.titled(detectionsPane, right)+"\n"+p.drawDetections(right, height))
	case height == 0:
		panes = p.titled(p.focus, left)
	case p.focus == blocksPane:
		panes = p.titled(p.focus, left) + "\n" + p.drawBlocks(left, height)
	default:
		panes = p.titled(p.focus, left) + "\n" + p.drawDetections(left, height)
	}
	return head + "\n" + panes
}

// empty says why there is no subnet.
func (p *Page) empty() []string {
	s := p.common.Styles
	why := "No subnet yet: the search, step 3, has evaluated none."
	if p.run.History.State.Step > config.StepSearch {
		why = "No subnet: this run has no candidates in its journal."
	}
	lines := []string{"", "  " + s.Bold.Render(why), ""}
	about := "Here will be a subnet block by block with the cost of each, the difference to a second one, and its detections beside the truth. Enter on a candidate of the Search page opens it."
	for l := range strings.SplitSeq(ansi.Wrap(about, max(p.width-4, 1), ""), "\n") {
		lines = append(lines, "  "+s.Faint.Render(l))
	}
	return lines
}

// head are the lines that say which subnet this is, where it comes from, and
// which one lies beside it.
func (p *Page) head() []string {
	s := p.common.Styles
	first := " " + s.Bold.Render(p.subnet.short) + "  " + s.Text.Render(p.standing(p.subnet.short))
	if note := p.wheel().Note(p.subnet.short); note != "" {
		first += "  " + s.Accent.Render(note)
	}
	return []string{first, " " + p.origin(), " " + p.besideWords()}
}

// origin says where the subnet comes from.
func (p *Page) origin() string {
	s := p.common.Styles
	c, ok := p.candidate(p.subnet.short)
	if !ok {
		return s.Faint.Render("no candidate of the search so far")
	}
	words := fmt.Sprintf("generation %d, %s", c.Generation+1, c.Origin)
	for i, parent := range p.parents(p.subnet.short) {
		words += map[bool]string{true: " of ", false: " and "}[i == 0] + p.parentWords(parent.Subnet)
	}
	return s.Text.Render(words)
}

func (p *Page) parentWords(short string) string {
	place, ok := p.ranking.Find(short)
	if !ok {
		return short
	}
	return fmt.Sprintf("%s (rank %s)", short, p.ranking.Words(place))
}

// besideWords say what lies beside the subnet and how the two differ.
func (p *Page) besideWords() string {
	s := p.common.Styles
	if p.with.short == "" {
		return s.Faint.Render("d lays another one beside it: a parent, a pinned one, one of the ten best")
	}
	words := s.Faint.Render("beside ") + s.Text.Render(p.with.short+"  "+p.briefly(p.with.short))
	switch {
	case p.with.err != nil:
		return words + "  " + s.Bad.Render(p.with.err.Error())
	case !p.compared():
		return words
	}
	words += fmt.Sprintf("  %d of %d blocks differ", p.differ(), len(p.subnet.parts.Blocks))
	a, okA := p.candidate(p.subnet.short)
	b, okB := p.candidate(p.with.short)
	if d := a.Score - b.Score; okA && okB && !math.IsNaN(d) {
		words += fmt.Sprintf(", score %+.4f", d)
	}
	return words
}

// titled is the first line of a pane.
func (p *Page) titled(which pane, width int) string {
	s, g := p.common.Styles, p.common.Glyphs
	left := ""
	for i := range panes {
		if p.both() && i != which {
			continue
		}
		if i == p.focus {
			left += s.Selected.Render(g.Pointer + paneNames[i] + " ")
		} else {
			left += s.Faint.Render(" " + paneNames[i] + " ")
		}
	}
	right := s.Faint.Render(p.about(which))
	room := width - text.Width(left)
	if rule := room - text.Width(right) - 2; rule > 0 {
		return left + " " + s.Border.Render(strings.Repeat(g.Horizontal, rule)) + " " + right
	}
	return text.Fit(left, width-min(text.Width(right), max(room, 0)), g.Ellipsis) + text.Fit(right, min(text.Width(right), max(room, 0)), g.Ellipsis)
}

// about is what a pane's title says at its right.
func (p *Page) about(which pane) string {
	if which == detectionsPane {
		if n := len(p.preview.Pictures); n > 0 {
			return fmt.Sprintf("image %d of %d", p.image+1, n)
		}
		return ""
	}
	if p.run.Config == nil {
		return ""
	}
	in := nas.Square(p.run.Config.Search.InputSize)
	return fmt.Sprintf("space %s at %s px", p.run.Space.Name, in)
}

// changeWords are a difference of counts, or empty where it is none.
func changeWords(n int64) string {
	if n == 0 {
		return "="
	}
	return ranking.Change(n)
}
