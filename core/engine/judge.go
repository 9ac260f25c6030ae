package engine

import (
	"context"

	"detnas/core/config"
	"detnas/core/nn"
	"detnas/nas"
	"detnas/nas/search"
	"detnas/nas/supernet"
)

// judge scores the candidates of a search, by what guides it.
type judge struct {
	space    nas.Space
	backbone *supernet.Backbone
	store    *nn.Store
	scorer   *scorer            // nil where the guide is classification
	classes  *classJudge        // nil where it is detection
	known    map[string]float64 // scores that are not measured again, by subnet
	ahead    *ahead             // nil where one candidate is measured after the other
}

func (j *judge) free() { j.store.Free() }

// measure measures a candidate.
func (j *judge) measure(ctx context.Context, c search.Candidate, ev *search.Search) (assessment, error) {
	rivals := func(sub nas.Subnet) []search.Candidate {
		if j.scorer == nil {
			return nil
		}
		return j.scorer.rivals(sub, ev)
	}
	switch {
	case j.ahead != nil:
		return j.ahead.turn(ctx, c.Subnet, ev.Upcoming(), rivals)
	case j.scorer != nil:
		return j.scorer.measure(ctx, c.Subnet, rivals(c.Subnet))
	}
	return j.classes.assess(ctx, c.Subnet)
}

// knows reports whether a subnet's score is known.
func (j *judge) knows(sub nas.Subnet) bool {
	_, ok := j.known[sub.Short(j.space)]
	return ok
}

// keepBest drops what is kept for a race of candidates that are not among the best.
func (j *judge) keepBest(ev *search.Search) {
	if j.scorer != nil && j.scorer.race != nil {
		j.scorer.race.forget(ev.Best(j.scorer.raced()))
	}
}

// byClasses reports whether the search is guided by classification.
func (e *engine) byClasses() bool { return e.cfg.Search.Guide == config.GuideClassification }

// supernetStep is the step that trains the supernet that is searched.
func (e *engine) supernetStep() int { return e.cfg.Search.SupernetStep() }

// openGuide opens the data that the search is done with.
func (e *engine) openGuide(ctx context.Context) error {
	if e.byClasses() {
		_, _, err := e.data.classification(ctx)
		return err
	}
	return e.data.detection(ctx)
}

// newJudge makes the judge of a search on a supernet with these weights.
func (e *engine) newJudge(weights []nn.Array, from string) (*judge, error) {
	if e.byClasses() {
		return e.judgeClasses(weights, from)
	}
	d, err := e.newDetector(config.StepSearch, len(e.data.supernetPart.Categories), nil)
	if err != nil {
		return nil, err
	}
	if err := fillWhole(d.store, weights, from); err != nil {
		d.store.Free()
		return nil, err
	}
	s, err := e.newScorer(d)
	if err != nil {
		d.store.Free()
		return nil, err
	}
	return &judge{space: d.space, backbone: d.backbone, store: d.store, scorer: s}, nil
}
