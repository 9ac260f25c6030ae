package engine

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"detnas/core/config"
	"detnas/core/input"
	"detnas/core/run"
	"detnas/core/tensor"
	"detnas/core/train"
)

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
		e.crew.listening = true // rank 0 has an order before each loop's first iteration
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
	do := heed{evaluate: func(o order) error { return e.takePart(t, o) }}
	do.retune = func(text string) error {
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
		Group: e.crew.group, Meet: func() error { return e.crew.hear(do) },
		Skip: func() bool { return settings.OnNaN == config.OnNaNSkip },
		After: func(it train.Iteration) error {
			log.add(it)
			e.crew.made(it)
			if n := it.Index + 1; n == int64(e.order.Length) || due(n, settings.LogEvery) {
				e.note(log.event(t.step))
				log = &window{}
			}
			return nil
		},
	}
	e.crew.begins(t.step, o.Iteration, e.device)
	err := train.Train(context.Background(), loop, task)
	if err == nil { // what the step has come to is evaluated
		err = e.crew.listen(do)
	}
	var told *ordered
	switch {
	case errors.As(err, &told) && told.order.Do == doRest:
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
