package engine

import (
	"errors"
	"fmt"
	"time"
)

// beatEvery is how often a rank says that it lives.
const beatEvery = time.Second

func beatKey(rank int) string { return fmt.Sprintf("beat/%d", rank) }

// beat says again and again that this rank lives, until the function that it returns
// is called.
func (c *crew) beat() (stop func()) {
	quit := make(chan struct{})
	go func() {
		ticker := time.NewTicker(beatEvery)
		defer ticker.Stop()
		for {
			_, _ = c.store.Add(beatKey(c.place.Rank), 1) // the others will notice
			select {
			case <-quit:
				return
			case <-ticker.C:
			}
		}
	}()
	return func() { close(quit) }
}

// beats are how often a rank has said that it lives.
func (c *crew) beats(rank int) (int64, error) {
	return answered(c, lostFor, func() (int64, error) { return c.store.Add(beatKey(rank), 0) })
}

// ask asks the store for a key, for so long.
func (c *crew) ask(key string, patience time.Duration) (text []byte, ok bool, err error) {
	text, err = answered(c, patience, func() ([]byte, error) {
		text, there, err := c.store.Get(key)
		if there && text == nil {
			text = []byte{}
		}
		return text, err
	})
	return text, text != nil, err
}

// answered is what a call to the store gives, unless that takes longer than patience: a
// link that is cut gives no answer, and then no call does any more.
func answered[T any](c *crew, patience time.Duration, call func() (T, error)) (T, error) {
	type answer struct {
		value T
		err   error
	}
	var none T
	if c.mute {
		return none, errMute
	}
	answers := make(chan answer, 1)
	go func() {
		v, err := call()
		answers <- answer{v, err}
	}()
	select {
	case a := <-answers:
		return a.value, a.err
	case <-time.After(patience):
		c.mute = true
		return none, fmt.Errorf("%w for %v", errMute, patience)
	}
}

// errMute is the error of a store that does not answer.
var errMute = errors.New("there is no answer")

// set gives a key of the store a value, unless that takes longer than this rank has
// patience: what is long does not go into a link that is cut.
func (c *crew) set(key string, value []byte) error {
	_, err := answered(c, c.patience, func() (struct{}, error) { return struct{}{}, c.store.Set(key, value) })
	return err
}

// say gives a key of the store a text.
func (c *crew) say(key, text string) error { return c.set(key, []byte(text)) }
