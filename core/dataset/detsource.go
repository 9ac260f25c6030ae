package dataset

import (
	"context"
	"errors"
	"fmt"

	"detnas/core/seed"
)

// PublishedScale is the image size of the published COCO recipe: short side 800,
// long side at most 1333.
func PublishedScale() Scale { return Scale{Short: 800, Max: 1333} }

// DetTrainOptions says how training batches of a detection set are made.
type DetTrainOptions struct {
	SourceOptions
	Sampling
	// Scales are the sizes to which images are scaled, their shape kept; one is
	// drawn for each image. The recipe has PublishedScale alone.
	Scales []Scale
	// Flip is the probability of mirroring; the recipe has 0.5.
	Flip float64
	// Jitter changes colours; the recipe leaves them alone.
	Jitter Jitter
	// PadTo makes both sides of a batch a multiple of it; 0 is 32.
	PadTo int
	// GroupByAspect keeps wide and tall images in batches of their own.
	GroupByAspect bool
}

func (o DetTrainOptions) check() error {
	if len(o.Scales) == 0 {
		return errors.New("no image scale is given; name at least one")
	}
	for _, s := range o.Scales {
		if err := s.check(); err != nil {
			return err
		}
	}
	if !(o.Flip >= 0 && o.Flip <= 1) {
		return fmt.Errorf("flip probability of %v: it must be from 0 to 1", o.Flip)
	}
	return o.Jitter.check()
}

// DetTrain makes training batches of a detection set: keep-ratio scaling, flip,
// optional jitter, normalisation and padding.
type DetTrain struct {
	set    *Detection
	opts   DetTrainOptions
	order  *Order
	reader *reader
}

// NewDetTrain returns a source of training batches, or an error that names the
// option that cannot be. Images without boxes are trained on as well; see
// Detection.FilterEmpty.
func NewDetTrain(set *Detection, opts DetTrainOptions) (*DetTrain, error) {
	var groups []int
	if opts.GroupByAspect {
		groups = AspectGroups(set.Images)
	}
	order, orderErr := opts.order(set.Len(), groups)
	rd, readerErr := newReader(opts.SourceOptions)
	if err := errors.Join(opts.check(), orderErr, readerErr); err != nil {
		return nil, fmt.Errorf("detection training data %s: %w", set.Source, err)
	}
	rd.broken.know(set.Images)
	return &DetTrain{set: set, opts: opts, order: order, reader: rd}, nil
}

// Iterations returns the number of iterations in an epoch.
func (s *DetTrain) Iterations() int64 { return s.order.Iterations() }

// Batch makes the batch of iteration iter, which counts from 0. It depends on the
// seed, the step and iter alone, and is safe for concurrent use.
func (s *DetTrain) Batch(ctx context.Context, iter int64) (DetBatch, error) {
	indices, places := s.order.Indices(iter), s.order.places()
	images := make([]detImage, len(indices))
	file := func(i int) string { return s.set.Images[i].File }
	for k, index := range indices {
		err := s.reader.orNext(ctx, index, s.set.Len(), file, func(i int) error {
			rng := seed.Rand(s.opts.Seed, s.opts.Step, "augment", iter, places[k])
			scale := pick(rng, s.opts.Scales)
			flip := rng.Float64() < s.opts.Flip
			m, err := s.reader.detImage(s.set, i, scale, flip)
			if err != nil {
				return err
			}
			m.image, m.target.Place = s.opts.Jitter.apply(m.image, rng), places[k]
			images[k] = m
			return nil
		})
		if err != nil {
			return DetBatch{}, fmt.Errorf("training batch %d of %s: %w", iter, s.set.Source, err)
		}
	}
	return stack(images, s.opts.PadTo, s.reader.table), nil
}

// detImage loads image i at a scale, from the cache where it is kept, and makes
// its target. Mirroring is done later, as the batch is written.
func (r *reader) detImage(set *Detection, i int, scale Scale, flip bool) (detImage, error) {
	info := set.Images[i]
	w, h := scale.Fit(info.W, info.H)
	img, err := r.opts.Cache.get(r.key(info.File, w, h), func() (Image, error) {
		img, err := info.decodeFor(r.opts.Decode)
		if err != nil {
			return Image{}, err
		}
		return ResizeBilinear(img, w, h), nil
	})
	if err != nil {
		return detImage{}, err
	}
	t := DetTarget{
		Index: i, ID: info.ID, W: w, H: h, OrigW: info.W, OrigH: info.H,
		ScaleX: float32(w) / float32(info.W), ScaleY: float32(h) / float32(info.H), Flipped: flip,
	}
	t.addBoxes(set.Objects[i])
	return detImage{image: img, target: t}, nil
}

// addBoxes moves the objects into the scaled image. Boxes thinner than a pixel of
// the file teach nothing and are left out, as mmdet leaves them out.
func (t *DetTarget) addBoxes(objects []Object) {
	for _, o := range objects {
		box := moveBox(o.Box, t.ScaleX, t.ScaleY, t.W, t.H, t.Flipped)
		switch {
		case o.Ignored():
			t.Ignore = append(t.Ignore, box)
		case o.Box[2]-o.Box[0] >= 1 && o.Box[3]-o.Box[1] >= 1:
			t.Boxes = append(t.Boxes, box)
			t.Labels = append(t.Labels, o.Label)
		}
	}
}

// DetEvalOptions says how evaluation batches of a detection set are made.
type DetEvalOptions struct {
	SourceOptions
	// Batch is the number of images of a batch.
	Batch int
	// Scale is the size to which images are scaled, their shape kept.
	Scale Scale
	// PadTo makes both sides of a batch a multiple of it; 0 is 32.
	PadTo int
}

// DetEval gives every image of a detection set once, in order.
type DetEval struct {
	set    *Detection
	opts   DetEvalOptions
	reader *reader
}

// NewDetEval returns a source of evaluation batches, or an error that names the
// option that cannot be.
func NewDetEval(set *Detection, opts DetEvalOptions) (*DetEval, error) {
	rd, err := newReader(opts.SourceOptions)
	if err == nil {
		err = opts.Scale.check()
	}
	if err == nil && opts.Batch < 1 {
		err = fmt.Errorf("batch of %d images: it must be at least 1", opts.Batch)
	}
	if err != nil {
		return nil, fmt.Errorf("detection evaluation data %s: %w", set.Source, err)
	}
	rd.broken.know(set.Images)
	return &DetEval{set: set, opts: opts, reader: rd}, nil
}

// Iterations returns the number of batches that hold all images.
func (s *DetEval) Iterations() int64 { return batches(s.set.Len(), s.opts.Batch) }

// Batch makes batch iter, which counts from 0. Images that cannot be read are
// left out under PolicySkip, so a batch may hold fewer images, even none.
func (s *DetEval) Batch(ctx context.Context, iter int64) (DetBatch, error) {
	from, to, err := span(iter, s.opts.Batch, s.set.Len())
	if err != nil {
		return DetBatch{}, fmt.Errorf("detection evaluation of %s: %w", s.set.Source, err)
	}
	var images []detImage
	for i := from; i < to; i++ {
		if ctx.Err() != nil {
			return DetBatch{}, context.Cause(ctx)
		}
		_, err := s.reader.attempt(i, func(i int) string { return s.set.Images[i].File }, func(i int) error {
			m, err := s.reader.detImage(s.set, i, s.opts.Scale, false)
			if err == nil {
				images = append(images, m)
			}
			return err
		})
		if err != nil {
			return DetBatch{}, fmt.Errorf("evaluation batch %d of %s: %w", iter, s.set.Source, err)
		}
	}
	return stack(images, s.opts.PadTo, s.reader.table), nil
}
