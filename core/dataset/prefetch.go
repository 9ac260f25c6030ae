package dataset

import (
	"context"
	"fmt"
	"io"
	"runtime/debug"
	"sync"
)

// made is what a worker made of one position.
type made[T any] struct {
	value T
	err   error
}

// Stream gives the results of Prefetch in the order of their positions.
type Stream[T any] struct {
	ctx     context.Context
	cancel  context.CancelFunc
	slots   chan chan made[T] // one for each position under way, in order
	tokens  chan struct{}     // one for each position under way or ready
	workers sync.WaitGroup
}

// Prefetch makes the positions from start up to end (exclusive) ahead of their
// use, with the given number of workers. At most depth results are ready or being
// made at a time, which bounds the memory. A panic in fn becomes an error.
// The caller must Close the stream; fn must heed its context for Close and a
// cancelled ctx to be quick.
func Prefetch[T any](ctx context.Context, start, end int64, workers, depth int,
	fn func(ctx context.Context, pos int64) (T, error),
) *Stream[T] {
	depth = max(depth, 1)
	workers = min(max(workers, 1), depth)
	ctx, cancel := context.WithCancel(ctx)
	s := &Stream[T]{
		ctx: ctx, cancel: cancel,
		slots:  make(chan chan made[T], depth),
		tokens: make(chan struct{}, depth),
	}
	type job struct {
		pos  int64
		slot chan made[T]
	}
	jobs := make(chan job)
	for range workers {
		s.workers.Go(func() {
			for j := range jobs {
				v, err := guarded(ctx, j.pos, fn)
				j.slot <- made[T]{v, err} // has room: one result a slot
			}
		})
	}
	s.workers.Go(func() {
		defer close(s.slots)
		defer close(jobs)
		for pos := start; pos < end; pos++ {
			select {
			case s.tokens <- struct{}{}:
			case <-ctx.Done():
				return
			}
			slot := make(chan made[T], 1)
			s.slots <- slot // has room: no more slots than tokens
			select {
			case jobs <- job{pos, slot}:
			case <-ctx.Done():
				return
			}
		}
	})
	return s
}

// guarded calls fn and turns a panic into an error.
func guarded[T any](ctx context.Context, pos int64, fn func(context.Context, int64) (T, error)) (v T, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("make batch %d: panic: %v\n%s", pos, r, debug.Stack())
		}
	}()
	return fn(ctx, pos)
}

// Next waits for the next position's result. An error belongs to that position
// alone; the following call goes on to the next one. It returns io.EOF after the
// last one, and the context's cause once that is cancelled. Calls must not
// overlap.
func (s *Stream[T]) Next() (T, error) {
	var zero T
	if s.ctx.Err() != nil {
		return zero, context.Cause(s.ctx)
	}
	select {
	case slot, ok := <-s.slots:
		if !ok {
			if s.ctx.Err() != nil {
				return zero, context.Cause(s.ctx)
			}
			return zero, io.EOF
		}
		select {
		case r := <-slot:
			<-s.tokens
			return r.value, r.err
		case <-s.ctx.Done():
			return zero, context.Cause(s.ctx)
		}
	case <-s.ctx.Done():
		return zero, context.Cause(s.ctx)
	}
}

// Close stops the work and waits until every worker has ended. It may be called
// more than once, and while Next waits.
func (s *Stream[T]) Close() {
	s.cancel()
	s.workers.Wait()
}
