package engine

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"detnas/core/config"
	"detnas/core/ranks"
	"detnas/core/tensor"
)

// crew is the processes that train a run together, as one of them sees them. Rank 0
// has the run's folder, its journal and its desk, and does all that is not training.
// The others have nothing but a network: rank 0 gives them orders in the store, one
// after the other, and between two iterations a word that says whether there is one.
// All wait asleep, in a collective call while they train, and at the store else.
type crew struct {
	place    ranks.Place
	version  string
	group    *tensor.Group // nil before the first training step
	groups   int           // the number of that group
	members  []person      // who is in it: which of a rank's processes, by rank
	store    *tensor.Store
	opened   time.Time      // since when this rank is at the store
	patience time.Duration  // with a rank of which nothing is heard
	gone     map[int]absent // rank 0: those that the search has lost
	own      person
	at       int       // orders given, or followed
	report   *reporter // of this rank

	listening   bool // the others wait for an order, and not for a word between iterations
	broken      bool // a collective call has failed: there is none any more
	mute        bool // the store does not answer, and a call to it would never end
	stop        func(error)
	endVigil    func()      // of the group
	interrupted atomic.Bool // the others: a signal asks for an end of the run
}

// join comes to the store at which the ranks meet. The others need not be there: rank 0
// searches without them, and waits for them before it trains.
func join(ctx context.Context, place ranks.Place, version string, patience time.Duration) (*crew, error) {
	if patience <= 0 {
		patience = ranks.Patience
	}
	c := &crew{place: place, version: version, patience: patience, listening: true, stop: func(error) {}, endVigil: func() {}, gone: map[int]absent{}, report: newReporter()}
	var err error
	if c.store, err = openStore(ctx, place, patience); err != nil {
		return nil, err
	}
	c.opened = time.Now()
	if err := c.catchUp(); err != nil {
		return nil, err
	}
	return c, c.come()
}

// keeper is rank 0, as it is called where it does not answer.
func (c *crew) keeper() string {
	if c.place.Store != "" {
		return "rank 0"
	}
	return "rank 0 at " + c.place.Addr
}

// alone reports whether a run has no other ranks.
func (c *crew) alone() bool { return c == nil }

// follows reports whether this process is another rank than 0.
func (c *crew) follows() bool { return c != nil && c.place.Rank > 0 }

// ranks is the number of processes that train, 0 for one alone, as the journal has it.
func (c *crew) ranks() int {
	if c == nil {
		return 0
	}
	return c.place.World
}

// enough makes sure, before anything is trained, that every rank has an image in each
// part of a step's batch.
func (e *engine) enough(step int) error {
	c := e.cfg.Step(step)
	if part := c.Batch / c.Accumulate; part < e.place.World {
		return fmt.Errorf("%s: %d images are computed at a time (batch %d, in parts: %d), too few for %d ranks: each needs one; start fewer ranks, raise batch or lower accumulate",
			config.StepName(step), part, c.Batch, c.Accumulate, e.place.World)
	}
	return nil
}
