package train

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"

	"detnas/core/dataset"
	"detnas/core/nn"
	"detnas/core/ranks"
	"detnas/core/tensor"
	"detnas/nas"
	"detnas/nas/supernet"
)

// PathAt chooses the subnet that an iteration trains.
type PathAt func(iteration int64) nas.Subnet

// Classify is the training of a classifier, steps 1 and 4.
type Classify struct {
	Net       *supernet.Classifier
	Data      *dataset.ClassTrain
	Path      PathAt
	Smoothing float64
	Device    tensor.Device
}

// Batch makes the batch of an iteration.
func (c *Classify) Batch(ctx context.Context, iteration int64) (dataset.ClassBatch, error) {
	return c.Data.Batch(ctx, iteration)
}

// Parts cuts a batch.
func (c *Classify) Parts(b dataset.ClassBatch, n int) []dataset.ClassBatch {
	return cut(b.N, n, b.Part)
}

// Loss is the cross entropy with label smoothing, the mean over the images of all
// ranks, of which this is the part of its own.
func (c *Classify) Loss(p *nn.Pass, b dataset.ClassBatch, iteration int64) (Losses, error) {
	x := p.FromFloats(b.X, c.Device, int64(b.N), int64(b.C), int64(b.H), int64(b.W))
	logits := c.Net.Forward(p, x, c.Path(iteration))
	target := p.FromInts(b.Labels, c.Device, int64(b.N))
	loss := p.CrossEntropy(logits, target, tensor.Average, c.Smoothing)
	if p.Group == nil || p.Err() != nil {
		return Losses{Total: loss, Images: b.N}, nil
	}
	images, err := p.Totals(float64(b.N))
	if err != nil {
		return Losses{}, err
	}
	return Losses{Total: p.Scale(loss, float64(b.N)/images[0]), Images: b.N}, nil
}

// Accuracy is the share of a set that a classifier gets right.
type Accuracy struct {
	Top1, Top5 float64 // shares of 1; Top5 is 1 where there are 5 classes or fewer
	Images     int
}

// Tally is how many of some images a classifier gets right: those whose class is its
// first, and those whose class is among its first five.
type Tally struct{ Top1, Top5, Images int }

// Plus is the tally of the images of both.
func (t Tally) Plus(other Tally) Tally {
	return Tally{t.Top1 + other.Top1, t.Top5 + other.Top5, t.Images + other.Images}
}

// Accuracy is the tally in shares. One of no images is an error.
func (t Tally) Accuracy() (Accuracy, error) {
	if t.Images == 0 {
		return Accuracy{}, errors.New("evaluate the classifier: the set has no image that can be read")
	}
	n := float64(t.Images)
	return Accuracy{Top1: float64(t.Top1) / n, Top5: float64(t.Top5) / n, Images: t.Images}, nil
}

// EvaluateClassifier runs every image of data through a subnet, with BN as the mode
// and the statistics of as say: by default the network's own.
func EvaluateClassifier(ctx context.Context, net *supernet.Classifier, sub nas.Subnet, as nn.Pass, data *dataset.ClassEval, dev tensor.Device, workers int) (Accuracy, error) {
	tally, err := CountRight(ctx, net, sub, as, data, ranks.Turns(0, 1, data.Iterations()), dev, workers)
	if err != nil {
		return Accuracy{}, err
	}
	return tally.Accuracy()
}

// CountRight does the same with the batches of data at some places alone.
func CountRight(ctx context.Context, net *supernet.Classifier, sub nas.Subnet, as nn.Pass, data *dataset.ClassEval, places []int64, dev tensor.Device, workers int) (Tally, error) {
	var tally Tally
	next := func(ctx context.Context, i int64) (dataset.ClassBatch, error) { return data.Batch(ctx, places[i]) }
	err := tensor.NoGrad(func() error {
		return Each(ctx, int64(len(places)), workers, next, func(b dataset.ClassBatch) error {
			if b.N == 0 {
				return nil
			}
			return tensor.Run("classify", func(s *tensor.Scope) error {
				p := &nn.Pass{Scope: s, Mode: as.Mode, Stats: as.Stats}
				x := s.FromFloats(b.X, dev, int64(b.N), int64(b.C), int64(b.H), int64(b.W))
				logits, err := net.Forward(p, x, sub).Floats()
				if err != nil {
					return err
				}
				classes := len(logits) / b.N
				for i, label := range b.Labels {
					scores := logits[i*classes : (i+1)*classes]
					if !finite(scores) { // they would rank first
						return fmt.Errorf("the logits of %s are %w", data.File(b.Indices[i]), nn.ErrNotFinite)
					}
					rank := rankOf(scores, int(label))
					if rank == 0 {
						tally.Top1++
					}
					if rank < 5 {
						tally.Top5++
					}
				}
				tally.Images += b.N
				return nil
			})
		})
	})
	if err != nil {
		return Tally{}, fmt.Errorf("evaluate the classifier: %w", err)
	}
	return tally, nil
}

// finite reports whether no score is NaN or infinite.
func finite(scores []float32) bool {
	for _, v := range scores {
		if math.IsNaN(float64(v)) || math.IsInf(float64(v), 0) {
			return false
		}
	}
	return true
}

// rankOf is the number of classes that score better than label; ties go to the
// lower index.
func rankOf(scores []float32, label int) int {
	rank := 0
	for i, v := range scores {
		if v > scores[label] || v == scores[label] && i < label {
			rank++
		}
	}
	return rank
}

// Each calls use with the batches 0..n-1 of make, in order, made ahead.
func Each[B any](ctx context.Context, n int64, workers int, batch func(context.Context, int64) (B, error), use func(B) error) error {
	stream := dataset.Prefetch(ctx, 0, n, workers, 2*max(workers, 1), batch)
	defer stream.Close()
	for {
		b, err := stream.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if err := use(b); err != nil {
			return err
		}
	}
}
