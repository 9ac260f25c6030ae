// Package cli is the commands of detnas. It knows the engine and libtorch only
// by what main hands it, so that it builds and is tested without cgo.
package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"charm.land/fang/v2"
	"github.com/spf13/cobra"

	"detnas/core/config"
	"detnas/core/input"
	"detnas/core/interop"
	"detnas/core/ranks"
	"detnas/core/run"
	"detnas/core/steer"
)

// The exit codes.
const (
	exitOK     = 0
	exitFailed = 1 // something went wrong, or the run was stopped
	exitUsage  = 2 // the command line makes no sense
)

// App is the program as main puts it together.
type App struct {
	Version string
	Out     io.Writer // results and progress
	Err     io.Writer // errors and warnings
	// Describe finds out what the program computes with.
	Describe func() Compute
	// Run does the steps of an experiment in a locked folder.
	Run func(context.Context, *config.Config, *run.Folder, RunOptions) (run.Result, error)
	// Follow does what rank 0 of a run says, as another rank of it.
	Follow func(context.Context, ranks.Place, FollowOptions) error
	// Decline tells the other ranks of a run that rank 0 does not begin it.
	Decline func(context.Context, ranks.Place, DeclineOptions) error
	// Predict finds objects on images with the detector of a checkpoint.
	Predict func(ctx context.Context, checkpoint string, images []string, opts PredictOptions) error
	// Import writes a checkpoint of another program as one of detnas.
	Import func(path string, opts ImportOptions) (*interop.Report, error)
	// WriteONNX writes the network of a checkpoint as an ONNX file.
	WriteONNX func(checkpoint string, opts interop.DrawOptions) (*interop.Drawn, error)

	noColour      bool
	theme, glyphs string  // of the screen; empty leaves it to the settings
	runs          string  // folder that the screen lists
	started       started // from the screen
	last          func()  // what is left to do once the command's error is said
	remote        bool    // who asks is reached over SSH: no command line of this machine is his
}

// Compute is what the program computes with.
type Compute struct {
	LibTorch string // version
	BLAS     string // library
	SlowBLAS bool   // it is the reference one
	CUDA     int    // devices
}

// RunOptions are how a run is done, apart from what its config says.
type RunOptions struct {
	From, To int  // steps, 1 to 5
	Redo     bool // do steps again that are finished
	// Watch is told of each event and does not block.
	Watch func(run.Event)
	// Desk is where the engine takes commands.
	Desk *steer.Desk
	// Ranks is this process's place among those that train the run, Patience how long
	// it waits for another of which nothing is heard; 0 is the engine's.
	Ranks    ranks.Place
	Patience time.Duration
}

// FollowOptions are how a rank follows rank 0.
type FollowOptions struct {
	Patience time.Duration
	// Where is told the run's folder before the first step. What is written to far comes
	// into the rank's log there, by way of rank 0.
	Where func(folder string, far io.Writer)
	// Watch is told of each event and does not block.
	Watch func(run.Event)
}

// DeclineOptions are how rank 0 ends what it has not begun.
type DeclineOptions struct {
	Patience time.Duration
	Refused  bool // because of an error, and not since nothing is left to do
}

// Execute runs the command that args ask for, without the program's name, and
// returns the exit code. An error is one line on a.Err.
func (a *App) Execute(ctx context.Context, args []string) int {
	root := a.root()
	root.SetArgs(args)
	cmd, err := root.ExecuteContextC(ctx)
	code := a.said(cmd, err)
	if a.last != nil {
		a.last()
	}
	return code
}

// said says what a command came to, and returns the exit code.
func (a *App) said(cmd *cobra.Command, err error) int {
	if err == nil {
		return exitOK
	}
	if errors.Is(err, errSaid) {
		return exitFailed
	}
	text, code := oneLine(err), exitUsage
	var failed *failure
	if errors.As(err, &failed) {
		code = exitFailed
	} else {
		text += fmt.Sprintf(" (see `%s --help`)", cmd.CommandPath())
	}
	_, _ = fmt.Fprintf(a.Err, "detnas: %s\n", text)
	return code
}

// errSaid is the error of a command of which another process says what was wrong.
var errSaid = errors.New("a process has failed")

// failure is the error of a command that was called as it should be. Every
// other error is one of usage.
type failure struct{ error }

func (f *failure) Unwrap() error { return f.error }

// failing marks the errors of a command's work. A command checks its arguments
// in Args, or returns a usage error from here.
func failing(work func(*cobra.Command, []string) error) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, args []string) error {
		err := work(cmd, args)
		var wrong *usageError
		if err == nil || errors.As(err, &wrong) {
			return err
		}
		return &failure{err}
	}
}

// usageError is the error of a command line that makes no sense.
type usageError struct{ text string }

func (e *usageError) Error() string { return e.text }

func usage(format string, args ...any) error { return &usageError{fmt.Sprintf(format, args...)} }

// oneLine puts an error on one line, and escapes in it what a terminal would obey.
func oneLine(err error) string {
	text := strings.ReplaceAll(err.Error(), "\n\nDid you mean this?\n\t", "; did you mean ")
	var parts []string
	for l := range strings.SplitSeq(text, "\n") {
		if l = strings.TrimSpace(l); l != "" {
			parts = append(parts, l)
		}
	}
	return input.Shown(strings.Join(parts, "; "))
}

const about = `DetNAS: neural architecture search for the backbones of object detectors.

detnas trains a supernet, searches it for the subnet that detects best, and
trains that subnet. One TOML file says all of an experiment; presets come with
the program. With no command, on a terminal, it opens the screen.

It exits with 0, with 1 if something went wrong or a run was stopped, with 2 if
the command line makes no sense, and with 130 at a second Ctrl-C.`

// root is the command tree. Its help is fang's, its errors are not: fang asks
// the terminal for its background before it prints one.
func (a *App) root() *cobra.Command {
	root := a.bare()
	root.SetHelpFunc(func(cmd *cobra.Command, _ []string) {
		a.viaFang(cmd, append(strings.Fields(cmd.CommandPath())[1:], "--help"))
	})
	root.AddCommand(&cobra.Command{
		Use: "man", Short: "Print the manual page", Hidden: true, Args: exactly(0, ""),
		RunE: func(cmd *cobra.Command, _ []string) error { a.viaFang(cmd, []string{"man"}); return nil },
	})
	return root
}

// bare is the command tree as fang takes it.
func (a *App) bare() *cobra.Command {
	root := &cobra.Command{
		Use: "detnas", Short: "Neural architecture search for object detectors", Long: about,
		Example: `  detnas run demo
  detnas run small --set data.detection.train=train.json
  detnas subnet show 1000-3032-22330213-2221`,
		Version: a.Version, SilenceErrors: true, SilenceUsage: true,
		PersistentPreRunE: func(*cobra.Command, []string) error { return a.plain() },
		RunE: failing(func(cmd *cobra.Command, _ []string) error {
			if !a.interactive() {
				return cmd.Help() //nolint:wrapcheck // says what it is
			}
			return a.screenOfRuns(cmd.Context(), a.runs)
		}),
	}
	root.PersistentFlags().BoolVar(&a.noColour, "no-color", false, "no colours, as with NO_COLOR")
	root.Flags().StringVar(&a.runs, "runs", run.DefaultRuns, "folder of the runs that the screen lists")
	a.looksFlags(root)
	root.SetOut(a.Out)
	root.SetErr(a.Err)
	root.AddCommand(
		a.runCommand(), a.launchCommand(), a.runsCommand(), a.statusCommand(), a.presetsCommand(), a.subnetCommand(),
		a.dataCommand(), a.evalCommand(), a.predictCommand(), a.importCommand(), a.exportCommand(), a.journalCommand(), a.cardCommand(), a.versionCommand(), a.attachCommand(), a.serveCommand(), a.worker(),
		a.studyCommand(), a.fidelityCommand(), a.configCommand(),
	)
	root.AddCommand(a.steerCommands()...)
	return root
}

// viaFang has fang print help or the manual page.
func (a *App) viaFang(cmd *cobra.Command, args []string) {
	root := a.bare()
	root.SetArgs(args)
	ctx := cmd.Context()
	if ctx == nil { // help asked for before anything ran
		ctx = context.Background()
	}
	_ = fang.Execute(ctx, root, fang.WithVersion(a.Version))
}

// group is a command that only has commands below it.
func group(cmd *cobra.Command, below ...*cobra.Command) *cobra.Command {
	cmd.AddCommand(below...)
	cmd.FParseErrWhitelist.UnknownFlags = true // it is the command that is wrong
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		var names []string
		for _, b := range below {
			names = append(names, b.Name())
		}
		if len(args) == 0 {
			return usage("%s wants one of %s", cmd.CommandPath(), strings.Join(names, ", "))
		}
		text := fmt.Sprintf("%s has no command %q", cmd.CommandPath(), args[0])
		cmd.SuggestionsMinimumDistance = 2
		if near := cmd.SuggestionsFor(args[0]); len(near) > 0 {
			return usage("%s; did you mean %s?", text, strings.Join(near, " or "))
		}
		return usage("%s; it has %s", text, strings.Join(names, ", "))
	}
	return cmd
}

// exactly wants n arguments and says which when there are fewer.
func exactly(n int, which string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		switch {
		case len(args) < n:
			return usage("%s wants %s", cmd.CommandPath(), which)
		case len(args) > n:
			return usage("%s does not take %q", cmd.CommandPath(), args[n])
		}
		return nil
	}
}

// print writes a result; an error says that nobody could read it.
func (a *App) print(format string, args ...any) error {
	if _, err := fmt.Fprintf(a.Out, format, args...); err != nil {
		return fmt.Errorf("writing the result: %w", err)
	}
	return nil
}

// warn writes a line for people, which no result depends on.
func (a *App) warn(format string, args ...any) {
	_, _ = fmt.Fprintf(a.Err, "detnas: %s\n", input.Shown(fmt.Sprintf(format, args...)))
}
