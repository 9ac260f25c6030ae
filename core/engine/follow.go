package engine

import (
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"
	"time"

	"detnas/core/config"
	"detnas/core/input"
	"detnas/core/ranks"
	"detnas/core/run"
	"detnas/core/tensor"
	"detnas/nas"
)

// FollowOptions are how a process follows rank 0.
type FollowOptions struct {
	Version  string        // of the program
	Patience time.Duration // with a rank of which nothing is heard; 0 is ranks.Patience
	// Where, when not nil, is told the run's folder before the first step. What is
	// written to far comes into the rank's log in that folder by way of rank 0: for
	// machines that have not the folder.
	Where func(folder string, far io.Writer)
	// Watch, when not nil, is told of this rank's events, one at a time. They are in
	// no journal.
	Watch func(run.Event)
}

// Follow does what rank 0 of a run says, until the run ends: it trains on its share of
// each batch. When ctx is cancelled, rank 0 is asked to stop the run. The error is a
// ranks.ElsewhereError where the run was stopped or has failed elsewhere.
func Follow(ctx context.Context, place ranks.Place, opts FollowOptions) error {
	threads := place.Share(runtime.GOMAXPROCS(0))
	return tensor.OnThread(threads, func() error {
		c, err := join(ctx, place, opts.Version, opts.Patience)
		if errors.Is(err, ErrStopped) {
			return &ranks.ElsewhereError{Err: err}
		}
		if err != nil {
			return err
		}
		defer c.beat()()
		defer c.tellRank0()()
		defer context.AfterFunc(ctx, func() { c.interrupted.Store(true) })()
		e := &engine{crew: c, threads: threads, opts: Options{Watch: opts.Watch}, place: place}
		err = e.follow(opts.Where)
		if err == nil {
			return nil
		}
		if err = c.blamed(err); errors.Is(err, ErrStopped) || errors.Is(err, ErrRank) || errors.Is(err, errRefused) {
			return &ranks.ElsewhereError{Err: err}
		}
		_ = c.say(failedKey(place.Rank), input.Line(err.Error())) // there may be nobody left
		_ = c.say(fallenKey(e.order.Group), fmt.Sprintf("rank %d has failed", place.Rank))
		return err
	})
}

// follow takes orders between the steps.
func (e *engine) follow(where func(string, io.Writer)) error {
	for {
		o, err := e.crew.next()
		if err != nil {
			return err
		}
		if o.Do != doTrain && o.Do != doSearch {
			if err := o.ended(); err != nil || o.Do == doEnd {
				return err
			}
			continue // what was about a loop that has ended
		}
		if where != nil {
			where(o.Folder, &e.crew.report.log)
			where = nil
		}
		do := e.train
		if o.Do == doSearch {
			do = e.assist
		}
		if err := do(o); err != nil {
			return err
		}
	}
}

// adopt takes over the config of an order, and with it what this rank computes by.
func (e *engine) adopt(o order) error {
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
	e.device, err = pickDevice(cfg.Device, e.place)
	return err
}

// train does this rank's part of a training step.
func (e *engine) train(o order) error {
	e.order = o
	err := e.adopt(o)
	if err != nil {
		return err
	}
	if e.subnet = nil; o.Subnet != "" {
		space, err := e.cfg.Space.NAS(1)
		if err == nil {
			e.subnet, err = nas.ParseSubnet(o.Subnet, space)
		}
		if err != nil {
			return fmt.Errorf("the subnet of rank 0: %w", err)
		}
	}
	if err := e.crew.regroup(o.Group, o.Members, e.device); err != nil {
		return err
	}
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
