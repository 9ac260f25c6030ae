package search

import (
	"math/rand/v2"

	"detnas/core/seed"
	"detnas/nas"
)

// How long a slot of a generation looks for an allowed subnet that was not
// proposed before. A mutation or crossover that finds none becomes random; a
// random draw that finds none walks the space from a random start, which in a
// small space finds the last one there is.
const (
	breedTries  = 200
	randomTries = 10_000
	walkSteps   = 1 << 16
)

// breed plans the next generation: mutations first, then crossovers, then
// random subnets. The first generation is random.
func (s *Search) breed() {
	g := s.next
	s.next++
	parents := s.parents()
	for slot := range s.cfg.Population {
		c, ok := s.fill(g, slot, parents)
		if !ok {
			s.exhausted = true
			return
		}
		c.Generation = g
		s.seen[c.Subnet.Key()] = true
		s.pending = append(s.pending, c)
	}
}

// fill makes the candidate of one slot, or returns false when no subnet is left.
func (s *Search) fill(g, slot int, parents []Candidate) (Candidate, bool) {
	var draw func(*rand.Rand) Candidate
	switch {
	case g == 0 || len(parents) == 0 || slot >= s.cfg.Mutations+s.cfg.Crossovers:
		return s.fillRandom(g, slot)
	case slot < s.cfg.Mutations:
		draw = func(rng *rand.Rand) Candidate { return s.locked(s.mutate(parents, rng)) }
	default:
		draw = func(rng *rand.Rand) Candidate { return s.locked(cross(parents, rng)) }
	}
	for try := range breedTries {
		if c := draw(seed.Rand(s.cfg.Seed, "search", "breed", g, slot, try)); s.fresh(c.Subnet) {
			return c, true
		}
	}
	return s.fillRandom(g, slot)
}

func (s *Search) fillRandom(g, slot int) (Candidate, bool) {
	for try := range randomTries {
		sub := s.cfg.random(seed.Rand(s.cfg.Seed, "search", "random", g, slot, try))
		if s.fresh(sub) {
			return Candidate{Origin: Random, Subnet: sub}, true
		}
	}
	start := s.cfg.random(seed.Rand(s.cfg.Seed, "search", "walk", g, slot))
	for sub := range walk(s.cfg, start, walkSteps) {
		if s.fresh(sub) {
			return Candidate{Origin: Random, Subnet: sub.Clone()}, true
		}
	}
	return Candidate{}, false
}

// fresh reports whether a subnet is allowed and was not proposed before.
func (s *Search) fresh(sub nas.Subnet) bool { return !s.seen[sub.Key()] && s.cfg.allows(sub) }

// locked gives a candidate's locked blocks their choices.
func (s *Search) locked(c Candidate) Candidate {
	c.Subnet = s.cfg.lock(c.Subnet) // its own copy
	return c
}

// mutate draws each block of a random parent anew with the config's
// probability. The new choice may be the old one, as in the published code.
func (s *Search) mutate(parents []Candidate, rng *rand.Rand) Candidate {
	p := parents[rng.IntN(len(parents))]
	sub := p.Subnet.Clone()
	for i := range sub {
		if rng.Float64() < s.cfg.Mutation {
			sub[i] = s.cfg.Space.Choices[rng.IntN(len(s.cfg.Space.Choices))]
		}
	}
	return Candidate{Origin: Mutation, Parents: []int{p.Index}, Subnet: sub}
}

// cross takes each block from one of two random parents with equal
// probability. The two may be the same, as in the published code.
func cross(parents []Candidate, rng *rand.Rand) Candidate {
	a, b := parents[rng.IntN(len(parents))], parents[rng.IntN(len(parents))]
	sub := a.Subnet.Clone()
	for i := range sub {
		if rng.IntN(2) == 1 {
			sub[i] = b.Subnet[i]
		}
	}
	return Candidate{Origin: Crossover, Parents: []int{a.Index, b.Index}, Subnet: sub}
}
