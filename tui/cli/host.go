package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"sync"
	"syscall"

	"detnas/core/run"
	"detnas/core/steer"
	"detnas/tui/progress"
)

// host runs engines in this process, one after the other, beside a screen.
type host struct {
	app  *App
	out  io.Writer // for progress
	live screen    // what out is for a person; one that is no terminal gets plain lines
	log  func(path string) (io.WriteCloser, error)

	mu      sync.Mutex
	running *hosted // or the last that ran; nil before the first
}

// hosted is one engine with its run.
type hosted struct {
	job    *job
	lines  *progress.Progress
	desk   *steer.Desk
	cancel context.CancelCauseFunc
	done   chan struct{}
	result run.Result
	err    error
}

// start runs a job's engine in a goroutine and returns a viewer of it.
func (h *host) start(ctx context.Context, j *job) (steer.Viewer, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if r := h.running; r != nil && !r.ended() {
		return nil, errors.Join(
			fmt.Errorf("run %s is training in this process; stop it first, or start the other one from a second terminal", r.job.folder.Name()),
			j.abandon())
	}
	log, err := h.log(j.folder.Log())
	if err != nil {
		return nil, errors.Join(err, j.abandon())
	}
	r := &hosted{job: j, desk: steer.NewDesk(j.folder), done: make(chan struct{})}
	ctx, r.cancel = context.WithCancelCause(ctx)
	h.running = r
	h.app.warnSlow(h.app.Describe())
	socket, err := r.desk.Listen()
	if err != nil { // it can be steered from the screen all the same
		h.app.warn("%v; other processes cannot steer the run", err)
	}
	opts := progress.Options{Out: h.out, Log: log}
	if h.live.live() {
		opts.Width, opts.Colour = h.live.width, h.live.colour()
	}
	r.lines = progress.New(opts)
	go h.work(ctx, r, log, socket)
	return r.desk.Viewer(), nil
}

// work runs the engine to its end.
func (h *host) work(ctx context.Context, r *hosted, log io.Closer, socket *steer.Socket) {
	defer close(r.done)
	defer log.Close()
	defer r.cancel(nil)
	r.lines.Begin(r.job.before)
	r.job.opts.Watch, r.job.opts.Desk = r.lines.Watch, r.desk
	r.result, r.err = h.app.Run(ctx, r.job.cfg, r.job.folder, r.job.opts)
	if socket != nil {
		r.err = errors.Join(r.err, socket.Close())
	}
	r.lines.Close()
	if r.err != nil {
		r.job.sweep()
	}
	r.err = errors.Join(r.err, r.job.folder.Unlock())
}

// ended reports whether the engine has ended.
func (r *hosted) ended() bool {
	select {
	case <-r.done:
		return true
	default:
		return false
	}
}

// note prints a line that is no event of the run.
func (h *host) note(text string) {
	if r := h.current(); r != nil {
		r.lines.Note(text)
	}
}

// current is the engine that runs, and nil where none does.
func (h *host) current() *hosted {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.running == nil || h.running.ended() {
		return nil
	}
	return h.running
}

// last is the engine that runs or ran last; nil where none did.
func (h *host) last() *hosted {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.running
}

// folder is that of the run whose engine is in this process, or "".
func (h *host) folder() string {
	if r := h.current(); r != nil {
		return r.job.folder.Dir()
	}
	return ""
}

// watch opens a run for viewing.
func (h *host) watch(dir string) (steer.Viewer, error) {
	if r := h.current(); r != nil && r.job.folder.Dir() == dir {
		return r.desk.Viewer(), nil
	}
	f, err := run.Find("", dir)
	if err != nil {
		return nil, err
	}
	return steer.Watch(f)
}

// abandon gives up a job that never began; nil is none.
func (j *job) abandon() error {
	if j == nil {
		return nil
	}
	err := j.folder.Unlock()
	j.sweep()
	return err
}

// outlivePipes lets a run outlive whoever reads its lines.
func outlivePipes() { signal.Ignore(syscall.SIGPIPE) }

// gate passes writes on when it is open, and drops them when it is shut.
type gate struct {
	mu   sync.Mutex
	w    io.Writer
	open bool
}

func (g *gate) set(open bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.open = open
}

// Write drops what comes while the gate is shut.
func (g *gate) Write(p []byte) (int, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if !g.open {
		return len(p), nil
	}
	return g.w.Write(p) //nolint:wrapcheck // a writer around a writer
}

// openLog opens a run's log for the engine's own lines.
func openLog(path string) (io.WriteCloser, error) {
	log, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644) //nolint:gosec // runs are there to be read
	if err != nil {
		return nil, fmt.Errorf("opening the run's log: %w", err)
	}
	return log, nil
}
