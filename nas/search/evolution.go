package search

import (
	"fmt"
	"math"
	"math/rand/v2"

	"detnas/nas"
)

// evolution is that of DetNAS (arXiv 1903.10979) and of Single Path One-Shot
// (arXiv 1904.00420), as in their published code: a generation holds mutations and
// crossovers of the best candidates so far and is filled up with random subnets.
// The first holds random subnets only.
type evolution struct{}

func (evolution) steady() bool { return false }

func (evolution) check(c Config) []error {
	return append(checkChildren(c), inRange("parents", c.Parents, 1))
}

// checkChildren checks how many children of which kind a generation has.
func checkChildren(c Config) []error {
	errs := []error{inRange("mutations", c.Mutations, 0), inRange("crossovers", c.Crossovers, 0)}
	if c.Mutations+c.Crossovers > c.Population {
		errs = append(errs, fmt.Errorf("%d mutations and %d crossovers do not fit a population of %d; raise the population or lower them",
			c.Mutations, c.Crossovers, c.Population))
	}
	if math.IsNaN(c.Mutation) || c.Mutation < 0 || c.Mutation > 1 {
		errs = append(errs, fmt.Errorf("the mutation probability is %v; it must be from 0 to 1", c.Mutation))
	}
	return errs
}

func (evolution) breed(s *Search, g int) func(int) draw {
	parents := s.parents()
	if g == 0 || len(parents) == 0 {
		return random{}.breed(s, g)
	}
	return s.cfg.children(func(rng *rand.Rand) Candidate { return parents[rng.IntN(len(parents))] })
}

// pick draws a parent.
type pick func(*rand.Rand) Candidate

// children fills a generation with mutations first, then crossovers, then random
// subnets.
func (c Config) children(parent pick) func(slot int) draw {
	return func(slot int) draw {
		switch {
		case slot < c.Mutations:
			return func(rng *rand.Rand) Candidate { return c.mutate(parent, rng) }
		case slot < c.Mutations+c.Crossovers:
			return func(rng *rand.Rand) Candidate { return cross(parent, rng) }
		}
		return nil
	}
}

// mutate draws each block of a parent anew with the config's probability. The new
// choice may be the old one, as in the published code.
func (c Config) mutate(parent pick, rng *rand.Rand) Candidate {
	p := parent(rng)
	sub := p.Subnet.Clone()
	for i := range sub {
		if rng.Float64() < c.Mutation {
			sub[i] = c.Space.Choices[rng.IntN(len(c.Space.Choices))]
		}
	}
	return Candidate{Origin: Mutation, Parents: []int{p.Index}, Subnet: sub}
}

// cross takes each block from one of two parents with equal probability. The two
// may be the same, as in the published code.
func cross(parent pick, rng *rand.Rand) Candidate {
	a, b := parent(rng), parent(rng)
	sub := a.Subnet.Clone()
	for i := range sub {
		if rng.IntN(2) == 1 {
			sub[i] = b.Subnet[i]
		}
	}
	return Candidate{Origin: Crossover, Parents: []int{a.Index, b.Index}, Subnet: sub}
}

// parents are the best candidates so far, and those pinned that are not among
// them.
func (s *Search) parents() []Candidate { return s.withPinned(s.Best(s.cfg.Parents)) }

// withPinned adds the evaluated candidates that are pinned and not there yet.
func (s *Search) withPinned(some []Candidate) []Candidate {
	for _, p := range s.pinned {
		key := p.Key()
		if at := indexOfCandidate(s.evaluated, key); at >= 0 && indexOfCandidate(some, key) < 0 {
			some = append(some, s.evaluated[at])
		}
	}
	return some
}

// isPinned reports whether a person has pinned a subnet.
func (s *Search) isPinned(sub nas.Subnet) bool { return indexOf(s.pinned, sub.Key()) >= 0 }
