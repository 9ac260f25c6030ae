package search

import (
	"fmt"
	"math"
	"strings"

	"detnas/tui/components/text"
	"detnas/tui/ranking"
)

// planned says how far the search is.
func (p *Page) planned() string {
	n := len(p.choices.Generations())
	return fmt.Sprintf("%d of %d", n, max(n, p.config.Search.Generations))
}

// drawGenerations draws a line for each generation: its figures, and where its
// scores lie.
func (p *Page) drawGenerations(width, height int) string {
	s, g := p.common.Styles, p.common.Glyphs
	const figures = " gen    min   mean   best  so far"
	room := width - len(figures) - 3
	lines := []string{s.Faint.Render(figures)}
	if room >= 12 {
		lines[0] += "   " + p.scale(room)
	}
	rows := max(height-2, 0) // a line for the legend
	from := p.firstGeneration(rows)
	for i := from; i < min(from+rows, len(p.stats)); i++ {
		lines = append(lines, p.generationLine(p.stats[i], room))
	}
	for len(lines) < height-1 {
		lines = append(lines, "")
	}
	lines = append(lines, s.Faint.Render(p.generationsLegend(room >= 12, width)))
	return text.Block(lines, width, height, g.Ellipsis)
}

// firstGeneration is the first line in sight: the last ones show, or those
// around the slider.
func (p *Page) firstGeneration(rows int) int {
	last := max(len(p.stats)-rows, 0)
	for i, st := range p.stats {
		if st.generation == p.generation {
			return min(max(i-rows/2, 0), last)
		}
	}
	return last
}

func (p *Page) generationLine(st stat, room int) string {
	s, g := p.common.Styles, p.common.Glyphs
	up := " "
	if st.better {
		up = g.Up
	}
	line := fmt.Sprintf("%3d %s %s %s%s %s", st.generation+1,
		short(st.min), short(st.mean), short(st.best), up, short(st.soFar))
	if room < 12 {
		if st.generation == p.generation {
			return s.Selected.Render(g.Pointer + line)
		}
		return " " + line
	}
	if st.generation == p.generation {
		return s.Selected.Render(g.Pointer+line) + "   " + p.spread(st, room)
	}
	return " " + line + "   " + p.spread(st, room)
}

// short is a score in six columns.
func short(v float64) string { return text.FitRight(ranking.Score(v), 6, "") }

// bounds are the least and the best score of all generations.
func (p *Page) bounds() (low, high float64) {
	low, high = math.NaN(), math.NaN()
	for _, st := range p.stats {
		low, high = fmin(low, st.min), fmax(high, st.best)
	}
	return low, high
}

// at is the column of a score in so many.
func (p *Page) at(v float64, room int) int {
	low, high := p.bounds()
	switch {
	case math.IsNaN(v) || math.IsInf(v, 0) || math.IsInf(high-low, 0) || math.IsNaN(low):
		return -1
	case high <= low:
		return room / 2
	}
	return int(math.Round((v - low) / (high - low) * float64(room-1)))
}

// The signs of a generation's scores.
func (p *Page) meanSign() string  { return p.common.Glyphs.Marks[0] }
func (p *Page) soFarSign() string { return p.common.Glyphs.Marks[1] }

// spread draws where a generation's scores lie: from the least to the best, the
// mean, the best so far, and the best random candidate of all.
func (p *Page) spread(st stat, room int) string {
	s, g := p.common.Styles, p.common.Glyphs
	cells := make([]string, room)
	for i := range cells {
		cells[i] = " "
	}
	put := func(at int, sign string) {
		if at >= 0 && at < room {
			cells[at] = sign
		}
	}
	if from, to := p.at(st.min, room), p.at(st.best, room); from >= 0 && to >= 0 {
		for i := from; i <= to; i++ {
			put(i, s.Border.Render(g.Horizontal))
		}
	}
	put(p.at(p.bestRand, room), s.Faint.Render(g.Vertical))
	put(p.at(st.mean, room), s.Series[0].Render(p.meanSign()))
	put(p.at(st.soFar, room), s.Series[1].Render(p.soFarSign()))
	return strings.Join(cells, "")
}

// scale writes the ends of what the lines span.
func (p *Page) scale(room int) string {
	low, high := p.bounds()
	return p.common.Styles.Faint.Render(text.Between(ranking.Score(low), ranking.Score(high), room, ""))
}

func (p *Page) generationsLegend(drawn bool, width int) string {
	g := p.common.Glyphs
	random := "best random " + ranking.Score(p.bestRand)
	if math.IsNaN(p.bestRand) {
		random = "no random candidate"
	}
	if !drawn {
		return " " + random
	}
	legend := fmt.Sprintf(" %s min to best  %s mean  %s best so far  %s %s", g.Horizontal, p.meanSign(), p.soFarSign(), g.Vertical, random)
	if text.Width(legend) > width {
		legend = fmt.Sprintf(" %s mean  %s so far  %s %s", p.meanSign(), p.soFarSign(), g.Vertical, random)
	}
	return legend
}
