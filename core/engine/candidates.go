package engine

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"detnas/core/config"
	"detnas/core/nn"
	"detnas/core/run"
	"detnas/nas"
	"detnas/nas/search"
)

// evaluateCandidates scores one candidate after another until the search ends.
func (e *engine) evaluateCandidates(ctx context.Context, j *judge, ev *search.Search) error {
	e.remarkBN()
	return j.scoring(ctx, e, func() error { return e.takeTurns(ctx, j, ev) })
}

// heed does what people ask for, before the next candidate is proposed, and so at the
// same place in every replay.
func (e *engine) heed(ctx context.Context, j *judge, ev *search.Search) error {
	if !e.asked() {
		return nil
	}
	if j.ahead != nil {
		j.ahead.hold()
		defer j.ahead.release()
	}
	return e.attend(ctx, place{step: config.StepSearch, iteration: len(ev.Evaluated()), search: ev})
}

func (e *engine) takeTurns(ctx context.Context, j *judge, ev *search.Search) error {
	for {
		if err := e.heed(ctx, j, ev); err != nil {
			return err
		}
		c, ok := ev.Next()
		if !ok {
			if ev.Exhausted() && ev.Locked() {
				e.note(run.Warning{What: fmt.Sprintf("the search ended after %d candidates: no other subnet has the locked choices and passes the constraint", len(ev.Evaluated()))})
			}
			return nil
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		began := time.Now()
		o, err := e.assess(ctx, j, c, ev)
		if err != nil {
			return fmt.Errorf("candidate %d (%s): %w", c.Index, c.Subnet.Short(j.space), err)
		}
		cost, err := j.space.SubnetCost(c.Subnet, nas.ScopeBody, nas.Square(e.cfg.Search.InputSize))
		if err != nil {
			return err
		}
		short := c.Subnet.Short(j.space)
		if o.status == run.CandidateNew && j.scorer != nil { // one that was stopped has not seen them all
			e.show(config.StepSearch, short, o.found) // before the event that it is looked for by
		}
		measured := run.Candidate{
			Index: c.Index, Generation: c.Generation, Origin: string(c.Origin), Parents: c.Parents,
			Subnet: short, Params: cost.Params, MACs: cost.ConvMACs(),
			Score: o.score, Seconds: time.Since(began).Seconds(), Status: o.status, Planned: ev.Planned(), Rank: o.rank,
		}
		if e.cfg.Search.Racing {
			measured.Images, measured.Partial = o.images, o.partial
		}
		if err := e.record(ctx, e.here(), measured); err != nil {
			return err
		}
		if err := ev.Report(c.Index, o.score); err != nil {
			return err
		}
		j.keepBest(ev)
		if err := e.generation(ctx, ev, j.space); err != nil {
			return err
		}
	}
}

// assess measures a candidate, or finds that its score is known or that it has none.
func (e *engine) assess(ctx context.Context, j *judge, c search.Candidate, ev *search.Search) (assessment, error) {
	short := c.Subnet.Short(j.space)
	if score, ok := j.known[short]; ok {
		return assessment{status: run.CandidateKnown, score: score}, nil
	}
	o, err := j.measure(ctx, c, ev)
	if !errors.Is(err, nn.ErrNotFinite) {
		return o, err
	}
	e.note(run.Warning{What: fmt.Sprintf("candidate %d (%s) has no score and ranks last: %v", c.Index, short, err)})
	return assessment{status: run.CandidateDiverged, score: math.NaN()}, nil
}

// remarkBN warns of a moving average over so few batches that much of what it
// starts from is left in it.
func (e *engine) remarkBN() {
	c := e.cfg.Search
	if c.BN != config.BNRecalibrate || c.BNAverage != config.BNEMA {
		return
	}
	images := e.data.known[calibrationKey].print.Images
	batches := (images + c.BNBatch - 1) / c.BNBatch
	if left := math.Pow(1-c.BNMomentum, float64(batches)); left > 0.01 {
		e.note(run.Warning{What: fmt.Sprintf(
			"search.bn_average = \"ema\" over %d batches leaves %.0f%% of the mean 0 and the variance 1 that it starts from; raise search.bn_images or search.bn_momentum, or take \"cumulative\"",
			batches, 100*left)})
	}
}
