package engine

import (
	"context"
	"fmt"
	"slices"

	"detnas/core/config"
	"detnas/core/dataset"
	"detnas/core/nn"
	"detnas/core/seed"
	"detnas/core/tensor"
	"detnas/core/train"
	"detnas/nas"
	"detnas/nas/supernet"
)

// calibration are the images of the training split that BN statistics are gathered
// from: those that the seed picks, in the order of the split.
func (e *engine) calibration() *dataset.Detection {
	n := min(e.cfg.Search.BNImages, e.data.supernetPart.Len())
	picked := seed.Rand(e.cfg.Seed, "calibrate").Perm(e.data.supernetPart.Len())[:n]
	slices.Sort(picked)
	return e.data.supernetPart.Subset(picked)
}

func (e *engine) calibrationBatches() (batches, error) {
	return e.evalBatches(e.calibration(), e.cfg.Search.BNBatch)
}

// calibrate gathers BN statistics for a subnet of the supernet from the calibration
// images, in batches and in an order that do not depend on the subnet. The
// supernet's own statistics stay as they are.
func (e *engine) calibrate(ctx context.Context, d *detectorNet, sub nas.Subnet, images batches) (*nn.Stats, error) {
	stats := nn.NewStats(e.bnMomentum())
	seen := int64(0)
	err := tensor.NoGrad(func() error {
		return train.Each(ctx, images.count, e.workers, images.batch, func(b dataset.DetBatch) error {
			if b.N == 0 {
				return nil
			}
			seen++
			return tensor.Run("calibrate", func(s *tensor.Scope) error {
				x := s.FromFloats(b.X, e.device, int64(b.N), int64(b.C), int64(b.H), int64(b.W))
				return d.net.Calibrate(&nn.Pass{Scope: s, Mode: nn.Calibrate, Stats: stats}, train.DetectorBatch(x, b), sub,
					train.Draws(e.cfg.Seed, "calibrate", seen))
			})
		})
	})
	if err != nil {
		stats.Free()
		return nil, fmt.Errorf("recalibrate BN: %w", err)
	}
	return stats, nil
}

// bnMomentum is that of nn.Stats by search.bn_average.
func (e *engine) bnMomentum() float64 {
	if e.cfg.Search.BNAverage == config.BNEMA {
		return e.cfg.Search.BNMomentum
	}
	return 0
}

// calibrateClassifier gathers BN statistics for a path of a supernet's classifier
// from the first batches of an epoch of its training data.
func (e *engine) calibrateClassifier(ctx context.Context, net *supernet.Classifier, sub nas.Subnet, source *dataset.ClassTrain) (*nn.Stats, error) {
	batches := int64(max(1, e.cfg.Search.BNImages/e.cfg.Step(config.StepSupernetPretrain).Batch))
	stats := nn.NewStats(0) // whatever bn_average says: that is about candidates
	err := tensor.NoGrad(func() error {
		return train.Each(ctx, min(batches, source.Iterations()), e.workers, source.Batch, func(b dataset.ClassBatch) error {
			return tensor.Run("calibrate", func(s *tensor.Scope) error {
				x := s.FromFloats(b.X, e.device, int64(b.N), int64(b.C), int64(b.H), int64(b.W))
				net.Forward(&nn.Pass{Scope: s, Mode: nn.Calibrate, Stats: stats}, x, sub)
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
