package engine

import (
	"context"
	"fmt"

	"detnas/core/config"
	"detnas/core/run"
)

// spreads reports whether the other ranks measure candidates, too. What latency measures
// is not to be disturbed, and regularised evolution proposes one at a time.
func (e *engine) spreads() bool {
	c := e.cfg.Search
	return !e.crew.alone() && !e.crew.follows() && !c.Timed() && c.Method != config.MethodRegularized
}

// searchAlone notes why the search is rank 0's alone, where it is.
func (e *engine) searchAlone() {
	if e.crew.alone() || e.spreads() {
		return
	}
	why := fmt.Sprintf("search.method = %q proposes one candidate at a time", e.cfg.Search.Method)
	if e.cfg.Search.Timed() {
		why = "it measures latency, which others on the same machine would disturb"
	}
	e.note(run.Warning{What: fmt.Sprintf("the search runs on rank 0 alone, since %s; the other %d ranks wait until it has ended", why, e.crew.place.World-1)})
}

// lent is what a rank needs besides the config to measure candidates as rank 0 does.
type lent struct {
	Team     int    `json:"team"` // threads that compute a score
	parcel          // the supernet's weights
	Searched string `json:"trained"` // the config of the supernet, where it is another run's
}

// lend offers the other ranks to measure candidates of a search, from now on until the
// function that it returns is called. None of them needs to be there.
func (e *engine) lend(ctx context.Context, j *judge) (end func() error, err error) {
	c := e.crew
	proof, err := j.proof(ctx)
	if err != nil {
		return nil, err
	}
	if err := c.call(); err != nil {
		return nil, err
	}
	b := boardOf(c.at + 1)
	o := order{
		Do: doSearch, Folder: e.folder.Dir(), Data: e.folder.Data(), Config: e.cfg.Resolved(), Step: config.StepSearch,
		Prints: map[string]run.DataPrint{}, Search: &lent{Team: e.team()},
	}
	for _, key := range []string{guideKey, calibrationKey} {
		if k, ok := e.data.known[key]; ok {
			o.Prints[key] = k.print
		}
	}
	if e.searched != nil {
		o.Search.Searched = e.searched.Resolved()
	}
	if err := e.giveWeights(b, j, o.Search); err != nil {
		return nil, err
	}
	if err := c.tell(o); err != nil {
		return nil, err
	}
	l := &lender{engine: e, a: j.ahead, b: b, proof: proof, quit: make(chan struct{}), ended: make(chan struct{})}
	j.ahead.mu.Lock()
	j.ahead.queue.Backups = true // ranks may be slow, or stand still
	j.ahead.mu.Unlock()
	go l.run()
	return func() error {
		close(l.quit)
		<-l.ended
		_ = c.drop(b.weights, o.Search.parcel)
		return c.tell(order{Do: doRest})
	}, nil
}

// giveWeights puts the supernet into the store.
func (e *engine) giveWeights(b board, j *judge, l *lent) error {
	arrays, err := j.store.Export()
	if err != nil {
		return err
	}
	text, err := encoded(arrays)
	if err != nil {
		return err
	}
	if l.parcel, err = e.crew.leave(b.weights, text); err != nil {
		return e.crew.lost(err)
	}
	return nil
}
