package dataset

import (
	"context"
	"sync"
)

// Kept gives the batches of a detection set that is gone through again and again. It
// keeps them as they are given, as far as the budget of the source's cache reaches,
// so that they are decoded, scaled and normalised once; the others are made anew each
// time, to the same bits. It is safe for concurrent use.
type Kept struct {
	source *DetEval
	mu     sync.Mutex
	of     map[int64]DetBatch
}

// Keep keeps the batches of source.
func Keep(source *DetEval) *Kept { return &Kept{source: source, of: map[int64]DetBatch{}} }

// Batch is the source's batch iter. Callers must not change it.
func (k *Kept) Batch(ctx context.Context, iter int64) (DetBatch, error) {
	k.mu.Lock()
	b, ok := k.of[iter]
	k.mu.Unlock()
	if ok {
		return b, nil
	}
	b, err := k.source.Batch(ctx, iter)
	if err != nil {
		return b, err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if _, ok := k.of[iter]; !ok && k.source.reader.opts.Cache.reserve(4*int64(len(b.X))) {
		k.of[iter] = b
	}
	return b, nil
}
