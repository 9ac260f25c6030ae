package subnet

import (
	"fmt"
	"slices"

	"detnas/core/run"
	"detnas/tui/ranking"
)

// mostBest is how many of the best a subnet can be laid beside.
const mostBest = 10

// candidate is what was found out about a subnet in the search.
func (p *Page) candidate(short string) (run.Candidate, bool) {
	place, ok := p.ranking.Find(short)
	if !ok {
		return run.Candidate{}, false
	}
	return p.ranking.Candidates[place], true
}

// parents are the subnets that a subnet was made from.
func (p *Page) parents(short string) []run.Candidate {
	c, ok := p.candidate(short)
	if !ok {
		return nil
	}
	var out []run.Candidate
	for _, index := range c.Parents {
		at, found := slices.BinarySearchFunc(p.ranking.Candidates, index, func(c run.Candidate, n int) int { return c.Index - n })
		if found {
			out = append(out, p.ranking.Candidates[at])
		}
	}
	return out
}

// standing is a subnet's rank and score in words.
func (p *Page) standing(short string) string {
	place, ok := p.ranking.Find(short)
	switch {
	case !ok && p.run.History.State.Steering.Pinned(short):
		return "pinned, waits for its turn"
	case !ok:
		return "not evaluated"
	}
	return fmt.Sprintf("rank %s of %d, score %s", p.ranking.Words(place), p.ranking.Len(), ranking.Score(p.ranking.Candidates[place].Score))
}

// briefly is standing in fewer words.
func (p *Page) briefly(short string) string {
	place, ok := p.ranking.Find(short)
	if !ok {
		return p.standing(short)
	}
	return fmt.Sprintf("rank %s, %s", p.ranking.Words(place), ranking.Score(p.ranking.Candidates[place].Score))
}

// companions are the subnets that the one shown can be laid beside: its parents,
// those that are pinned or chosen, the ten best.
func (p *Page) companions() []string {
	var out []string
	add := func(short string) {
		if short != "" && short != p.subnet.short && !slices.Contains(out, short) {
			out = append(out, short)
		}
	}
	for _, c := range p.parents(p.subnet.short) {
		add(c.Subnet)
	}
	s := &p.run.History.State.Steering
	add(s.Chosen)
	for _, pin := range s.Pins {
		add(pin)
	}
	for _, place := range p.ranking.Top(mostBest) {
		add(p.ranking.Candidates[place].Subnet)
	}
	return out
}

// beside lays the next companion beside the subnet, or the one before; after the
// last one comes none.
func (p *Page) beside(by int) {
	all := p.companions()
	n := len(all) + 1 // and none
	at := slices.Index(all, p.with.short) + 1
	at = (at + by + n) % n
	short := ""
	if at > 0 {
		short = all[at-1]
	}
	p.with = p.count(short)
}

// differ are how many blocks of the two subnets differ.
func (p *Page) differ() int {
	n := 0
	for i := range p.subnet.parts.Blocks {
		if p.differs(i) {
			n++
		}
	}
	return n
}

// differs reports whether a block is another one in the second subnet.
func (p *Page) differs(block int) bool {
	return p.compared() && p.subnet.parts.Blocks[block].Choice != p.with.parts.Blocks[block].Choice
}

// compared reports whether there is a second subnet that can be compared.
func (p *Page) compared() bool {
	return p.with.short != "" && p.with.err == nil && len(p.with.parts.Blocks) == len(p.subnet.parts.Blocks)
}
