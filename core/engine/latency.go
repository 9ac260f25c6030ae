package engine

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"detnas/core/config"
	"detnas/core/nn"
	"detnas/core/run"
	"detnas/core/seed"
	"detnas/core/tensor"
	"detnas/detector"
	"detnas/nas"
	"detnas/nas/search"
)

// How a latency is measured: the median of so many passes after some that warm up,
// one image at a time.
const (
	latencyWarmUps = 3
	latencyTimes   = 15
)

// latencySample is how many subnets that pass the counts are timed before a search,
// to see how many of them the bounds of the latency leave.
const latencySample = 30

// latencies are how long subnets take. No two measurements are the same, so each
// subnet is timed once in a run, and the journal has it before anything rests on it:
// a search that is taken up goes by what stands there.
type latencies struct {
	*engine
	ctx   context.Context
	stop  context.CancelCauseFunc // ends the search at the first error
	space nas.Space
	time  func(nas.Subnet) (float64, error) // ms
	known map[string]float64                // ms, by short form
}

// newLatencies is nil where the search does not go by latency. It takes over what the
// journal has; a search that begins anew leaves out what was measured with another
// number of threads.
func (e *engine) newLatencies(ctx context.Context, stop context.CancelCauseFunc, j *judge) *latencies {
	c := &e.cfg.Search
	if !c.Timed() {
		return nil
	}
	l := &latencies{engine: e, ctx: ctx, stop: stop, space: j.space, known: map[string]float64{}}
	l.time = func(sub nas.Subnet) (float64, error) { return e.timed(j, sub) }
	if e.opts.latency != nil {
		l.time = e.opts.latency
	}
	begun := len(e.before.Candidates) > 0 && !e.redo(config.StepSearch)
	for short, m := range e.before.Latencies {
		if m.Of == c.Constraint.LatencyOf && m.Side == c.InputSize && (begun || m.Threads == e.threads && m.Device == e.device.String()) {
			l.known[short] = m.MS
		}
	}
	return l
}

// of is how long a subnet takes, in ms. After an error, which ends the search, it is 0.
func (l *latencies) of(sub nas.Subnet) float64 {
	short := sub.Short(l.space)
	if ms, ok := l.known[short]; ok {
		return ms
	}
	if l.ctx.Err() != nil {
		return 0
	}
	ms, err := l.time(sub)
	if err == nil {
		c := &l.cfg.Search
		err = l.record(l.ctx, l.here(), run.Latency{
			Subnet: short, MS: ms, Of: c.Constraint.LatencyOf, Side: c.InputSize,
			Threads: l.threads, Device: l.device.String(), Times: latencyTimes,
		})
	}
	if err != nil {
		l.stop(fmt.Errorf("measure the latency of %s: %w", short, err))
		return 0
	}
	l.known[short] = ms
	return ms
}

// within reports whether a subnet's latency is in its bounds.
func (l *latencies) within(sub nas.Subnet) bool {
	ms := l.of(sub)
	return l.ctx.Err() == nil && l.cfg.Search.Constraint.InTime(ms)
}

// bind has a search go by latency beside what it goes by.
func (l *latencies) bind(c *search.Config) {
	counts := c.Allowed
	c.Allowed = func(sub nas.Subnet) bool { return counts(sub) && l.within(sub) }
	if l.cfg.Search.CostName() == config.CostLatency {
		c.Cost = l.of
	}
}

// feasible times some subnets that pass the counts, and says how many of them the
// bounds leave. None is an error.
func (l *latencies) feasible(c search.Config) error {
	if !l.cfg.Search.Constraint.BoundsLatency() {
		return nil
	}
	var all []float64
	passed := 0
	for _, sub := range search.Sample(c, latencySample) {
		ms := l.of(sub)
		if l.ctx.Err() != nil {
			return context.Cause(l.ctx)
		}
		all = append(all, ms)
		if l.cfg.Search.Constraint.InTime(ms) {
			passed++
		}
	}
	if len(all) == 0 {
		return nil // the counts leave none, which is said of them
	}
	slices.Sort(all)
	took := fmt.Sprintf("they take from %.3g to %.3g ms, %.3g in the middle", all[0], all[len(all)-1], all[len(all)/2])
	if passed == 0 {
		return fmt.Errorf("search.constraint: none of %d random subnets that pass the counts has a latency in the bounds; %s, so change latency_min or latency_max", len(all), took)
	}
	e := l.engine
	if share := float64(passed) / float64(len(all)); share <= 0.1 {
		e.note(run.Warning{What: fmt.Sprintf("only %d of %d random subnets have a latency within search.constraint; %s", passed, len(all), took)})
	}
	return e.record(l.ctx, e.here(), run.Feasible{What: "latency", Passed: passed, Tried: len(all)})
}

// timed is how long a pass of a subnet takes, in ms.
func (e *engine) timed(j *judge, sub nas.Subnet) (ms float64, err error) {
	side := e.cfg.Search.InputSize
	pixels := noise(seed.Rand(e.cfg.Seed, "latency"), 3*side*side)
	err = tensor.NoGrad(func() error {
		return tensor.Run("latency", func(s *tensor.Scope) error {
			x := s.FromFloats(pixels, e.device, 1, 3, int64(side), int64(side))
			var took []float64
			for i := range latencyWarmUps + latencyTimes {
				began := time.Now()
				if err := e.pass(j, x, sub); err != nil {
					return err
				}
				if i >= latencyWarmUps {
					took = append(took, time.Since(began).Seconds()*1e3)
				}
			}
			slices.Sort(took)
			ms = took[len(took)/2]
			return nil
		})
	})
	return ms, err
}

// pass computes the body, or the whole detector, once on one image, with the
// supernet's own BN statistics, which take as long as any others.
func (e *engine) pass(j *judge, x *tensor.Tensor, sub nas.Subnet) error {
	return tensor.Run("pass", func(s *tensor.Scope) error {
		p := &nn.Pass{Scope: s, Mode: nn.Eval}
		if e.cfg.Search.Constraint.LatencyOf == config.LatencyDetector {
			side := e.cfg.Search.InputSize
			_, err := j.scorer.d.net.Detect(p, detector.Batch{X: x, Images: []detector.Image{{W: side, H: side}}}, sub)
			return err
		}
		stages := j.backbone.Forward(p, x, sub)
		if s.Err() != nil {
			return nil // Run has it
		}
		_, err := s.Mean(stages[len(stages)-1]).Floats() // waits for a device
		return err
	})
}

// noise is an image of normalised noise.
func noise(rng *rand.Rand, n int) []float32 {
	out := make([]float32, n)
	for i := range out {
		out[i] = float32(rng.NormFloat64())
	}
	return out
}
