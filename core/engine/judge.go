package engine

import (
	"context"

	"detnas/core/config"
	"detnas/core/nn"
	"detnas/detector/cocoeval"
	"detnas/nas"
	"detnas/nas/supernet"
)

// judge scores the candidates of a search, by what guides it.
type judge struct {
	space    nas.Space
	backbone *supernet.Backbone
	detector *detectorNet // nil where the guide is classification
	free     func()
	// score is that of a candidate, which depends on the candidate alone, and what was
	// found on the images of a detection guide.
	score func(ctx context.Context, sub nas.Subnet) (float64, []cocoeval.Detection, error)
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
	guide := e.guide()
	return &judge{
		space: d.space, backbone: d.backbone, detector: d, free: d.store.Free,
		score: func(ctx context.Context, sub nas.Subnet) (float64, []cocoeval.Detection, error) {
			return e.score(ctx, d, sub, guide)
		},
	}, nil
}
