package engine

import (
	"maps"

	"detnas/core/config"
	"detnas/core/run"
	"detnas/nas"
	"detnas/nas/search"
)

// bestKept is how many of the best subnets stand in the result.
const bestKept = 10

// found puts what a search has found into the result: the best, and with NSGA-II
// the front.
func (e *engine) found(all []search.Candidate, space nas.Space) error {
	c := &e.cfg.Search
	e.result.Search = run.SearchResult{Method: c.Method, Guide: c.Guide, Evaluated: len(all)}
	ranked := search.Ranked(all)
	for _, x := range ranked[:min(bestKept, len(ranked))] {
		scored, err := e.scored(x, space)
		if err != nil {
			return err
		}
		e.result.Search.Best = append(e.result.Search.Best, scored)
	}
	if c.Method != config.MethodNSGA2 {
		return nil
	}
	cost := e.costOf(space)
	e.result.Search.Cost = c.CostName()
	for _, x := range search.Front(all, cost) {
		scored, err := e.scored(x, space)
		if err != nil {
			return err
		}
		e.result.Search.Front = append(e.result.Search.Front, run.FrontPoint{Scored: scored, Cost: cost(x.Subnet)})
	}
	return nil
}

// costOf is what NSGA-II weighs scores against: a count, or the latencies that the
// journal has.
func (e *engine) costOf(space nas.Space) func(nas.Subnet) float64 {
	if e.cfg.Search.CostName() != config.CostLatency {
		return e.cfg.Search.CostOf(space)
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	known := maps.Clone(e.live.Latencies)
	return func(sub nas.Subnet) float64 { return known[sub.Short(space)].MS }
}

func (e *engine) scored(c search.Candidate, space nas.Space) (run.Scored, error) {
	cost, err := space.SubnetCost(c.Subnet, nas.ScopeBody, nas.Square(e.cfg.Search.InputSize))
	return run.Scored{Subnet: c.Subnet.Short(space), Score: c.Score, Params: cost.Params, MACs: cost.ConvMACs()}, err
}

// foundBefore puts what a finished search of an earlier process found into the
// result.
func (e *engine) foundBefore() error {
	space, err := e.cfg.Space.NAS(1)
	if err != nil {
		return err
	}
	all := make([]search.Candidate, len(e.before.Candidates))
	for i, c := range e.before.Candidates {
		sub, err := nas.ParseSubnet(c.Subnet, space)
		if err != nil {
			return journalled(c, err)
		}
		all[i] = search.Candidate{Index: c.Index, Subnet: sub, Score: c.Score}
	}
	return e.found(all, space)
}
