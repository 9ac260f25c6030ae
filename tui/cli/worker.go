package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"syscall"

	"github.com/spf13/cobra"

	"detnas/core/config"
	"detnas/core/run"
)

// A worker is a process that does a run in the background. It is started by
// launch, with the run's lock and a pipe, in a session of its own: whatever
// becomes of the terminal, the screen or the process that started it, it goes on.
const (
	workerCommand = "worker"
	lockFD        = 3 // where a worker finds the run's lock
	toldFD        = 4 // and the pipe on which it tells that the run has begun
	begunWord     = "begun\n"
)

// launch starts a worker for a job, and returns when the run is in its journal.
// Either way the job's lock is no longer this process's.
func launch(ctx context.Context, j *job) error {
	err := spawn(ctx, j)
	if err == nil || errors.Is(err, errStarting) {
		return errors.Join(err, j.folder.Unlock())
	}
	return errors.Join(err, j.abandon())
}

// errStarting is wrapped by the error of who does not wait for a worker that is
// on its way.
var errStarting = errors.New("it is being started in the background all the same")

func spawn(ctx context.Context, j *job) error {
	lock, err := j.folder.LockFile()
	if err != nil {
		return err
	}
	log, err := openLog(j.folder.Log())
	if err != nil {
		return err
	}
	defer log.Close()
	told, tell, err := os.Pipe()
	if err != nil {
		return fmt.Errorf("starting run %s in the background: %w", j.folder.Name(), err)
	}
	defer told.Close()
	// This very program, also when its file has been replaced since.
	cmd := exec.Command("/proc/self/exe", workerCommand, j.folder.Dir(),
		"--from", strconv.Itoa(j.opts.From), "--to", strconv.Itoa(j.opts.To), "--redo="+strconv.FormatBool(j.opts.Redo)) //nolint:gosec // itself
	cmd.Args[0] = "detnas"
	cmd.Stdout, cmd.Stderr = log, log
	cmd.ExtraFiles = []*os.File{lock, tell}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	err = cmd.Start()
	_ = tell.Close() // the worker has it
	if err != nil {
		return fmt.Errorf("starting run %s in the background: %w", j.folder.Name(), err)
	}
	ended := make(chan struct{})
	go func() {
		_ = cmd.Wait() // what it came to is in the journal
		close(ended)
	}()
	defer context.AfterFunc(ctx, func() { _ = told.Close() })()
	text, err := io.ReadAll(told)
	switch {
	case string(text) == begunWord:
		return nil
	case ctx.Err() != nil:
		return fmt.Errorf("run %s: %w; %w", j.folder.Name(), context.Cause(ctx), errStarting)
	case err != nil:
		return fmt.Errorf("run %s: %w; %w", j.folder.Name(), err, errStarting)
	}
	<-ended // so that its lock is free
	if why := strings.TrimSpace(string(text)); why != "" {
		return errors.New(why)
	}
	return fmt.Errorf("starting run %s in the background: its process ended before the run began; the end of %s says more", j.folder.Name(), j.folder.Log())
}

// worker is the command of a worker. Nobody types it.
func (a *App) worker() *cobra.Command {
	var o RunOptions
	cmd := &cobra.Command{
		Use: workerCommand + " DIR", Short: "Do a run in the background", Hidden: true,
		Args: exactly(1, "the folder of a run"),
		RunE: failing(func(cmd *cobra.Command, args []string) error { return a.work(cmd.Context(), args[0], o) }),
	}
	f := cmd.Flags()
	f.IntVar(&o.From, "from", config.StepSupernetPretrain, "first step")
	f.IntVar(&o.To, "to", config.StepSubnetFinetune, "last step")
	f.BoolVar(&o.Redo, "redo", false, "do steps again that are finished")
	return cmd
}

// work does the run in a folder whose lock it was given.
func (a *App) work(ctx context.Context, dir string, o RunOptions) error {
	lock, told := os.NewFile(lockFD, "lock"), os.NewFile(toldFD, "pipe")
	if info, err := told.Stat(); err != nil || info.Mode()&os.ModeNamedPipe == 0 {
		return usage("detnas %s is what detnas run --detach starts; call that", workerCommand)
	}
	syscall.CloseOnExec(toldFD)
	tell := sync.OnceFunc(func() {
		_, _ = io.WriteString(told, begunWord) // who started it may have gone
		_ = told.Close()
	})
	err := a.adopted(ctx, dir, lock, o, tell)
	if err != nil {
		_, _ = io.WriteString(told, oneLine(err)) // where it had begun the pipe is closed, and the journal has it
	}
	return err
}

func (a *App) adopted(ctx context.Context, dir string, lock *os.File, o RunOptions, tell func()) error {
	f, err := run.Adopt(dir, lock)
	if err != nil {
		return err
	}
	j, err := takeUp(f)
	if err != nil {
		return errors.Join(err, f.Unlock())
	}
	j.opts = o
	_, err = a.untilDone(ctx, j, hosting{out: io.Discard, begun: tell})
	return err
}
