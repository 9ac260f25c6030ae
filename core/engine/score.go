package engine

import (
	"context"
	"fmt"
	"slices"

	"detnas/core/config"
	"detnas/core/dataset"
	"detnas/core/nn"
	"detnas/core/run"
	"detnas/core/seed"
	"detnas/detector/cocoeval"
	"detnas/nas"
	"detnas/nas/search"
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

// scorer measures the candidates of a search with the supernet's weights.
type scorer struct {
	*engine
	d           *detectorNet
	guide       batches
	calibration batches // none unless BN is recalibrated
	race        *racing // nil where every candidate is measured whole
	record      *record // nil unless what candidates find is recorded
}

// newScorer makes a scorer for a supernet. It keeps the batches that all candidates
// see, as far as data.cache_mb reaches.
func (e *engine) newScorer(d *detectorNet) (*scorer, error) {
	guide, err := e.keptBatches(e.guide(), e.cfg.Search.Batch)
	if err != nil {
		return nil, err
	}
	s := &scorer{engine: e, d: d, guide: guide}
	if e.cfg.Search.BN == config.BNRecalibrate {
		if s.calibration, err = e.keptBatches(e.calibration(), e.cfg.Search.BNBatch); err != nil {
			return nil, err
		}
	}
	if e.cfg.Search.Racing {
		s.race = newRacing(e.cfg.Seed, guide)
	}
	return s, nil
}

func (e *engine) keptBatches(set *dataset.Detection, batch int) (batches, error) {
	source, err := e.evalSource(set, batch)
	if err != nil {
		return batches{}, err
	}
	return batches{set: set, count: source.Iterations(), batch: dataset.Keep(source).Batch}, nil
}

// assessment is what measuring a candidate has come to.
type assessment struct {
	status  string
	score   float64 // search.score on all images; NaN for one that was stopped
	partial float64 // that of a stopped one, on the images before that
	images  int     // that it was measured on
	rank    int     // that measured it, as far as that was done before its turn
	found   []cocoeval.Detection
}

// measure is a candidate's search.score on the guide, by the policy for BN. It
// depends on the candidate alone, but for one that is stopped as it falls behind its
// rivals; without any it is measured whole.
func (s *scorer) measure(ctx context.Context, sub nas.Subnet, rivals []search.Candidate) (assessment, error) {
	m, err := s.begin(ctx, sub)
	if err != nil {
		return assessment{}, err
	}
	defer m.free()
	return s.settle(ctx, m, rivals)
}

// settle is the outcome of a candidate whose turn it is, on which may have been worked
// before. What the race needs of it is kept.
func (s *scorer) settle(ctx context.Context, m *measuring, rivals []search.Candidate) (assessment, error) {
	if err := s.ready(ctx, rivals); err != nil {
		return assessment{}, err
	}
	a, err := m.outcome(s.race.against(rivals))
	if err == nil && s.race != nil && a.status == run.CandidateNew {
		err = s.race.keep(m.sub, a.found)
	}
	return a, err
}

func (s *scorer) onGuide(err error) error {
	return fmt.Errorf("evaluate on %s: %w", s.guide.set.Source, err)
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
func (e *engine) normalise(ctx context.Context, d *detectorNet, sub nas.Subnet, calibration batches) (normalising, error) {
	switch e.cfg.Search.BN {
	case config.BNBatch:
		return normalising{mode: nn.Batch}, nil
	case config.BNKeep:
		return normalising{}, nil
	}
	stats, err := e.calibrate(ctx, d, sub, calibration)
	return normalising{stats: stats}, err
}
