package nn

import (
	"errors"
	"fmt"

	"detnas/core/tensor"
)

// BatchNorm is batch normalisation over the channels of an image (Ioffe and
// Szegedy, 2015), with PyTorch's defaults: eps 1e-5, momentum 0.1.
type BatchNorm struct {
	Weight, Bias   *tensor.Tensor
	Mean, Variance *tensor.Tensor
	Momentum, Eps  float64
	Mode           NormMode
}

// NormMode is what training does with a BatchNorm.
type NormMode int

const (
	// NormTrained has it normalise by the batch's statistics, those of all ranks
	// together, which move its own, and trains its weight and bias.
	NormTrained NormMode = iota
	// NormEval has it normalise by its own statistics, which stay as they are, and
	// trains its weight and bias (mmdet's norm_eval).
	NormEval
	// NormFrozen is NormEval, with a weight and a bias that stay as they are, too
	// (besides, mmdet's norm_cfg with requires_grad = False).
	NormFrozen
)

// NewBatchNorm makes a layer for c channels. bias is the initial value of beta,
// which DetNAS sets to 0.0001.
func NewBatchNorm(p Path, c int, bias float64) *BatchNorm {
	return &BatchNorm{
		Weight:   p.Param("weight", false, Const(1), int64(c)),
		Bias:     p.Param("bias", false, Const(bias), int64(c)),
		Mean:     p.Buffer("running_mean", 0, int64(c)),
		Variance: p.Buffer("running_var", 1, int64(c)),
		Momentum: 0.1,
		Eps:      1e-5,
	}
}

// Forward normalises x [n, c, ...] as the pass's mode says. A layer whose statistics
// stay in training has them in every other pass as well: what comes after it was
// trained with them, and they are not calibrated for a candidate.
func (l *BatchNorm) Forward(p *Pass, x *tensor.Tensor) *tensor.Tensor {
	if g := p.ranks(); g != nil && l.Mode == NormTrained {
		return p.GroupNorm(g, x, l.Weight, l.Bias, l.Mean, l.Variance, l.Momentum, l.Eps)
	}
	u := l.now(p)
	return p.BatchNorm(x, u.Gamma, u.Beta, u.Mean, u.Variance, u.Batch, u.Momentum, u.Eps)
}

// now is what the layer normalises by in a pass.
func (l *BatchNorm) now(p *Pass) tensor.Unit {
	u := tensor.Unit{Gamma: l.Weight, Beta: l.Bias, Mean: l.Mean, Variance: l.Variance, Momentum: l.Momentum, Eps: l.Eps}
	if l.Mode != NormTrained {
		if l.Mode == NormFrozen && p.Mode == Train {
			u.Gamma, u.Beta = p.Detach(l.Weight), p.Detach(l.Bias)
		}
		return u
	}
	switch p.Mode {
	case Train:
		u.Batch = true
	case Calibrate:
		u.Batch = true
		if st, momentum := p.Stats.enter(p.Scope, l); st != nil {
			u.Mean, u.Variance, u.Momentum = st.mean, st.variance, momentum
		}
	case Batch:
		dev, c := l.Mean.Device(), l.Mean.Dim(0)
		u.Batch = true
		u.Mean, u.Variance = p.Full(0, dev, c), p.Full(1, dev, c) // to be moved in place of the layer's own
	case Eval:
		if p.Stats == nil {
			break
		}
		if st, ok := p.Stats.of[l]; ok {
			u.Mean, u.Variance = st.mean, st.variance
		}
	}
	return u
}

// Stats are BN statistics gathered for one subnet, apart from the layers' own:
// calibrating a candidate leaves the supernet as it was, whatever the order of
// candidates.
type Stats struct {
	// Momentum is the weight of a new batch in a moving average that starts from
	// the mean 0 and the variance 1, as the official code resets them: after n
	// batches (1-Momentum)^n of that is left. 0 takes the mean over all batches
	// alike (cumulative), of which nothing is left after the first.
	Momentum float64

	of map[*BatchNorm]*stats
}

type stats struct {
	mean, variance *tensor.Tensor
	batches        int
}

// NewStats makes empty statistics; the caller frees them.
func NewStats(momentum float64) *Stats {
	return &Stats{Momentum: momentum, of: map[*BatchNorm]*stats{}}
}

// Free frees the statistics.
func (s *Stats) Free() {
	for _, st := range s.of {
		st.mean.Free()
		st.variance.Free()
	}
	s.of = map[*BatchNorm]*stats{}
}

// Layers is the number of layers that have statistics here.
func (s *Stats) Layers() int { return len(s.of) }

// InOrder are the mean and the variance of each layer that has statistics here, in the
// order of the network's buffers. A nil has none.
func (s *Stats) InOrder(network *Store) []*tensor.Tensor {
	if s == nil {
		return nil
	}
	of := make(map[*tensor.Tensor]*stats, len(s.of))
	for l, st := range s.of {
		of[l.Mean] = st
	}
	var out []*tensor.Tensor
	for _, b := range network.Buffers {
		if st, ok := of[b.T]; ok {
			out = append(out, st.mean, st.variance)
		}
	}
	return out
}

// enter returns a layer's statistics and the momentum of the batch to come.
func (s *Stats) enter(scope *tensor.Scope, l *BatchNorm) (*stats, float64) {
	if s == nil {
		scope.Fail(errors.New("batch norm: a calibrating pass has no Stats"))
		return nil, 0
	}
	st, ok := s.of[l]
	if !ok {
		dev, c := l.Mean.Device(), l.Mean.Dim(0)
		st = &stats{
			mean:     scope.Keep(scope.Full(0, dev, c)),
			variance: scope.Keep(scope.Full(1, dev, c)),
		}
		if err := scope.Err(); err != nil {
			scope.Fail(fmt.Errorf("batch norm statistics: %w", err))
			return nil, 0
		}
		s.of[l] = st
	}
	st.batches++
	if s.Momentum > 0 {
		return st, s.Momentum
	}
	return st, 1 / float64(st.batches)
}
