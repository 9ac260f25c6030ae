package engine

import (
	"context"

	"detnas/nas/dispatch"
	"detnas/nas/search"
)

// attempt is a candidate as one scorer measures it.
type attempt struct {
	of     *early
	rivals []search.Candidate // as the search stood when it began
	bars   barAt              // that those set, or another rank says
	ctx    context.Context
	stop   context.CancelFunc
	rank   int // of who measures it

	m   *measuring // nil with the guide classification, or after an error
	o   assessment // with the guide classification
	err error
}

// score is a scorer: it measures one candidate after the other until the end.
func (a *ahead) score(w dispatch.Worker) error {
	for t := a.next(w); t != nil; t = a.next(w) {
		t.measure(a.j)
		a.mu.Lock()
		a.busy--
		a.finish(w)
		a.mu.Unlock()
	}
	return nil
}

// next waits for a candidate to measure, and is nil at the end.
func (a *ahead) next(w dispatch.Worker) *attempt {
	a.mu.Lock()
	defer a.mu.Unlock()
	for !a.ended {
		if t := a.begin(w); t != nil {
			a.busy++
			return t
		}
		a.work.Wait()
	}
	return nil
}

// begin hands a candidate to a worker, and is nil where there is none for it; mu is held.
func (a *ahead) begin(w dispatch.Worker) *attempt {
	key, ok := a.queue.Take(w)
	if !ok {
		return nil
	}
	e := a.of[key]
	t := &attempt{of: e, rivals: e.rivals}
	t.ctx, t.stop = context.WithCancel(a.ctx)
	if s := a.j.scorer; s != nil && s.race != nil {
		t.bars = s.race.against(t.rivals)
	}
	a.at[w] = t
	return t
}

// finish takes in what a worker has measured; mu is held. It is freed where another one
// was first, or where the search comes to the candidate no more.
func (a *ahead) finish(w dispatch.Worker) {
	t := a.at[w]
	delete(a.at, w)
	if key, counts := a.queue.Finish(w); counts {
		for _, other := range a.queue.At(key) {
			a.at[other].stop()
		}
		t.of.by = t
		close(t.of.done)
	} else {
		t.free()
	}
	a.changed()
}

// measure measures the candidate, as far as its rivals have it.
func (t *attempt) measure(j *judge) {
	if j.scorer == nil {
		t.o, t.err = j.classes.assess(t.ctx, t.of.sub)
		return
	}
	if t.m, t.err = j.scorer.begin(t.ctx, t.of.sub); t.err == nil {
		_, _ = t.m.outcome(t.bars) // an error comes again at its turn, if the candidate is measured as far as that
	}
}

func (t *attempt) free() {
	t.stop()
	if t.m != nil {
		t.m.free()
	}
}
