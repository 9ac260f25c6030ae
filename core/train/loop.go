package train

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"time"

	"detnas/core/dataset"
	"detnas/core/nn"
	"detnas/core/tensor"
)

// Losses are what a task made of one batch.
type Losses struct {
	Total  *tensor.Tensor     // scalar, to go backward from
	Parts  []Part             // what the total is the sum of
	Others map[string]float64 // what is worth a look besides
	Images int
}

// Part is one named loss, a scalar.
type Part struct {
	Name string
	T    *tensor.Tensor
}

// Task is one kind of training: where batches come from and what their loss is.
// Both depend on the iteration alone, never on the iterations before it.
type Task[B any] interface {
	// Batch makes the batch of an iteration, on any goroutine.
	Batch(ctx context.Context, iteration int64) (B, error)
	// Parts cuts a batch into n parts of like size, or fewer where it has fewer
	// images.
	Parts(batch B, n int) []B
	// Loss computes the losses of a batch, or of a part of it, on the training
	// thread.
	Loss(p *nn.Pass, batch B, iteration int64) (Losses, error)
}

// cut cuts n images into at most parts parts of like size; part gets the places of
// each.
func cut[B any](n, parts int, part func(from, to int) B) []B {
	parts = max(1, min(n, parts))
	out := make([]B, parts)
	for i := range out {
		out[i] = part(i*n/parts, (i+1)*n/parts)
	}
	return out
}

// Iteration is what is known after one iteration.
type Iteration struct {
	Index  int64 // from 0
	LR     float64
	Losses map[string]float64 // the parts and their sum, "loss"
	Norm   float64            // of the gradients, when the step clips
	Images int                // of all ranks
	Share  int                // of them, this rank's
	Data   time.Duration      // waited for the loader
	Step   time.Duration      // computed, with what was waited for other ranks meanwhile

	// Compute is Step without what was waited for other ranks, and Wait what was waited for
	// them since the iteration before: Step and 0 for one process alone.
	Compute, Wait time.Duration

	// Skipped is what was not finite in an iteration that was left out, which has
	// neither losses nor an effect; nil for all others.
	Skipped error
}

// Loop is a training step's loop.
type Loop struct {
	Store     *nn.Store
	Optimizer *SGD
	LR        func(iteration int64) float64 // the rate, asked for just before each iteration
	From, To  int64                         // iterations, To exclusive
	Workers   int                           // that make batches ahead of the trainer

	// Accumulate is the number of parts that a batch is computed in, one after the
	// other; 0 is 1. Their gradients are averaged before the optimiser moves. BN
	// sees one part at a time.
	Accumulate int

	// BF16 has convolutions and linear layers compute in bfloat16.
	BF16 bool

	// Group, when not nil, is the ranks that train together, each on its share of the
	// batch. Losses and gradients are those of the whole batch, the same on all, and
	// so are the weights. Meet is called before each iteration, when its batch is
	// there; an error ends the loop, the network whole.
	Group *tensor.Group
	Meet  func() error

	// Average, when not nil, follows the weights after each iteration that moved
	// them.
	Average *Average

	// Skip, when not nil, says before each iteration whether it is left out, and
	// the network as before it, should it turn out not to be finite. Else that is
	// an error.
	Skip func() bool

	// After is called with each iteration that was made, between it and the
	// next, on the training thread; an error ends the loop. As long as it takes,
	// training stands still and the workers wait with full hands.
	After func(Iteration) error
}

// ErrNotFinite is wrapped by the error of a loss, a gradient or a weight that is
// NaN or infinite.
var ErrNotFinite = errors.New("training has diverged")

// TornError is the error of an iteration that broke off under way. The forward
// pass moves BN's statistics and the optimiser one weight after the other, so that
// the network is that of no iteration, and nothing of it may be saved: what is
// resumed from it would not be what an undisturbed run comes to.
type TornError struct {
	Iteration int64 // from 1, as the journal counts
	Err       error
}

// Error implements error.
func (e *TornError) Error() string { return fmt.Sprintf("iteration %d: %v", e.Iteration, e.Err) }

// Unwrap returns the cause.
func (e *TornError) Unwrap() error { return e.Err }

// Train runs the loop. When ctx is cancelled it stops between two iterations
// and returns the context's cause. After any error but a TornError the network is
// that of the iterations made so far, whole.
func Train[B any](ctx context.Context, l Loop, task Task[B]) error {
	workers := max(l.Workers, 1)
	stream := dataset.Prefetch(ctx, l.From, l.To, workers, 2*workers, task.Batch)
	defer stream.Close()
	undo := &undo{store: l.Store}
	defer undo.free()
	waited := l.waited()
	for i := l.From; i < l.To; i++ {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		began := time.Now()
		batch, err := stream.Next()
		if err != nil {
			return fmt.Errorf("iteration %d: %w", i+1, err)
		}
		data := time.Since(began)
		if l.Meet != nil {
			if err := l.Meet(); err != nil {
				return err
			}
		}
		it := Iteration{Index: i, LR: l.LR(i), Data: data}
		met := l.waited()
		began = time.Now()
		if l.Skip != nil && l.Skip() {
			err = undo.around(&it, func() error { return step(l, task, batch, &it) })
		} else {
			err = step(l, task, batch, &it)
		}
		if err != nil {
			return &TornError{Iteration: i + 1, Err: err}
		}
		it.Step = time.Since(began)
		now := l.waited()
		it.Compute, it.Wait = max(0, it.Step-(now-met)), now-waited
		waited = now
		if err := l.After(it); err != nil {
			return err
		}
	}
	return nil
}

// waited is the time that was spent in calls over ranks so far.
func (l Loop) waited() time.Duration {
	if l.Group == nil {
		return 0
	}
	return l.Group.Waited()
}

// step makes one iteration, each part of its batch in a scope of its own.
func step[B any](l Loop, task Task[B], batch B, it *Iteration) error {
	parts := task.Parts(batch, l.Accumulate)
	it.Losses, it.Images, it.Share = map[string]float64{}, 0, 0
	for _, part := range parts {
		if err := pass(l, task, part, 1/float64(len(parts)), it); err != nil {
			l.Optimizer.Forget()
			return err
		}
	}
	return tensor.Run("training step", func(*tensor.Scope) error {
		if l.Group != nil {
			if err := l.Optimizer.SumGrads(l.Group); err != nil {
				return err
			}
		}
		norm, moved, err := l.Optimizer.Step(it.LR)
		it.Norm = norm
		if err != nil || l.Average == nil {
			return err
		}
		return l.Average.Follow(it.Index, moved)
	})
}

// pass goes forward and backward with a part of a batch, whose share of the losses
// and gradients is given.
func pass[B any](l Loop, task Task[B], part B, share float64, it *Iteration) error {
	if l.BF16 {
		defer tensor.ForgetCasts() // of weights that are about to move
	}
	return tensor.Run("training step", func(s *tensor.Scope) error {
		losses, err := task.Loss(&nn.Pass{Scope: s, Mode: nn.Train, BF16: l.BF16, Group: l.Group}, part, it.Index)
		if err == nil && s.Err() != nil {
			return nil // Run reports it
		}
		var found map[string]float64
		if err == nil {
			found, err = values(losses)
		}
		own := losses.Images
		if l.Group != nil {
			found, losses.Images, err = together(l.Group, found, losses.Images, err)
		}
		if err != nil {
			return err
		}
		for name, v := range found {
			it.Losses[name] += v * share
		}
		it.Images += losses.Images
		it.Share += own
		if l.Optimizer.careful { // a variance may overflow where nothing else does
			bad, err := l.Store.BufferNotFinite()
			if err != nil {
				return err
			}
			if bad != "" {
				return fmt.Errorf("%w: %s holds NaN or infinity", ErrNotFinite, bad)
			}
		}
		total := losses.Total
		if share != 1 {
			total = s.Scale(total, share)
		}
		s.Backward(total)
		return nil
	})
}

// values reads the losses and refuses one that is not finite.
func values(l Losses) (map[string]float64, error) {
	out := make(map[string]float64, len(l.Parts)+1)
	for _, p := range append(l.Parts, Part{Name: "loss", T: l.Total}) {
		v, err := p.T.Item()
		if err != nil {
			return nil, fmt.Errorf("read %s: %w", p.Name, err)
		}
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return nil, fmt.Errorf("%w: %s is %v", ErrNotFinite, p.Name, v)
		}
		out[p.Name] = v
	}
	maps.Copy(out, l.Others)
	return out, nil
}
