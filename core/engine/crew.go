package engine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"sync/atomic"
	"time"

	"detnas/core/config"
	"detnas/core/ranks"
	"detnas/core/run"
	"detnas/core/tensor"
	"detnas/core/train"
)

// crew is the processes that train a run together, as one of them sees them. Rank 0
// has the run's folder, its journal and its desk, and does all that is not training.
// The others have nothing but a network: rank 0 gives them orders in the store, one
// after the other, and between two iterations a word that says whether there is one.
// All wait asleep, in a collective call while they train, and at the store else.
type crew struct {
	place    ranks.Place
	group    *tensor.Group
	store    *tensor.Store
	patience time.Duration // with a rank of which nothing is heard
	at       int           // orders given, or followed

	listening   bool // rank 0: the others wait for an order, and not within an iteration
	broken      bool // a collective call has failed: there is none any more
	mute        bool // the store does not answer, and a call to it would never end
	stop        func(error)
	interrupted atomic.Bool // the others: a signal asks for an end of the run
}

// Patience is how long a rank waits for another of which nothing is heard, where the
// options do not say. Batches that are late and checkpoints are not within it.
const Patience = 5 * time.Minute

// joinEvery is how often a rank looks who is there, at the start and after a failure.
const joinEvery = 50 * time.Millisecond

// Words between two iterations.
const (
	wordOn     = 0 // make the next iteration
	wordListen = 1 // an order comes
)

// person is how a rank tells of itself.
type person struct {
	Version string `json:"version"`
	Host    string `json:"host"`
	PID     int    `json:"pid"`
}

// join meets the other ranks. It returns when all are there.
func join(ctx context.Context, place ranks.Place, version string, patience time.Duration) (*crew, error) {
	if patience <= 0 {
		patience = Patience
	}
	c := &crew{place: place, patience: patience, listening: true, stop: func(error) {}}
	fail := func(err error) (*crew, error) {
		return nil, fmt.Errorf("rank %d of %d: %w", place.Rank, place.World, err)
	}
	var err error
	at := net.JoinHostPort(place.Addr, strconv.Itoa(place.Port))
	c.store, err = tensor.OpenStore(place.Addr, place.Port, place.Rank == 0 && !place.Kept, "detnas/"+place.Attempt, patience)
	if err != nil {
		return fail(fmt.Errorf("the ranks cannot meet at %s: %w; see that MASTER_ADDR and MASTER_PORT are the same everywhere, that the port is free and that rank 0 has started", at, err))
	}
	host, _ := os.Hostname()
	own, err := json.Marshal(person{Version: version, Host: host, PID: os.Getpid()})
	if err != nil {
		return fail(err)
	}
	if err := c.store.Set(rankKey(place.Rank), own); err != nil {
		return fail(err)
	}
	if err := c.gather(ctx, at, version); err != nil {
		return fail(err)
	}
	if c.group, err = tensor.OpenGroup(c.store, ownAddress(at), place.Rank, place.World, patience); err != nil {
		return fail(fmt.Errorf("the ranks cannot connect with each other: %w", err))
	}
	return c, nil
}

func rankKey(rank int) string { return fmt.Sprintf("rank/%d", rank) }

// gather waits until every rank is at the store.
func (c *crew) gather(ctx context.Context, at, version string) error {
	for r, began := 0, time.Now(); r < c.place.World; {
		p, ok, err := c.person(r)
		switch {
		case err != nil:
			return fmt.Errorf("looking for rank %d at %s: %w", r, at, err)
		case ok && p.Version != version:
			return fmt.Errorf("rank %d (%s) runs detnas %s and this rank %s; install one version everywhere", r, p.Host, p.Version, version)
		case ok:
			r++
			continue
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case time.Since(began) > c.patience:
			return fmt.Errorf("rank %d has not come to %s within %v; start as many processes as WORLD_SIZE says", r, at, c.patience)
		}
		time.Sleep(joinEvery)
	}
	return nil
}

func (c *crew) person(rank int) (person, bool, error) {
	var p person
	text, ok, err := c.ask(rankKey(rank), c.patience)
	if err != nil || !ok {
		return p, false, err
	}
	return p, true, json.Unmarshal(text, &p)
}

// ownAddress is the one of this machine's addresses from which rank 0's is reached, at
// which the others then reach this process.
func ownAddress(at string) string {
	conn, err := net.Dial("udp", at) // sends nothing
	if err != nil {
		return "127.0.0.1"
	}
	defer conn.Close()
	host, _, err := net.SplitHostPort(conn.LocalAddr().String())
	if err != nil {
		return "127.0.0.1"
	}
	return host
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
	if err := c.store.Set(orderKey(c.at), text); err != nil {
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

// partFor is how long rank 0 waits for the others to have heard of the end.
const partFor = 3 * time.Second

// part tells the other ranks that the run has ended, and waits a moment until they
// have heard it: they would take the end of the store for an accident.
func (c *crew) part(err error) {
	if c.broken {
		return
	}
	o := order{Do: doEnd}
	if err != nil {
		o.Why = err.Error()
	}
	if c.tell(o) != nil {
		return
	}
	for began := time.Now(); time.Since(began) < partFor; time.Sleep(joinEvery / 5) {
		if n, err := c.store.Add(partedKey, 0); err != nil || n >= int64(c.place.World-1) {
			return
		}
	}
}

const partedKey = "parted"

// ErrRank is wrapped by the error of a run that another rank has ended.
var ErrRank = errors.New("the ranks have lost each other")

// lostFor is how long a rank listens for signs of life of the others: some beats, on a
// machine that is busy.
const lostFor = 5 * beatEvery

// lost says which rank is to blame for a call that has failed: the one that has said
// why it ended, or of which, unlike of the others, there is no sign of life.
func (c *crew) lost(err error) error {
	c.broken = true
	where := fmt.Errorf("%w (rank %d of %d)", ErrRank, c.place.Rank, c.place.World)
	silent, began, enough := map[int]int64{}, time.Now(), lostFor // ranks, by their beats at first
	if c.place.Rank == 0 {
		enough += beatEvery // it may hold the store, which the others ask meanwhile
	}
	for first := true; first || len(silent) > 0 && time.Since(began) < enough; first = false {
		for r := range c.place.World {
			why, failed, serr := c.ask(failedKey(r), lostFor)
			beats, berr := c.beats(r)
			at, quiet := silent[r]
			switch {
			case serr != nil || berr != nil:
				return fmt.Errorf("%w: rank 0 at %s has ended or cannot be reached: %w", where, c.place.Addr, err)
			case failed && r != c.place.Rank:
				return fmt.Errorf("%w: rank %d has failed: %s", where, r, why)
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
			return fmt.Errorf("%w: rank %d (process %d on %s) has ended or cannot be reached: %w", where, r, p.PID, p.Host, err)
		}
	}
	return fmt.Errorf("%w: all of them live, and the connection between two of them is lost: %w", where, err)
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

// say gives a key of the store a text.
func (c *crew) say(key, text string) error {
	if c.mute {
		return errMute
	}
	return c.store.Set(key, []byte(text))
}

func failedKey(rank int) string { return fmt.Sprintf("failed/%d", rank) }

// blamed is an error of training with who is to blame for it, where a call over ranks
// has failed.
func (c *crew) blamed(err error) error {
	if c == nil || errors.Is(err, ErrRank) || !errors.Is(err, tensor.ErrGroup) {
		return err
	}
	return c.lost(err)
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

// searchAlone notes that the search is rank 0's alone, so far.
func (e *engine) searchAlone() {
	if !e.crew.alone() {
		e.note(run.Warning{What: fmt.Sprintf("the search runs on rank 0 alone, with its share of the cores; the other %d ranks wait until it has ended", e.crew.place.World-1)})
	}
}
