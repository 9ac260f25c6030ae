package evolution

import (
	"cmp"
	"slices"

	"detnas/nas"
)

// Origin says how a candidate came about.
type Origin string

// The origins of a candidate.
const (
	Random    Origin = "random"
	Mutation  Origin = "mutation"
	Crossover Origin = "crossover"
	Pinned    Origin = "pinned" // by a person
)

// Candidate is one subnet of a search. Its slices belong to the search and are
// not to be written to.
type Candidate struct {
	Index      int // place in the order of evaluation, from 0
	Generation int // from 0
	Origin     Origin
	Parents    []int // indices of the candidates that it was made from
	Subnet     nas.Subnet
	Score      float64 // as reported; 0 before that
}

// ranked returns the candidates by score, the highest first, and by index where
// scores are equal.
func ranked(all []Candidate) []Candidate {
	out := slices.Clone(all)
	slices.SortFunc(out, func(a, b Candidate) int {
		if c := cmp.Compare(b.Score, a.Score); c != 0 {
			return c
		}
		return cmp.Compare(a.Index, b.Index)
	})
	return out
}
