package engine

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
)

// watchOthers ends by stop what rank 0 does together with the others when that cannot come
// to an end: one of them has died, was started again, or is silent for longer than rank 0 has
// patience. It watches until the function that it returns is called. A store that does not
// answer keeps nobody but this.
func (c *crew) watchOthers(stop context.CancelCauseFunc) (end func()) {
	members := slices.Clone(c.members) // it may look once more after the end
	pulses := make([]*pulse, c.place.World)
	for rank := range pulses {
		pulses[rank] = newPulse(rank)
	}
	often := max(reportLeast, time.Duration(c.place.World)*10*time.Millisecond) // three questions a rank
	return watch(often, func() bool {
		for _, p := range pulses[1:] {
			if why := c.missing(p, members[p.rank]); why != nil {
				stop(fmt.Errorf("%w: %w", ErrRank, why))
				return false
			}
		}
		return true
	})
}

// missing says why a rank, which was one process, does no more what it was told to, or nil. The
// error of a store that does not answer is for whoever needs it.
func (c *crew) missing(p *pulse, was person) error {
	if end, known, err := c.fate(p.rank, was, c.store.Get); err == nil && known {
		return fmt.Errorf("rank %d %s", p.rank, end)
	}
	if came, err := c.store.Add(cameKey(p.rank), 0); err == nil && came != was.Came {
		return fmt.Errorf("rank %d (process %d on %s) has ended, and was started again", p.rank, was.PID, was.Host)
	}
	beats, err := c.store.Add(beatKey(p.rank), 0)
	if err == nil && p.beat(beats, time.Now()) > c.patience {
		return fmt.Errorf("rank %d (process %d on %s) has ended or cannot be reached: nothing was heard of it for %v", p.rank, was.PID, was.Host, c.patience)
	}
	return nil
}

// errCalledOff is why another rank leaves what it was told to do: rank 0 wants something else.
var errCalledOff = errors.New("rank 0 has another order")

// watchOrders ends by stop what another rank does when rank 0 has a next order, or is there
// no more. It watches as watchOthers does.
func (c *crew) watchOrders(stop context.CancelCauseFunc) (end func()) {
	next := orderKey(c.at + 1)
	return watch(askLast, func() bool {
		_, there, err := c.store.Get(next)
		if err != nil {
			stop(c.unreached(err))
		} else if there {
			stop(errCalledOff)
		}
		return err == nil && !there
	})
}

// watch looks again and again, in a goroutine of its own, until look has seen enough or the
// function that it returns is called.
func watch(every time.Duration, look func() bool) (end func()) {
	quit := make(chan struct{})
	go func() {
		ticker := time.NewTicker(every)
		defer ticker.Stop()
		for {
			select {
			case <-quit:
				return
			case <-ticker.C:
				if !look() {
					return
				}
			}
		}
	}()
	return func() { close(quit) }
}
