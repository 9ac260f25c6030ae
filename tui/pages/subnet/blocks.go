package subnet

import (
	"fmt"
	"strings"

	"detnas/nas"
	"detnas/tui/charts"
	"detnas/tui/components/text"
	"detnas/tui/ranking"
)

// line is a line of the list: a stage's or a block's; the stem's has block -1
// and no stage.
type line struct {
	stage int // -1 for none
	block int // -1 for none
}

// lines are all of the list's.
func (p *Page) lines() []line {
	out := []line{{stage: -1, block: -1}}
	for i, b := range p.subnet.parts.Blocks {
		if b.Index == 0 {
			out = append(out, line{stage: b.Stage, block: -1})
		}
		out = append(out, line{stage: b.Stage, block: i})
	}
	return out
}

// listHeight is the lines of the list out of a pane's, below the titles and above
// the totals.
func (p *Page) listHeight(height int) int { return max(height-1-p.totalsHeight(height), 0) }

// firstLine is the first line of the list that is in sight: the cursor is too,
// with its stage's line where that fits.
func (p *Page) firstLine(all []line, rows int) int {
	at := 0
	for i, l := range all {
		if l.block == p.block {
			at = i
		}
	}
	return min(max(at-rows/2, 0), max(len(all)-rows, 0))
}

// drawBlocks draws the list and the totals.
func (p *Page) drawBlocks(width, height int) string {
	s, g := p.common.Styles, p.common.Glyphs
	if p.subnet.err != nil {
		return text.Block([]string{"", " " + s.Bad.Render(p.subnet.err.Error())}, width, height, g.Ellipsis)
	}
	columns := p.columns(width)
	lines := []string{p.titles(columns)}
	all, rows := p.lines(), p.listHeight(height)
	from := p.firstLine(all, rows)
	for _, l := range all[from:min(from+rows, len(all))] {
		lines = append(lines, p.drawLine(l, columns, width))
	}
	if len(lines) < height-p.totalsHeight(height) {
		lines = append(lines, "")
	}
	lines = append(lines, p.totals(p.totalsHeight(height), width)...)
	return text.Block(lines, width, height, g.Ellipsis)
}

// column is a column of the list.
type column struct {
	title string
	width int
	right bool
	cell  func(block int) string
}

// barLeast is the least width of a bar.
const barLeast = 6

// columns are those that fit; the bar takes the room that is left.
func (p *Page) columns(width int) []column {
	b := func(i int) nas.BlockPart { return p.subnet.parts.Blocks[i] }
	out := []column{
		{"", 3, true, func(i int) string { return fmt.Sprint(i + 1) }},
		{"choice", 8, false, func(i int) string { return b(i).Choice.String() }},
	}
	if p.compared() {
		out = append(out, column{"beside", 8, false, p.other})
	}
	out = append(
		out,
		column{p.countName(), 6, true, func(i int) string { return ranking.Count(p.by(b(i).Cost)) }},
		column{"share", 5, true, func(i int) string { return percent(p.share(b(i).Cost)) }},
	)
	if p.compared() {
		out = append(out, column{"change", 7, true, func(i int) string {
			return changeWords(p.by(b(i).Cost) - p.by(p.with.parts.Blocks[i].Cost))
		}})
	}
	other := column{"params", 6, true, func(i int) string { return ranking.Count(b(i).Cost.Params) }}
	if p.byParams {
		other = column{"MACs", 6, true, func(i int) string { return ranking.Count(b(i).Cost.ConvMACs()) }}
	}
	used := 1 + barLeast // the pointer, and the bar's gap
	for _, c := range out {
		used += c.width + 1
	}
	for _, c := range []column{
		other,
		{"channels", 9, true, func(i int) string { return fmt.Sprintf("%d>%d", b(i).In, b(i).Out) }},
		{"output", 7, true, func(i int) string { return b(i).OutSize.String() }},
		{"stride", 6, true, func(i int) string { return fmt.Sprint(b(i).Stride) }},
	} {
		if used+c.width+1 > width {
			break
		}
		out, used = append(out, c), used+c.width+1
	}
	return out
}

// other is the choice of the second subnet, where it is another one.
func (p *Page) other(block int) string {
	if !p.differs(block) {
		return "="
	}
	return p.with.parts.Blocks[block].Choice.String()
}

// by is the count that the bars show.
func (p *Page) by(c nas.Cost) int64 {
	if p.byParams {
		return c.Params
	}
	return c.ConvMACs()
}

func (p *Page) countName() string {
	if p.byParams {
		return "params"
	}
	return "MACs"
}

// share is a part of the body's cost.
func (p *Page) share(c nas.Cost) float64 {
	whole := p.by(p.subnet.parts.Body())
	if whole <= 0 {
		return 0
	}
	return float64(p.by(c)) / float64(whole)
}

// largest is the largest share of a block or the stem: that of a full bar.
func (p *Page) largest() float64 {
	most := p.share(p.subnet.parts.Stem)
	for _, b := range p.subnet.parts.Blocks {
		most = max(most, p.share(b.Cost))
	}
	return most
}

func percent(share float64) string { return fmt.Sprintf("%.1f%%", 100*share) }

func (p *Page) titles(columns []column) string {
	line := " "
	for _, c := range columns {
		line += p.fit(c, c.title) + " "
	}
	return p.common.Styles.Faint.Render(line)
}

func (p *Page) fit(c column, cell string) string {
	if c.right {
		return text.FitRight(cell, c.width, p.common.Glyphs.Ellipsis)
	}
	return text.Fit(cell, c.width, p.common.Glyphs.Ellipsis)
}

func (p *Page) drawLine(l line, columns []column, width int) string {
	s, g := p.common.Styles, p.common.Glyphs
	if l.block < 0 {
		return p.stageLine(l.stage)
	}
	here := l.block == p.block
	cells, used := make([]string, len(columns)), 1
	for i, c := range columns {
		cells[i] = p.fit(c, c.cell(l.block))
		used += c.width + 1
		if !here && c.title == "beside" && p.differs(l.block) {
			cells[i] = s.Warn.Bold(true).Render(cells[i])
		}
	}
	line := strings.Join(cells, " ") + " "
	bar := p.bar(p.subnet.parts.Blocks[l.block].Cost, max(width-used, 0))
	if here {
		return s.Selected.Render(g.Pointer+line) + bar
	}
	mark := " "
	if p.differs(l.block) {
		mark = s.Warn.Render(g.Bullet)
	}
	return mark + line + bar
}

func (p *Page) bar(c nas.Cost, width int) string {
	if width < 3 {
		return ""
	}
	most := p.largest()
	if most <= 0 {
		return ""
	}
	return charts.Meter(p.look(), p.share(c)/most, width)
}

// stageLine is the line above a stage's blocks, or that of the stem.
func (p *Page) stageLine(stage int) string {
	s, space := p.common.Styles, p.run.Space
	if stage < 0 {
		c := p.subnet.parts.Stem
		return " " + s.Accent.Render("stem") + s.Faint.Render(fmt.Sprintf("     3x3, %d channels, %s: %s %s, %s",
			space.Stem, p.subnet.parts.StemSize, ranking.Count(p.by(c)), p.countName(), percent(p.share(c))))
	}
	c, depth := p.subnet.parts.Stage(stage), space.Depths[stage]
	blocks := "blocks"
	if depth == 1 {
		blocks = "block"
	}
	words := fmt.Sprintf("  %d %s, %d channels: %s %s, %s", depth, blocks, space.Widths[stage], ranking.Count(p.by(c)), p.countName(), percent(p.share(c)))
	if p.compared() {
		words += ", " + changeWords(p.by(c)-p.by(p.with.parts.Stage(stage)))
	}
	return " " + s.Accent.Render(fmt.Sprintf("stage %d", stage+1)) + s.Faint.Render(words)
}
