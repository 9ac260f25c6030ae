package engine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	"detnas/core/run"
	"detnas/core/tensor"
	"detnas/core/train"
)

// What rank 0 has the others do.
const (
	doSearch   = "search"   // measure candidates, until the next order
	doRest     = "rest"     // wait for the next order; the search, or the step, has ended
	doTrain    = "train"    // begin a step, with rank 0's network, which follows
	doBack     = "back"     // go on from an earlier iteration, with rank 0's network, which follows
	doRetune   = "retune"   // take over another config
	doEvaluate = "evaluate" // detect or classify on a share of the batches, and bring what was found
	doGoOn     = "on"       // make the next iteration
	doEnd      = "end"      // the run has ended, because of why where that is given
)

// order is what rank 0 tells the others.
type order struct {
	Do        string                   `json:"do"`
	Why       string                   `json:"why,omitempty"`
	Refused   bool                     `json:"refused,omitempty"` // it has begun nothing, because of an error
	Folder    string                   `json:"folder,omitempty"`  // the run's
	Data      string                   `json:"data,omitempty"`    // where its synthetic images are
	Config    string                   `json:"config,omitempty"`
	Step      int                      `json:"step,omitempty"`
	Iteration int64                    `json:"iteration,omitempty"`
	Length    int                      `json:"length,omitempty"`
	LRScale   float64                  `json:"lr_scale,omitempty"`
	Subnet    string                   `json:"subnet,omitempty"`
	Prints    map[string]run.DataPrint `json:"prints,omitempty"`  // of the step's sets
	Group     int                      `json:"group,omitempty"`   // by which the step is trained
	Members   []person                 `json:"members,omitempty"` // of that group
	Search    *lent                    `json:"search,omitempty"`
	Threads   int                      `json:"threads,omitempty"` // that an evaluation is computed by
}

func orderKey(n int) string { return fmt.Sprintf("order/%d", n) }

// ordersKey has the number of orders that were given.
const ordersKey = "orders"

// catchUp has a rank that comes late leave out what was ordered before, but for what is
// still to be done.
func (c *crew) catchUp() error {
	if c.place.Rank == 0 {
		return nil
	}
	text, ok, err := c.ask(ordersKey, c.patience)
	if err != nil || !ok {
		return err
	}
	if c.at, err = strconv.Atoi(string(text)); err != nil {
		return fmt.Errorf("the number of rank 0's orders: %w", err)
	}
	last, err := c.order(c.at)
	if err == nil && last.stands() {
		c.at--
	}
	return err
}

// order reads an order that was given.
func (c *crew) order(n int) (o order, err error) {
	text, ok, err := c.ask(orderKey(n), c.patience)
	if err != nil || !ok {
		return o, err
	}
	return o, json.Unmarshal(text, &o)
}

// stands reports whether an order is still to be followed by a rank that comes later.
func (o order) stands() bool { return o.Do == doEnd || o.Do == doSearch }

// ended is the error of an order that ends the run early, or nil.
func (o order) ended() error {
	switch {
	case o.Do != doEnd:
		return nil
	case o.Refused:
		return errRefused
	case o.Why != "":
		return fmt.Errorf("%w by rank 0 (%s)", ErrStopped, o.Why)
	}
	return nil
}

// Words between two iterations.
const (
	wordOn     = 0 // make the next iteration
	wordListen = 1 // an order comes
)

// meet is rank 0's part of the word between two iterations: to go on.
func (c *crew) meet() error {
	if err := c.goOn(); err != nil {
		return err
	}
	return c.word(wordOn)
}

// word says a word to all ranks, and hears whether one of them is to end.
func (c *crew) word(w float64) error {
	said := []float64{w, 0}
	if err := c.group.Max(said); err != nil {
		return c.lost(err)
	}
	if said[1] > 0 {
		c.stop(fmt.Errorf("rank %d was told to", int(said[1])))
	}
	return nil
}

// call has the other ranks listen for orders. Before anything that may take long, it
// lets them wait at the store, where nobody runs out of patience while rank 0 lives.
func (c *crew) call() error {
	if c == nil || c.listening || c.broken {
		return nil
	}
	if err := c.word(wordListen); err != nil {
		return err
	}
	c.listening = true
	return nil
}

// goOn ends the listening.
func (c *crew) goOn() error {
	if !c.listening {
		return nil
	}
	c.listening = false
	return c.put(order{Do: doGoOn})
}

// tell gives the other ranks an order.
func (c *crew) tell(o order) error {
	if err := c.call(); err != nil {
		return err
	}
	return c.put(o)
}

func (c *crew) put(o order) error {
	text, err := json.Marshal(o)
	if err != nil {
		return fmt.Errorf("an order to the other ranks: %w", err)
	}
	c.at++
	err = c.store.Set(orderKey(c.at), text)
	if err == nil {
		err = c.store.Set(ordersKey, []byte(strconv.Itoa(c.at)))
	}
	if err != nil {
		return c.lost(err)
	}
	return nil
}

// left takes in how the loop was left on all ranks: at its end, or at an iteration
// that is not finite on all of them, they listen.
func (c *crew) left(err error) {
	switch {
	case c == nil:
	case err == nil, isTorn(err) && errors.Is(err, train.ErrNotFinite) && !errors.Is(err, tensor.ErrGroup):
		c.listening = true
	case isTorn(err):
		c.broken = true
	}
}

// isTorn reports whether an error broke an iteration off.
func isTorn(err error) bool {
	var torn *train.TornError
	return errors.As(err, &torn)
}

// partFor is how long rank 0 waits for the others to have heard of the end.
const partFor = 3 * time.Second

// part tells the other ranks that the run has ended, and waits a moment until they
// have heard it: they would take the end of the store for an accident. Where nothing has
// begun they may be on their way, and it waits longer; launch ends those that it has
// started.
func (c *crew) part(ctx context.Context, err error) {
	if c.broken {
		return
	}
	o, within, heed := order{Do: doEnd}, partFor, context.WithoutCancel(ctx)
	switch {
	case err == nil:
	case c.at == 0 && ctx.Err() == nil && !errors.Is(err, ErrStopped):
		o.Refused = true
		if !c.place.Launched {
			within, heed = max(partFor, declineFor-time.Since(c.opened)), ctx
		}
	default:
		o.Why = err.Error()
	}
	if c.tell(o) == nil {
		others := c.place.World - 1
		if errors.Is(err, ErrRank) {
			others-- // one is lost
		}
		c.parted(heed, others, within)
	}
}

// parted waits for so many of the other ranks to hear of the end, for so long or until ctx
// ends, and reports whether they have.
func (c *crew) parted(ctx context.Context, others int, within time.Duration) bool {
	for began := time.Now(); ; time.Sleep(joinEvery / 5) {
		n, err := c.store.Add(partedKey, 0)
		if err == nil && n >= int64(others) {
			return true
		}
		if err != nil || time.Since(began) > within || ctx.Err() != nil {
			return false
		}
	}
}

const partedKey = "parted"
