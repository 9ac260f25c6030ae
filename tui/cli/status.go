package cli

import (
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"detnas/core/config"
	"detnas/core/input"
	"detnas/core/ranks"
	"detnas/core/run"
	"detnas/tui/history"
	"detnas/tui/progress"
)

func (a *App) statusCommand() *cobra.Command {
	var runs string
	var asJSON bool
	cmd := &cobra.Command{
		Use: "status RUN", Short: "Say where a run stands",
		Long: "Say where a run stands: running, paused, stopped, finished, failed, or interrupted\nwhen its process died. RUN is a run's folder or its name under --runs.",
		Args: exactly(1, "a run: its folder or its name under --runs"),
		RunE: failing(func(_ *cobra.Command, args []string) error {
			f, err := run.Find(runs, args[0])
			if err != nil {
				return err
			}
			return a.status(f, asJSON)
		}),
	}
	cmd.Flags().StringVar(&runs, "runs", run.DefaultRuns, "folder that holds the runs")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

// status prints where a run stands.
func (a *App) status(f *run.Folder, asJSON bool) error {
	s, err := f.Status()
	if err != nil {
		return err
	}
	if asJSON {
		return a.printJSON(s)
	}
	sc, width := screenOf(a.Out), 0
	if sc.live() {
		width = sc.width()
	}
	return a.print("%s", progress.Table(a.statusRows(f, s), width, sc.colour()))
}

func (a *App) statusRows(f *run.Folder, s run.State) []progress.Row {
	rows := []progress.Row{{Label: "run", Value: s.Name}, {Label: "state", Value: s.State}}
	if s.Step > 0 {
		unit := "iterations"
		if s.Step == config.StepSearch {
			unit = "candidates"
		}
		rows = append(rows, progress.Row{
			Label: "step",
			Value: fmt.Sprintf("%d (%s), %d of %d %s", s.Step, config.StepName(s.Step), s.Iteration, s.Iterations, unit),
		})
	}
	if s.State == run.StateRunning || s.State == run.StatePaused {
		rows = append(rows, progress.Row{Label: "run by", Value: f.Owner()})
	}
	rows = append(rows, rankRows(s.Ranks)...)
	for _, r := range s.Steering.Requests {
		rows = append(rows, progress.Row{Label: r.Phase, Value: fmt.Sprintf("%s, by %s", r.What, r.Who)})
	}
	if s.Cause != "" {
		rows = append(rows, progress.Row{Label: "paused by", Value: s.Cause})
	}
	if s.Error != "" {
		rows = append(rows, progress.Row{Label: "error", Value: s.Error})
	}
	if n := s.Warned; n > 0 {
		rows = append(rows, progress.Row{Label: "warnings", Value: fmt.Sprintf("%d, the last: %s", n, s.Warnings[len(s.Warnings)-1])})
	}
	if !s.Updated.IsZero() {
		rows = append(rows, progress.Row{Label: "updated", Value: s.Updated.Local().Format(time.DateTime)})
	}
	if how := a.howOn(f, s); how != "" {
		rows = append(rows, progress.Row{Label: "go on", Value: how, Whole: true})
	}
	return rows
}

// shownRanks is how many ranks a status tells of one by one.
const shownRanks = 8

// rankRows are what the processes that train together told last.
func rankRows(told *run.Ranks) []progress.Row {
	if told == nil {
		return nil
	}
	said, _ := history.Text(run.Entry{Event: *told})
	rows := []progress.Row{{Label: "ranks", Value: said}}
	all := told.ByWait()
	for _, r := range all[:min(len(all), shownRanks)] {
		rows = append(rows, progress.Row{Label: fmt.Sprintf("rank %d", r.Rank), Value: fmt.Sprintf(
			"%s, process %d: %.4g images/s of its own, waits %.0f%% for others and %.0f%% for data, %d MiB, %.1f cores",
			r.On(), r.PID, r.ImagesPerS, 100*r.Waits(), 100*r.WaitsForData(), r.Memory>>20, r.CPU)})
	}
	if more := len(all) - shownRanks; more > 0 {
		rows = append(rows, progress.Row{Label: "", Value: fmt.Sprintf("and %d more, with --json", more)})
	}
	return rows
}

// howOn says how a run goes on that stands still; empty for others.
func (a *App) howOn(f *run.Folder, s run.State) string {
	switch s.State {
	case run.StateStopped, run.StateFailed, run.StateInterrupted:
		if a.remote {
			return onScreen(f, s)
		}
		return goOn(f, s)
	case run.StatePaused:
		if _, asked := s.Steering.Request(run.ActResume); asked {
			return ""
		}
		if a.remote { // a shell takes the line apart, and then the server does
			return "ssh ... -- resume " + input.Word(input.Word(f.Name()))
		}
		return commandOn("resume", f)
	}
	return ""
}

// onScreen is what goes on with a run that nothing runs for who came over SSH,
// where no command does.
func onScreen(f *run.Folder, s run.State) string {
	switch {
	case s.State == run.StateInterrupted && f.Bare():
		return "on the screen: key n starts a run; this one never began"
	case len(s.Cure) > 0:
		return "on the screen: set " + strings.Join(s.Cure, ", ") + " on its Config page, then key r on the list of runs"
	}
	return "on the screen: key r on the list of runs"
}

// goOn is the command that goes on with a run that nothing runs, with what has to
// change in its config for that.
func goOn(f *run.Folder, s run.State) string { return goOnBy(ranks.Place{}, f, s) }

// goOnBy is the same by as many processes as place says.
func goOnBy(place ranks.Place, f *run.Folder, s run.State) string {
	if s.State == run.StateInterrupted && f.Bare() {
		return f.Anew()
	}
	words := append(place.Command(), "--resume", f.Handle())
	for _, s := range s.Cure {
		words = append(words, "--set", s)
	}
	return input.CommandLine(words...)
}
