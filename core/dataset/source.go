package dataset

import (
	"context"
	"errors"
	"fmt"

	"detnas/core/input"
)

// SourceOptions are what every source of batches needs to know. The zero value
// skips faults, keeps nothing in memory and normalises by ImageNet's statistics.
type SourceOptions struct {
	// Decode says how image files are read.
	Decode DecodeOptions
	// Policy says what happens when an image turns out broken: PolicySkip puts
	// the next good one in its place in training and leaves it out in evaluation;
	// PolicyRefuse makes it an error.
	Policy Policy
	// Norm is the mean and deviation; the zero value is ImageNetNorm.
	Norm Norm
	// Cache, when not nil, keeps decoded images; sources may share one.
	Cache *Cache
	// Report, when not nil, is told of each broken image once, by any goroutine
	// that makes a batch, one call at a time.
	Report func(Problem)
}

// Sampling places a training source in a run.
type Sampling struct {
	// Seed is the run's root seed, Step the name of the stream of draws.
	Seed uint64
	Step string
	// Batch is the number of images of an iteration over all ranks; this rank gets its
	// share of each of its Parts, as Order has it.
	Batch, Parts, Rank, World int
}

// order returns the order of n images, checked.
func (s Sampling) order(n int, groups []int) (*Order, error) {
	o := &Order{Seed: s.Seed, Step: s.Step, N: n, Batch: s.Batch, Parts: s.Parts, Rank: s.Rank, World: s.World, Groups: groups}
	return o, o.Check()
}

// reader loads images under a policy; it is shared by all kinds of sources.
type reader struct {
	opts   SourceOptions
	table  *table
	broken *reporter
}

func newReader(opts SourceOptions) (*reader, error) {
	if opts.Norm == (Norm{}) {
		opts.Norm = ImageNetNorm()
	}
	if err := errors.Join(opts.Policy.check(), opts.Norm.check()); err != nil {
		return nil, err
	}
	return &reader{opts: opts, table: opts.Norm.table(), broken: &reporter{tell: opts.Report}}, nil
}

// key is the cache's key of a file at a size.
func (r *reader) key(file string, w, h int) cacheKey {
	return cacheKey{file: file, exif: r.opts.Decode.ApplyEXIF, w: w, h: h}
}

// orNext calls load with index, and, while it fails and the policy is to skip,
// with the ones after it, so that what takes a broken image's place depends on
// the set alone.
func (r *reader) orNext(ctx context.Context, index, n int, file func(int) string, load func(int) error) error {
	for k := range n {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if ok, err := r.attempt((index+k)%n, file, load); err != nil || ok {
			return err
		}
	}
	return fmt.Errorf("none of the %d images can be read; first: %s", n, input.Line(file(0)))
}

// attempt calls load with index. It reports a failure and returns false when the
// policy is to skip, and the error when it is to refuse.
func (r *reader) attempt(index int, file func(int) string, load func(int) error) (bool, error) {
	name := file(index)
	if r.broken.has(name) {
		return false, nil
	}
	err := load(index)
	if err == nil {
		return true, nil
	}
	if r.opts.Policy == PolicyRefuse {
		return false, &ImageError{File: name, Err: err}
	}
	r.broken.report(ImageProblem(name, err))
	return false, nil
}

// ImageError is the error of an image that cannot be used under PolicyRefuse.
type ImageError struct {
	File string
	Err  error // names the file
}

// Error implements error.
func (e *ImageError) Error() string { return e.Err.Error() }

// Unwrap is what is wrong with the image.
func (e *ImageError) Unwrap() error { return e.Err }

// batches returns how many batches hold n images.
func batches(n, batch int) int64 { return int64((n + batch - 1) / batch) }

// span returns the images of evaluation batch iter.
func span(iter int64, batch, n int) (from, to int, err error) {
	if iter < 0 || iter >= batches(n, batch) {
		return 0, 0, fmt.Errorf("batch %d of %d: there is none", iter, batches(n, batch))
	}
	from = int(iter) * batch
	return from, min(from+batch, n), nil
}
