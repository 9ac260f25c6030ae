package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/charmbracelet/x/ansi"
	"github.com/spf13/cobra"

	"detnas/core/config"
	"detnas/core/figure"
	"detnas/core/input"
	"detnas/core/run"
	"detnas/core/study"
	"detnas/tui/charts"
	"detnas/tui/progress"
	"detnas/tui/styles"
)

// fidelityArgs are the arguments of detnas fidelity.
type fidelityArgs struct {
	run, runs string
	subnets   int
	scale     float64
	headless  bool
}

// fewPairs is the least number of subnets whose correlation has intervals.
const fewPairs = 5

func (a *App) fidelityCommand() *cobra.Command {
	var r fidelityArgs
	cmd := &cobra.Command{
		Use: "fidelity RUN", Short: "Measure how well a run's supernet ranks subnets",
		Long: `Draw random subnets, score each with the run's supernet as the search does, train
each by itself, by steps 4 and 5 at a share (--scale) of their length, and compare: Kendall's
tau and Spearman's rho between the score and the AP that the subnet comes to alone,
with intervals of 95 %.

The runs and the report (.md, .csv, .png) are in the folder fidelity of the run's. Ctrl-C stops with a checkpoint; the same command goes on, and one with more
subnets adds to those that are there.`,
		Example: `  detnas fidelity demo-20260102-150405 --subnets 10 --scale 0.5`,
		Args:    exactly(1, "a run"),
		RunE: failing(func(cmd *cobra.Command, args []string) error {
			r.run = args[0]
			return a.fidelity(cmd.Context(), r)
		}),
	}
	f := cmd.Flags()
	f.StringVar(&r.runs, "runs", run.DefaultRuns, "folder of the runs, for a RUN that is a name")
	f.IntVar(&r.subnets, "subnets", 10, "random subnets to train")
	f.Float64Var(&r.scale, "scale", 0.25, "share of the length of steps 4 and 5")
	f.BoolVar(&r.headless, "headless", false, "print plain lines even on a terminal")
	a.looksFlags(cmd)
	return cmd
}

// fidelity does what is left of measuring a run's supernet.
func (a *App) fidelity(ctx context.Context, args fidelityArgs) error {
	f, cfg, err := args.check()
	if err != nil {
		return err
	}
	dir := filepath.Join(f.Dir(), "fidelity")
	if err := os.MkdirAll(dir, 0o755); err != nil { //nolint:gosec // runs are there to be read
		return fmt.Errorf("making the folder for the runs of fidelity: %w", err)
	}
	suffix := fmt.Sprintf("-%d", args.subnets)
	_ = a.print("scoring %d random subnets on the supernet\n", args.subnets)
	if _, err := a.child(ctx, runArgs{
		config: f.Config(), name: study.ScoresRun + suffix, runs: dir, set: study.ScoreSets(cfg, f, args.subnets),
		from: config.StepName(config.StepSearch), to: config.StepName(config.StepSearch), headless: args.headless,
	}, args.again()); err != nil {
		return err
	}
	scores, err := run.Find(dir, filepath.Join(dir, study.ScoresRun+suffix))
	if err != nil {
		return err
	}
	scored, err := study.Scored(scores)
	if err != nil {
		return err
	}
	found := study.Fidelity{Run: f.Name(), Score: cfg.Search.Score, Scale: args.scale, Wanted: len(scored)}
	for i, c := range scored {
		_ = a.print("subnet %d of %d: %s\n", i+1, len(scored), c.Subnet)
		if err := a.alone(ctx, f, cfg, args, c, &found); err != nil {
			return err
		}
		if err := writeFidelity(args.report(dir), found, args.again()); err != nil {
			return err
		}
	}
	return a.tellFidelity(args.report(dir), found)
}

// alone trains one subnet by itself and notes what it comes to.
func (a *App) alone(ctx context.Context, f *run.Folder, cfg *config.Config, args fidelityArgs, c run.Candidate, found *study.Fidelity) error {
	sets, err := study.AloneSets(cfg, c.Subnet, args.scale)
	if err != nil {
		return err
	}
	dir := filepath.Join(f.Dir(), "fidelity")
	result, err := a.child(ctx, runArgs{
		config: f.Config(), name: args.nameOf(c.Subnet), runs: dir, set: sets,
		from: config.StepName(study.AloneFrom(cfg)), to: lastStep(), headless: args.headless,
	}, args.again())
	if err != nil {
		return err
	}
	want, err := config.Load(f.Config(), sets)
	if err != nil {
		return err
	}
	of, err := run.Find(dir, filepath.Join(dir, args.nameOf(c.Subnet)))
	if err != nil {
		return err
	}
	altered, err := study.Altered(of, want)
	if err != nil {
		return err
	}
	if len(altered) > 0 {
		other := fmt.Sprintf("run %s, which differs from the others in %s; remove its folder to have it trained anew", of.Name(), strings.Join(altered, ", "))
		a.warn("left out: %s", other)
		found.Others = append(found.Others, other)
		return nil
	}
	found.Pairs = append(found.Pairs, study.Pair{Subnet: c.Subnet, Score: c.Score, Alone: result.Final["AP"], MACs: c.MACs})
	return nil
}

// report is the report's path without what files of its kinds end with.
func (args fidelityArgs) report(dir string) string {
	return filepath.Join(dir, fmt.Sprintf("fidelity-%d-%s", args.subnets, strconv.FormatFloat(args.scale, 'g', -1, 64)))
}

// nameOf is the name of the run that trains a subnet by itself: by the subnet, so that
// it serves again when more are asked for.
func (args fidelityArgs) nameOf(subnet string) string {
	return "alone-" + strconv.FormatFloat(args.scale, 'g', -1, 64) + "-" + subnet
}

// check finds the run and makes sure that it has what is measured.
func (args fidelityArgs) check() (*run.Folder, *config.Config, error) {
	if args.subnets < 2 || args.subnets > 1000 {
		return nil, nil, usage("--subnets %d: use 2 to 1000; fewer than %d have no interval", args.subnets, fewPairs)
	}
	if !(args.scale > 0 && args.scale <= 10) {
		return nil, nil, usage("--scale %v: use a share above 0, such as 0.25, and up to 10", args.scale)
	}
	f, err := run.Find(args.runs, args.run)
	if err != nil {
		return nil, nil, err
	}
	cfg, err := config.Load(f.Config(), nil)
	if err != nil {
		return nil, nil, fmt.Errorf("run %s: %w", f.Name(), err)
	}
	supernet := study.Supernet(cfg, f)
	if _, err := os.Stat(supernet); err != nil {
		cure := fmt.Sprintf("run its step %d first", study.SupernetStep(cfg))
		if cfg.Search.LoadFrom != "" {
			cure = "put back what search.load_from names"
		}
		return nil, nil, fmt.Errorf("run %s has no supernet to measure: %s is not there; %s", f.Name(), input.Line(run.Shortest(supernet)), cure)
	}
	space, err := cfg.Space.NAS(1)
	if err != nil {
		return nil, nil, err
	}
	if all := space.Architectures(); float64(args.subnets) > all {
		return nil, nil, usage("--subnets %d: the space has %.0f", args.subnets, all)
	}
	return f, cfg, nil
}

// again is the command that goes on with it.
func (args fidelityArgs) again() string {
	words := []string{"fidelity", args.run, "--subnets", strconv.Itoa(args.subnets), "--scale", strconv.FormatFloat(args.scale, 'g', -1, 64)}
	if args.runs != run.DefaultRuns {
		words = append(words, "--runs", args.runs)
	}
	return input.CommandLine(words...)
}

// writeFidelity writes the report and the picture.
func writeFidelity(base string, f study.Fidelity, command string) error {
	table, err := f.CSV()
	if err != nil {
		return err
	}
	points := make([]figure.Point, len(f.Pairs))
	for i, p := range f.Pairs {
		points[i] = figure.Point{X: p.Score, Y: p.Alone}
	}
	picture, err := figure.Scatter(figure.Axes{Title: "Kendall's tau-b: " + f.Tau().String(), X: f.Score + " on the supernet", Y: "AP alone"}, points)
	if err != nil {
		return err
	}
	return errors.Join(
		run.WriteFile(base+".md", []byte(f.Markdown(command))),
		run.WriteFile(base+".csv", table),
		run.WriteFile(base+".png", picture),
	)
}

// tellFidelity draws the pairs and says the correlations.
func (a *App) tellFidelity(base string, f study.Fidelity) error {
	look, err := a.look()
	if err != nil {
		return err
	}
	points := make([]charts.Point, len(f.Pairs))
	for i, p := range f.Pairs {
		points[i] = charts.Point{X: p.Score, Y: p.Alone}
	}
	s, width := screenOf(a.Out), 80
	if s.live() {
		width = min(width, s.width())
	}
	chart := charts.Scatter{
		Look: look, Points: points, Selected: -1, Title: "AP alone", XName: f.Score + " on the supernet",
	}
	text := chart.Draw(width, 20)
	if !s.live() {
		text = ansi.Strip(text)
	}
	_ = a.print("\n%s\n", text)
	rows := []progress.Row{
		{Label: "Kendall's tau-b", Value: f.Tau().String()},
		{Label: "Spearman's rho", Value: f.Rho().String()},
		{Label: "subnets", Value: strconv.Itoa(len(f.Pairs))},
		{Label: "written", Value: run.Shortest(base) + ".md, .csv, .png"},
	}
	return a.table(rows)
}

// look is what charts are printed with.
func (a *App) look() (charts.Look, error) {
	l, _, err := a.wear()
	if err != nil {
		return charts.Look{}, err
	}
	theme, ok := styles.ThemeNamed(l.Theme)
	if !ok {
		theme = styles.Themes()[0]
	}
	return charts.Look{Styles: styles.New(theme, l.Colour && screenOf(a.Out).colour()), Glyphs: styles.GlyphsOf(l.Mode)}, nil
}
