package engine

import (
	"sync"
	"time"

	"detnas/core/run"
)

// emit writes an event to the journal and tells the watcher.
func (e *engine) emit(ev run.Event) error {
	err := e.write(ev)
	e.tell()
	return err
}

// note writes an event that the run can do without; a journal that cannot be
// written to is reported by the next event that it cannot.
func (e *engine) note(ev run.Event) { _ = e.emit(ev) }

// write puts an event into the journal and has it wait for the watcher.
func (e *engine) write(ev run.Event) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.crew.follows() { // rank 0 has the journal
		if e.opts.Watch != nil {
			e.untold = append(e.untold, ev)
		}
		return nil
	}
	if err := e.journal.Append(ev); err != nil {
		return err
	}
	e.live.Apply(run.Entry{Header: run.Header{Seq: e.live.Seq + 1, Time: time.Now()}, Event: ev})
	if e.opts.Watch != nil {
		e.untold = append(e.untold, ev)
	}
	return nil
}

// tell tells the watcher of what was written. Where another goroutine is at it,
// or the watcher itself has caused an event, that one goes on with it.
func (e *engine) tell() {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.telling != nil || len(e.untold) == 0 {
		return
	}
	e.telling = sync.NewCond(&e.mu)
	for len(e.untold) > 0 {
		ev := e.untold[0]
		e.untold = e.untold[1:]
		e.mu.Unlock()
		e.opts.Watch(ev)
		e.mu.Lock()
	}
	e.telling.Broadcast()
	e.telling = nil
}

// told waits until the watcher knows of everything.
func (e *engine) told() {
	e.tell()
	e.mu.Lock()
	defer e.mu.Unlock()
	for e.telling != nil {
		e.telling.Wait()
	}
}

// clock is the time that a step takes: what earlier processes spent on it, and
// this one, without its pauses.
type clock struct {
	carried float64   // seconds
	began   time.Time // in this process, moved on by what was paused
	paused  time.Time // zero while training
	first   time.Time // of the run, in this process
	idle    time.Duration
}

// begin starts the clock of a step on which so many seconds were spent before.
func (c *clock) begin(carried float64) {
	now := time.Now()
	if c.first.IsZero() {
		c.first = now
	}
	c.carried, c.began = carried, now
}

// seconds are those spent on the step so far.
func (c *clock) seconds() float64 {
	now := time.Now()
	if !c.paused.IsZero() {
		now = c.paused
	}
	return c.carried + now.Sub(c.began).Seconds()
}

// total are the seconds of the run in this process.
func (c *clock) total() float64 { return (time.Since(c.first) - c.idle).Seconds() }

func (c *clock) pause() { c.paused = time.Now() }

func (c *clock) resume() {
	away := time.Since(c.paused)
	c.began, c.idle, c.paused = c.began.Add(away), c.idle+away, time.Time{}
}
