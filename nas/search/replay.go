package search

import (
	"fmt"

	"detnas/nas"
)

// Result is an evaluated candidate as a journal holds it.
type Result struct {
	Subnet nas.Subnet
	Score  float64
}

// Act is what a person did to a search after so many candidates were evaluated.
type Act struct {
	At int
	Do func(*Search) error
}

// Replay reports results that an earlier search with the same config wrote
// down, in their order, takes the acts, which are in their order too, at their
// places between them, and leaves the search where that one stood. A subnet
// other than the one that would have been proposed is refused: the config has
// changed since.
func (s *Search) Replay(results []Result, acts ...Act) error {
	for i, r := range results {
		var err error
		if acts, err = s.take(acts, i); err != nil {
			return err
		}
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
	for _, a := range acts {
		if err := a.Do(s); err != nil {
			return fmt.Errorf("replaying the journal: %w", err)
		}
	}
	return nil
}

// take takes the acts at the head that belong before candidate i, and returns
// the others.
func (s *Search) take(acts []Act, i int) ([]Act, error) {
	for len(acts) > 0 && acts[0].At <= i {
		if err := acts[0].Do(s); err != nil {
			return nil, fmt.Errorf("replaying the journal: %w", err)
		}
		acts = acts[1:]
	}
	return acts, nil
}
