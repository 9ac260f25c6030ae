package engine

import (
	"cmp"
	"fmt"

	"detnas/core/config"
	"detnas/core/train"
	"detnas/nas"
	"detnas/nas/supernet"
)

// paths gives the subnet of each iteration: the one that is trained alone, or a
// path of the supernet, drawn as the config says.
func (e *engine) paths(step int, space nas.Space, sub nas.Subnet) (train.PathAt, error) {
	if sub != nil {
		return func(int64) nas.Subnet { return sub }, nil
	}
	root, name := e.cfg.Seed, config.StepName(step)
	switch e.cfg.Step(step).Sampling {
	case config.SamplingFair:
		return func(i int64) nas.Subnet { return supernet.FairPath(space, root, name, int(i)) }, nil
	case config.SamplingBinned:
		bins, err := e.bins(step, space)
		if err != nil {
			return nil, err
		}
		if empty := bins.Empty(space, root); len(empty) > 0 {
			e.warnOnce(fmt.Sprintf("%s.sampling: %d of the %d bins hold none of a thousand random paths, the first from %d to %d %s: iterations that draw them take a path of another cost; narrow sampling_bounds, or take fewer sampling_bins",
				name, len(empty), bins.N, empty[0][0], empty[0][1], e.cfg.Search.Constraint.Count))
		}
		return func(i int64) nas.Subnet { return bins.Path(space, root, name, int(i)) }, nil
	}
	return func(i int64) nas.Subnet { return supernet.SamplePath(space, root, name, int(i)) }, nil
}

// bins are those of the cost that the search bounds. Where the config does not say
// between which costs they lie, they lie where the search looks and where paths are.
func (e *engine) bins(step int, space nas.Space) (supernet.Bins, error) {
	t, limit := e.cfg.Step(step), e.cfg.Search.Constraint
	cost := func(sub nas.Subnet) int64 {
		n, err := e.cfg.Search.Counted(space, sub)
		if err != nil {
			return 0 // of a subnet that is not of the space
		}
		return n
	}
	least, most := supernet.CostRange(space, e.cfg.Seed, cost)
	to := most
	if limit.Max > 0 {
		to = min(to, limit.Max)
	}
	b := supernet.Bins{
		Min: cmp.Or(int64(t.SamplingBounds[0]), max(least, limit.Min)), Max: cmp.Or(int64(t.SamplingBounds[1]), to+1),
		N: t.SamplingBins, Cost: cost,
	}
	if b.Max-b.Min < int64(b.N) {
		return b, fmt.Errorf("%s.sampling_bounds: %d to %d does not make %d bins; write the least and the greatest %s of a path",
			config.StepName(step), b.Min, b.Max, b.N, limit.Count)
	}
	if first, last := supernet.CostBounds(space, cost); b.Min > last || b.Max <= first {
		return b, fmt.Errorf("%s.sampling_bounds: no path has from %d to %d %s: those of the space have from %d to %d, and nearly all of them from %d to %d; write bounds within that, or [0, 0]",
			config.StepName(step), b.Min, b.Max, limit.Count, first, last, least, most)
	}
	return b, nil
}

// pathsThere makes sure, before anything is trained, that a step of a supernet has paths
// to draw.
func (e *engine) pathsThere(step int) error {
	if step > config.StepSearch || e.cfg.Step(step).Sampling != config.SamplingBinned {
		return nil
	}
	space, err := e.cfg.Space.NAS(1)
	if err == nil {
		_, err = e.bins(step, space)
	}
	return err
}

// sampled says how the paths of a step are drawn, where that is not uniformly.
func (e *engine) sampled(step int) string {
	t := e.cfg.Step(step)
	if t == nil || step > config.StepSearch || t.Sampling == config.SamplingUniform {
		return ""
	}
	if t.Sampling != config.SamplingBinned {
		return t.Sampling
	}
	space, err := e.cfg.Space.NAS(1)
	if err != nil {
		return t.Sampling
	}
	b, err := e.bins(step, space)
	if err != nil {
		return t.Sampling // the step fails by it
	}
	return fmt.Sprintf("%s: %d bins of %s from %d to %d", t.Sampling, b.N, e.cfg.Search.Constraint.Count, b.Min, b.Max)
}
