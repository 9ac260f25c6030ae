package engine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"runtime"
	"slices"
	"time"

	"detnas/core/config"
	"detnas/core/input"
	"detnas/core/ranks"
	"detnas/core/run"
	"detnas/core/tensor"
	"detnas/core/train"
	"detnas/nas"
)

// What rank 0 has the others do.
const (
	doTrain  = "train"  // begin a step, with rank 0's network, which follows
	doBack   = "back"   // go on from an earlier iteration, with rank 0's network, which follows
	doRetune = "retune" // take over another config
	doGoOn   = "on"     // make the next iteration
	doEnd    = "end"    // the run has ended, because of why where that is given
)

// order is what rank 0 tells the others.
type order struct {
	Do        string                   `json:"do"`
	Why       string                   `json:"why,omitempty"`
	Folder    string                   `json:"folder,omitempty"` // the run's
	Data      string                   `json:"data,omitempty"`   // where its synthetic images are
	Config    string                   `json:"config,omitempty"`
	Step      int                      `json:"step,omitempty"`
	Iteration int64                    `json:"iteration,omitempty"`
	Length    int                      `json:"length,omitempty"`
	LRScale   float64                  `json:"lr_scale,omitempty"`
	Subnet    string                   `json:"subnet,omitempty"`
	Prints    map[string]run.DataPrint `json:"prints,omitempty"` // of the step's sets
}

func orderKey(n int) string { return fmt.Sprintf("order/%d", n) }

// FollowOptions are how a process follows rank 0.
type FollowOptions struct {
	Version  string        // of the program
	Patience time.Duration // with a rank of which nothing is heard; 0 is Patience
	// Where, when not nil, is told the run's folder before the first step.
	Where func(folder string)
	// Watch, when not nil, is told of this rank's events, one at a time. They are in
	// no journal.
	Watch func(run.Event)
}

// Follow does what rank 0 of a run says, until the run ends: it trains on its share of
// each batch. When ctx is cancelled, rank 0 is asked to stop the run. The error wraps
// ErrStopped where the run was stopped or has failed elsewhere.
func Follow(ctx context.Context, place ranks.Place, opts FollowOptions) error {
	threads := place.Share(runtime.GOMAXPROCS(0))
	return tensor.OnThread(threads, func() error {
		c, err := join(ctx, place, opts.Version, opts.Patience)
		if err != nil {
			return err
		}
		defer c.beat()()
		defer context.AfterFunc(ctx, func() { c.interrupted.Store(true) })()
		e := &engine{crew: c, threads: threads, opts: Options{Watch: opts.Watch}, place: place}
		err = e.follow(opts.Where)
		if err != nil && !errors.Is(err, ErrStopped) {
			if err = c.blamed(err); errors.Is(err, ErrRank) {
				return err // another one's fault
			}
			_ = c.say(failedKey(place.Rank), input.Line(err.Error())) // there may be nobody left
		}
		return err
	})
}

// follow takes orders between the steps.
func (e *engine) follow(where func(string)) error {
	for {
		o, err := e.crew.next()
		if err != nil {
			return err
		}
		if o.Do != doTrain {
			if err := o.ended(); err != nil || o.Do == doEnd {
				return err
			}
			continue // what was about a loop that has ended
		}
		if where != nil {
			where(o.Folder)
			where = nil
		}
		if err := e.train(o); err != nil {
			return err
		}
	}
}

// ended is the error of an order that ends the run early, or nil.
func (o order) ended() error {
	if o.Do == doEnd && o.Why != "" {
		return fmt.Errorf("%w by rank 0 (%s)", ErrStopped, o.Why)
	}
	return nil
}

// train does this rank's part of a training step.
func (e *engine) train(o order) error {
	cfg, err := config.Parse("the config of rank 0", []byte(o.Config), nil)
	if err != nil {
		return err
	}
	if e.data == nil {
		e.data = newData(cfg, o.Data, e.note)
	}
	e.use(cfg)
	e.threads, e.workers, e.atOnce = plan(cfg, e.place)
	tensor.SetTeam(e.threads)
	if e.device, err = pickDevice(cfg.Device, e.place); err != nil {
		return err
	}
	if e.subnet = nil; o.Subnet != "" {
		space, err := cfg.Space.NAS(1)
		if err == nil {
			e.subnet, err = nas.ParseSubnet(o.Subnet, space)
		}
		if err != nil {
			return fmt.Errorf("the subnet of rank 0: %w", err)
		}
	}
	e.order = o
	ctx := context.Background() // rank 0 ends it
	if o.Step == config.StepSupernetFinetune || o.Step == config.StepSubnetFinetune {
		_, err = e.detect(ctx, o.Step)
	} else {
		_, err = e.classify(ctx, o.Step)
	}
	if err != nil {
		return fmt.Errorf("step %d (%s): %w", o.Step, config.StepName(o.Step), err)
	}
	return nil
}

// orderOf is the order to train a step from where it stands.
func (e *engine) orderOf(t training, p progress, length int) order {
	o := order{
		Do: doTrain, Folder: e.folder.Dir(), Data: e.folder.Data(), Config: e.cfg.Resolved(), Step: t.step,
		Iteration: p.Iteration, Length: length, LRScale: p.LRScale, Prints: map[string]run.DataPrint{},
	}
	if t.step > config.StepSearch {
		o.Subnet = e.result.Subnet
	}
	for _, key := range e.data.keys(t.step) {
		if k, ok := e.data.known[key]; ok {
			o.Prints[key] = k.print
		}
	}
	return o
}

// state is all of a network and its training that changes, in one order on all ranks.
func (t training) state() []*tensor.Tensor {
	var ts []*tensor.Tensor
	for _, p := range t.store.Params {
		ts = append(ts, p.T)
	}
	for _, b := range t.store.Buffers {
		ts = append(ts, b.T)
	}
	return append(append(ts, t.opt.State()...), t.average.State()...)
}

// share gives the other ranks an order and rank 0's network.
func (e *engine) share(t training, o order) error {
	if e.crew.alone() {
		return nil
	}
	if err := e.crew.tell(o); err != nil {
		return err
	}
	if err := e.crew.group.Broadcast(t.state()); err != nil {
		return e.crew.lost(err)
	}
	return nil
}

// retuned has the other ranks take over the config.
func (e *engine) retuned() error {
	if e.crew.alone() {
		return nil
	}
	return e.crew.tell(order{Do: doRetune, Config: e.cfg.Resolved()})
}

// sameSets refuses to train on other data than rank 0 does.
func (e *engine) sameSets(o order) error {
	for _, key := range slices.Sorted(maps.Keys(o.Prints)) {
		if k, ok := e.data.known[key]; ok && !k.is(o.Prints[key]) {
			return fmt.Errorf("%s (%s) is not what rank 0 has: %d images and %d boxes here, %d and %d there, or others; give all ranks the same data",
				key, input.Line(k.source), k.print.Images, k.print.Boxes, o.Prints[key].Images, o.Prints[key].Boxes)
		}
	}
	return nil
}

// ordered is what breaks off the loop of a rank: an order that is about more than it.
type ordered struct{ order order }

// Error implements error.
func (o *ordered) Error() string { return "rank 0 says " + o.order.Do }

// followStep trains on this rank's share as rank 0 says, from the order that e has.
func followStep[B any](e *engine, t training, task train.Task[B]) error {
	o := e.order
	if err := e.sameSets(o); err != nil {
		return err
	}
	e.note(run.StepStarted{Step: o.Step, Name: config.StepName(o.Step), Iteration: int(o.Iteration), Iterations: o.Length})
	for o.Do != "" {
		if err := e.crew.group.Broadcast(t.state()); err != nil {
			return err
		}
		next, err := followLoop(e, t, task, o)
		if err != nil {
			return err
		}
		o = next
	}
	return nil
}

// followLoop makes iterations until the step ends, or until another order comes, which
// it returns.
func followLoop[B any](e *engine, t training, task train.Task[B], o order) (order, error) {
	settings := e.cfg.Step(t.step)
	schedule, scale := train.NewSchedule(settings, e.order.Length), bearing{LRScale: o.LRScale}
	retune := func(text string) error {
		cfg, err := config.Parse("the config of rank 0", []byte(text), nil)
		if err != nil {
			return err
		}
		e.use(cfg)
		settings = cfg.Step(t.step)
		schedule = train.NewSchedule(settings, e.order.Length)
		t.opt.Set(t.store, settings)
		return nil
	}
	log := &window{}
	loop := train.Loop{
		Store: t.store, Optimizer: t.opt, Average: t.average, BF16: settings.Precision == config.PrecisionBF16,
		LR:   func(i int64) float64 { return scale.scaled(schedule.At(i)) },
		From: o.Iteration, To: int64(e.order.Length), Workers: e.workers, Accumulate: settings.Accumulate,
		Group: e.crew.group, Meet: func() error { return e.crew.hear(retune) },
		Skip: func() bool { return settings.OnNaN == config.OnNaNSkip },
		After: func(it train.Iteration) error {
			log.add(it)
			if n := it.Index + 1; n == int64(e.order.Length) || due(n, settings.LogEvery) {
				e.note(log.event(t.step))
				log = &window{}
			}
			return nil
		},
	}
	err := train.Train(context.Background(), loop, task)
	var told *ordered
	switch {
	case err == nil:
		return order{}, nil
	case errors.As(err, &told):
		return told.order, told.order.ended()
	case !errors.Is(err, train.ErrNotFinite) || errors.Is(err, tensor.ErrGroup):
		return order{}, err
	}
	for { // on all ranks; rank 0 goes back, or ends the run
		next, err := e.crew.next()
		if err != nil || next.Do == doBack {
			return next, err
		}
		if next.Do == doEnd {
			return order{}, fmt.Errorf("%w by rank 0 (%s)", ErrStopped, next.Why)
		}
	}
}

// hear is the other ranks' part of the word between two iterations: it returns when
// there is another one to make, or the order that ends the loop.
func (c *crew) hear(retune func(config string) error) error {
	for {
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
		if err := c.listen(retune); err != nil {
			return err
		}
	}
}

// listen follows orders until one of them is to go on.
func (c *crew) listen(retune func(config string) error) error {
	for {
		o, err := c.next()
		if err != nil {
			return err
		}
		switch o.Do {
		case doGoOn:
			return nil
		case doRetune:
			if err := retune(o.Config); err != nil {
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
	var o order
	heard, beats := time.Now(), int64(-1)
	for pause := askFirst; ; pause = min(2*pause, askLast) {
		text, ok, err := c.ask(orderKey(c.at+1), c.patience)
		if err != nil {
			return o, fmt.Errorf("%w: rank 0 at %s has ended or cannot be reached: %w", ErrRank, c.place.Addr, err)
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
		if pause < askLast || time.Since(heard) < 2*beatEvery {
			continue
		}
		n, err := c.beats(0)
		switch {
		case err != nil:
			return o, fmt.Errorf("%w: the store of rank 0 is gone: %w", ErrRank, err)
		case n != beats:
			heard, beats = time.Now(), n
		case time.Since(heard) > c.patience:
			return o, fmt.Errorf("%w: nothing has been heard of rank 0 for %v", ErrRank, c.patience)
		}
	}
}
