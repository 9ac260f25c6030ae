package search

import (
	"errors"
	"math/rand/v2"
	"slices"
)

// nsga2 is NSGA-II (Deb, Pratap, Agarwal, Meyarivan: A Fast and Elitist
// Multiobjective Genetic Algorithm: NSGA-II, IEEE Transactions on Evolutionary
// Computation 6(2), 2002) for the highest score at the lowest cost. Parents survive
// beside their children: of both together, the best fronts are kept, and of the
// front that does not fit whole those that stand farthest from their neighbours. Who
// breeds is found by tournaments of two. Children are made as in the evolution.
//
// A pinned candidate survives, and wins over one that is not pinned.
type nsga2 struct{}

func (nsga2) steady() bool { return false }

func (nsga2) check(c Config) []error {
	errs := checkChildren(c)
	if c.Cost == nil {
		errs = append(errs, errors.New("nsga2 weighs scores against a cost; say which"))
	}
	return errs
}

func (nsga2) breed(s *Search, g int) func(int) draw {
	survivors := s.survivors(g)
	if g == 0 || len(survivors) == 0 {
		return random{}.breed(s, g)
	}
	return s.cfg.children(func(rng *rand.Rand) Candidate {
		a, b := survivors[rng.IntN(len(survivors))], survivors[rng.IntN(len(survivors))]
		if s.standsBefore(b, a) {
			a = b
		}
		return a.Candidate
	})
}

// placed is a survivor with its place among them.
type placed struct {
	Candidate
	rank     int     // of its front, 0 is the one that nothing dominates
	distance float64 // to its neighbours on the front
}

// standsBefore is Deb's crowded comparison, with pinned ones first.
func (s *Search) standsBefore(a, b placed) bool {
	if pinned := s.isPinned(a.Subnet); pinned != s.isPinned(b.Subnet) {
		return pinned
	}
	if a.rank != b.rank {
		return a.rank < b.rank
	}
	return a.distance > b.distance
}

// survivors are who generation g is bred from: those that survive, generation by
// generation, among the survivors and the children before them. There are as many
// as the generation that they breed has slots.
func (s *Search) survivors(g int) []placed {
	var kept []placed
	for born := range g {
		var pool []Candidate
		for _, p := range kept {
			pool = append(pool, p.Candidate)
		}
		for _, c := range s.Generation(born) {
			if c.Measured() {
				pool = append(pool, c)
			}
		}
		kept = selected(pool, s.cfg.Cost, s.sizes[born+1])
	}
	for _, c := range s.withPinned(nil) {
		if !slices.ContainsFunc(kept, func(p placed) bool { return p.Index == c.Index }) {
			kept = append(kept, placed{Candidate: c, rank: len(kept)})
		}
	}
	return kept
}
