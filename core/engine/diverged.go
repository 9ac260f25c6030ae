package engine

import (
	"context"
	"errors"
	"fmt"

	"detnas/core/config"
	"detnas/core/run"
	"detnas/core/train"
)

// Bounds on what a step bears of NaN before it ends as with on_nan = "stop".
const (
	mostSkipped = 10 // iterations left out in a row
	mostBacks   = 5  // times that the step goes back
)

// bearing is what a step has borne of NaN, as far as it bears on what is to come.
type bearing struct {
	Skipped int64   `json:"skipped,omitempty"` // iterations left out
	InARow  int     `json:"skipped_in_a_row,omitempty"`
	Backs   int     `json:"backs,omitempty"`    // times that the step went back
	BackTo  int64   `json:"back_to,omitempty"`  // the iteration, the last time
	LRScale float64 `json:"lr_scale,omitempty"` // what the rate is multiplied by since; 0 is 1
}

// scaled is the rate that a schedule's comes to.
func (b bearing) scaled(lr float64) float64 {
	if b.LRScale == 0 {
		return lr
	}
	return lr * b.LRScale
}

// leaveOut takes in an iteration that was left out, and says that too many were.
func (e *engine) leaveOut(ctx context.Context, step int, p *progress, it train.Iteration) error {
	p.Iteration, p.atBest = it.Index+1, false
	p.Skipped++
	p.InARow++
	if p.InARow > mostSkipped {
		return fmt.Errorf("iteration %d: %w; %d iterations in a row are left out, and no more", p.Iteration, it.Skipped, mostSkipped)
	}
	return e.record(ctx, place{step: step, iteration: int(p.Iteration)}, run.Warning{What: fmt.Sprintf("step %d (%s): iteration %d is left out: %v (%d in a row, of at most %d)",
		step, config.StepName(step), p.Iteration, it.Skipped, p.InARow, mostSkipped)})
}

// anchor makes sure that a step that may have to go back has a checkpoint to go
// back to.
func (e *engine) anchor(ctx context.Context, t training, p progress) error {
	if e.cfg.Step(t.step).OnNaN != config.OnNaNBack {
		return nil
	}
	saved, err := e.folder.Saved(t.step)
	if err != nil || len(saved) > 0 {
		return err
	}
	return e.saveWithin(ctx, t, p)
}

// goBack takes a step that has diverged, as why says, back to a checkpoint: the
// newest, or, where it went back to that one and has diverged before the next, the
// one before it, and so on to its beginning. From there on the rate is lower. That
// is written into the checkpoint before later ones are removed: whenever the process
// dies, the resumed run goes the same way with the same rate.
func (e *engine) goBack(ctx context.Context, t training, at progress, length int, why error) (progress, error) {
	if at.Backs >= mostBacks {
		return at, fmt.Errorf("%w; the step has gone back %d times, and does no more", why, mostBacks)
	}
	p, err := e.earlier(t, at, length)
	if err != nil {
		return p, fmt.Errorf("%w; and it cannot go back: %w", why, err)
	}
	settings := e.cfg.Step(t.step)
	p.measured = p.after(at.measured)
	p.bearing = bearing{Skipped: p.Skipped, Backs: at.Backs + 1, BackTo: p.Iteration, LRScale: at.scaled(1) * settings.NaNLRFactor}
	name, here := config.StepName(t.step), place{step: t.step, iteration: int(p.Iteration)}
	for _, ev := range []run.Event{
		run.Warning{What: fmt.Sprintf("step %d (%s): %v; back to iteration %d with the rate times %v, so that %s.lr = %v counts as %.4g (%d of at most %d times)",
			t.step, name, why, p.Iteration, settings.NaNLRFactor, name, settings.LR, p.scaled(settings.LR), p.Backs, mostBacks)},
		e.begun(t.step, int(p.Iteration), length),
	} {
		if err := e.record(ctx, here, ev); err != nil {
			return p, err
		}
	}
	return p, e.saveWithin(ctx, t, p)
}

// saveWithin writes a checkpoint that the step does not go on without.
func (e *engine) saveWithin(ctx context.Context, t training, p progress) error {
	return e.keep(ctx, place{step: t.step, iteration: int(p.Iteration)}, func() error {
		return e.save(t, p, false)
	})
}

// earlier puts the checkpoint to go back to into the network and the optimiser.
func (e *engine) earlier(t training, at progress, length int) (progress, error) {
	c, from, damaged, err := e.folder.Newest(t.step)
	if err != nil {
		return at, err
	}
	if c != nil && at.Backs > 0 && int64(from.Iteration) == at.BackTo {
		before, there, more, err := e.folder.NewestBefore(t.step, from.Iteration)
		if err != nil {
			return at, err
		}
		if before != nil {
			c, from, damaged = before, there, append(damaged, more...)
		}
	}
	if c == nil {
		err := errors.New("there is no checkpoint")
		for _, d := range damaged {
			err = fmt.Errorf("%w; %w", err, d)
		}
		return at, err
	}
	e.passedOver(damaged, from.Path)
	return e.load(c, from, t, length)
}
