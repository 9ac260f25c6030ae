package cli

import (
	"context"
	"fmt"
	"math"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"detnas/core/input"
	"detnas/core/run"
)

func (a *App) runsCommand() *cobra.Command {
	var runs string
	var asJSON bool
	cmd := &cobra.Command{
		Use: "runs", Short: "List the runs of a folder",
		Long: "List the runs of a folder, as detnas status says of each where it stands.",
		Args: exactly(0, ""),
		RunE: failing(func(cmd *cobra.Command, _ []string) error { return a.listRuns(cmd.Context(), runs, asJSON) }),
	}
	cmd.Flags().StringVar(&runs, "runs", run.DefaultRuns, "folder that holds the runs")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON: a list of what status prints")
	return cmd
}

// listed is a run as detnas runs prints it.
type listed struct {
	run.State
	Error string `json:"error,omitempty"` // why it cannot be read
}

// listRuns prints the runs of a folder.
func (a *App) listRuns(ctx context.Context, folder string, asJSON bool) error {
	found, err := readRuns(ctx, folder)
	if err != nil {
		return err
	}
	if asJSON {
		out := []listed{}
		for _, l := range found {
			x := listed{State: l.State}
			if l.Err != nil {
				x.Error = oneLine(l.Err)
			}
			out = append(out, x)
		}
		return a.printJSON(out)
	}
	if len(found) == 0 {
		return a.print("there is no run in %s yet\n", input.Shown(folder))
	}
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintln(w, "run\tstate\tstep\tprogress\tscore\tupdated")
	for _, l := range found {
		_, _ = fmt.Fprintln(w, strings.Join(cells(l), "\t"))
	}
	_ = w.Flush() // into a Builder
	return a.print("%s", b.String())
}

// readRuns lists the runs of a folder, each read to its end.
func readRuns(ctx context.Context, folder string) ([]run.Listed, error) {
	lister := run.NewLister(folder)
	for {
		found, err := lister.List()
		if err != nil {
			return nil, err
		}
		reading := false
		for _, l := range found {
			reading = reading || l.State.State == run.StateReading
		}
		switch {
		case !reading:
			return found, nil
		case ctx.Err() != nil:
			return nil, fmt.Errorf("listing runs: %w", context.Cause(ctx))
		}
	}
}

// cells are the columns of a run.
func cells(l run.Listed) []string {
	name := input.Shown(l.Folder.Name())
	if l.Err != nil {
		return []string{name, "unreadable: " + oneLine(l.Err)}
	}
	score, updated := "-", "-"
	if !math.IsNaN(l.Score) {
		score = fmt.Sprintf("%s %.4f", input.Shown(l.ScoreName), l.Score)
	}
	if !l.State.Updated.IsZero() {
		updated = l.State.Updated.Local().Format(time.DateTime)
	}
	step := "-"
	if l.State.Step > 0 {
		step = fmt.Sprintf("%d/5 %d/%d", l.State.Step, l.State.Iteration, l.State.Iterations)
	}
	return []string{name, l.State.State, step, fmt.Sprintf("%.0f%%", 100*l.Progress), score, updated}
}
