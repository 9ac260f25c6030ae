package engine

import (
	"context"
	"fmt"
	"math"
	"slices"

	"detnas/core/config"
	"detnas/core/nn"
	"detnas/core/run"
	"detnas/core/seed"
	"detnas/nas"
	"detnas/nas/search"
)

// search is step 3. It returns the best score, and beside it the best of the
// candidates that were drawn at random: what the search has to beat.
func (e *engine) search(ctx context.Context, step int) (run.Values, error) {
	space, err := e.cfg.Space.NAS(1)
	if err != nil {
		return nil, err
	}
	if e.given() {
		return e.takeSubnet(ctx, step, space)
	}
	if err := e.openGuide(ctx); err != nil {
		return nil, err
	}
	e.knowScoring()
	weights, from, err := e.supernet()
	if err != nil {
		return nil, err
	}
	base, acts, err := e.searchActs(space)
	if err != nil {
		return nil, err
	}
	j, err := e.newJudge(weights, from)
	if err != nil {
		return nil, err
	}
	defer j.free()
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	timing := e.newLatencies(ctx, stop, j)
	ev, err := e.newSearch(base, space, timing)
	if err != nil {
		return nil, err
	}
	done, err := e.replay(ctx, ev, space, acts)
	if err == nil {
		err = context.Cause(ctx)
	}
	if err != nil {
		return nil, err
	}
	begun := e.begun(step, done, ev.Planned())
	if begun.Key, err = e.scoreKey(j); err != nil {
		return nil, err
	}
	j.known = e.reusable(begun.Key)
	if err := e.record(ctx, place{step: step, iteration: done}, begun); err != nil {
		return nil, err
	}
	e.searchAlone()
	if done == 0 {
		if err := e.tellFeasible(ctx, base, space, timing); err != nil {
			return nil, err
		}
	}
	if last := e.before.Generation; done > 0 && (last == nil || last.Evaluated < done) {
		if err := e.generation(ctx, ev, space); err != nil { // the process before died within it
			return nil, err
		}
	}
	if j.scorer != nil {
		e.showImages()
	}
	if err := e.evaluateCandidates(ctx, j, ev); err != nil {
		return nil, err
	}
	if timing != nil && ctx.Err() != nil { // a subnet could not be timed, and so none was proposed
		return nil, context.Cause(ctx)
	}
	if last := e.lastGeneration(); last == nil || last.Evaluated < len(ev.Evaluated()) {
		if err := e.generation(ctx, ev, space); err != nil { // cut short, as no subnet was left
			return nil, err
		}
	}
	return e.choose(ctx, ev, space)
}

// newSearch sets a search up by the settings of cfg and makes sure that the
// constraint on counts leaves something to search. timing is nil where no latency
// bears on it, or before there is a network to measure.
func (e *engine) newSearch(cfg *config.Config, space nas.Space, timing *latencies) (*search.Search, error) {
	settings, err := searchConfig(cfg, space)
	if err != nil {
		return nil, err
	}
	if _, err := search.Feasible(settings, feasibleSample); err != nil {
		return nil, fmt.Errorf("search.constraint: %w", err)
	}
	if timing != nil {
		timing.bind(&settings)
	}
	return search.New(settings)
}

// tellFeasible notes which share of the space the constraint leaves, and warns where
// that is next to nothing.
func (e *engine) tellFeasible(ctx context.Context, cfg *config.Config, space nas.Space, timing *latencies) error {
	settings, err := searchConfig(cfg, space)
	if err != nil {
		return err
	}
	if len(cfg.Search.Limits()) > 0 {
		share, err := search.Feasible(settings, feasibleSample)
		if err != nil {
			return fmt.Errorf("search.constraint: %w", err)
		}
		if share < 0.01 {
			e.note(run.Warning{What: fmt.Sprintf("only %.2f%% of random subnets pass search.constraint", 100*share)})
		}
		tried := int(min(feasibleSample, space.Architectures()))
		if err := e.record(ctx, e.here(), run.Feasible{What: "counts", Passed: int(math.Round(share * float64(tried))), Tried: tried}); err != nil {
			return err
		}
	}
	if timing == nil {
		return nil
	}
	return timing.feasible(settings)
}

// feasibleSample is how many subnets a constraint is tried on.
const feasibleSample = 2000

// searchConfig is what a config says of the search.
func searchConfig(cfg *config.Config, space nas.Space) (search.Config, error) {
	c := cfg.Search
	allowed, err := c.Allowed(space)
	return search.Config{
		Space: space, Seed: seed.Derive(cfg.Seed, "search"), Method: search.Method(c.Method),
		Population: c.Population, Generations: c.Generations,
		Parents: c.Parents, Mutations: c.Mutations, Crossovers: c.Crossovers, Mutation: c.MutateProb,
		Tournament: c.TournamentSize(), Cost: c.CostOf(space), Allowed: allowed,
	}, err
}

// replay gives the search the scores that an earlier process found, and what
// people did to it between them, and returns how many scores those are.
func (e *engine) replay(ctx context.Context, ev *search.Search, space nas.Space, acts []search.Act) (int, error) {
	if e.redo(config.StepSearch) || len(e.before.Candidates) == 0 {
		if err := e.keep(ctx, e.here(), func() error { return e.forget(config.StepSearch) }); err != nil {
			return 0, err
		}
	}
	results := make([]search.Result, len(e.before.Candidates))
	for i, c := range e.before.Candidates {
		sub, err := nas.ParseSubnet(c.Subnet, space)
		if err != nil {
			return 0, journalled(c, err)
		}
		results[i] = search.Result{Subnet: sub, Score: c.Score}
		e.clock.carried += c.Seconds
	}
	if len(results) > 0 {
		if err := e.sameData(config.StepSearch, config.StepSearch); err != nil {
			return 0, err
		}
	}
	if err := ev.Replay(results, acts...); err != nil {
		return 0, fmt.Errorf("go on with the search in the journal: %w", err)
	}
	return len(results), nil
}

// journalled is the error of a candidate in the journal.
func journalled(c run.Candidate, err error) error {
	return fmt.Errorf("candidate %d in the journal: %w", c.Index, err)
}

// supernet reads the weights of the supernet that is searched, and says where they
// are from. Nothing that guides the search has been trained on.
func (e *engine) supernet() (weights []nn.Array, from string, err error) {
	if from = e.cfg.Search.LoadFrom; from != "" {
		c, err := e.elsewhere()
		if err != nil {
			return nil, from, err
		}
		weights, err = arraysOf(c)
		return weights, from, err
	}
	before := e.supernetStep()
	if err := e.sameData(config.StepSearch, before); err != nil {
		return nil, "", err
	}
	weights, had, err := e.lastWeights(before)
	if err != nil {
		return nil, "", err
	}
	whose := fmt.Sprintf("the supernet of step %d (%s)", before, config.StepName(before))
	if err = e.unseen(had, whose); err != nil && len(e.before.Candidates) > 0 { // an earlier version has begun it
		e.warnOnce(err.Error())
		err = nil
	}
	return weights, e.folder.LastPath(before), err
}

// fillWhole fills a network with weights, of which none may be missing.
func fillWhole(st *nn.Store, weights []nn.Array, from string) error {
	match, err := st.Match(weights, nil)
	if err != nil {
		return fmt.Errorf("load the supernet from %s: %w", from, err)
	}
	if len(match.Missing) > 0 {
		return fmt.Errorf("load the supernet from %s: it has no %s", from, match.Missing[0])
	}
	return match.Copy()
}

// lastGeneration is the last that has ended, or nil.
func (e *engine) lastGeneration() *run.Generation {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.live.Generation
}

// generation notes the end of a generation, if the last candidate was its last. A
// search in which none has a score by then has nothing to go by.
func (e *engine) generation(ctx context.Context, ev *search.Search, space nas.Space) error {
	g, ended := ev.Ended()
	if !ended {
		return nil
	}
	bests := ev.Best(1)
	if len(bests) == 0 {
		return noScore(ev)
	}
	best := bests[0]
	return e.record(ctx, e.here(), run.Generation{
		Generation: g, Evaluated: len(ev.Evaluated()), Best: best.Subnet.Short(space), Score: best.Score,
	})
}

// noScore is the error of a search in which no candidate could be measured.
func noScore(ev *search.Search) error {
	return fmt.Errorf("none of the %d candidates has a score, since what each of them computes is %w: the supernet is of no use",
		len(ev.Evaluated()), nn.ErrNotFinite)
}

// choose takes the best candidate as the run's subnet, or the one that a person
// has chosen. The figures are those of the search either way.
func (e *engine) choose(ctx context.Context, ev *search.Search, space nas.Space) (run.Values, error) {
	best := ev.Best(1)
	switch {
	case len(ev.Evaluated()) == 0:
		return nil, fmt.Errorf("the search evaluated no candidate")
	case len(best) == 0:
		return nil, noScore(ev)
	}
	if front := ev.Front(); len(front) > 0 { // of equal scores the one of the lowest cost
		best = front
	}
	if err := e.found(ev.Evaluated(), space); err != nil {
		return nil, err
	}
	sub, err := e.picked(space)
	if err != nil {
		return nil, err
	}
	if sub == nil {
		sub = best[0].Subnet
	}
	if err := e.keep(ctx, e.here(), func() error { return e.keepSubnet(sub, space) }); err != nil {
		return nil, err
	}
	metrics := run.Values{"best": best[0].Score, "evaluated": float64(len(ev.Evaluated()))}
	stopped := e.raceFigures(metrics)
	var random []float64
	for _, c := range ev.Evaluated() {
		if c.Origin == search.Random && c.Measured() {
			random = append(random, c.Score)
		}
	}
	if len(random) == 0 { // pins took all there is, or none could be measured
		return metrics, nil
	}
	sum := 0.0
	for _, score := range random {
		sum += score
	}
	metrics["random"], metrics["best_random"] = float64(len(random)), slices.Max(random)
	if stopped[string(search.Random)] == 0 { // the others alone are better than random
		metrics["mean_random"] = sum / float64(len(random))
	}
	return metrics, nil
}

// takeSubnet is the search when the config names its result.
func (e *engine) takeSubnet(ctx context.Context, step int, space nas.Space) (run.Values, error) {
	sub, err := nas.LoadSubnet(e.cfg.Search.Subnet, space)
	if err != nil {
		return nil, fmt.Errorf("search.subnet: %w", err)
	}
	if err := e.record(ctx, place{step: step}, run.StepStarted{Step: step, Name: config.StepName(step)}); err != nil {
		return nil, err
	}
	return run.Values{}, e.keep(ctx, e.here(), func() error { return e.keepSubnet(sub, space) })
}

// keepSubnet makes sub the run's subnet and writes it down in MMRazor's form.
func (e *engine) keepSubnet(sub nas.Subnet, space nas.Space) error {
	text, err := nas.Encode(sub, space, nas.FormatMMRazor01)
	if err == nil {
		err = e.folder.Ours()
	}
	if err != nil {
		return err
	}
	if err := run.WriteFile(e.folder.Subnet(), text); err != nil {
		return err
	}
	e.subnet, e.result.Subnet = sub, sub.Short(space)
	return nil
}

// picked is the subnet that a person has chosen for steps 4 and 5, or nil.
func (e *engine) picked(space nas.Space) (nas.Subnet, error) {
	e.mu.Lock()
	short := e.live.Steering.Chosen
	e.mu.Unlock()
	if short == "" {
		return nil, nil
	}
	sub, err := nas.ParseSubnet(short, space)
	if err != nil {
		return nil, fmt.Errorf("the chosen subnet in the journal: %w", err)
	}
	return sub, nil
}

// chosen is the subnet of steps 4 and 5: the one that step 3 found, now or in an
// earlier process, or the one given by hand before the run or while it went on.
func (e *engine) chosen(ctx context.Context) (nas.Subnet, error) {
	if e.subnet != nil {
		return e.subnet, nil
	}
	space, err := e.cfg.Space.NAS(1)
	if err != nil {
		return nil, err
	}
	sub, err := e.picked(space)
	if err == nil && (sub == nil || e.given()) {
		from := e.folder.Subnet()
		if e.given() {
			from = e.cfg.Search.Subnet
		}
		if sub, err = nas.LoadSubnet(from, space); err != nil {
			return nil, fmt.Errorf("the subnet to train is not known: %w; run step 3 first, or give one with --subnet", err)
		}
	}
	if err != nil {
		return nil, err
	}
	return sub, e.keep(ctx, e.here(), func() error { return e.keepSubnet(sub, space) })
}
