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
	"detnas/core/tensor"
	"detnas/core/train"
	"detnas/nas"
)

// classGuide are the images of data.classification.val that score candidates in a
// search guided by classification: the same ones for all of them.
func (e *engine) classGuide() *dataset.Classification {
	return e.some(e.data.classVal, e.cfg.Search.Images, "guide")
}

// classCalibration are the images of data.classification.train that BN statistics
// are gathered from.
func (e *engine) classCalibration() *dataset.Classification {
	return e.some(e.data.classTrain, e.cfg.Search.BNImages, "calibrate")
}

// some are n images of a set, or all for 0, that the seed picks, in the order of the
// set.
func (e *engine) some(set *dataset.Classification, n int, what string) *dataset.Classification {
	if n == 0 || n >= set.Len() {
		return set
	}
	picked := seed.Rand(e.cfg.Seed, what, "classification").Perm(set.Len())[:n]
	slices.Sort(picked)
	return set.Subset(picked)
}

// classJudge scores candidates by the accuracy of the pre-trained supernet: the
// guide that the paper compares its own with (ClsNAS, DetNAS, table 5).
type classJudge struct {
	*engine
	classifier  *classifier
	guide       *dataset.ClassEval
	calibration *dataset.ClassEval
}

// judgeClasses puts the supernet of step 1 behind the search.
func (e *engine) judgeClasses(weights []nn.Array, from string) (*judge, error) {
	guide, err := e.classEval(e.classGuide(), e.cfg.Search.Batch)
	if err != nil {
		return nil, err
	}
	calibration, err := e.classEval(e.classCalibration(), e.cfg.Search.BNBatch)
	if err != nil {
		return nil, err
	}
	c, err := e.newClassifier(config.StepSupernetPretrain, len(e.data.classTrain.Classes), nil)
	if err != nil {
		return nil, err
	}
	if err := fillWhole(c.store, weights, from); err != nil {
		c.store.Free()
		return nil, err
	}
	j := &classJudge{engine: e, classifier: c, guide: guide, calibration: calibration}
	return &judge{space: c.space, backbone: c.net.Backbone, store: c.store, classes: j}, nil
}

// classEval gives images as they are measured.
func (e *engine) classEval(set *dataset.Classification, batch int) (*dataset.ClassEval, error) {
	pixels := e.cfg.Data.Classification
	return dataset.NewClassEval(set, dataset.ClassEvalOptions{ //nolint:wrapcheck // it says what it is of
		SourceOptions: e.data.source(), Batch: batch, Size: pixels.Size, Short: pixels.EvalResize(),
	})
}

// score is a candidate's top-1 accuracy on the guide, by the policy for BN. It
// depends on the candidate alone.
func (j *classJudge) score(ctx context.Context, sub nas.Subnet) (float64, error) {
	pass, free, err := j.pass(ctx, sub, j.calibration.Iterations())
	if err != nil {
		return 0, err
	}
	defer free()
	acc, err := train.EvaluateClassifier(ctx, j.classifier.net, sub, pass, j.guide, j.device, j.workers)
	return acc.Top1, err
}

// pass normalises as the policy for BN says, by so many batches where it recalibrates.
func (j *classJudge) pass(ctx context.Context, sub nas.Subnet, batches int64) (pass nn.Pass, free func(), err error) {
	switch j.cfg.Search.BN {
	case config.BNBatch:
		pass.Mode = nn.Batch
	case config.BNRecalibrate:
		if pass.Stats, err = j.calibrate(ctx, sub, batches); err != nil {
			return pass, nil, err
		}
		return pass, pass.Stats.Free, nil
	}
	return pass, func() {}, nil
}

// assess measures a candidate.
func (j *classJudge) assess(ctx context.Context, sub nas.Subnet) (assessment, error) {
	score, err := j.score(ctx, sub)
	return assessment{status: run.CandidateNew, score: score}, err
}

// calibrate gathers BN statistics for a candidate from batches of the calibration images, seen
// as those of the guide are. The supernet's own stay as they are.
func (j *classJudge) calibrate(ctx context.Context, sub nas.Subnet, batches int64) (*nn.Stats, error) {
	stats := nn.NewStats(j.bnMomentum())
	err := tensor.NoGrad(func() error {
		return train.Each(ctx, batches, j.workers, j.calibration.Batch, func(b dataset.ClassBatch) error {
			if b.N == 0 {
				return nil
			}
			return tensor.Run("calibrate", func(s *tensor.Scope) error {
				j.classifier.net.Forward(&nn.Pass{Scope: s, Mode: nn.Calibrate, Stats: stats}, j.input(s, b), sub)
				return nil
			})
		})
	})
	if err != nil {
		stats.Free()
		return nil, fmt.Errorf("recalibrate BN: %w", err)
	}
	return stats, nil
}
