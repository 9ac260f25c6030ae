package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"sync"
	"syscall"
	"time"

	"detnas/core/ranks"
	"detnas/core/ranks/local"
)

// mostAgain is how often a worker is started again that has died while rank 0 goes on, and
// againAfter how long after its death.
const (
	mostAgain  = 3
	againAfter = time.Second
)

// workers are the processes that train together.
type workers struct {
	store   string // at which they meet
	command func(rank int) *exec.Cmd
	warn    func(string, ...any)
	ends    chan workerEnd
	again   []int // how often each was started again

	mu      sync.Mutex
	started []*exec.Cmd // by rank
}

// workerEnd is how one of them has ended.
type workerEnd struct {
	rank int
	err  error
}

// killed reports whether a process has ended by a signal or, which rank 0 tells itself,
// by what Go's runtime ends a broken program with.
func (e workerEnd) killed() bool {
	var exit *exec.ExitError
	return errors.As(e.err, &exit) && (!exit.Exited() || e.rank > 0 && exit.ExitCode() > exitFailed)
}

// tell leaves word at the ranks' store of how one of them has died.
func (w *workers) tell(e workerEnd) error {
	return w.say(ranks.DiedKey(e.rank, w.started[e.rank].Process.Pid), e.err.Error())
}

// giveUp leaves word there that one that was killed is not started again. Rank 0 goes on
// without it while it searches, and ends the run before it trains.
func (w *workers) giveUp(e workerEnd) {
	w.warn("worker %d has died (%v), and is not started again after %d times", e.rank, e.err, mostAgain)
	_ = w.say(ranks.OverKey(e.rank), fmt.Sprintf("%v, the last time, after it was started again %d times", e.err, mostAgain)) // else rank 0 waits in vain
}

func (w *workers) say(key, text string) error {
	place := ranks.Place{Attempt: ranks.FirstAttempt}
	return local.Set(w.store, place.Prefix()+"/"+key, text)
}

// newWorkers makes so many, which meet at a store, and have yet to be started.
func newWorkers(n int, store string, warn func(string, ...any), command func(rank int) *exec.Cmd) *workers {
	return &workers{store: store, command: command, warn: warn, started: make([]*exec.Cmd, n), again: make([]int, n), ends: make(chan workerEnd)}
}

// start starts one.
func (w *workers) start(rank int) error {
	cmd := w.command(rank)
	if err := cmd.Start(); err != nil {
		return err //nolint:wrapcheck // the caller says what was started
	}
	w.mu.Lock()
	w.started[rank] = cmd
	w.mu.Unlock()
	go func() { w.ends <- workerEnd{rank, cmd.Wait()} }()
	return nil
}

func (w *workers) signal(s os.Signal) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, cmd := range w.started {
		if cmd != nil {
			_ = cmd.Process.Signal(s) // those that have ended take none
		}
	}
}

// vigil is what is known of the workers as they end.
type vigil struct {
	left         int
	died, failed *workerEnd
	said         bool       // rank 0 tells of the one that has died
	zero         *workerEnd // rank 0
	late         <-chan time.Time
	next         []syscall.Signal
}

// wait waits until all have ended. A worker that was killed is started again while rank 0
// lives: if that was in the search, it has gone on without it, and if not, rank 0 ends
// soon. Once one has failed otherwise, the others have some time to end by themselves.
// Once rank 0 has ended, they are told to at once: it may have ended before they met it.
func (w *workers) wait(ctx context.Context) error {
	s := vigil{left: len(w.started), next: []syscall.Signal{syscall.SIGTERM, syscall.SIGKILL}}
	restart := make(chan int, len(w.started))
	for waiting := 0; s.left > 0 || waiting > 0; {
		select {
		case e := <-w.ends:
			s.left--
			s.dies(w, e)
			switch {
			case !e.killed() || e.rank == 0 || !s.going(ctx):
				s.ended(e)
			case w.again[e.rank] == mostAgain:
				w.giveUp(e)
			default:
				w.again[e.rank]++
				waiting++
				time.AfterFunc(againAfter, func() { restart <- e.rank })
			}
		case rank := <-restart:
			waiting--
			if !s.going(ctx) {
				continue
			}
			w.warn("worker %d has died, and is started again (%d of %d times)", rank, w.again[rank], mostAgain)
			if err := w.start(rank); err != nil {
				s.ended(workerEnd{rank, err})
				continue
			}
			s.left++
		case <-s.late:
			w.signal(s.next[0])
			if s.next, s.late = s.next[1:], nil; len(s.next) > 0 {
				s.late = time.After(endWithin)
			}
		}
	}
	return s.outcome()
}

// dies takes in that a worker was killed. Rank 0 is told of it, and says so, should it not go
// on.
func (s *vigil) dies(w *workers, e workerEnd) {
	free := len(s.next) == 2 // nobody was told to end yet
	switch {
	case e.rank == 0 && e.err != nil:
		s.said = s.said && free && !e.killed()
		if s.died == nil && free && e.killed() {
			s.died = &e
		}
	case e.rank > 0 && e.killed() && free:
		said := w.tell(e) == nil
		if s.died == nil {
			s.died, s.said = &e, said
		}
	}
}

// going reports whether nothing has ended the run yet, as far as that is known here.
func (s *vigil) going(ctx context.Context) bool {
	return s.zero == nil && s.late == nil && len(s.next) == 2 && ctx.Err() == nil
}

// ended takes in the end of a worker that is not started again.
func (s *vigil) ended(e workerEnd) {
	if s.late == nil && len(s.next) == 2 && (e.err != nil || e.rank == 0) {
		s.late = time.After(endWithin)
	}
	if e.rank == 0 {
		s.zero = &e
		if len(s.next) == 2 {
			s.late = time.After(0)
		}
	}
	if e.err != nil && s.failed == nil {
		s.failed = &e
	}
}

// outcome is the error of a run whose workers have ended. Where rank 0 has done all, it
// does not matter how the others have.
func (s *vigil) outcome() error {
	switch {
	case s.zero != nil && s.zero.err == nil:
		return nil
	case s.died != nil && !s.said:
		return fmt.Errorf("worker %d has died (%w), and the others have ended; --resume goes on from the last checkpoint", s.died.rank, s.died.err)
	case s.failed != nil:
		return errSaid
	}
	return nil
}
