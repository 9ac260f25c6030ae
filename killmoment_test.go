package main

import (
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	"detnas/core/run"
)

// aim is what a kill is aimed at, as the table of the test names it.
type aim string

const (
	anyTime aim = "any time" // uniformly over the step's time
	begins  aim = "start"    // while a process makes its folder, heals, reads and replays
	writes  aim = "write"    // just after a temporary file has appeared
	renames aim = "rename"   // just after a file was put in its place
	notes   aim = "journal"  // just after a line was added to the journal
	tears   aim = "torn"     // the same, and the line is cut: the kill came in its middle
	removes aim = "removal"  // just after a checkpoint was removed
	edits   aim = "edit"     // at something that is done to the config
)

// aims are drawn from; each stands there by its share.
var aims = []aim{
	anyTime, anyTime, anyTime, anyTime, anyTime, anyTime, anyTime,
	begins, begins, begins, writes, writes, writes, writes, renames, renames, notes, notes, tears, tears,
}

// moment is when a process is killed.
type moment struct {
	aim   aim
	after time.Duration // from the process's start, or from its step's
	left  bool          // after is of all the step, and means that share of what is left of it
	nth   int           // of the things that happen in the folder; 0 where the aim is at none of them
	late  time.Duration // after what was aimed at
	share float64       // of a torn line that stays
}

const (
	// tooLate bounds the time from what a kill is aimed at to the kill: about what
	// a checkpoint takes to be written, synced, renamed and noted.
	tooLate = 8 * time.Millisecond

	// firstThings are those of the folder's things that kills at the start are
	// aimed at: the folder, its lock, the config, the log, the socket, images.
	firstThings = 16
)

// drawMoment draws when a process is killed that takes about so long to begin a
// step, and then so long to come to its end.
func drawMoment(r *rand.Rand, starting, lasting time.Duration) moment {
	m := moment{aim: aims[r.IntN(len(aims))], left: r.IntN(2) == 0, share: r.Float64()}
	if m.aim == begins {
		return drawStart(r, starting)
	}
	m.after = time.Duration(r.Int64N(int64(lasting)))
	if m.aim != anyTime {
		m.nth, m.late = 1, drawLate(r)
	}
	return m
}

// drawStart draws a moment before a process begins its step.
func drawStart(r *rand.Rand, starting time.Duration) moment {
	m := moment{aim: begins}
	if r.IntN(2) == 0 {
		m.nth, m.late = 1+r.IntN(firstThings), drawLate(r)
	} else {
		m.after = time.Duration(r.Int64N(int64(starting)))
	}
	return m
}

// drawLate draws how long after its aim a kill comes: every second one at once.
func drawLate(r *rand.Rand) time.Duration {
	return time.Duration(r.Int64N(int64(tooLate)) * r.Int64N(2))
}

// String names the moment in messages.
func (m moment) String() string { return fmt.Sprintf("a kill aimed at %q", m.aim) }

// wait waits until it is time to kill p, or until p has ended.
func (m moment) wait(t *testing.T, a *attempt, p *process, s *sight) {
	t.Helper()
	after := float64(m.after)
	if m.aim != begins {
		begun, ok := a.takenUp(t, p)
		if !ok {
			return
		}
		if m.left {
			after *= share(begun)
		}
	}
	if p.lives(time.Duration(after)) && m.nth > 0 && s.await(p, m.aim, m.nth) {
		p.lives(m.late)
	}
}

// lives waits a while and reports whether the process lives still.
func (p *process) lives(wait time.Duration) bool {
	select {
	case <-p.done:
		return false
	case <-time.After(wait):
		return true
	}
}

// takenUp waits until the process has begun a step or taken one up, and reports
// false when it ended before that.
func (a *attempt) takenUp(t *testing.T, p *process) (run.StepStarted, bool) {
	t.Helper()
	path := filepath.Join(a.folder, "events.jsonl")
	for {
		file, err := os.Open(path)
		if err == nil {
			defer file.Close()
			return follow(t, run.NewReader(path, file), p)
		}
		if !p.lives(2 * time.Millisecond) {
			return run.StepStarted{}, false
		}
	}
}

// follow reads a journal until the process has put the start of a step into it.
func follow(t *testing.T, r *run.Reader, p *process) (run.StepStarted, bool) {
	t.Helper()
	for {
		e, err := r.Next()
		switch {
		case errors.Is(err, io.EOF):
			if !p.lives(2 * time.Millisecond) {
				return run.StepStarted{}, false
			}
		case err != nil:
			t.Fatal(err)
		default:
			if s, ok := e.Event.(run.StepStarted); ok && e.Time.After(p.began) {
				return s, true
			}
		}
	}
}
