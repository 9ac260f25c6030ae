package search

import (
	"fmt"
	"maps"
	"math"
	"slices"

	"detnas/nas"
)

// Search is a search under way: its config, the candidates evaluated so far,
// and what stands before evaluation. It is not safe for concurrent use.
type Search struct {
	cfg       Config
	method    method
	evaluated []Candidate
	pending   []Candidate     // of the present generation, in order; the index is given by Next
	seen      map[string]bool // keys of all subnets proposed
	next      int             // generation after the present one
	slot      int             // of the present generation, the next to be proposed
	size      int             // slots of the present generation
	sizes     []int           // slots of each generation, as they began
	exhausted bool
	steering
}

// New starts a search. It proposes nothing before the first call of Next.
func New(cfg Config) (*Search, error) {
	if err := cfg.Check(); err != nil {
		return nil, err
	}
	m, err := methodOf(cfg.Method)
	if err != nil {
		return nil, err
	}
	cfg.Locks = maps.Clone(cfg.Locks)
	return &Search{cfg: cfg, method: m, seen: map[string]bool{}}, nil
}

// Next returns the candidate to evaluate now, and false when the search is
// over. It returns the same candidate until Report gives its score, or a pin or
// an unpin changes what comes next.
func (s *Search) Next() (Candidate, bool) {
	if c, ok := s.nextPinned(); ok {
		return c, true
	}
	if len(s.pending) == 0 && !s.exhausted {
		s.propose()
	}
	if len(s.pending) == 0 {
		return Candidate{}, false
	}
	c := s.pending[0]
	c.Index = len(s.evaluated)
	return c, true
}

// Upcoming returns the subnets that stand before evaluation, in the order in which Next
// would return them if nobody steered the search: those pinned, and what is left of the
// present generation. It proposes nothing; what is bred from these is not among them.
func (s *Search) Upcoming() []nas.Subnet {
	subs := slices.Clone(s.waiting)
	for _, c := range s.pending {
		subs = append(subs, c.Subnet)
	}
	return subs
}

// Report gives the score of the candidate that Next returned; a higher score is
// better. NaN is that of a candidate that could not be measured: it ranks below all
// others, and nothing is bred from it unless it is pinned. Report refuses any other
// index and an infinite score.
func (s *Search) Report(index int, score float64) error {
	c, ok := s.Next()
	if !ok {
		return fmt.Errorf("search: a score for candidate %d, but the search is over", index)
	}
	if index != c.Index {
		return fmt.Errorf("search: a score for candidate %d while candidate %d is to be evaluated", index, c.Index)
	}
	if math.IsInf(score, 0) {
		return fmt.Errorf("search: candidate %d (%s) scored %v; a score must be a finite number, or none",
			index, c.Subnet.Short(s.cfg.Space), score)
	}
	c.Score = score
	if len(s.waiting) > 0 {
		s.waiting = s.waiting[1:]
	} else {
		s.pending = s.pending[1:]
	}
	s.evaluated = append(s.evaluated, c)
	return nil
}

// Planned returns how many candidates the search will have evaluated at its
// end, unless the space runs out of allowed ones or someone steers it.
func (s *Search) Planned() int {
	n := len(s.evaluated) + len(s.waiting) + len(s.pending)
	if !s.exhausted {
		n += s.size - s.slot + max(0, s.cfg.Generations-s.next)*s.cfg.Population
	}
	return n
}

// Ended returns the generation that the candidate reported last brought to its
// end, and false where it did not, or where none was reported. A candidate
// pinned after the last generation ends that one again.
func (s *Search) Ended() (int, bool) {
	if len(s.evaluated) == 0 || s.within() || len(s.waiting) > 0 {
		return 0, false
	}
	g := s.evaluated[len(s.evaluated)-1].Generation
	return g, g == s.next-1
}

// within reports whether the present generation has candidates that are still to be
// evaluated.
func (s *Search) within() bool { return len(s.pending) > 0 || s.slot < s.size }

// Evaluated returns the candidates with scores, in the order of evaluation.
func (s *Search) Evaluated() []Candidate { return slices.Clone(s.evaluated) }

// Generation returns the evaluated candidates of one generation. Those of
// generation 0 are a random search.
func (s *Search) Generation(g int) []Candidate {
	var out []Candidate
	for _, c := range s.evaluated {
		if c.Generation == g {
			out = append(out, c)
		}
	}
	return out
}

// Front returns the candidates that NSGA-II has found so far, as Front does; with
// another method nil.
func (s *Search) Front() []Candidate {
	if s.cfg.Method != NSGA2 {
		return nil
	}
	return Front(s.evaluated, s.cfg.Cost)
}

// Best returns the n best candidates so far, fewer where not as many have a score.
func (s *Search) Best(n int) []Candidate {
	out := Ranked(s.evaluated)
	return out[:min(max(n, 0), len(out))]
}

// BestRandom returns the best candidate so far that was drawn at random, in
// whichever generation: the baseline that the search has to beat. It returns
// false before the first score.
func (s *Search) BestRandom() (Candidate, bool) {
	for _, c := range Ranked(s.evaluated) {
		if c.Origin == Random {
			return c, true
		}
	}
	return Candidate{}, false
}

// Exhausted reports whether the search ended, or is about to, because no
// allowed subnet was left that it had not proposed.
func (s *Search) Exhausted() bool { return s.exhausted }
