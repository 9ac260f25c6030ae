package dataset

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"

	"detnas/core/input"
	"detnas/core/seed"
)

// ClassTrainOptions says how training batches of a class folder are made.
type ClassTrainOptions struct {
	SourceOptions
	Sampling
	// Size is the side of the crops in pixels.
	Size int
	// Crop is CropResized (the default) or CropPad.
	Crop CropMode
	// Padding is the border of CropPad in pixels; 0 is CIFAR's usual 4.
	Padding int
	// MinShare is the least share of the area that CropResized cuts; 0 is 0.08,
	// torchvision's.
	MinShare float64
	// Flip is the probability of mirroring; the recipe has 0.5.
	Flip float64
	// Jitter changes colours; the recipe has PublishedJitter.
	Jitter Jitter
}

// withDefaults fills in what was left out and checks the rest.
func (o ClassTrainOptions) withDefaults() (ClassTrainOptions, error) {
	if o.Crop == "" {
		o.Crop = CropResized
	}
	if o.Padding == 0 {
		o.Padding = 4
	}
	if o.MinShare == 0 {
		o.MinShare = cropMinShare
	}
	switch {
	case o.Size < 1:
		return o, fmt.Errorf("crop size of %d px: it must be at least 1", o.Size)
	case o.Crop != CropResized && o.Crop != CropPad:
		return o, fmt.Errorf("crop %q is unknown; use %q or %q", string(o.Crop), CropResized, CropPad)
	case o.Padding < 0:
		return o, fmt.Errorf("padding of %d px: it must not be below 0", o.Padding)
	case !(o.MinShare > 0 && o.MinShare <= 1):
		return o, fmt.Errorf("least crop share of %v: it must be above 0 and at most 1", o.MinShare)
	case !(o.Flip >= 0 && o.Flip <= 1):
		return o, fmt.Errorf("flip probability of %v: it must be from 0 to 1", o.Flip)
	}
	return o, o.Jitter.check()
}

// ClassTrain makes training batches of a class folder: crop, colour jitter, flip
// and normalisation in the order of the published recipe.
type ClassTrain struct {
	set    *Classification
	opts   ClassTrainOptions
	order  *Order
	reader *reader
}

// NewClassTrain returns a source of training batches, or an error that names the
// option that cannot be.
func NewClassTrain(set *Classification, opts ClassTrainOptions) (*ClassTrain, error) {
	opts, err := opts.withDefaults()
	order, orderErr := opts.order(set.Len(), nil)
	rd, readerErr := newReader(opts.SourceOptions)
	if err := errors.Join(err, orderErr, readerErr); err != nil {
		return nil, fmt.Errorf("classification training data: %w", err)
	}
	return &ClassTrain{set: set, opts: opts, order: order, reader: rd}, nil
}

// Iterations returns the number of iterations in an epoch.
func (s *ClassTrain) Iterations() int64 { return s.order.Iterations() }

// Batch makes the batch of iteration iter, which counts from 0. It depends on the
// seed, the step and iter alone, and is safe for concurrent use.
func (s *ClassTrain) Batch(ctx context.Context, iter int64) (ClassBatch, error) {
	indices, places := s.order.Indices(iter), s.order.places()
	b := newClassBatch(len(indices), s.opts.Size)
	file := func(i int) string { return s.set.Files[i] }
	for k, index := range indices {
		err := s.reader.orNext(ctx, index, s.set.Len(), file, func(i int) error {
			img, err := s.reader.classImage(s.set.Files[i])
			if err != nil {
				return err
			}
			rng := seed.Rand(s.opts.Seed, s.opts.Step, "augment", iter, places[k])
			if img, err = s.crop(img, rng); err != nil {
				return fmt.Errorf("image %s: %w", input.Line(s.set.Files[i]), err)
			}
			img = s.opts.Jitter.apply(img, rng)
			s.reader.table.write(b.image(k), b.W, b.H, img, rng.Float64() < s.opts.Flip)
			b.Labels[k], b.Indices[k] = int64(s.set.Labels[i]), i
			return nil
		})
		if err != nil {
			return ClassBatch{}, fmt.Errorf("training batch %d: %w", iter, err)
		}
	}
	return b, nil
}

// crop cuts a training crop of size by size pixels.
func (s *ClassTrain) crop(img Image, rng *rand.Rand) (Image, error) {
	size := s.opts.Size
	if s.opts.Crop == CropPad {
		img, err := shortSide(img, size, s.opts.Decode.limit())
		if err != nil {
			return Image{}, err
		}
		return paddedCrop(rng, img, size, s.opts.Padding), nil
	}
	return ResizeAntialias(img, randomPart(rng, img.W, img.H, s.opts.MinShare), size, size), nil
}

// classImage loads a whole image, from the cache where it is kept.
func (r *reader) classImage(file string) (Image, error) {
	return r.opts.Cache.get(r.key(file, 0, 0), func() (Image, error) { return Decode(file, r.opts.Decode) })
}

// ClassEvalOptions says how evaluation batches of a class folder are made.
type ClassEvalOptions struct {
	SourceOptions
	// Batch is the number of images of a batch.
	Batch int
	// Size is the side of the crop in pixels.
	Size int
	// Short is the length in pixels to which the shorter side is scaled before the
	// centre is cut; 0 is Size*256/224, as published. With CropPad in training,
	// Size itself is right.
	Short int
}

// ClassEval gives every image of a class folder once, in order.
type ClassEval struct {
	set    *Classification
	opts   ClassEvalOptions
	reader *reader
}

// NewClassEval returns a source of evaluation batches, or an error that names the
// option that cannot be.
func NewClassEval(set *Classification, opts ClassEvalOptions) (*ClassEval, error) {
	if opts.Short == 0 {
		opts.Short = opts.Size * 256 / 224
	}
	rd, err := newReader(opts.SourceOptions)
	switch {
	case err != nil:
	case opts.Batch < 1:
		err = fmt.Errorf("batch of %d images: it must be at least 1", opts.Batch)
	case opts.Size < 1 || opts.Short < opts.Size:
		err = fmt.Errorf("crop size of %d px from a short side of %d px: sizes must be at least 1 and the crop no larger", opts.Size, opts.Short)
	}
	if err != nil {
		return nil, fmt.Errorf("classification evaluation data: %w", err)
	}
	return &ClassEval{set: set, opts: opts, reader: rd}, nil
}

// Iterations returns the number of batches that hold all images.
func (s *ClassEval) Iterations() int64 { return batches(s.set.Len(), s.opts.Batch) }

// File is the path of an image by its index in the set.
func (s *ClassEval) File(index int) string { return s.set.Files[index] }

// Batch makes batch iter, which counts from 0. Images that cannot be read are
// left out under PolicySkip, so a batch may hold fewer images, even none.
func (s *ClassEval) Batch(ctx context.Context, iter int64) (ClassBatch, error) {
	from, to, err := span(iter, s.opts.Batch, s.set.Len())
	if err != nil {
		return ClassBatch{}, fmt.Errorf("classification evaluation: %w", err)
	}
	b := newClassBatch(to-from, s.opts.Size)
	n := 0
	for i := from; i < to; i++ {
		if ctx.Err() != nil {
			return ClassBatch{}, context.Cause(ctx)
		}
		ok, err := s.reader.attempt(i, func(i int) string { return s.set.Files[i] }, func(i int) error {
			img, err := s.reader.classImage(s.set.Files[i])
			if err != nil {
				return err
			}
			if img, err = shortSide(img, s.opts.Short, s.opts.Decode.limit()); err != nil {
				return fmt.Errorf("image %s: %w", input.Line(s.set.Files[i]), err)
			}
			s.reader.table.write(b.image(n), b.W, b.H, centre(img, s.opts.Size), false)
			return nil
		})
		if err != nil {
			return ClassBatch{}, fmt.Errorf("evaluation batch %d: %w", iter, err)
		}
		if ok {
			b.Labels[n], b.Indices[n] = int64(s.set.Labels[i]), i
			n++
		}
	}
	b.N, b.X, b.Labels, b.Indices = n, b.X[:n*b.C*b.H*b.W], b.Labels[:n], b.Indices[:n]
	return b, nil
}
