package engine

import (
	"context"
	"errors"
	"fmt"

	"detnas/core/run"
	"detnas/core/steer"
	"detnas/nas/search"
)

// place is where the run stands at a boundary, and what can be done there.
type place struct {
	step, iteration int            // done in the step: iterations or candidates
	save            func() error   // writes a checkpoint, unless it is there; nil where nothing is trained
	retune          func() error   // takes over the settings of the step under way; nil as save
	search          *search.Search // in step 3
}

// open lets the desk take commands until leave; stop cancels the run's context.
func (e *engine) open(stop context.CancelCauseFunc) {
	if e.opts.Desk == nil {
		return
	}
	e.opts.Desk.Open(steer.Engine{
		Check: e.check, Journal: e.write, Tell: e.tell, Position: e.position, Stop: stop,
	})
}

// leave closes the desk; why is what those hear who still want something.
func (e *engine) leave(why error) {
	if e.opts.Desk != nil {
		e.opts.Desk.Close(why)
	}
}

// position is the step and the iterations or candidates done, by the journal.
func (e *engine) position() (step, iteration int) {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.live.Step, e.live.Iteration
}

// asked reports whether somebody wants something at the boundary at hand.
func (e *engine) asked() bool { return e.opts.Desk != nil && e.opts.Desk.Pending() }

// between is the boundary before a step.
func (e *engine) between(ctx context.Context) error {
	if !e.asked() {
		return nil
	}
	return e.attend(ctx, e.here())
}

// attend does what people ask for. When they ask for a pause, it lasts until
// they resume or stop the run; the training thread is parked meanwhile.
func (e *engine) attend(ctx context.Context, at place) error {
	desk, paused := e.opts.Desk, false
	defer func() {
		if paused {
			e.clock.resume()
		}
	}()
	for {
		for ctx.Err() == nil { // a stop leaves the rest to be withdrawn
			c, ok := desk.Take()
			if !ok {
				break
			}
			done, err := e.obey(c, at, paused)
			if err != nil {
				return err
			}
			switch {
			case done && c.Act == run.ActPause && !paused:
				e.clock.pause()
				paused = true
			case done && c.Act == run.ActResume && paused:
				e.clock.resume()
				paused = false
			}
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if !paused {
			return nil
		}
		desk.Wait(ctx)
	}
}

// obey does what one command asks for and journals its phases. It reports
// whether that was done; what cannot be done is refused, and is no error.
func (e *engine) obey(c steer.Command, at place, paused bool) (bool, error) {
	desk := e.opts.Desk
	if err := e.emit(c.Control(run.PhaseBegun, at.step, at.iteration, "")); err != nil {
		desk.End(paused)
		return false, err
	}
	remark, err := e.act(c, at)
	if err != nil {
		defer desk.End(paused)
		return false, e.emit(c.Control(run.PhaseRefused, at.step, at.iteration, err.Error()))
	}
	ev := c.Control(run.PhaseDone, at.step, at.iteration, remark)
	if at.search != nil && (c.Act == run.ActPin || c.Act == run.ActUnpin) {
		ev.Planned = at.search.Planned()
	}
	switch c.Act {
	case run.ActPause: // a resume counts once the pause is in the journal
		defer desk.End(true)
	case run.ActResume: // and another pause before the resume is
		desk.End(false)
	default:
		defer desk.End(paused)
	}
	return true, e.emit(ev)
}

// act does what a command asks for at a boundary, and may have a remark on it.
// Its error is a refusal.
func (e *engine) act(c steer.Command, at place) (remark string, err error) {
	switch c.Act {
	case run.ActPause, run.ActCheckpoint:
		if at.save == nil && c.Act == run.ActPause {
			return "", nil
		}
		if at.save == nil {
			return "nothing is being trained; the journal holds what there is", nil
		}
		if err := at.save(); err != nil {
			return "", fmt.Errorf("the checkpoint could not be written: %w", err)
		}
		return "", nil
	case run.ActResume:
		return "", nil
	case run.ActConfigure:
		return "", e.configure(c, at)
	}
	if err := e.check(&c); err != nil { // again: things have moved on
		return "", err
	}
	if c.Act == run.ActChoose {
		return "", e.pick(c.Subnet)
	}
	if at.search == nil {
		return "", nil // the search takes it over when it begins
	}
	space, err := e.cfg.Space.NAS(1)
	if err != nil {
		return "", err
	}
	return "", steerSearch(at.search, run.Control{What: c.Act, Subnet: c.Subnet, Block: c.Block, Choice: c.Choice}, space)
}

// stopped ends a stop that somebody asked for.
func (e *engine) stopped() error {
	if e.opts.Desk == nil {
		return nil
	}
	c, ok := e.opts.Desk.Stopped()
	if !ok {
		return nil
	}
	step, iteration := e.position()
	return e.emit(c.Control(run.PhaseDone, step, iteration, ""))
}

// errUnknownAct is the error of a command that the engine does not know.
var errUnknownAct = errors.New("use one of pause, resume, stop, checkpoint, pin, unpin, lock, unlock, choose, configure, withdraw")
