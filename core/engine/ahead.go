package engine

import (
	"context"
	"slices"
	"sync"

	"detnas/core/config"
	"detnas/core/tensor"
	"detnas/nas"
	"detnas/nas/search"
)

// ahead measures candidates before their turn comes, several at a time, each on an OS
// thread of its own. The search does not know of it: it proposes one candidate after the
// other and is told one score after the other. Only those are measured ahead that it has
// proposed already, whatever the scores before them; what it does not come to after all
// is dropped. In a race a candidate is measured as far as the best of the moment have it,
// and whether it is stopped, and where, is decided at its turn.
//
// A score is computed by a team of the same size whether it is ahead or not, so that it
// has the same bits.
type ahead struct {
	j       *judge
	scorers int
	ctx     context.Context
	stop    context.CancelFunc
	threads sync.WaitGroup
	broken  chan error // of a scorer that could not start

	mu    sync.Mutex
	work  *sync.Cond        // something to measure, nothing any more, or the end
	of    map[string]*early // by the subnet's key
	queue []*early          // that no scorer has taken, in the order of their turns
	busy  int               // scorers that measure
	held  bool
	ended bool
}

// early is a candidate whose turn has not come.
type early struct {
	sub    nas.Subnet
	rivals []search.Candidate // when it was asked for
	ctx    context.Context
	stop   context.CancelFunc
	done   chan struct{} // closed once it is measured

	m   *measuring // nil with the guide classification, or after an error
	o   assessment // with the guide classification
	err error
}

// scorers is how many candidates are measured at a time. What latency measures is not to
// be disturbed, a GPU is one, and regularised evolution proposes one at a time.
func (e *engine) scorers() int {
	if c := e.cfg.Search; e.device != tensor.CPU || c.Timed() || c.Method == config.MethodRegularized {
		return 1
	}
	return e.atOnce
}

// team is how many threads compute a score.
func (e *engine) team() int { return max(1, e.threads/e.scorers()) }

// scoring calls f, within which j measures ahead, where the config wants it.
func (j *judge) scoring(ctx context.Context, e *engine, f func() error) error {
	n := e.scorers()
	if n == 1 {
		return f()
	}
	tensor.SetTeam(e.team()) // of what is left to do at a candidate's turn
	defer func() { tensor.SetTeam(e.threads) }()
	a := &ahead{j: j, scorers: n, of: map[string]*early{}, broken: make(chan error, n)}
	a.work = sync.NewCond(&a.mu)
	a.ctx, a.stop = context.WithCancel(ctx)
	for range n {
		a.threads.Add(1)
		go func() {
			defer a.threads.Done()
			if err := tensor.OnThread(e.team(), a.score); err != nil {
				a.broken <- err
			}
		}()
	}
	j.ahead = a
	defer func() {
		j.ahead = nil
		a.end()
	}()
	return f()
}

// turn measures the candidate whose turn it is, and has others measured that follow it.
// rivals are those of a subnet as the search stands, none without a race.
func (a *ahead) turn(ctx context.Context, sub nas.Subnet, upcoming []nas.Subnet, rivals func(nas.Subnet) []search.Candidate) (assessment, error) {
	e := a.ask(sub, upcoming, rivals)
	select {
	case <-e.done:
	case err := <-a.broken:
		return assessment{}, err
	}
	a.mu.Lock()
	delete(a.of, sub.Key())
	a.mu.Unlock()
	defer e.free()
	if e.err != nil || e.m == nil {
		return e.o, e.err
	}
	return a.j.scorer.settle(ctx, e.m, rivals(sub))
}

// ask has a subnet measured and those upcoming, as far as that is to go, and drops what
// is upcoming no longer.
func (a *ahead) ask(sub nas.Subnet, upcoming []nas.Subnet, rivals func(nas.Subnet) []search.Candidate) *early {
	a.mu.Lock()
	defer a.mu.Unlock()
	place := map[string]int{sub.Key(): 0}
	for i, s := range upcoming {
		place[s.Key()] = i
	}
	for key, e := range a.of {
		if _, ok := place[key]; !ok {
			a.drop(e)
		}
	}
	for _, s := range slices.Concat([]nas.Subnet{sub}, upcoming) {
		if len(a.of) >= 2*a.scorers && s.Key() != sub.Key() {
			break
		}
		if a.of[s.Key()] == nil && !a.j.knows(s) {
			e := &early{sub: s, rivals: rivals(s), done: make(chan struct{})}
			e.ctx, e.stop = context.WithCancel(a.ctx)
			a.of[s.Key()], a.queue = e, append(a.queue, e)
		}
	}
	slices.SortFunc(a.queue, func(x, y *early) int { return place[x.sub.Key()] - place[y.sub.Key()] })
	a.work.Broadcast()
	return a.of[sub.Key()]
}

// drop gives up a candidate; mu is held.
func (a *ahead) drop(e *early) {
	delete(a.of, e.sub.Key())
	e.stop()
	if i := slices.Index(a.queue, e); i >= 0 {
		a.queue = slices.Delete(a.queue, i, i+1)
		return
	}
	select {
	case <-e.done:
		e.free()
	default: // its scorer frees it
	}
}

// hold waits until no scorer measures, and keeps them from beginning with another
// candidate until release: what people do may change what they read.
func (a *ahead) hold() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.held = true
	for a.busy > 0 {
		a.work.Wait()
	}
}

func (a *ahead) release() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.held = false
	a.work.Broadcast()
}

// score is a scorer: it measures one candidate after the other until the end.
func (a *ahead) score() error {
	for e := a.next(); e != nil; e = a.next() {
		e.measure(a.j)
		a.finish(e)
	}
	return nil
}

// next waits for a candidate to measure, and is nil at the end.
func (a *ahead) next() *early {
	a.mu.Lock()
	defer a.mu.Unlock()
	for !a.ended && (a.held || len(a.queue) == 0) {
		a.work.Wait()
	}
	if a.ended {
		return nil
	}
	e := a.queue[0]
	a.queue = a.queue[1:]
	a.busy++
	return e
}

func (a *ahead) finish(e *early) {
	a.mu.Lock()
	defer a.mu.Unlock()
	close(e.done)
	if a.of[e.sub.Key()] != e { // dropped meanwhile
		e.free()
	}
	a.busy--
	a.work.Broadcast()
}

// end stops the scorers, waits for them and frees what is left.
func (a *ahead) end() {
	a.mu.Lock()
	a.ended = true
	a.work.Broadcast()
	a.mu.Unlock()
	a.stop()
	a.threads.Wait()
	for _, e := range a.of {
		e.free()
	}
}

// measure measures the candidate, as far as its rivals have it.
func (e *early) measure(j *judge) {
	if j.scorer == nil {
		e.o, e.err = j.classes.assess(e.ctx, e.sub)
		return
	}
	if e.m, e.err = j.scorer.begin(e.ctx, e.sub); e.err == nil {
		_, _ = e.m.outcome(e.rivals) // an error comes again at its turn, if the candidate is measured as far as that
	}
}

func (e *early) free() {
	e.stop()
	if e.m != nil {
		e.m.free()
	}
}
