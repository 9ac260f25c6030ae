package engine

import (
	"fmt"
	"time"
)

// pulse is what one rank has heard of another.
type pulse struct {
	rank  int
	at    time.Time // when it was felt last
	beats int64
	heard time.Time // when there was a beat more
}

func newPulse(rank int) *pulse {
	now := time.Now()
	return &pulse{rank: rank, at: now, heard: now, beats: -1}
}

// feel looks now and then whether the other rank lives.
func (c *crew) feel(p *pulse) error {
	if time.Since(p.at) < 2*beatEvery {
		return nil
	}
	p.at = time.Now()
	n, err := c.beats(p.rank)
	if err != nil {
		return fmt.Errorf("%w: the store of rank 0 is gone: %w", ErrRank, err)
	}
	if p.beat(n, p.at) > c.patience {
		return fmt.Errorf("%w: nothing has been heard of rank %d for %v", ErrRank, p.rank, c.patience)
	}
	return nil
}

// beat takes in how many beats there were at a time, and returns for how long there has
// been none.
func (p *pulse) beat(n int64, at time.Time) time.Duration {
	if n != p.beats {
		p.heard, p.beats = at, n
	}
	return at.Sub(p.heard)
}
