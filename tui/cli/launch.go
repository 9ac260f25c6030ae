package cli

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"syscall"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"detnas/core/config"
	"detnas/core/ranks"
	"detnas/core/ranks/local"
)

// mostWorkers is the most processes that one machine is given.
const mostWorkers = 1024

func (a *App) launchCommand() *cobra.Command {
	var r runArgs
	workers := 0
	cmd := &cobra.Command{
		Use: "launch CONFIG", Short: "Run an experiment by several processes of this machine",
		Long: `Do what detnas run does by several processes of this machine, which train
together: each on its share of every batch, with its share of the cores or a GPU of
its own. The result is that of one process but for rounding. The search, and all
that is measured, is done by the first of them.

The first process, rank 0, is in front: it has the run's folder and prints how it
goes; the others keep a log in the folder, as ranks/<rank>.txt. When one of them
dies, all end, and --resume goes on from the last checkpoint, with as many workers
as you like. Ctrl-C stops them together, with a checkpoint.

To use several machines, start detnas run by torchrun, Slurm or a PyTorchJob.`,
		Example: `  detnas launch --workers 2 demo
  detnas launch --workers 4 --resume demo-20260102-150405`,
		Args: cobra.MaximumNArgs(1), ValidArgs: config.Presets(),
		RunE: failing(func(cmd *cobra.Command, args []string) error {
			if len(args) == 1 {
				r.config = args[0]
			}
			if err := r.check(); err != nil {
				return err
			}
			if workers < 1 || workers > mostWorkers {
				return usage("--workers wants a number from 1 to %d", mostWorkers)
			}
			if place, err := ranks.FromEnv(os.Getenv); err != nil || !place.Alone() {
				return usage("detnas launch starts the processes itself; under torchrun or Slurm start detnas run")
			}
			return a.launchWorkers(cmd.Context(), workers, append([]string{"run"}, again(cmd, args)...))
		}),
	}
	a.runFlags(cmd, &r)
	cmd.Flags().IntVar(&workers, "workers", runtime.GOMAXPROCS(0), "processes")
	return cmd
}

// again are the arguments that a command was called with, but --workers.
func again(cmd *cobra.Command, args []string) []string {
	var out []string
	cmd.Flags().Visit(func(f *pflag.Flag) {
		if f.Name == "workers" {
			return
		}
		values := []string{f.Value.String()}
		if list, ok := f.Value.(pflag.SliceValue); ok {
			values = list.GetSlice()
		}
		for _, v := range values {
			out = append(out, "--"+f.Name+"="+v)
		}
	})
	return append(append(out, "--"), args...)
}

// endWithin is how long the processes that are left have to end by themselves, once one
// of them has failed, and again after they were told to.
const endWithin = 20 * time.Second

// launchWorkers starts n processes of this program and waits for their end. The first
// signal is handed to rank 0, which stops the others; the second ends all at once.
func (a *App) launchWorkers(ctx context.Context, n int, args []string) error {
	runtime.LockOSThread() // children are told of the death of the thread that started them
	defer runtime.UnlockOSThread()
	outliveReaders()
	w := &workers{store: "launch-" + rand.Text(), ends: make(chan workerEnd, n)}
	ctx, stop := orAtOnce(ctx, func() {
		a.warn("ends at once: what was done since the last checkpoint is lost")
		w.signal(syscall.SIGKILL)
	})
	defer stop()
	for rank := range n {
		if err := w.start(a, rank, n, args); err != nil {
			w.signal(syscall.SIGKILL)
			return fmt.Errorf("starting worker %d of %d: %w", rank, n, err)
		}
	}
	defer context.AfterFunc(ctx, func() { _ = w.started[0].Process.Signal(syscall.SIGINT) })()
	return w.wait()
}

// workers are the processes that train together.
type workers struct {
	store   string // at which they meet
	started []*exec.Cmd
	ends    chan workerEnd
}

// workerEnd is how one of them has ended.
type workerEnd struct {
	rank int
	err  error
}

// start starts one. It is in a process group of its own, so that a terminal's Ctrl-C
// comes to it by rank 0 alone, and ends when this process dies.
func (w *workers) start(a *App, rank, world int, args []string) error {
	cmd := exec.Command("/proc/self/exe", args...) //nolint:gosec // itself
	cmd.Args[0] = "detnas"
	cmd.Env = append(os.Environ(),
		"RANK="+strconv.Itoa(rank), "WORLD_SIZE="+strconv.Itoa(world),
		"LOCAL_RANK="+strconv.Itoa(rank), "LOCAL_WORLD_SIZE="+strconv.Itoa(world),
		ranks.StoreVariable+"="+w.store)
	cmd.Stderr = a.Err
	if rank == 0 {
		cmd.Stdout = a.Out
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGTERM}
	if err := cmd.Start(); err != nil {
		return err //nolint:wrapcheck // the caller says what was started
	}
	w.started = append(w.started, cmd)
	go func() { w.ends <- workerEnd{rank, cmd.Wait()} }()
	return nil
}

func (w *workers) signal(s os.Signal) {
	for _, cmd := range w.started {
		_ = cmd.Process.Signal(s) // those that have ended take none
	}
}

// wait waits until all have ended. Once one has failed, or rank 0 has ended, the others
// have some time to do so by themselves. Rank 0 is told of one that has died, and says so.
func (w *workers) wait() error {
	var died, failed *workerEnd
	said := false
	var late <-chan time.Time
	next := []syscall.Signal{syscall.SIGTERM, syscall.SIGKILL}
	for left := len(w.started); left > 0; {
		select {
		case e := <-w.ends:
			left--
			if late == nil && (e.err != nil || e.rank == 0) {
				late = time.After(endWithin)
			}
			if e.err == nil {
				continue
			}
			if failed == nil {
				failed = &e
			}
			switch {
			case died == nil && len(next) == 2 && e.killed():
				died = &e
				said = e.rank > 0 && w.tell(e) == nil
			case e.rank == 0 && e.killed(), e.rank == 0 && len(next) < 2:
				said = false
			}
		case <-late:
			w.signal(next[0])
			next, late = next[1:], nil
			if len(next) > 0 {
				late = time.After(endWithin)
			}
		}
	}
	switch {
	case died != nil && !said:
		return fmt.Errorf("worker %d has died (%w), and the others have ended; --resume goes on from the last checkpoint", died.rank, died.err)
	case failed != nil:
		return errSaid
	}
	return nil
}

// killed reports whether a process has ended by a signal or, which rank 0 tells itself,
// by what Go's runtime ends a broken program with.
func (e workerEnd) killed() bool {
	var exit *exec.ExitError
	return errors.As(e.err, &exit) && (!exit.Exited() || e.rank > 0 && exit.ExitCode() > exitFailed)
}

// tell leaves word at the ranks' store how one of them has died.
func (w *workers) tell(e workerEnd) error {
	place := ranks.Place{Attempt: "0"} // of processes that are started once
	return local.Set(w.store, place.Prefix()+"/"+ranks.DiedKey(e.rank, w.started[e.rank].Process.Pid), e.err.Error())
}
