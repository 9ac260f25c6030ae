package engine

import (
	"context"
	"errors"
	"sync"

	"detnas/core/config"
	"detnas/core/tensor"
	"detnas/nas"
	"detnas/nas/dispatch"
	"detnas/nas/search"
)

// ahead measures candidates before their turn comes, several at a time, each on an OS
// thread of its own. The search does not know of it: it proposes one candidate after the
// other and is told one score after the other. Only those are measured ahead that it has
// proposed already, whatever the scores before them; what it does not come to after all
// is dropped. In a race a candidate is measured as far as the best of the moment have it,
// and whether it is stopped, and where, is decided at its turn. Who measures which is
// decided by package dispatch.
//
// A score is computed by a team of the same size whether it is ahead or not, so that it
// has the same bits.
type ahead struct {
	j       *judge
	ctx     context.Context
	stop    context.CancelFunc
	threads sync.WaitGroup
	broken  chan error // of a scorer that could not start

	mu    sync.Mutex
	work  *sync.Cond // something to measure, nothing any more, or the end
	queue *dispatch.Queue
	of    map[string]*early // what the search stands before, by the subnet's key
	at    map[dispatch.Worker]*attempt
	busy  int // scorers of this process that measure
	ended bool
	news  chan struct{} // something has changed, for who lends candidates to other ranks
}

// early is a candidate whose turn has not come.
type early struct {
	sub    nas.Subnet
	rivals []search.Candidate // as the search stands
	done   chan struct{}      // closed once it is measured
	by     *attempt           // that has measured it
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
	if n == 1 && !e.spreads() {
		return f()
	}
	tensor.SetTeam(e.team()) // of what is left to do at a candidate's turn
	defer func() { tensor.SetTeam(e.threads) }()
	a := newAhead(ctx, j, n)
	workers := make([]dispatch.Worker, n)
	for i := range workers {
		workers[i] = a.queue.Join()
	}
	for _, w := range workers {
		a.threads.Add(1)
		go func() {
			defer a.threads.Done()
			if err := tensor.OnThread(e.team(), func() error { return a.score(w) }); err != nil {
				a.broken <- err
			}
		}()
	}
	j.ahead = a
	defer func() {
		j.ahead = nil
		a.end()
	}()
	if !e.spreads() {
		return f()
	}
	end, err := e.lend(ctx, j)
	if err != nil {
		return err
	}
	return errors.Join(f(), end())
}

// newAhead makes what measures ahead by so many scorers, which are to join.
func newAhead(ctx context.Context, j *judge, scorers int) *ahead {
	a := &ahead{j: j, queue: dispatch.New(), of: map[string]*early{}, at: map[dispatch.Worker]*attempt{}, broken: make(chan error, scorers), news: make(chan struct{}, 1)}
	a.work = sync.NewCond(&a.mu)
	a.ctx, a.stop = context.WithCancel(ctx)
	return a
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
	a.queue.Settle(sub.Key())
	delete(a.of, sub.Key())
	a.changed() // one more may be handed out
	a.mu.Unlock()
	defer e.by.free()
	o, err := e.by.o, e.by.err
	if err == nil && e.by.m != nil {
		o, err = a.j.scorer.settle(ctx, e.by.m, rivals(sub))
	}
	o.rank = e.by.rank
	return o, err
}

// ask has a subnet measured and those upcoming, and drops what is upcoming no longer.
func (a *ahead) ask(sub nas.Subnet, upcoming []nas.Subnet, rivals func(nas.Subnet) []search.Candidate) *early {
	a.mu.Lock()
	defer a.mu.Unlock()
	stands, keys := map[string]*early{}, []string{}
	for i := -1; i < len(upcoming); i++ {
		s := sub
		if i >= 0 {
			if s = upcoming[i]; a.j.knows(s) {
				continue
			}
		}
		key := s.Key()
		if stands[key] == nil {
			if stands[key] = a.of[key]; stands[key] == nil {
				stands[key] = &early{sub: s, done: make(chan struct{})}
			}
			stands[key].rivals = rivals(s)
			keys = append(keys, key)
		}
	}
	for _, key := range a.queue.Turn(keys[0], keys[1:]) {
		a.drop(a.of[key])
	}
	a.of = stands
	a.changed()
	return stands[keys[0]]
}

// drop gives up a candidate that was handed out; mu is held. Who measures it frees what
// there is of it.
func (a *ahead) drop(e *early) {
	if e.by != nil {
		e.by.free()
	}
	for _, t := range a.at {
		if t.of == e {
			t.stop()
		}
	}
}

// hold waits until no scorer of this process measures, and keeps all from beginning with
// another candidate until release: what people do may change what scorers read.
func (a *ahead) hold() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.queue.Hold()
	for a.busy > 0 {
		a.work.Wait()
	}
}

func (a *ahead) release() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.queue.Release()
	a.changed()
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
		if e.by != nil {
			e.by.free()
		}
	}
}

// changed wakes who waits for something to do; mu is held.
func (a *ahead) changed() {
	a.work.Broadcast()
	select {
	case a.news <- struct{}{}:
	default:
	}
}
