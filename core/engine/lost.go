package engine

import (
	"errors"
	"fmt"
	"time"

	"detnas/core/ranks"
	"detnas/core/tensor"
)

// ErrRank is wrapped by the error of a run that another rank has ended.
var ErrRank = errors.New("the ranks have lost each other")

// lostFor is how long a rank listens for signs of life of the others: some beats, on a
// machine that is busy.
const lostFor = 5 * beatEvery

// lost says which rank is to blame for a call that has failed: the one whose end is
// known, or of which, unlike of the others, there is no sign of life.
func (c *crew) lost(err error) error {
	c.broken = true
	silent, began, enough := map[int]int64{}, time.Now(), lostFor // ranks, by their beats at first
	if c.place.Rank == 0 {
		enough += beatEvery // it may hold the store, which the others ask meanwhile
	}
	for first := true; first || len(silent) > 0 && time.Since(began) < enough; first = false {
		for r := range c.place.World {
			end, known, serr := c.fate(r, c.whoIs(r), func(key string) ([]byte, bool, error) { return c.ask(key, lostFor) })
			beats, berr := c.beats(r)
			at, quiet := silent[r]
			switch {
			case serr != nil || berr != nil:
				return fmt.Errorf("%w: %s has ended or cannot be reached: %w", ErrRank, c.keeper(), err)
			case known && r != c.place.Rank:
				return fmt.Errorf("%w: rank %d %s", ErrRank, r, end)
			case first:
				silent[r] = beats
			case quiet && beats != at:
				delete(silent, r)
			}
		}
		time.Sleep(joinEvery)
	}
	for r := range c.place.World {
		if _, yes := silent[r]; yes && r != c.place.Rank {
			p, _, _ := c.person(r)
			return fmt.Errorf("%w: rank %d (process %d on %s) has ended or cannot be reached: %w", ErrRank, r, p.PID, p.Host, err)
		}
	}
	if r, p, yes := c.startedAgain(); yes {
		return fmt.Errorf("%w: rank %d (process %d on %s) has ended, and was started again: %w", ErrRank, r, p.PID, p.Host, err)
	}
	return fmt.Errorf("%w: all of them live, and the connection between two of them is lost: %w", ErrRank, err)
}

// whoIs is the process of a rank, that of the group where there is one, and not who was
// started again since. Its number is 0 where it is not known, or launch would not tell of it.
func (c *crew) whoIs(rank int) (p person) {
	switch {
	case len(c.members) > 0:
		p = c.members[rank]
	case c.place.Launched:
		p, _, _ = c.person(rank)
	}
	return p
}

// fate is how a rank, which is process p, has ended, where that is known: by itself, or by
// launch, which has started it. get asks the store.
func (c *crew) fate(rank int, p person, get func(key string) ([]byte, bool, error)) (end string, known bool, err error) {
	why, failed, err := get(failedKey(rank))
	failed = failed && len(why) > 0
	if failed || err != nil || !c.place.Launched || p.PID == 0 {
		return "has failed: " + string(why), failed, err
	}
	why, died, err := get(ranks.DiedKey(rank, p.PID))
	return fmt.Sprintf("(process %d) has died: %s", p.PID, why), died, err
}

// failedKey says why a rank has failed. It is empty where that was the process before.
func failedKey(rank int) string { return fmt.Sprintf("failed/%d", rank) }

// blamed is an error of training with who is to blame for it, where a call over ranks
// has failed.
func (c *crew) blamed(err error) error {
	if c == nil || errors.Is(err, ErrRank) || !errors.Is(err, tensor.ErrGroup) {
		return err
	}
	return c.lost(err)
}
