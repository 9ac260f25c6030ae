package search

import (
	"cmp"
	"math"
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
	Score      float64 // as reported; 0 before that, and NaN for one that could not be measured
}

// Measured reports whether a candidate has a score.
func (c Candidate) Measured() bool { return !math.IsNaN(c.Score) }

// Ranked returns the measured candidates by score, the highest first, and by index
// where scores are equal.
func Ranked(all []Candidate) []Candidate {
	out := slices.DeleteFunc(slices.Clone(all), func(c Candidate) bool { return !c.Measured() })
	slices.SortFunc(out, before)
	return out
}

// before orders candidates by score, the highest first, and by index.
func before(a, b Candidate) int {
	return cmp.Or(cmp.Compare(b.Score, a.Score), cmp.Compare(a.Index, b.Index))
}
