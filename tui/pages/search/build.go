package search

import (
	"fmt"

	"detnas/nas"
	"detnas/tui/components/text"
	"detnas/tui/ranking"
)

// shown is the subnet whose choices are marked on the map: the one that is built
// there, else the one that is selected, else the best.
func (p *Page) shown() (sub nas.Subnet, built bool) {
	if p.built != nil {
		return p.built, true
	}
	sub, err := nas.ParseSubnet(p.start(), p.space)
	if err != nil {
		return nil, false
	}
	return sub, false
}

// start is the subnet that building begins with, in short form.
func (p *Page) start() string {
	if e, ok := p.selected(); ok {
		return e.Subnet
	}
	best, _ := p.ranking.Best()
	return best.Subnet
}

// pick gives the block under the cursor the choice under it.
func (p *Page) pick() {
	if p.row >= len(p.space.Choices) || p.block >= p.space.Len() {
		return
	}
	sub, built := p.shown()
	if sub == nil { // nothing to begin with: the first choice everywhere
		sub = make(nas.Subnet, p.space.Len())
		for i := range sub {
			sub[i] = p.space.Choices[0]
		}
	}
	if !built {
		p.from = sub.Short(p.space)
	}
	p.built = sub.Clone()
	p.built[p.block] = p.space.Choices[p.row]
	if p.built.Short(p.space) == p.from {
		p.built = nil // it is the one that building began with
	}
}

// aim is the subnet that steering is about: the one that is built, where the map
// is in focus, else the one that is selected. In short form; empty for none.
func (p *Page) aim() string {
	if p.focus == choicesPane && p.built != nil {
		return p.built.Short(p.space)
	}
	e, _ := p.selected()
	return e.Subnet
}

// fits says whether the constraint allows a subnet; known is false without a
// config to ask.
func (p *Page) fits(short string) (ok, known bool) {
	if p.allowed == nil {
		return false, false
	}
	sub, err := nas.ParseSubnet(short, p.space)
	if err != nil {
		return false, true
	}
	return p.allowed(sub), true
}

// subnetWords say what the subnet on the map is and costs, and what is known of
// it. The figures stand first: at the right the line may be cut.
func (p *Page) subnetWords(width int) string {
	s, g := p.common.Styles, p.common.Glyphs
	sub, built := p.shown()
	if sub == nil {
		return " " + s.Faint.Render("no candidate yet; Enter builds a subnet block by block")
	}
	short := sub.Short(p.space)
	name := "Selected "
	if built {
		name = "Built "
	}
	style := s.Text
	if built {
		style = s.Bold
	}
	line := " " + s.Faint.Render(name) + style.Render(short) + "  " + p.costWords(sub) + p.verdict(short) + "  " + p.known(short)
	if text.Width(line) > width {
		line = " " + style.Render(short) + "  " + p.costWords(sub) + p.verdict(short) + "  " + p.known(short)
	}
	return text.Fit(line, width, g.Ellipsis)
}

// verdict says whether the constraint allows a subnet.
func (p *Page) verdict(short string) string {
	s := p.common.Styles
	ok, known := p.fits(short)
	if !known {
		return ""
	}
	in, timed := p.run.InTime(short)
	switch {
	case !ok:
		return "  " + s.Bad.Render("not allowed")
	case !timed:
		return "  " + s.Good.Render("allowed") + s.Faint.Render(" by its counts")
	case !in:
		return "  " + s.Bad.Render("not allowed") + s.Faint.Render(" by its latency")
	}
	return "  " + s.Good.Render("allowed")
}

// known says what is known of a subnet's score.
func (p *Page) known(short string) string {
	s := p.common.Styles
	if place, ok := p.ranking.Find(short); ok {
		return s.Text.Render(fmt.Sprintf("rank %s, %s", p.ranking.Words(place), ranking.Score(p.ranking.Candidates[place].Score)))
	}
	if p.run.History.State.Steering.Pinned(short) {
		return s.Text.Render("pinned, waits for its turn")
	}
	return s.Faint.Render("not evaluated")
}

// costWords say what a subnet costs in the count that the constraint bounds,
// beside its bounds.
func (p *Page) costWords(sub nas.Subnet) string {
	if p.config == nil || len(p.run.Space.Depths) == 0 {
		return ""
	}
	c := p.config.Search.Constraint
	n, err := p.config.Search.Counted(p.space, sub)
	if err != nil {
		return ""
	}
	words := ranking.Count(n) + " " + c.Count
	switch {
	case c.Min > 0 && c.Max > 0:
		words += fmt.Sprintf(" (%s to %s)", ranking.Count(c.Min), ranking.Count(c.Max))
	case c.Max > 0:
		words += " of " + ranking.Count(c.Max)
	case c.Min > 0:
		words += " (at least " + ranking.Count(c.Min) + ")"
	}
	return words
}
