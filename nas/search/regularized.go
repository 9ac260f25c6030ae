package search

import (
	"math/rand/v2"
	"slices"

	"detnas/nas"
)

// regularized is regularised, or ageing, evolution (Real, Aggarwal, Huang, Le:
// Regularized Evolution for Image Classifier Architecture Search, AAAI 2019,
// arXiv 1802.01548, algorithm 1). The population is the newest Population
// candidates, whatever their scores: with each new one the oldest dies. The best of
// Tournament of them, drawn with replacement, is the parent of the next candidate,
// in which one block has another choice. That is the paper's mutation of a hidden
// state, whose place here the choice of a block has.
//
// A pinned candidate does not die, and a tournament that draws one is won by it:
// that is how it is bred from whatever its score.
type regularized struct{}

func (regularized) steady() bool { return true }

func (regularized) check(c Config) []error { return []error{inRange("tournament", c.Tournament, 1)} }

func (regularized) breed(s *Search, g int) func(int) draw {
	population := s.newest(s.cfg.Population)
	if g == 0 || len(population) == 0 {
		return random{}.breed(s, g)
	}
	return func(int) draw {
		return func(rng *rand.Rand) Candidate {
			return s.changeOne(s.tournament(population, rng), rng)
		}
	}
}

// newest are the n candidates evaluated last that have a score, the oldest first,
// and those pinned.
func (s *Search) newest(n int) []Candidate {
	var out []Candidate
	for _, c := range slices.Backward(s.evaluated) {
		if len(out) == n {
			break
		}
		if c.Measured() {
			out = append(out, c)
		}
	}
	slices.Reverse(out)
	return s.withPinned(out)
}

// tournament draws candidates with replacement and returns the best of them; of
// equal ones that evaluated first, and before all others one that is pinned.
func (s *Search) tournament(population []Candidate, rng *rand.Rand) Candidate {
	var best Candidate
	for i := range s.cfg.Tournament {
		c := population[rng.IntN(len(population))]
		if i == 0 || s.beats(c, best) {
			best = c
		}
	}
	return best
}

func (s *Search) beats(a, b Candidate) bool {
	if pinned := s.isPinned(a.Subnet); pinned != s.isPinned(b.Subnet) {
		return pinned
	}
	return before(a, b) < 0
}

// changeOne gives one block of a parent another choice. Locked blocks keep theirs,
// and where all are locked, or there is one choice, the parent is returned as it is.
func (s *Search) changeOne(parent Candidate, rng *rand.Rand) Candidate {
	sub := parent.Subnet.Clone()
	var free []int
	for i := range sub {
		if _, locked := s.cfg.Locks[i+1]; !locked {
			free = append(free, i)
		}
	}
	if choices := s.cfg.Space.Choices; len(free) > 0 && len(choices) > 1 {
		at := free[rng.IntN(len(free))]
		others := slices.DeleteFunc(slices.Clone(choices), func(c nas.Choice) bool { return c == sub[at] })
		sub[at] = others[rng.IntN(len(others))]
	}
	return Candidate{Origin: Mutation, Parents: []int{parent.Index}, Subnet: sub}
}
