package engine

import (
	"fmt"
	"time"
)

// pulse is what another rank has heard of rank 0.
type pulse struct {
	at    time.Time // when it was felt last
	beats int64
	heard time.Time // when there was a beat more
}

func newPulse() *pulse {
	now := time.Now()
	return &pulse{at: now, heard: now, beats: -1}
}

// feel looks now and then whether rank 0 lives.
func (c *crew) feel(p *pulse) error {
	if time.Since(p.at) < 2*beatEvery {
		return nil
	}
	p.at = time.Now()
	n, err := c.beats(0)
	switch {
	case err != nil:
		return fmt.Errorf("%w: the store of rank 0 is gone: %w", ErrRank, err)
	case n != p.beats:
		p.heard, p.beats = p.at, n
	case time.Since(p.heard) > c.patience:
		return fmt.Errorf("%w: nothing has been heard of rank 0 for %v", ErrRank, c.patience)
	}
	return nil
}
