package cli

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"detnas/core/run"
	"detnas/core/steer"
)

// steerCommands are the commands that ask a run for something over its control
// socket.
func (a *App) steerCommands() []*cobra.Command {
	return []*cobra.Command{
		a.steerCommand(run.ActPause, "Pause a run after the iteration or candidate that it is at; it writes a checkpoint", ""),
		a.steerCommand(run.ActResume, "Let a paused run go on, or take back a pause that has not begun", ""),
		a.steerCommand(run.ActStop, "End a run with a checkpoint; detnas run --resume goes on", ""),
		a.steerCommand(run.ActCheckpoint, "Have a run write a checkpoint now", ""),
		a.steerCommand(run.ActPin, "Evaluate a subnet next and keep it in the population", "a subnet in short form"),
		a.steerCommand(run.ActUnpin, "Take a pin back", "a subnet in short form"),
	}
}

// steerCommand is the command of one act. subnet says what a second argument is;
// empty takes none.
func (a *App) steerCommand(act, short, subnet string) *cobra.Command {
	var runs string
	var asJSON bool
	use, want, which := act+" RUN", 1, "a run: its folder or its name under --runs"
	if subnet != "" {
		use, want, which = use+" SUBNET", 2, which+", and "+subnet
	}
	cmd := &cobra.Command{
		Use: use, Short: short,
		Long: short + ".\nIt is asked for over the run's control socket and noted in its journal; the state\nprinted is that of the moment, and the act follows at the next boundary.",
		Args: exactly(want, which),
		RunE: failing(func(_ *cobra.Command, args []string) error {
			f, err := run.Find(runs, args[0])
			if err != nil {
				return err
			}
			c := steer.Command{Act: act, Who: whoami()}
			if subnet != "" {
				c.Subnet = args[1]
			}
			v, err := steer.Watch(f)
			if err != nil {
				return err
			}
			defer v.Close()
			if err := v.Do(c); errors.Is(err, steer.ErrIdle) {
				return idle(f, act)
			} else if err != nil {
				return err
			}
			return a.status(f, asJSON)
		}),
	}
	cmd.Flags().StringVar(&runs, "runs", run.DefaultRuns, "folder that holds the runs")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

// idle says why a run that no process runs takes no commands, and what would
// help.
func idle(f *run.Folder, act string) error {
	s, err := f.Status()
	if err != nil {
		return err
	}
	if s.State == run.StateFinished {
		return fmt.Errorf("%s: run %s has finished; %s does steps of it again", act, f.Name(), resuming(f, "--from", "STEP"))
	}
	return fmt.Errorf("%s: run %s is %s and nothing runs it; go on with: %s (--detach in the background)", act, f.Name(), s.State, goOn(f, s))
}
