package engine

import (
	"context"
	"fmt"
	"slices"

	"detnas/core/config"
	"detnas/core/dataset"
	"detnas/core/nn"
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

// knowScoring takes the fingerprints of the images that candidates are measured on
// and calibrated by, so that the journal tells which they are and a search that is
// taken up goes on with the same ones.
func (e *engine) knowScoring() {
	if e.byClasses() {
		e.data.know(guideKey, e.classGuide())
		if e.cfg.Search.BN == config.BNRecalibrate {
			e.data.know(calibrationKey, e.classCalibration())
		}
		return
	}
	e.data.know(guideKey, e.guide())
	if e.cfg.Search.BN == config.BNRecalibrate {
		e.data.know(calibrationKey, e.calibration())
	}
}

// score is a candidate's search.score on the guide with the supernet's weights, by
// the policy for BN, and what it found there. It depends on the candidate alone.
func (e *engine) score(ctx context.Context, d *detectorNet, sub nas.Subnet, guide *dataset.Detection) (float64, []cocoeval.Detection, error) {
	by, err := e.normalise(ctx, d, sub)
	if err != nil {
		return 0, nil, err
	}
	defer by.free()
	figures, found, err := e.evaluateDetector(ctx, d, sub, by, guide, e.cfg.Search.Batch)
	if err != nil {
		return 0, nil, err
	}
	score := figures[e.cfg.Search.Score]
	if score < 0 {
		return 0, nil, fmt.Errorf("%s is undefined on the guiding split: it has no boxes", e.cfg.Search.Score)
	}
	return score, found, nil
}

// normalising is what the BN layers of a network normalise by as it is measured.
// The zero value is their own statistics.
type normalising struct {
	mode  nn.Mode
	stats *nn.Stats // in place of the layers' own; nil for none
}

func (n normalising) free() {
	if n.stats != nil {
		n.stats.Free()
	}
}

// normalise makes what search.bn says of a candidate; the caller frees it. The
// supernet's own statistics stay as they are, whatever the policy.
func (e *engine) normalise(ctx context.Context, d *detectorNet, sub nas.Subnet) (normalising, error) {
	switch e.cfg.Search.BN {
	case config.BNBatch:
		return normalising{mode: nn.Batch}, nil
	case config.BNKeep:
		return normalising{}, nil
	}
	stats, err := e.calibrate(ctx, d, sub)
	return normalising{stats: stats}, err
}
