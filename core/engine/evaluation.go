package engine

import (
	"context"
	"errors"
	"fmt"
	"hash/crc64"
	"time"

	"detnas/core/dataset"
	"detnas/core/nn"
	"detnas/core/ranks"
	"detnas/core/run"
	"detnas/core/tensor"
	"detnas/core/train"
	"detnas/nas"
)

// An evaluation within a training step, or at its end, is made by all ranks. The batches are
// those that one process makes; they fall to the ranks by turns, and rank 0 puts together
// what was found in the order of the batches. Every rank has the network already, and
// recalibrates BN by itself, which takes no longer than to wait for rank 0 and nothing to send.

// evaluation measures the network of a step as it is after so many iterations, by all ranks.
func (e *engine) evaluation(ctx context.Context, t training, iteration int64) (run.Values, error) {
	if e.crew.alone() {
		return t.measure(ctx)
	}
	if err := e.crew.tell(order{Do: doEvaluate, Iteration: iteration, Threads: e.threads}); err != nil {
		return nil, err
	}
	watched, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	defer e.crew.watchOthers(stop)()
	metrics, err := t.measure(watched)
	if why := context.Cause(watched); err != nil && errors.Is(why, ErrRank) {
		err = why
	}
	return metrics, err
}

// takePart does another rank's part of an evaluation, until it is done or rank 0 wants
// something else. It computes with as many threads as rank 0, so that what it finds has the
// same bits.
func (e *engine) takePart(t training, o order) error {
	ctx, stop := context.WithCancelCause(context.Background())
	defer stop(nil)
	defer e.crew.watchOrders(stop)()
	tensor.SetTeam(o.Threads)
	defer tensor.SetTeam(e.threads)
	share, err := t.measure(ctx)
	switch why := context.Cause(ctx); {
	case err == nil:
		e.note(run.Eval{Step: t.step, Iteration: int(o.Iteration), Metrics: share})
		return nil
	case errors.Is(why, errCalledOff):
		return nil
	case errors.Is(why, ErrRank):
		return why
	case errors.Is(err, nn.ErrNotFinite): // rank 0 says what comes of it
		return e.crew.bring(portion{NotFinite: err.Error()}, nil)
	}
	return err
}

// portion is what one rank has found in an evaluation, as rank 0 comes to know of it.
type portion struct {
	Number    int               // of the order to evaluate
	NotFinite string            // why there is nothing, where the network gives no numbers
	Network   uint64            // a digest of what it was found with, with the recalibrated statistics
	Unread    []dataset.Problem // images that could not be read since the evaluation before
	Found     parcel
}

func portionKey(rank int) string { return fmt.Sprintf("portion/%d", rank) }

// foundKey is where a part of what a rank has found lies.
func foundKey(rank int) func(part int) string {
	return func(part int) string { return fmt.Sprintf("portion/%d/%d", rank, part) }
}

// bring tells rank 0 what this rank has found.
func (c *crew) bring(p portion, found []byte) (err error) {
	if p.Found, err = c.leave(foundKey(c.place.Rank), found); err != nil {
		return c.unreached(err)
	}
	p.Number = c.at
	text, err := encoded(p)
	if err != nil {
		return err
	}
	return c.unreached(c.set(portionKey(c.place.Rank), text))
}

// take is what a rank has brought, nil if it has not yet.
func (c *crew) take(rank int) (*portion, []byte, error) {
	text, ok, err := c.ask(portionKey(rank), c.patience)
	if err != nil {
		return nil, nil, c.lost(err)
	}
	var p portion
	if !ok {
		return nil, nil, nil
	}
	if err := decoded(text, &p); err != nil || p.Number != c.at { // of an evaluation that was called off
		return nil, nil, err
	}
	found, err := c.fetch(foundKey(rank), p.Found)
	if errors.Is(err, errNoParcel) || errors.Is(err, errDamaged) {
		return nil, nil, fmt.Errorf("what rank %d has found in an evaluation: %w", rank, err)
	}
	if err == nil {
		err = c.store.Remove(portionKey(rank))
	}
	if err == nil {
		err = c.drop(foundKey(rank), p.Found)
	}
	if err != nil {
		return nil, nil, c.lost(err)
	}
	return &p, found, nil
}

// pooled gives rank 0 what every rank has found with a network on its batches of an
// evaluation, by rank. The others bring theirs, and get nothing. stats are the network's
// recalibrated statistics, nil where it has none.
func pooled[T any](ctx context.Context, e *engine, network *nn.Store, stats *nn.Stats, own T) ([]T, error) {
	c := e.crew
	if c.alone() {
		return []T{own}, nil
	}
	digest, err := digestOf(network, stats)
	if err != nil {
		return nil, err
	}
	if c.follows() {
		found, err := encoded(own)
		if err != nil {
			return nil, err
		}
		return nil, c.bring(portion{Network: digest, Unread: e.data.unheard()}, found)
	}
	all, left := make([]T, c.place.World), c.place.World-1
	all[0] = own
	there := make([]bool, c.place.World)
	for pause := askFirst; left > 0; pause = min(2*pause, askLast) {
		for rank := 1; rank < c.place.World; rank++ {
			if there[rank] {
				continue
			}
			p, found, err := c.take(rank)
			switch {
			case err != nil:
				return nil, err
			case p == nil:
				continue
			case p.NotFinite != "":
				return nil, &remoteError{p.NotFinite}
			case p.Network != digest:
				e.otherBits(rank)
			}
			for _, problem := range p.Unread {
				e.data.unread(problem)
			}
			if err := decoded(found, &all[rank]); err != nil {
				return nil, err
			}
			there[rank], pause = true, askFirst
			left--
		}
		if left == 0 {
			break
		}
		select {
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		case <-time.After(pause):
		}
	}
	return all, nil
}

// digestOf is a digest of a network's weights and statistics, and of those that were
// recalibrated: forward passes make these, on each rank its own, so that they show other
// kernels. Weights seldom do: what moves them is summed over all ranks.
func digestOf(network *nn.Store, stats *nn.Stats) (uint64, error) {
	table, sum := crc64.MakeTable(crc64.ECMA), uint64(0)
	add := func(name string, t *tensor.Tensor) error {
		bits, err := t.Bytes()
		if err != nil {
			return fmt.Errorf("the digest of %s: %w", name, err)
		}
		sum = crc64.Update(sum, table, bits)
		return nil
	}
	for _, p := range network.Params {
		if err := add(p.Name, p.T); err != nil {
			return 0, err
		}
	}
	for _, b := range network.Buffers {
		if err := add(b.Name, b.T); err != nil {
			return 0, err
		}
	}
	for _, t := range stats.InOrder(network) {
		if err := add("recalibrated statistics", t); err != nil {
			return 0, err
		}
	}
	return sum, nil
}

// otherBits warns of a rank whose network is not quite rank 0's.
func (e *engine) otherBits(rank int) {
	p := e.crew.members[rank]
	e.warnOnce(fmt.Sprintf("the network of rank %d (process %d on %s) has other bits than rank 0's, so that the last digits of figures depend on who evaluates which images: "+
		"another kind of processor or device, or another libtorch or BLAS; use machines of one kind, or have all choose the kernels of the weakest one (ATEN_CPU_CAPABILITY=avx2, or default)",
		rank, p.PID, p.Host))
}

// detectTogether detects with a subnet of d on a set's batches, each rank on those that fall
// to it. Rank 0 has what was found on all of them.
func (e *engine) detectTogether(ctx context.Context, d *detectorNet, sub nas.Subnet, by normalising, b batches) ([]detected, error) {
	parts := make([]detected, b.count)
	places := ranks.Turns(e.place.Rank, e.place.World, b.count)
	if err := e.detectOn(ctx, d, sub, by, b, places, parts); err != nil {
		return nil, err
	}
	own := make([]detected, len(places))
	for i, place := range places {
		own[i] = parts[place]
	}
	all, err := pooled(ctx, e, d.store, by.stats, own)
	if err != nil {
		return nil, err
	}
	return parts, inOrder(all, parts)
}

// shareOf is what another rank than 0 tells of an evaluation of so many batches.
func (e *engine) shareOf(batches int64) run.Values {
	return run.Values{"batches": float64(len(ranks.Turns(e.place.Rank, e.place.World, batches)))}
}

// inOrder puts what ranks have found by turns into the places that it is of.
func inOrder[T any](all [][]T, parts []T) error {
	for rank, own := range all {
		places := ranks.Turns(rank, len(all), int64(len(parts)))
		if len(own) != len(places) {
			return fmt.Errorf("rank %d has evaluated %d batches, of %d", rank, len(own), len(places))
		}
		for i, place := range places {
			parts[place] = own[i]
		}
	}
	return nil
}

// classifyTogether measures a classifier by what count counts on the batches at some places,
// of so many, each rank at those that fall to it. stats are recalibrated statistics, or nil.
// Rank 0 has the figures.
func (e *engine) classifyTogether(ctx context.Context, c *classifier, stats *nn.Stats, batches int64, count func(places []int64) (train.Tally, error)) (run.Values, error) {
	own, err := count(ranks.Turns(e.place.Rank, e.place.World, batches))
	if err != nil {
		return nil, err
	}
	all, err := pooled(ctx, e, c.store, stats, own)
	if err != nil {
		return nil, err
	}
	if e.crew.follows() {
		return e.shareOf(batches), nil
	}
	var tally train.Tally
	for _, t := range all {
		tally = tally.Plus(t)
	}
	acc, err := tally.Accuracy()
	if err != nil {
		return nil, err
	}
	return run.Values{"top1": acc.Top1, "top5": acc.Top5}, nil
}
