package steer

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	"detnas/core/run"
)

// Engine is what a desk needs of the engine that works at it. All of it may be
// called from any goroutine.
type Engine struct {
	// Check says why a command makes no sense as the run stands, and what would
	// help. It may put what the command names into its usual form.
	Check func(*Command) error
	// Journal writes an event, and Tell lets those know of it who watch the
	// engine. Tell is called without any lock held.
	Journal func(run.Event) error
	Tell    func()
	// Position is where the run stands: the step and its iterations or
	// candidates done.
	Position func() (step, iteration int)
	// Stop ends the run as soon as it can be ended without loss.
	Stop func(why error)
}

// Desk is where the engine of this process takes commands. Viewers put them on
// it at any time; the engine takes them at its boundaries: after an iteration,
// between two candidates. A desk serves one run of the engine, from Open to
// Close.
type Desk struct {
	folder *run.Folder
	later  *look         // of all its viewers, when its engine has ended
	queued atomic.Int32  // commands that wait for the engine
	bell   chan struct{} // rings when one is put down

	mu      sync.Mutex
	engine  Engine
	open    bool
	away    error     // why the desk takes no commands; nil when it is open
	queue   []Command // in order
	current *Command  // taken, and not ended yet
	paused  bool
	stopped *Command // the stop under way
}

// NewDesk makes the desk of a run whose engine is about to begin.
func NewDesk(folder *run.Folder) *Desk {
	return &Desk{
		folder: folder, later: &look{folder: folder}, bell: make(chan struct{}, 1),
		away: errors.New("the run is being prepared; it takes commands in a moment"),
	}
}

// Viewer is a new viewer of the run in this process.
func (d *Desk) Viewer() Viewer {
	return &deskViewer{desk: d, journal: journal{path: d.folder.JournalPath()}, later: fileViewer{folder: d.folder, look: d.later}}
}

// Open lets the desk take commands for an engine.
func (d *Desk) Open(e Engine) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.engine, d.open, d.away = e, true, nil
}

// Close ends the taking of commands: why is what viewers are told from now on.
// What was asked for and not begun is withdrawn. Only the first call counts.
func (d *Desk) Close(why error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	wasOpen := d.open
	if wasOpen || d.engine.Journal == nil {
		d.away = why
	}
	d.open = false
	if !wasOpen {
		return
	}
	if d.stopped != nil { // the run came to its end before it could be stopped
		_ = d.note(*d.stopped, run.PhaseRefused, "the run ended before it could be stopped")
	}
	for _, c := range d.queue {
		_ = d.note(c, run.PhaseWithdrawn, "the run ended")
	}
	d.queue, d.stopped, d.paused = nil, nil, false
	d.queued.Store(0)
}

// over reports whether the engine that worked at the desk has ended.
func (d *Desk) over() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return !d.open && d.engine.Journal != nil
}

// steerable is nil when the desk takes commands.
func (d *Desk) steerable() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.away
}

// Pending reports whether commands wait for the engine. It is one atomic load.
func (d *Desk) Pending() bool { return d.queued.Load() > 0 }

// Take gives the engine the next command, until none waits. The engine journals
// the phases of what it takes and ends it with End.
func (d *Desk) Take() (Command, bool) {
	return d.take("")
}

// take takes the next command of an act, or of any.
func (d *Desk) take(act string) (Command, bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for i, c := range d.queue {
		if act == "" || c.Act == act {
			d.remove(i)
			d.current = &c
			return c, true
		}
	}
	return Command{}, false
}

// remove takes a command off the queue.
func (d *Desk) remove(i int) {
	d.queue = append(d.queue[:i:i], d.queue[i+1:]...)
	d.queued.Store(int32(len(d.queue))) //nolint:gosec // a few
}

// End says that what was taken last is done or refused, and whether the run
// stands paused now.
func (d *Desk) End(paused bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.current, d.paused = nil, paused
}

// Pause says that the engine stands paused of its own accord; false where the
// desk takes no commands, so that nobody could resume it. A pause that was asked
// for and has not begun is done with that.
func (d *Desk) Pause() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if !d.open {
		return false
	}
	if i := d.find(run.ActPause); i >= 0 {
		d.remove(i)
	}
	d.paused = true
	return true
}

// Resumed parks the caller, who has paused of its own accord, until somebody
// asks for a resume, and gives it that to be taken as by Take; false when ctx is
// cancelled before. Whatever else is asked for stays on the desk.
func (d *Desk) Resumed(ctx context.Context) (Command, bool) {
	for {
		if c, ok := d.take(run.ActResume); ok {
			return c, true
		}
		select {
		case <-d.bell:
		case <-ctx.Done():
			return Command{}, false
		}
	}
}

// Stopped says that the engine did what a stop asked for and returns the stop,
// once; false where there is none.
func (d *Desk) Stopped() (Command, bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.stopped == nil {
		return Command{}, false
	}
	c := *d.stopped
	d.stopped = nil
	return c, true
}

// Wait parks the caller until a command waits or ctx is cancelled.
func (d *Desk) Wait(ctx context.Context) {
	for !d.Pending() {
		select {
		case <-d.bell:
		case <-ctx.Done():
			return
		}
	}
}

// do takes a command in: it is checked and in the journal when do returns, or
// refused.
func (d *Desk) do(c Command) error {
	engine, err := d.admit(c)
	if engine.Tell != nil {
		engine.Tell()
	}
	return err
}

func (d *Desk) admit(c Command) (Engine, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.away != nil {
		return Engine{}, d.away
	}
	if err := c.tidy(); err != nil {
		return d.engine, err
	}
	if c.Who == "" {
		c.Who = "somebody"
	}
	switch c.Act {
	case ActWithdraw:
		return d.engine, d.withdraw(c)
	case run.ActStop:
		return d.engine, d.stop(c)
	}
	if err := d.engine.Check(&c); err != nil {
		return d.engine, err
	}
	if err := d.fits(c); err != nil {
		return d.engine, err
	}
	if i := d.find(run.ActPause); c.Act == run.ActResume && i >= 0 { // nothing to resume yet
		if err := d.drop(i, c.Who+" resumed"); err != nil {
			return d.engine, err
		}
		return d.engine, nil
	}
	if err := d.note(c, run.PhaseRequested, ""); err != nil {
		return d.engine, err
	}
	d.queue = append(d.queue, c)
	d.queued.Store(int32(len(d.queue))) //nolint:gosec // a few
	d.ring()
	return d.engine, nil
}

// fits refuses what is asked for already, or makes no sense as the run stands.
func (d *Desk) fits(c Command) error {
	if d.stopped != nil {
		return fmt.Errorf("the run is being stopped (by %s)", d.stopped.Who)
	}
	if len(d.queue) >= run.MostRequests {
		return fmt.Errorf("%d requests wait, and no more can; try again when some are done, or withdraw one", len(d.queue))
	}
	for _, q := range d.queue {
		if same(q, c) {
			return fmt.Errorf("a %s is requested already (by %s); it is taken at the next boundary", c.Act, q.Who)
		}
	}
	if d.current != nil && same(*d.current, c) {
		return fmt.Errorf("a %s is under way already (by %s)", c.Act, d.current.Who)
	}
	switch c.Act {
	case run.ActPause:
		if d.paused {
			return errors.New("the run is paused already; resume it to go on")
		}
	case run.ActResume:
		if pausing := d.current != nil && d.current.Act == run.ActPause; !d.paused && !pausing && d.find(run.ActPause) < 0 {
			return errors.New("the run is not paused")
		}
	}
	return nil
}

// stop ends the run: it cannot wait for a boundary, and cannot be taken back, so
// it is requested and begun in one.
func (d *Desk) stop(c Command) error {
	if d.stopped != nil {
		return fmt.Errorf("a stop is under way already (by %s)", d.stopped.Who)
	}
	for _, phase := range []string{run.PhaseRequested, run.PhaseBegun} {
		if err := d.note(c, phase, ""); err != nil {
			return err
		}
	}
	d.stopped = &c
	d.engine.Stop(fmt.Errorf("stopped by %s", c.Who))
	d.ring()
	return nil
}

// withdraw takes a request back that the engine has not taken.
func (d *Desk) withdraw(c Command) error {
	for i, q := range d.queue {
		narrow := c.Subnet != "" || c.Block != 0 // of one subnet or block, or of any
		if q.Act == c.Of && (!narrow || q.Subnet == c.Subnet && q.Block == c.Block) {
			return d.drop(i, "by "+c.Who)
		}
	}
	if d.current != nil && d.current.Act == c.Of || d.stopped != nil && c.Of == run.ActStop {
		return fmt.Errorf("the %s has begun and cannot be withdrawn", c.Of)
	}
	if c.Of == run.ActPause && d.paused {
		return errors.New("the run is paused already; resume it instead")
	}
	return fmt.Errorf("no %s is requested", c.Of)
}

// drop withdraws a queued request.
func (d *Desk) drop(i int, why string) error {
	if err := d.note(d.queue[i], run.PhaseWithdrawn, why); err != nil {
		return err
	}
	d.remove(i)
	return nil
}

func (d *Desk) find(act string) int {
	for i, c := range d.queue {
		if c.Act == act {
			return i
		}
	}
	return -1
}

func (d *Desk) ring() {
	select {
	case d.bell <- struct{}{}:
	default:
	}
}

// note journals a phase of a command at the place where the run stands.
func (d *Desk) note(c Command, phase, why string) error {
	step, iteration := d.engine.Position()
	return d.engine.Journal(c.Control(phase, step, iteration, why))
}

// Control is the event of a phase of the command.
func (c Command) Control(phase string, step, iteration int, why string) run.Control {
	return run.Control{
		What: c.Act, Who: c.Who, Phase: phase, Step: step, Iteration: iteration,
		Subnet: c.Subnet, Block: c.Block, Choice: c.Choice, Why: why,
	}
}

// same reports whether two commands ask for the same thing. There is one choice
// and one edit of the config at a time.
func same(a, b Command) bool {
	return a.Act == b.Act && (a.Act == ActConfigure || a.Act == run.ActChoose || a.Subnet == b.Subnet && a.Block == b.Block)
}
