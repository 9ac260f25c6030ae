package evolution

import (
	"fmt"
	"math"
	"slices"

	"detnas/nas"
)

// Search is a search under way: its config, the candidates evaluated so far,
// and the rest of the generation that stands before evaluation. It is not safe
// for concurrent use.
type Search struct {
	cfg       Config
	evaluated []Candidate
	pending   []Candidate     // of the present generation, in order
	seen      map[string]bool // keys of all subnets proposed
	next      int             // generation to be bred when pending is empty
	exhausted bool
}

// New starts a search. It proposes nothing before the first call of Next.
func New(cfg Config) (*Search, error) {
	if err := cfg.Check(); err != nil {
		return nil, err
	}
	return &Search{cfg: cfg, seen: map[string]bool{}}, nil
}

// Next returns the candidate to evaluate now, and false when the search is
// over. It returns the same candidate until Report gives its score.
func (s *Search) Next() (Candidate, bool) {
	if len(s.pending) == 0 && !s.exhausted && s.next < s.cfg.Generations {
		s.breed()
	}
	if len(s.pending) == 0 {
		return Candidate{}, false
	}
	return s.pending[0], true
}

// Report gives the score of the candidate that Next returned; a higher score is
// better. It refuses any other index and a score that is not finite.
func (s *Search) Report(index int, score float64) error {
	c, ok := s.Next()
	if !ok {
		return fmt.Errorf("search: a score for candidate %d, but the search is over", index)
	}
	if index != c.Index {
		return fmt.Errorf("search: a score for candidate %d while candidate %d is to be evaluated", index, c.Index)
	}
	if math.IsNaN(score) || math.IsInf(score, 0) {
		return fmt.Errorf("search: candidate %d (%s) scored %v; a score must be a finite number",
			index, c.Subnet.Short(s.cfg.Space), score)
	}
	c.Score = score
	s.pending = s.pending[1:]
	s.evaluated = append(s.evaluated, c)
	return nil
}

// Result is an evaluated candidate as a journal holds it.
type Result struct {
	Subnet nas.Subnet
	Score  float64
}

// Replay reports results that an earlier search with the same config wrote
// down, in their order, and leaves the search where that one stood. A subnet
// other than the one that would have been proposed is refused: the config has
// changed since.
func (s *Search) Replay(results []Result) error {
	for i, r := range results {
		c, ok := s.Next()
		if !ok {
			return fmt.Errorf("search: the journal holds %d candidates, but the search is over after %d; it was written with other search settings", len(results), i)
		}
		if c.Subnet.Key() != r.Subnet.Key() {
			return fmt.Errorf("search: candidate %d is %s in the journal and %s by the config; it was written with another seed, space or constraint, so restore that config or start a new run",
				c.Index, r.Subnet.Short(s.cfg.Space), c.Subnet.Short(s.cfg.Space))
		}
		if err := s.Report(c.Index, r.Score); err != nil {
			return fmt.Errorf("replaying the journal: %w", err)
		}
	}
	return nil
}

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

// Best returns the n best candidates so far, fewer where there are not as many.
func (s *Search) Best(n int) []Candidate {
	out := ranked(s.evaluated)
	return out[:min(max(n, 0), len(out))]
}

// BestRandom returns the best candidate so far that was drawn at random, in
// whichever generation: the baseline that the search has to beat. It returns
// false before the first score.
func (s *Search) BestRandom() (Candidate, bool) {
	for _, c := range ranked(s.evaluated) {
		if c.Origin == Random {
			return c, true
		}
	}
	return Candidate{}, false
}

// Exhausted reports whether the search ended, or is about to, because no
// allowed subnet was left that it had not proposed.
func (s *Search) Exhausted() bool { return s.exhausted }
