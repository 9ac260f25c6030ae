package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/user"
	"path/filepath"
	"slices"
	"strings"

	tea "charm.land/bubbletea/v2"
	"github.com/spf13/cobra"
	"golang.org/x/term"

	"detnas/core/run"
	"detnas/core/steer"
	"detnas/tui"
	"detnas/tui/common"
	"detnas/tui/looks"
	"detnas/tui/styles"
	"detnas/tui/terminal"
)

// framesPerSecond bounds how often the terminal is written to, and so how long a
// key's effect waits: 33 ms.
const framesPerSecond = 30

// looksFlags adds the flags of the screen's looks.
func (a *App) looksFlags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVar(&a.theme, "theme", "", "of the screen: "+strings.Join(looks.ThemeNames(), ", "))
	f.StringVar(&a.glyphs, "glyphs", "", "of the screen: braille, block or ascii")
}

// plain makes --no-color hold for all that is printed.
func (a *App) plain() error {
	if !a.noColour {
		return nil
	}
	if err := os.Setenv("NO_COLOR", "1"); err != nil {
		return fmt.Errorf("turning colours off: %w", err)
	}
	return nil
}

// interactive reports whether there is a terminal to open the screen on.
func (a *App) interactive() bool {
	return screenOf(a.Out).live() && term.IsTerminal(int(os.Stdin.Fd()))
}

// wear settles the screen's looks by the flags, the settings and the terminal.
// settings is their file; without a home there is none to keep them in.
func (a *App) wear() (l looks.Looks, settings string, err error) {
	l = looks.Guess(os.Getenv)
	if settings, err = looks.Path(); err == nil {
		if l, err = looks.Load(settings, os.Getenv); err != nil {
			return l, settings, err
		}
	}
	if a.theme != "" {
		if _, ok := styles.ThemeNamed(a.theme); !ok {
			return l, settings, usage("--theme %s is not known; the themes are %s", a.theme, strings.Join(looks.ThemeNames(), ", "))
		}
		l.Theme = a.theme
	}
	if a.glyphs != "" {
		if !slices.Contains(styles.Modes(), styles.Mode(a.glyphs)) {
			return l, settings, usage("--glyphs %s is not known; use braille, block or ascii", a.glyphs)
		}
		l.Mode = styles.Mode(a.glyphs)
	}
	return l, settings, nil
}

// screen opens the screen: on the run of a job, which it starts, or on the list
// of runs. It returns when the user has left it and what runs here has ended.
func (a *App) screen(ctx context.Context, j *job) error {
	wear, settings, err := a.wear()
	if err != nil {
		return errors.Join(err, j.abandon())
	}
	live := screenOf(a.Out) // before the terminal is taken
	outlivePipes()
	taken, err := terminal.Take()
	if err != nil {
		return errors.Join(err, j.abandon())
	}
	defer taken.Give() //nolint:errcheck // given back below; this is for a panic
	ctx, stop := gracefully(ctx, func() { _ = taken.Give() })
	defer stop()

	out := &gate{w: a.Out}
	h := &host{app: a, out: out, live: live, log: func(path string) (io.WriteCloser, error) { return logBeside(taken, path) }}
	o := a.options(ctx, h, taken, j)
	if o.Looks = wear; settings != "" {
		o.Keep = func(l looks.Looks) error { return looks.Save(settings, l) }
	}
	if j != nil {
		if o.Open, err = h.start(ctx, j); err != nil {
			return errors.Join(err, taken.Give())
		}
	}
	model := tui.New(o)
	program := tea.NewProgram(model, tea.WithOutput(taken.Out), tea.WithoutSignalHandler(), tea.WithFPS(framesPerSecond))
	defer context.AfterFunc(ctx, func() { program.Send(tui.Quit{Leaving: tui.LeaveStop}) })()
	_, failed := program.Run()
	given := taken.Give()
	out.set(true)
	return errors.Join(a.afterScreen(h, model.Left(), failed), given)
}

// options are what the screen can ask of this process.
func (a *App) options(ctx context.Context, h *host, taken *terminal.Terminal, j *job) tui.Options {
	runs := a.runs
	if j != nil {
		runs = filepath.Dir(j.folder.Dir())
	}
	return tui.Options{
		Runs: runs, Who: whoami(), Watch: h.watch, Delete: h.remove, Running: h.folder, Strays: taken.Strays,
		Start: func(s common.StartRun) (steer.Viewer, error) {
			j, err := create(runArgs{config: s.Config, text: s.Text, name: s.Name, runs: runs, runsBy: true})
			if err != nil {
				return nil, err
			}
			return h.start(ctx, j)
		},
		Resume: func(dir string) (steer.Viewer, error) {
			j, err := reopen(runArgs{resume: dir})
			if err != nil {
				return nil, err
			}
			if j.nothingLeft() {
				return nil, errors.Join(fmt.Errorf("run %s has finished its steps; detnas run --resume %s --from STEP does them again",
					j.folder.Name(), j.folder.Dir()), j.folder.Unlock())
			}
			return h.start(ctx, j)
		},
	}
}

// afterScreen brings what runs here to its end, in the terminal as it was.
func (a *App) afterScreen(h *host, left tui.Leaving, failed error) error {
	r := h.last()
	if r == nil {
		if failed != nil {
			return fmt.Errorf("the screen has failed: %w", failed)
		}
		return nil
	}
	running := !r.ended()
	switch {
	case failed != nil && running:
		a.warn("the screen has failed (%v); run %s goes on; Ctrl-C writes a checkpoint and stops it", failed, r.job.folder.Name())
	case left == tui.LeaveStop && running:
		r.cancel(errors.New("stopped from the screen"))
	case running && paused(r.job.folder):
		a.warn("run %s is paused; detnas resume %s lets it go on, Ctrl-C stops it with a checkpoint", r.job.folder.Name(), r.job.folder.Dir())
	case running:
		a.warn("run %s goes on; Ctrl-C writes a checkpoint and stops it", r.job.folder.Name())
	}
	<-r.done
	if r.err != nil {
		return r.err
	}
	return a.summary(r.job, r.result)
}

// paused reports whether a run says that it is paused.
func paused(f *run.Folder) bool {
	s, err := f.Status()
	return err == nil && s.State == run.StatePaused
}

// remove deletes the folder of a run that no process holds.
func (h *host) remove(dir string) error {
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

// logBeside opens a run's log for the engine's lines, and sends what libraries
// print there too.
func logBeside(taken *terminal.Terminal, path string) (io.WriteCloser, error) {
	log, err := openLog(path)
	if err != nil {
		return nil, err
	}
	if err := taken.To(path); err != nil {
		return nil, errors.Join(err, log.Close())
	}
	return struct {
		io.Writer
		io.Closer
	}{taken.Writer(log), log}, nil
}

// whoami is who steers, for the journal.
func whoami() string {
	name := "unknown"
	if u, err := user.Current(); err == nil {
		name = u.Username
	}
	if from, _, _ := strings.Cut(os.Getenv("SSH_CONNECTION"), " "); from != "" {
		return name + " from " + from
	}
	return name
}
