package search

import (
	"cmp"
	"fmt"
	"strings"

	"detnas/core/config"
	"detnas/core/run"
	"detnas/nas"
	"detnas/tui/components/table"
	"detnas/tui/ranking"
)

// entry is a row of the table: a candidate, or a subnet that is pinned and waits
// for its turn.
type entry struct {
	run.Candidate
	place   int // in the ranking
	rank    int // 0 for one that waits
	waiting bool
	note    string // what people or the search made of it
	text    string // in which a filter looks
}

// The columns of the table.
const (
	columnRank = iota
	columnScore
	columnMACs
	columnSubnet
	columnNote
	columnGeneration
	columnOrigin
	columnParams
	columnIndex
	columnParents
	columnSeconds
)

func columns() []table.Column {
	by := func(less func(a, b entry) int) func(a, b table.Row) bool {
		return func(a, b table.Row) bool {
			x, okX := a.Value.(entry)
			y, okY := b.Value.(entry)
			return okX && okY && less(x, y) < 0
		}
	}
	return []table.Column{
		{Title: "rank", Right: true, Width: 5, Less: by(func(a, b entry) int { return a.rank - b.rank })},
		{Title: "score", Right: true, Width: 7, Falling: true, Less: by(func(a, b entry) int { return cmp.Compare(a.Score, b.Score) })},
		{Title: "MACs", Right: true, Width: 6, Less: by(func(a, b entry) int { return cmp.Compare(a.MACs, b.MACs) })},
		{Title: "subnet", Less: by(func(a, b entry) int { return strings.Compare(a.Subnet, b.Subnet) })},
		{Title: "note", Width: 8, Less: by(func(a, b entry) int { return -strings.Compare(a.note, b.note) })},
		{Title: "gen", Right: true, Width: 4, Less: by(func(a, b entry) int { return a.Generation - b.Generation })},
		{Title: "origin", Width: 9, Less: by(func(a, b entry) int { return strings.Compare(a.Origin, b.Origin) })},
		{Title: "params", Right: true, Width: 7, Less: by(func(a, b entry) int { return cmp.Compare(a.Params, b.Params) })},
		{Title: "#", Right: true, Width: 5, Less: by(func(a, b entry) int { return a.Index - b.Index })},
		{Title: "parents", Width: 9},
		{Title: "seconds", Right: true, Width: 8, Less: by(func(a, b entry) int { return cmp.Compare(a.Seconds, b.Seconds) })},
	}
}

// fill makes the table's rows anew: what waits, then the candidates by rank.
func (p *Page) fill() {
	p.rows = p.rows[:0]
	words := parseFilter(p.filter)
	add := func(e entry) {
		e.note = p.note(e)
		e.text = strings.ToLower(strings.Join([]string{e.Subnet, e.Origin, e.note}, " "))
		for _, m := range words {
			if !m(e) {
				return
			}
		}
		p.rows = append(p.rows, table.Row{Key: e.Subnet, Cells: p.cells(e), Value: e})
	}
	for _, e := range p.waiting() {
		add(e)
	}
	for _, place := range p.ranking.Order {
		add(entry{Candidate: p.ranking.Candidates[place], place: place, rank: p.ranking.Rank(place)})
	}
	p.table.Empty = "nothing matches the filter; Esc clears it"
	p.table.SetRows(p.rows)
}

// waiting are the subnets that are pinned, or asked to be, and not evaluated.
func (p *Page) waiting() []entry {
	s := &p.run.History.State.Steering
	var out []entry
	add := func(subnet string) {
		if _, ok := p.ranking.Find(subnet); ok {
			return
		}
		for _, e := range out {
			if e.Subnet == subnet {
				return
			}
		}
		e := entry{Candidate: run.Candidate{Index: -1, Generation: -1, Origin: "pinned", Subnet: subnet}, waiting: true}
		if cost, ok := p.cost(subnet); ok {
			e.MACs, e.Params = cost.ConvMACs(), cost.Params
		}
		out = append(out, e)
	}
	for _, subnet := range s.Pins {
		add(subnet)
	}
	for _, r := range s.Requests {
		if r.What == run.ActPin {
			add(r.Subnet)
		}
	}
	return out
}

// cost is what a subnet's body costs at the search's input size.
func (p *Page) cost(subnet string) (nas.Cost, bool) {
	if p.config == nil || len(p.run.Space.Depths) == 0 {
		return nas.Cost{}, false
	}
	sub, err := nas.ParseSubnet(subnet, p.space)
	if err != nil {
		return nas.Cost{}, false
	}
	cost, err := p.space.SubnetCost(sub, nas.ScopeBody, nas.Square(p.config.Search.InputSize))
	return cost, err == nil
}

func (p *Page) cells(e entry) []string {
	if e.waiting {
		return []string{"-", "waits", ranking.Count(e.MACs), e.Subnet, e.note, "-", e.Origin, ranking.Count(e.Params), "-", "", ""}
	}
	return []string{
		p.ranking.Words(e.place), ranking.Score(e.Score), ranking.Count(e.MACs), e.Subnet, e.note,
		fmt.Sprint(e.Generation + 1), e.Origin, ranking.Count(e.Params), fmt.Sprintf("#%d", e.Index), parents(e.Parents), fmt.Sprintf("%.1f", e.Seconds),
	}
}

func parents(places []int) string {
	parts := make([]string, len(places))
	for i, n := range places {
		parts[i] = fmt.Sprintf("#%d", n)
	}
	return strings.Join(parts, " ")
}

// note says what people or the search made of a subnet.
func (p *Page) note(e entry) string {
	note := p.wheel().Note(e.Subnet)
	if note == "" && p.run.History.State.Steering.Chosen == "" && p.found() == e.Subnet {
		return "found"
	}
	if note == "" && p.front[e.Subnet] {
		return "front"
	}
	if note == "" && (e.Status == run.CandidateStopped || e.Status == run.CandidateKnown) {
		return e.Status
	}
	return note
}

// found is the subnet that the search has found, once it is over; steps 4 and 5
// train it unless another one was chosen.
func (p *Page) found() string {
	if _, done := p.run.History.State.Finished[config.StepSearch]; !done {
		return ""
	}
	best, _ := p.ranking.Best()
	for subnet := range p.front { // of equal scores the one of the lowest cost
		if at, ok := p.ranking.Find(subnet); ok && p.ranking.Rank(at) == 1 {
			return subnet
		}
	}
	return best.Subnet
}
