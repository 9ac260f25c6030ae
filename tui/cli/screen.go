package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"os/user"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"

	tea "charm.land/bubbletea/v2"
	"github.com/spf13/cobra"
	"golang.org/x/term"

	"detnas/core/run"
	"detnas/core/steer"
	"detnas/tui"
	"detnas/tui/common"
	"detnas/tui/looks"
	"detnas/tui/styles"
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

// screenOfRuns opens the screen on the list of runs.
func (a *App) screenOfRuns(ctx context.Context, runs string) error {
	o := a.options(ctx, runs)
	left, f, err := a.screen(ctx, o)
	return errors.Join(err, a.farewell(ctx, f, left), a.others(ctx, f))
}

// screenOfRun opens the screen on a run.
func (a *App) screenOfRun(ctx context.Context, f *run.Folder) error {
	o := a.options(ctx, filepath.Dir(f.Dir()))
	o.Open = func() (steer.Viewer, error) { return steer.Watch(f) }
	left, f, err := a.screen(ctx, o)
	return errors.Join(err, a.farewell(ctx, f, left), a.others(ctx, f))
}

// screenOfJob starts a job in the background with the screen open on it. It
// returns when the user has left the screen, with what the run came to if it has
// ended by then.
func (a *App) screenOfJob(ctx context.Context, j *job) error {
	var asked atomic.Bool
	start := sync.OnceValue(func() error { return launch(ctx, j) })
	o := a.options(ctx, filepath.Dir(j.folder.Dir()))
	o.Starting = true
	o.Open = func() (steer.Viewer, error) {
		asked.Store(true)
		if err := start(); err != nil {
			return nil, err
		}
		return steer.Watch(j.folder)
	}
	left, f, err := a.screen(ctx, o)
	if !asked.Load() { // it did not open
		return errors.Join(err, j.abandon())
	}
	if err := start(); err != nil { // waits for it, where the user did not
		return err
	}
	if f != nil && f.Dir() != j.folder.Dir() { // another run was opened since
		err = errors.Join(err, a.farewell(ctx, f, left))
		left = tui.LeaveAlone
	}
	return errors.Join(err, a.others(ctx, f), a.ended(ctx, j, left))
}

// screen opens the screen and returns when the user has left it, or has lost the
// terminal, with what was wanted of the run that was open. What runs goes on
// without it.
func (a *App) screen(ctx context.Context, o tui.Options) (tui.Leaving, *run.Folder, error) {
	wear, settings, err := a.wear()
	if err != nil {
		return tui.LeaveAlone, nil, err
	}
	if o.Looks = wear; settings != "" {
		o.Keep = func(l looks.Looks) error { return looks.Save(settings, l) }
	}
	signal.Ignore(syscall.SIGPIPE)
	seen, done := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer done()
	model := tui.New(o)
	_, err = tea.NewProgram(model, tea.WithContext(seen), tea.WithOutput(a.Out), tea.WithoutSignalHandler(), tea.WithFPS(framesPerSecond)).Run()
	left, f := model.Left()
	if err != nil && seen.Err() == nil {
		return left, f, fmt.Errorf("the screen has failed: %w; what runs goes on", err)
	}
	return left, f, model.Err()
}

// options are what a screen over a folder of runs can do.
func (a *App) options(ctx context.Context, runs string) tui.Options {
	begin := func(prepare func() (*job, error)) (steer.Viewer, error) {
		f, err := a.started.start(ctx, prepare)
		if err != nil {
			return nil, err
		}
		return steer.Watch(f)
	}
	return tui.Options{
		Runs: runs, Who: whoami(), Watch: watch, Delete: remove,
		Start: func(s common.StartRun) (steer.Viewer, error) {
			return begin(func() (*job, error) {
				return create(runArgs{config: s.Config, text: s.Text, name: s.Name, runs: runs, runsBy: true})
			})
		},
		Resume: func(dir string) (steer.Viewer, error) {
			return begin(func() (*job, error) {
				j, err := reopen(runArgs{resume: dir})
				if err == nil && j.nothingLeft() {
					err = errors.Join(fmt.Errorf("run %s has finished its steps; %s does them again",
						j.folder.Name(), resuming(j.folder, "--from", "STEP")), j.folder.Unlock())
				}
				return j, err
			})
		},
	}
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
