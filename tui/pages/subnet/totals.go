package subnet

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"detnas/nas"
	"detnas/tui/components/text"
	"detnas/tui/ranking"
)

// The widths of the totals' columns.
const (
	totalName  = 13
	totalWidth = 11
)

// total is a line of the totals.
type total struct {
	name   string
	counts []string
}

// totalsHeight is the lines of the totals: fewer where the pane is low.
func (p *Page) totalsHeight(height int) int {
	switch all := 2 + len(p.totalRows()); {
	case height >= all+16:
		return all
	case height >= 8:
		return 2
	case height >= 4:
		return 1
	}
	return 0
}

// counts are the ways of counting, in the order of the columns.
var counts = []struct {
	title string
	count nas.Count
}{
	{"params", nas.CountParams}, {"conv MACs", nas.CountConv}, {"with ReLU", nas.CountConvReLU}, {"and BN", nas.CountConvReLUBN},
}

// totalRows are the body and the classifier, and how they differ from the second
// subnet's.
func (p *Page) totalRows() []total {
	a := p.subnet.parts
	out := []total{figures("body", a.Body()), figures("for ImageNet", a.Body().Plus(p.head1000()))}
	if !p.compared() {
		return out
	}
	b := p.with.parts
	return append(out, figures("beside", b.Body()), changes("change", a.Body(), b.Body()))
}

// head1000 is the cost of the classifier on top, as the published figures have
// it: with ImageNet's thousand classes. Without the run's config nothing is counted.
func (p *Page) head1000() nas.Cost {
	if p.run.Config == nil {
		return nas.Cost{}
	}
	space := p.run.Space
	space.Classes = 1000
	return space.HeadCost(nas.Square(p.run.Config.Search.InputSize))
}

func figures(name string, c nas.Cost) total {
	t := total{name: name}
	for _, n := range counts {
		t.counts = append(t.counts, ranking.Count(c.By(n.count)))
	}
	return t
}

func changes(name string, a, b nas.Cost) total {
	t := total{name: name}
	for _, n := range counts {
		words := changeWords(a.By(n.count) - b.By(n.count))
		if share := float64(a.By(n.count)-b.By(n.count)) / float64(max(b.By(n.count), 1)); math.Abs(share) >= 0.005 {
			words += fmt.Sprintf(" %+.0f%%", 100*share)
		}
		t.counts = append(t.counts, words)
	}
	return t
}

// totals draws as many lines of the totals as there is room for.
func (p *Page) totals(lines, width int) []string {
	s := p.common.Styles
	body := p.subnet.parts.Body()
	short := fmt.Sprintf(" body %s params, %s conv MACs, %s with ReLU, %s and BN", ranking.Count(body.Params),
		ranking.Count(body.ConvMACs()), ranking.Count(body.ConvReLU()), ranking.Count(body.ConvReLUBN()))
	switch {
	case lines <= 0:
		return nil
	case lines == 1:
		return []string{s.Text.Render(short)}
	case lines == 2:
		if p.compared() {
			other := p.with.parts.Body()
			return []string{s.Text.Render(short), " " + s.Text.Render(fmt.Sprintf("change %s params, %s conv MACs; ",
				changeWords(body.Params-other.Params), changeWords(body.ConvMACs()-other.ConvMACs()))) + p.bound()}
		}
		return []string{s.Text.Render(short), " " + p.bound()}
	}
	room := min(max((width-1-totalName)/len(counts), 8), totalWidth+2)
	title := " " + text.Spaces(totalName)
	for _, n := range counts {
		title += text.FitRight(n.title, room, "")
	}
	out := []string{s.Faint.Render(title)}
	for _, t := range p.totalRows() {
		l := " " + s.Text.Render(text.Fit(t.name, totalName, ""))
		for _, c := range t.counts {
			l += text.FitRight(c, room, "")
		}
		out = append(out, l)
	}
	return append(out, " "+p.bound())
}

// bound says whether the search's constraint allows the subnet.
func (p *Page) bound() string {
	s := p.common.Styles
	if p.run.Config == nil {
		return ""
	}
	c := &p.run.Config.Search.Constraint
	words := strings.Join(slices.DeleteFunc([]string{
		bounds(c.Min, c.Max, c.Count), bounds(c.ParamsMin, c.ParamsMax, "params"), p.latencyBounds(),
	}, func(s string) bool { return s == "" }), ", ")
	if words == "" {
		return s.Faint.Render("the search has no constraint")
	}
	words += ": "
	in, timed := p.run.InTime(p.subnet.short)
	switch {
	case p.against(p.subnet.short) != "" || timed && !in:
		return s.Faint.Render(words) + s.Bad.Render("not allowed")
	case !timed:
		return s.Faint.Render(words + "not measured yet")
	}
	return s.Faint.Render(words) + s.Good.Render("allowed")
}

// latencyBounds says what the latency may be, and is where it was measured; empty
// without bounds.
func (p *Page) latencyBounds() string {
	c := &p.run.Config.Search.Constraint
	words := ""
	if c.LatencyMin > 0 {
		words = fmt.Sprintf("at least %g ", c.LatencyMin)
	}
	if c.LatencyMax > 0 {
		words += fmt.Sprintf("at most %g ", c.LatencyMax)
	}
	if words == "" {
		return ""
	}
	words += "ms"
	if l, ok := p.run.History.State.Latencies[p.subnet.short]; ok {
		words += fmt.Sprintf(" (%.3g)", l.MS)
	}
	return words
}

// bounds says what a count may be; empty without bounds.
func bounds(least, most int64, count string) string {
	words := ""
	if least > 0 {
		words = "at least " + ranking.Count(least) + " "
	}
	if most > 0 {
		words += "at most " + ranking.Count(most) + " "
	}
	if words == "" {
		return ""
	}
	return words + count
}

// against is why a subnet cannot be pinned; empty where it can.
func (p *Page) against(short string) string {
	if p.run.Config == nil {
		return ""
	}
	sub, err := nas.ParseSubnet(short, p.run.Space)
	if err != nil {
		return err.Error()
	}
	allowed, err := p.run.Config.Search.Allowed(p.run.Space)
	if err == nil && !allowed(sub) {
		return "the constraint does not allow it"
	}
	return ""
}
