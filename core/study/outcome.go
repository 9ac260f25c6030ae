package study

import (
	"fmt"
	"math"

	"detnas/core/config"
	"detnas/core/run"
	"detnas/nas"
)

// Outcome is what a job came to.
type Outcome struct {
	Job
	Subnet string     // short form
	Score  float64    // of the subnet by what guided its search; NaN where none did
	Top1   float64    // after step 4; NaN where that was not done
	Final  run.Values // COCO's figures after step 5
	MACs   int64      // multiply-adds of the body at the search's input size
	Params int64      // of the body
	// Outside says that the search would not have been allowed the subnet, as one made
	// by hand may be.
	Outside bool

	// Altered says in what the run differs from the plan, when it was edited or its
	// search steered; it is then left out of the arms' figures.
	Altered []string

	Seconds   float64 // of all steps
	Evaluated int     // candidates of its search
}

// Outcomes are those of the jobs that are done, in the plan's order.
func (s *Study) Outcomes() ([]Outcome, error) {
	var out []Outcome
	for _, j := range s.Plan() {
		o, done, err := s.outcome(j)
		if err != nil {
			return nil, err
		}
		if done {
			out = append(out, o)
		}
	}
	return out, nil
}

// outcome reads what a job came to; it is not done where its run is not, or has no
// result that can be read, which is then made anew when the job's turn comes.
func (s *Study) outcome(j Job) (Outcome, bool, error) {
	f, err := s.Run(j.Name)
	if err != nil {
		return Outcome{}, false, nil //nolint:nilerr // it has not begun
	}
	r, err := f.ReadResult()
	if err != nil || len(r.Final) == 0 {
		return Outcome{}, false, nil //nolint:nilerr // see above
	}
	sets, err := s.Sets(j)
	if err != nil {
		return Outcome{}, false, nil //nolint:nilerr // what it rests on is not there any more, and is done first
	}
	want, err := config.Load(s.ConfigPath(), sets)
	if err != nil {
		return Outcome{}, false, err
	}
	o, err := of(s.cfg, r)
	if err != nil {
		return Outcome{}, false, fmt.Errorf("the result of run %s: %w", j.Name, err)
	}
	o.Job = j
	if o.Altered, err = Altered(f, want); err != nil {
		return Outcome{}, false, err
	}
	if j.Arm == Random {
		if o.Score, err = s.scoreOf(j); err != nil {
			return Outcome{}, false, err
		}
	}
	return o, true, nil
}

// of takes from a result what is compared.
func of(cfg *config.Config, r run.Result) (Outcome, error) {
	o := Outcome{Subnet: r.Subnet, Score: math.NaN(), Top1: math.NaN(), Final: r.Final, Evaluated: r.Search.Evaluated}
	for _, step := range r.Steps {
		o.Seconds += step.Seconds
		if v, ok := step.Metrics["top1"]; ok && step.Step == config.StepSubnetRetrain {
			o.Top1 = v
		}
	}
	for _, scored := range r.Search.Best {
		if scored.Subnet == r.Subnet {
			o.Score = scored.Score
		}
	}
	space, err := cfg.Space.NAS(1)
	if err != nil {
		return o, err
	}
	sub, err := nas.ParseSubnet(r.Subnet, space)
	if err != nil {
		return o, err //nolint:wrapcheck // wrapped by the callers
	}
	cost, err := space.SubnetCost(sub, nas.ScopeBody, nas.Square(cfg.Search.InputSize))
	if err != nil {
		return o, err //nolint:wrapcheck // as above
	}
	o.MACs, o.Params = cost.ConvMACs(), cost.Params
	allowed, err := cfg.Search.Allowed(space)
	if err != nil {
		return o, err
	}
	o.Outside = !allowed(sub)
	return o, nil
}

// scoreOf is what a random subnet scored on the supernet, in the random search that
// it was taken from.
func (s *Study) scoreOf(j Job) (float64, error) {
	f, err := s.Run(jobName(j.Seed, BestRandom))
	if err != nil {
		return 0, err
	}
	all, err := candidates(f)
	if err != nil {
		return 0, err
	}
	if j.Number >= len(all) {
		return math.NaN(), nil
	}
	return all[j.Number].Score, nil
}
