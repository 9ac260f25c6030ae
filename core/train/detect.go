package train

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"

	"detnas/core/dataset"
	"detnas/core/nn"
	"detnas/core/seed"
	"detnas/core/tensor"
	"detnas/detector"
)

// Detect is the training of a detector, steps 2 and 5.
type Detect struct {
	Net    detector.Detector
	Data   *dataset.DetTrain
	Path   PathAt
	Seed   uint64 // root of the samplers' draws
	Step   string // name of their stream
	Device tensor.Device
}

// Batch makes the batch of an iteration.
func (d *Detect) Batch(ctx context.Context, iteration int64) (dataset.DetBatch, error) {
	return d.Data.Batch(ctx, iteration)
}

// Parts cuts a batch.
func (d *Detect) Parts(b dataset.DetBatch, n int) []dataset.DetBatch {
	return cut(b.N, n, b.Part)
}

// Loss is the sum of the detector's losses. The images are padded to the largest of
// all ranks, as they are where one process has the whole batch: BN sees the padding.
func (d *Detect) Loss(p *nn.Pass, b dataset.DetBatch, iteration int64) (Losses, error) {
	if p.Group != nil {
		sides := []float64{float64(b.H), float64(b.W)}
		if err := p.Group.Max(sides); err != nil {
			return Losses{}, err
		}
		b = b.Padded(int(sides[0]), int(sides[1]))
	}
	x := p.FromFloats(b.X, d.Device, int64(b.N), int64(b.C), int64(b.H), int64(b.W))
	draws := Draws(d.Seed, d.Step, iteration)
	l, err := d.Net.Loss(p, DetectorBatch(x, b), d.Path(iteration), func(image int, stage string) *rand.Rand {
		return draws(b.Images[image].Place, stage)
	})
	if errors.Is(err, nn.ErrNotFinite) { // ErrElsewhere, too
		return Losses{}, fmt.Errorf("%w: %w", ErrNotFinite, err)
	}
	if err != nil {
		return Losses{}, err
	}
	out := Losses{Total: l.Total, Others: l.Others, Images: b.N}
	for _, part := range l.Parts {
		out.Parts = append(out.Parts, Part(part))
	}
	return out, nil
}

// DetectorBatch hands a batch of the loader, whose pixels are x, to a detector.
func DetectorBatch(x *tensor.Tensor, b dataset.DetBatch) detector.Batch {
	out := detector.Batch{X: x, Images: make([]detector.Image, len(b.Images))}
	for i, t := range b.Images {
		out.Images[i] = detector.Image{W: t.W, H: t.H, Boxes: t.Boxes, Labels: t.Labels, Ignore: t.Ignore}
	}
	return out
}

// Draws gives the samplers of an iteration their generators, by image and stage.
func Draws(root uint64, step string, iteration int64) detector.RNG {
	return func(image int, stage string) *rand.Rand {
		return seed.Rand(root, step, "sample", iteration, image, stage)
	}
}
