package search

import (
	"cmp"
	"fmt"
	"slices"

	"detnas/core/config"
	"detnas/core/run"
	"detnas/nas"
	"detnas/tui/charts"
	"detnas/tui/ranking"
)

// origins are those of candidates, in the order of the legend.
var origins = []string{"random", "mutation", "crossover", "pinned"}

func (p *Page) costName() string {
	switch {
	case p.byParam:
		return "parameters"
	case p.weighed != nil:
		return p.config.Search.CostName()
	}
	return "multiply-adds"
}

func (p *Page) costOf(c run.Candidate) float64 {
	switch {
	case p.byParam:
		return float64(c.Params)
	case p.weighed != nil:
		return p.weighed[c.Subnet]
	}
	return float64(c.MACs)
}

// costWord writes a cost: a count, or ms.
func (p *Page) costWord(v float64) string {
	if !p.byParam && p.weighed != nil && p.config.Search.CostName() == config.CostLatency {
		return fmt.Sprintf("%.3g ms", v)
	}
	return ranking.Count(int64(v))
}

// weigh works out what NSGA-II weighs the scores of candidates against, and who is
// on its front. With another method there is no such thing.
func (p *Page) weigh() {
	p.weighed, p.front = nil, nil
	if p.config == nil || p.config.Search.Method != config.MethodNSGA2 || len(p.run.Space.Depths) == 0 {
		return
	}
	cost, timed := p.config.Search.CostOf(p.space), p.config.Search.CostName() == config.CostLatency
	p.weighed, p.front = map[string]float64{}, map[string]bool{}
	for _, c := range p.ranking.Candidates {
		if timed {
			p.weighed[c.Subnet] = p.run.History.State.Latencies[c.Subnet].MS // it comes before the candidate
		} else if sub, err := nas.ParseSubnet(c.Subnet, p.space); err == nil {
			p.weighed[c.Subnet] = cost(sub)
		}
	}
	for _, place := range p.ranking.Front(func(c run.Candidate) float64 { return p.weighed[c.Subnet] }) {
		p.front[p.ranking.Candidates[place].Subnet] = true
	}
}

// scatter is the chart of score against cost, its points in the order of
// evaluation.
func (p *Page) scatter() charts.Scatter {
	s := charts.Scatter{
		Look: p.look(), XName: p.costName(), YName: "score", Selected: -1, Front: p.ranking.Front(p.costOf),
		FormatX: p.costWord, Legend: p.legend(),
	}
	steering := &p.run.History.State.Steering
	for _, c := range p.ranking.Candidates {
		point := charts.Point{X: p.costOf(c), Y: c.Score, Style: max(slices.Index(origins, c.Origin), 0)}
		if steering.Pinned(c.Subnet) {
			point.Mark = p.common.Glyphs.Pin
		}
		s.Points = append(s.Points, point)
	}
	if e, ok := p.selected(); ok && !e.waiting {
		s.Selected = e.place
	}
	return s
}

// legend names the origins up to the last that there is.
func (p *Page) legend() []string {
	last := -1
	for _, c := range p.ranking.Candidates {
		last = max(last, slices.Index(origins, c.Origin))
	}
	return origins[:last+1]
}

// along selects the next candidate by cost, or the one before.
func (p *Page) along(by int) {
	order := slices.Clone(p.ranking.Order)
	slices.SortStableFunc(order, func(a, b int) int {
		return cmp.Compare(p.costOf(p.ranking.Candidates[a]), p.costOf(p.ranking.Candidates[b]))
	})
	p.step(order, by)
}

// climb selects the next better candidate, or the next worse one for -1.
func (p *Page) climb(by int) { p.step(p.ranking.Order, -by) }

// step selects the next of the candidates that the filter shows, in an order.
func (p *Page) step(order []int, by int) {
	shown := make(map[string]bool, len(p.rows))
	for _, r := range p.rows {
		shown[r.Key] = true
	}
	order = slices.DeleteFunc(slices.Clone(order), func(i int) bool { return !shown[p.ranking.Candidates[i].Subnet] })
	if len(order) == 0 {
		return
	}
	at := 0
	if e, ok := p.selected(); ok && !e.waiting {
		at = max(slices.Index(order, e.place), 0) + by
	}
	at = min(max(at, 0), len(order)-1)
	p.table.Select(p.ranking.Candidates[order[at]].Subnet)
}
