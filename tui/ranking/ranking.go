// Package ranking orders the candidates of a search by their score and finds
// those that no other one beats at their cost.
package ranking

import (
	"cmp"
	"math"
	"slices"
	"strconv"

	"detnas/core/run"
)

// Ranking is the candidates of a search in the order of their scores. It does
// not change; one is made anew when there are more.
type Ranking struct {
	Candidates []run.Candidate // as they were evaluated
	Order      []int           // places in Candidates, the best first
	ranks      []int           // by place in Candidates
	tied       []bool
	places     map[string]int // by subnet
}

// Of ranks candidates by score, the highest first, and by their order of
// evaluation where scores are equal. A score that is no number comes last.
func Of(candidates []run.Candidate) *Ranking {
	n := len(candidates)
	r := &Ranking{
		Candidates: slices.Clone(candidates), Order: make([]int, n), ranks: make([]int, n), tied: make([]bool, n),
		places: make(map[string]int, n),
	}
	for i, c := range r.Candidates {
		r.Order[i] = i
		if _, twice := r.places[c.Subnet]; !twice {
			r.places[c.Subnet] = i
		}
	}
	slices.SortFunc(r.Order, func(a, b int) int {
		if c := cmp.Compare(r.Candidates[b].Score, r.Candidates[a].Score); c != 0 {
			return c
		}
		return cmp.Compare(a, b)
	})
	for k, i := range r.Order {
		r.ranks[i] = k + 1
		if k == 0 {
			continue
		}
		if last := r.Order[k-1]; cmp.Compare(r.Candidates[last].Score, r.Candidates[i].Score) == 0 {
			r.ranks[i], r.tied[i], r.tied[last] = r.ranks[last], true, true
		}
	}
	return r
}

// Len is how many candidates there are.
func (r *Ranking) Len() int { return len(r.Candidates) }

// Rank is the rank of the candidate at a place, from 1. Equal scores share the
// first of their ranks.
func (r *Ranking) Rank(place int) int { return r.ranks[place] }

// Words is a rank in words, with a sign where it is shared: "2=".
func (r *Ranking) Words(place int) string {
	text := strconv.Itoa(r.ranks[place])
	if r.tied[place] {
		text += "="
	}
	return text
}

// Find is the place of a subnet in short form; false when it was not evaluated.
func (r *Ranking) Find(subnet string) (place int, ok bool) {
	place, ok = r.places[subnet]
	return place, ok
}

// Best is the candidate with the highest score; false without any.
func (r *Ranking) Best() (run.Candidate, bool) {
	if len(r.Order) == 0 {
		return run.Candidate{}, false
	}
	return r.Candidates[r.Order[0]], true
}

// Top are the places of the n best, the best first.
func (r *Ranking) Top(n int) []int { return r.Order[:min(max(n, 0), len(r.Order))] }

// Front are the places of the candidates whose score no candidate of the same or
// a lower cost reaches, by rising cost.
func (r *Ranking) Front(cost func(run.Candidate) float64) []int {
	order := slices.Clone(r.Order)
	slices.SortStableFunc(order, func(a, b int) int {
		return cmp.Compare(cost(r.Candidates[a]), cost(r.Candidates[b]))
	})
	var front []int
	best := math.Inf(-1)
	for _, i := range order {
		if s := r.Candidates[i].Score; s > best {
			front, best = append(front, i), s
		}
	}
	return front
}
