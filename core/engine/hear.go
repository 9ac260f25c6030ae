package engine

import (
	"encoding/json"
	"fmt"
	"time"
)

// heed does what rank 0 orders between two iterations.
type heed struct {
	retune   func(config string) error
	evaluate func(order) error
}

// hear is the other ranks' part of the word between two iterations: it returns when
// there is another one to make, or the order that ends the loop.
func (c *crew) hear(do heed) error {
	for {
		if c.listening {
			if err := c.listen(do); err != nil {
				return err
			}
			c.listening = false
		}
		said := []float64{wordOn, 0}
		if c.interrupted.Load() {
			said[1] = float64(c.place.Rank)
		}
		if err := c.group.Max(said); err != nil {
			return err
		}
		if said[0] == wordOn {
			return nil
		}
		c.listening = true
	}
}

// listen follows orders until one of them is to go on.
func (c *crew) listen(do heed) error {
	for {
		o, err := c.next()
		if err != nil {
			return err
		}
		switch o.Do {
		case doGoOn:
			return nil
		case doRetune:
			if err := do.retune(o.Config); err != nil {
				return err
			}
		case doEvaluate:
			if err := do.evaluate(o); err != nil {
				return err
			}
		default:
			return &ordered{order: o}
		}
	}
}

// How often the store is asked for the next order, from the first time to the last.
const (
	askFirst = time.Millisecond
	askLast  = 100 * time.Millisecond
)

// next waits for rank 0's next order, however long that takes, while rank 0 lives.
func (c *crew) next() (order, error) {
	defer c.report.waits()()
	var o order
	for p, pause := newPulse(0), askFirst; ; pause = min(2*pause, askLast) {
		text, ok, err := c.ask(orderKey(c.at+1), c.patience)
		if err != nil {
			return o, fmt.Errorf("%w: %s has ended or cannot be reached: %w", ErrRank, c.keeper(), err)
		}
		if ok {
			c.at++
			if err := json.Unmarshal(text, &o); err != nil {
				return o, fmt.Errorf("an order of rank 0: %w", err)
			}
			if o.Do == doEnd {
				_, _ = c.store.Add(partedKey, 1) // rank 0 does not wait for long
			}
			return o, nil
		}
		time.Sleep(pause)
		if err := c.feel(p); err != nil {
			return o, err
		}
	}
}
