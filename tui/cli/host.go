package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"detnas/core/run"
	"detnas/core/steer"
	"detnas/tui/progress"
)

// hosted is an engine that runs in this process, in a goroutine of its own.
type hosted struct {
	job    *job
	lines  *progress.Progress
	desk   *steer.Desk
	cancel context.CancelCauseFunc
	done   chan struct{}
	result run.Result
	err    error
}

// hosting says where an engine in this process tells how its run goes.
type hosting struct {
	out   io.Writer // for progress
	live  screen    // what out is for a person; one that is no terminal gets plain lines
	begun func()    // called once the run is in its journal; nil where nobody waits for it
}

// host runs a job's engine. It returns at once; done is closed at its end.
func (a *App) host(ctx context.Context, j *job, at hosting) (*hosted, error) {
	log, err := openLog(j.folder.Log())
	if err != nil {
		return nil, errors.Join(err, j.abandon())
	}
	h := &hosted{job: j, desk: steer.NewDesk(j.folder), done: make(chan struct{})}
	ctx, h.cancel = context.WithCancelCause(ctx)
	socket, err := h.desk.Listen()
	if err != nil { // it trains all the same
		a.warn("%v; other processes cannot steer the run", err)
	}
	opts := progress.Options{Out: at.out, Log: log}
	if at.live.live() {
		opts.Width, opts.Colour = at.live.width, at.live.colour()
	}
	h.lines = progress.New(opts)
	go h.work(ctx, a, at.begun, log, socket)
	return h, nil
}

// work runs the engine to its end.
func (h *hosted) work(ctx context.Context, a *App, begun func(), log io.Closer, socket *steer.Socket) {
	defer close(h.done)
	defer log.Close()
	defer h.cancel(nil)
	h.lines.Begin(h.job.before)
	h.job.opts.Desk = h.desk
	h.job.opts.Watch = func(e run.Event) {
		if begun != nil {
			begun()
			begun = nil
		}
		h.lines.Watch(e)
	}
	h.job.led = true
	h.result, h.err = a.Run(ctx, h.job.cfg, h.job.folder, h.job.opts)
	if socket != nil {
		h.err = errors.Join(h.err, socket.Close())
	}
	h.lines.Close()
	if h.err != nil {
		h.job.sweep()
	}
	h.err = errors.Join(h.err, h.job.folder.Unlock())
}

// do runs a job's engine in the foreground and prints how it goes. The run
// outlives the terminal: only Ctrl-C and SIGTERM stop it.
func (a *App) do(ctx context.Context, j *job, headless bool) (run.Result, error) {
	at := hosting{out: a.Out}
	if !headless {
		at.live = screenOf(a.Out)
	}
	return a.untilDone(ctx, j, at)
}

// untilDone hosts a job's engine to its end, or to a signal that stops it.
func (a *App) untilDone(ctx context.Context, j *job, at hosting) (run.Result, error) {
	outliveReaders()
	ctx, stop := a.savingly(ctx)
	defer stop()
	h, err := a.host(ctx, j, at)
	if err != nil {
		return run.Result{}, err
	}
	defer context.AfterFunc(ctx, func() {
		h.lines.Note("stopping: a checkpoint is written after this iteration; Ctrl-C again exits at once")
	})()
	<-h.done
	return h.result, j.mended(h.err)
}

// mended adds to the error of a run that has failed in this process how it goes on.
func (j *job) mended(err error) error {
	if err == nil {
		return nil
	}
	if s, serr := j.folder.Status(); serr == nil && s.State == run.StateFailed && s.Seq > j.before.Seq {
		return fmt.Errorf("%w; once that is mended, go on with: %s", err, goOnBy(j.opts.Ranks, j.folder, s))
	}
	return err
}

// abandon gives up a job that never began; nil is none.
func (j *job) abandon() error {
	if j == nil {
		return nil
	}
	j.sweep()
	return j.folder.Unlock()
}

// outliveReaders lets a run outlive whoever reads its lines: the other end of a
// pipe, and the terminal.
func outliveReaders() { signal.Ignore(syscall.SIGPIPE, syscall.SIGHUP) }

// openLog opens a run's log for the engine's own lines.
func openLog(path string) (*os.File, error) {
	log, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644) //nolint:gosec // runs are there to be read
	if err != nil {
		return nil, fmt.Errorf("opening the run's log: %w", err)
	}
	return log, nil
}
