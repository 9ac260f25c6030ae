package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"detnas/core/run"
	"detnas/core/steer"
	"detnas/tui/serve"
)

// remoteHelp is what can be asked for over SSH without a screen.
const remoteHelp = `With no command, on a terminal: the screen. Commands:

  runs [--json]                list the runs
  status RUN [--json]          say where a run stands
  pause RUN [--json]           pause it after the iteration or candidate that it is at
  resume RUN [--json]          let a paused run go on
  stop RUN [--json]            end it with a checkpoint
  checkpoint RUN [--json]      have it write a checkpoint now
  pin RUN SUBNET [--json]      evaluate a subnet next and keep it in the population
  unpin RUN SUBNET [--json]    take a pin back
`

// command answers a guest's command line, with the exit code of the command of
// that name.
func (h *house) command(ctx context.Context, g *serve.Guest, args []string, out, errs io.Writer) int {
	a := &App{Version: h.app.Version, Out: out, Err: errs, remote: true}
	err := h.answer(ctx, a, g, args)
	if err == nil {
		return exitOK
	}
	text, code := oneLine(err), exitFailed
	var wrong *usageError
	if errors.As(err, &wrong) {
		text, code = text+" (the command help lists what there is)", exitUsage
	}
	_, _ = fmt.Fprintf(errs, "detnas: %s\n", text)
	return code
}

// asked is a guest's command.
type asked struct {
	name string
	args []string
	json bool
}

// parse takes a command line apart. There is one flag, and no path.
func parse(args []string) (asked, error) {
	q := asked{name: args[0]}
	for _, x := range args[1:] {
		switch {
		case x == "--json":
			q.json = true
		case strings.HasPrefix(x, "-"):
			return q, usage("%s has no flag %q here", q.name, x)
		default:
			q.args = append(q.args, x)
		}
	}
	return q, nil
}

// wants checks how many arguments there are.
func (q asked) wants(names ...string) error {
	switch n := len(names); {
	case len(q.args) < n:
		return usage("%s wants %s", q.name, strings.Join(names, " "))
	case len(q.args) > n:
		return usage("%s does not take %q", q.name, q.args[n])
	}
	return nil
}

// answer does a command, and prints into a.
func (h *house) answer(ctx context.Context, a *App, g *serve.Guest, args []string) error {
	q, err := parse(args)
	if err != nil {
		return err
	}
	acts := []string{run.ActPause, run.ActResume, run.ActStop, run.ActCheckpoint, run.ActPin, run.ActUnpin}
	switch {
	case q.name == "help" || q.name == "--help":
		return a.print("%s", remoteHelp)
	case q.name == "runs":
		if err := q.wants(); err != nil {
			return err
		}
		return a.listRuns(ctx, h.runs, q.json)
	case q.name == "status":
		if err := q.wants("RUN"); err != nil {
			return err
		}
		f, err := h.folder(q.args[0])
		if err != nil {
			return err
		}
		return a.status(f, q.json)
	case slices.Contains(acts, q.name):
		return h.steer(a, g, q)
	}
	return usage("there is no command %q here", q.name)
}

// steer asks a run for something in a guest's name.
func (h *house) steer(a *App, g *serve.Guest, q asked) error {
	c := steer.Command{Act: q.name}
	names := []string{"RUN"}
	if pins := q.name == run.ActPin || q.name == run.ActUnpin; pins {
		names = append(names, "SUBNET")
	}
	if err := q.wants(names...); err != nil {
		return err
	}
	if len(names) > 1 {
		c.Subnet = q.args[1]
	}
	f, err := h.folder(q.args[0])
	if err != nil {
		return err
	}
	v := h.viewer(g, f)
	defer v.Close()
	if err := v.Do(c); errors.Is(err, steer.ErrIdle) {
		return idleRemotely(a, q.name, f)
	} else if err != nil {
		return fmt.Errorf("%s: %w", q.name, err)
	}
	return a.status(f, q.json)
}

// idleRemotely says why a run that nothing runs takes no commands, and what would
// help over SSH.
func idleRemotely(a *App, act string, f *run.Folder) error {
	s, err := f.Status()
	if err != nil {
		return err
	}
	if how := a.howOn(f, s); how != "" {
		return fmt.Errorf("%s: nothing runs %s; go on %s", act, f.Name(), how)
	}
	return fmt.Errorf("%s: nothing runs %s; it is %s", act, f.Name(), s.State)
}
