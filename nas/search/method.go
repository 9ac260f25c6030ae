package search

import (
	"fmt"
	"math/rand/v2"

	"detnas/core/seed"
	"detnas/nas"
)

// Method names how a search comes by its candidates.
type Method string

// The methods.
const (
	Evolution    Method = "evolution"   // of DetNAS and Single Path One-Shot
	Regularized  Method = "regularized" // regularised evolution (Real et al. 2019)
	RandomSearch Method = "random"      // uniform, without repeats
	NSGA2        Method = "nsga2"       // for score against cost (Deb et al. 2002)
)

// Methods lists them, the usual one first.
func Methods() []Method { return []Method{Evolution, Regularized, RandomSearch, NSGA2} }

// method proposes candidates. What it proposes is a function of the search's config,
// of what was evaluated and of what is pinned.
type method interface {
	// check lists what is wrong with the settings that the method goes by.
	check(c Config) []error
	// breed returns how the slots of generation g are filled, by what is known now.
	breed(s *Search, g int) func(slot int) draw
	// steady reports whether each score bears on the very next candidate, so that they
	// are proposed one at a time, and not a generation at a time.
	steady() bool
}

// draw makes a candidate by a random generator. Its subnet is a copy, and need not
// be allowed. A draw that is nil stands for a random subnet.
type draw func(*rand.Rand) Candidate

// methodOf returns the method of a config.
func methodOf(m Method) (method, error) {
	switch m {
	case "", Evolution:
		return evolution{}, nil
	case Regularized:
		return regularized{}, nil
	case RandomSearch:
		return random{}, nil
	case NSGA2:
		return nsga2{}, nil
	}
	return nil, fmt.Errorf("%q is no method; use one of %v", string(m), Methods())
}

// How long a slot of a generation looks for an allowed subnet that was not
// proposed before. A mutation or crossover that finds none becomes random; a
// random draw that finds none walks the space from a random start, which in a
// small space finds the last one there is.
const (
	breedTries  = 200
	randomTries = 10_000
	walkSteps   = 1 << 16
)

// propose plans what is evaluated next: the whole of the next generation, or with
// a steady method the next candidate.
func (s *Search) propose() {
	if s.slot == s.size {
		if s.next >= s.cfg.Generations {
			return
		}
		s.slot, s.size = 0, s.cfg.Population
		s.sizes = append(s.sizes, s.size)
		s.next++
	}
	g := s.next - 1
	drawOf := s.method.breed(s, g)
	for s.slot < s.size {
		c, ok := s.fill(g, s.slot, drawOf(s.slot))
		if !ok {
			s.exhausted, s.size = true, s.slot
			return
		}
		c.Generation = g
		s.seen[c.Subnet.Key()] = true
		s.pending = append(s.pending, c)
		s.slot++
		if s.method.steady() {
			return
		}
	}
}

// fill makes the candidate of one slot, or returns false when no subnet is left.
func (s *Search) fill(g, slot int, d draw) (Candidate, bool) {
	if d == nil {
		return s.fillRandom(g, slot)
	}
	for try := range breedTries {
		c := d(seed.Rand(s.cfg.Seed, "search", "breed", g, slot, try))
		if c.Subnet = s.cfg.lock(c.Subnet); s.fresh(c.Subnet) {
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

// fresh reports whether a subnet was not proposed before and is allowed.
func (s *Search) fresh(sub nas.Subnet) bool { return !s.seen[sub.Key()] && s.cfg.allows(sub) }

// random is the search that learns nothing from scores: what the others have to
// beat.
type random struct{}

func (random) check(Config) []error              { return nil }
func (random) breed(*Search, int) func(int) draw { return func(int) draw { return nil } }
func (random) steady() bool                      { return false }
