package engine

import (
	"context"
	"fmt"
	"time"

	"detnas/core/run"
)

// itself is who does what the program does of its own accord, in the journal.
const itself = "detnas"

// keep writes something that the run rests on. Where the storage does not take
// it, the run stands paused, with what it has trained, until somebody has mended
// that and resumes it; then it is written again. A run that is stopped
// meanwhile, or that nobody can resume, gets the error of the writing.
func (e *engine) keep(ctx context.Context, at place, write func() error) error {
	for {
		err := write()
		if lost := e.folder.Ours(); err != nil && lost != nil {
			return lost
		}
		cause, is := run.StorageCause(err)
		if !is || ctx.Err() != nil {
			return err
		}
		resumed, serr := e.stall(ctx, at, cause)
		switch {
		case serr != nil:
			return fmt.Errorf("%w; nor could the run be paused: %w", err, serr)
		case !resumed:
			return err
		}
	}
}

// record is emit for an event that the run rests on.
func (e *engine) record(ctx context.Context, at place, ev run.Event) error {
	return e.keep(ctx, at, func() error { return e.emit(ev) })
}

// stall pauses the run because of a cause that the journal gets to know, until
// it is resumed: false when it is stopped instead, or there is nobody to resume
// it. All else that is asked for waits for the next boundary, since this is none.
func (e *engine) stall(ctx context.Context, at place, cause string) (resumed bool, err error) {
	desk := e.opts.Desk
	if desk == nil || !desk.Pause() {
		return false, nil
	}
	e.clock.pause()
	defer e.clock.resume()
	if err := e.emit(run.Control{
		What: run.ActPause, Who: itself, Phase: run.PhaseDone, Step: at.step, Iteration: at.iteration, Why: cause,
	}); err != nil {
		desk.End(false)
		return false, err
	}
	c, ok := desk.Resumed(ctx)
	if !ok {
		return false, nil
	}
	return e.obey(c, at, true)
}

// lookEvery is how often a run looks for its folder.
const lookEvery = time.Second

// guard ends the run once its folder was removed or is another's. Nobody would
// reach it any more, nor see what it comes to.
func (e *engine) guard(stop context.CancelCauseFunc) (end func()) {
	quit, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		ticker := time.NewTicker(lookEvery)
		defer ticker.Stop()
		for {
			select {
			case <-quit:
				return
			case <-ticker.C:
			}
			if err := e.folder.Ours(); err != nil {
				stop(err)
				return
			}
		}
	}()
	return func() {
		close(quit)
		<-ended
	}
}

// here is where the run stands by the journal.
func (e *engine) here() place {
	step, iteration := e.position()
	return place{step: step, iteration: iteration}
}
