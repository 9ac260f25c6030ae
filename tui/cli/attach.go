package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/spf13/cobra"

	"detnas/core/input"
	"detnas/core/run"
	"detnas/core/steer"
	"detnas/tui"
	"detnas/tui/progress"
)

func (a *App) attachCommand() *cobra.Command {
	var runs string
	cmd := &cobra.Command{
		Use: "attach RUN", Short: "Open the screen on a run",
		Long: "Open the screen on a run, whichever process runs it, or on one that has ended.\nLeaving the screen leaves the run alone, unless one asks otherwise. RUN is a run's\nfolder or its name under --runs.",
		Args: exactly(1, "a run: its folder or its name under --runs"),
		RunE: failing(func(cmd *cobra.Command, args []string) error {
			f, err := run.Find(runs, args[0])
			if err != nil {
				return err
			}
			if !a.interactive() {
				return fmt.Errorf("attach opens the screen, which needs a terminal; %s says where the run stands", commandOn("status", f))
			}
			return a.screenOfRun(cmd.Context(), f)
		}),
	}
	cmd.Flags().StringVar(&runs, "runs", run.DefaultRuns, "folder that holds the runs")
	a.looksFlags(cmd)
	return cmd
}

// detach starts a job in the background and says how to reach it.
func (a *App) detach(ctx context.Context, j *job) error {
	if err := launch(ctx, j); err != nil {
		return err
	}
	return a.print("%s", progress.Table([]progress.Row{
		{Label: "run", Value: j.folder.Name()},
		{Label: "in the background", Value: j.folder.Owner()},
		{Label: "screen", Value: commandOn("attach", j.folder)},
		{Label: "log", Value: run.Shortest(j.folder.Log())},
	}, 0, screenOf(a.Out).colour()))
}

// resuming is the command that goes on with a run, with what else it is to be
// told.
func resuming(f *run.Folder, more ...string) string {
	return input.CommandLine(append([]string{"run", "--resume", f.Handle()}, more...)...)
}

// commandOn is a command about a run.
func commandOn(command string, f *run.Folder) string { return input.CommandLine(command, f.Handle()) }

// farewell says, once the screen has closed, how the run stands that was open on
// it; nil is none.
func (a *App) farewell(ctx context.Context, f *run.Folder, left tui.Leaving) error {
	if f == nil {
		return nil
	}
	s, err := a.settled(ctx, f, left)
	if err != nil {
		return err
	}
	switch s.State {
	case run.StateRunning:
		a.warn("run %s goes on in the background; %s opens the screen on it", f.Name(), commandOn("attach", f))
	case run.StatePaused:
		a.warn("run %s is paused; %s lets it go on, %s opens the screen on it", f.Name(), commandOn("resume", f), commandOn("attach", f))
	case run.StateStopped:
		a.warn("run %s is stopped; go on with: %s", f.Name(), goOn(f, s))
	}
	return nil
}

// ended says what a run has come to that this command started. One that goes on
// is well, and so is one that has finished.
func (a *App) ended(ctx context.Context, j *job, left tui.Leaving) error {
	s, err := a.settled(ctx, j.folder, left)
	if err != nil {
		return err
	}
	switch s.State {
	case run.StateFinished:
		result, err := j.folder.ReadResult()
		if err != nil {
			return err
		}
		return a.summary(j, result)
	case run.StateFailed:
		return fmt.Errorf("run %s has failed: %s; once that is mended, go on with: %s", j.folder.Name(), s.Error, goOn(j.folder, s))
	case run.StateStopped, run.StateInterrupted:
		return fmt.Errorf("run %s is %s; go on with: %s", j.folder.Name(), s.State, goOn(j.folder, s))
	}
	return a.farewell(ctx, j.folder, tui.LeaveAlone)
}

// settled is where a run stands after what the user wanted of it when leaving the
// screen.
func (a *App) settled(ctx context.Context, f *run.Folder, left tui.Leaving) (run.State, error) {
	if left == tui.LeaveStopped {
		a.warn("run %s is being stopped: it writes a checkpoint first; Ctrl-C leaves it to that", f.Name())
		waitFor(ctx, f)
	}
	return f.Status()
}

// waitFor waits until no process runs a run.
func waitFor(ctx context.Context, f *run.Folder) {
	ctx, stop := gracefully(ctx)
	defer stop()
	for {
		if locked, err := f.Locked(); err != nil || !locked {
			return
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// watch opens a run for viewing.
func watch(dir string) (steer.Viewer, error) {
	f, err := run.Find("", dir)
	if err != nil {
		return nil, err
	}
	return steer.Watch(f)
}

// remove deletes the folder of a run that no process holds.
func remove(dir string) error {
	f, err := run.Find("", dir)
	if err != nil {
		return err
	}
	if err := f.Lock(); err != nil {
		return fmt.Errorf("not deleted: %w", err)
	}
	if err := os.RemoveAll(f.Dir()); err != nil {
		return errors.Join(fmt.Errorf("deleting the run: %w", err), f.Unlock())
	}
	return f.Unlock()
}
