package engine

import (
	"context"
	"fmt"
	"slices"

	"detnas/core/dataset"
	"detnas/core/seed"
	"detnas/detector/cocoeval"
	"detnas/nas"
)

// guide is the part of the guiding split that scores candidates: the same
// images for all of them.
func (e *engine) guide() *dataset.Detection {
	n := e.cfg.Search.Images
	if n == 0 || n >= e.data.guide.Len() {
		return e.data.guide
	}
	picked := seed.Rand(e.cfg.Seed, "guide").Perm(e.data.guide.Len())[:n]
	slices.Sort(picked)
	return e.data.guide.Subset(picked)
}

// score is a candidate's search.score on the guide with the supernet's weights and BN
// statistics of its own, and what it found there. It depends on the candidate
// alone.
func (e *engine) score(ctx context.Context, d *detectorNet, sub nas.Subnet, guide *dataset.Detection) (float64, []cocoeval.Detection, error) {
	stats, err := e.calibrate(ctx, d, sub)
	if err != nil {
		return 0, nil, err
	}
	defer stats.Free()
	figures, found, err := e.evaluateDetector(ctx, d, sub, stats, guide, e.cfg.Search.Batch)
	if err != nil {
		return 0, nil, err
	}
	score := figures[e.cfg.Search.Score]
	if score < 0 {
		return 0, nil, fmt.Errorf("%s is undefined on the guiding split: it has no boxes", e.cfg.Search.Score)
	}
	return score, found, nil
}
