package cli

import (
	"context"
	"crypto/rand"
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
its own. The result is that of one process but for rounding. In the search each
measures candidates, and the result is that of one process to the bit. In an
evaluation each has a share of the batches, and the figures are those that one
process finds with the same network and as many threads as each has.

The first process, rank 0, is in front: it has the run's folder and prints how it
goes; the others keep a log in the folder, as ranks/<rank>.txt. When one of them
dies in the search, the search goes on, and it is started again, up to three times.
When one dies in training, all end, and --resume goes on from the last checkpoint,
with as many workers as you like. Ctrl-C stops them together, with a checkpoint.

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
	store := "launch-" + rand.Text()
	w := newWorkers(n, store, a.warn, func(rank int) *exec.Cmd { return a.rankCommand(rank, n, store, args) })
	ctx, stop := orAtOnce(ctx, func() {
		a.warn("ends at once: what was done since the last checkpoint is lost")
		w.signal(syscall.SIGKILL)
	})
	defer stop()
	for rank := range n {
		if err := w.start(rank); err != nil {
			w.signal(syscall.SIGKILL)
			return fmt.Errorf("starting worker %d of %d: %w", rank, n, err)
		}
	}
	defer context.AfterFunc(ctx, func() { _ = w.started[0].Process.Signal(syscall.SIGINT) })()
	return w.wait(ctx)
}

// rankCommand is the command of one of so many processes, which meet at a store. It is in a
// process group of its own, so that a terminal's Ctrl-C comes to it by rank 0 alone, and
// ends when this process dies.
func (a *App) rankCommand(rank, world int, store string, args []string) *exec.Cmd {
	cmd := exec.Command("/proc/self/exe", args...) //nolint:gosec // itself
	cmd.Args[0] = "detnas"
	cmd.Env = append(os.Environ(),
		"RANK="+strconv.Itoa(rank), "WORLD_SIZE="+strconv.Itoa(world),
		"LOCAL_RANK="+strconv.Itoa(rank), "LOCAL_WORLD_SIZE="+strconv.Itoa(world),
		ranks.StoreVariable+"="+store)
	cmd.Stderr = a.Err
	if rank == 0 {
		cmd.Stdout = a.Out
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGTERM}
	return cmd
}
