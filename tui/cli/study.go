package cli

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"detnas/core/config"
	"detnas/core/figure"
	"detnas/core/input"
	"detnas/core/run"
	"detnas/core/study"
	"detnas/tui/progress"
)

// studyArgs are the arguments of detnas study.
type studyArgs struct {
	config, name, runs string
	runsBy             bool // --runs was given
	set                []string
	seeds, random      int
	headless           bool
}

// The most runs that a study may have of each kind.
const (
	mostSeeds  = 100
	mostRandom = 100
)

func (a *App) studyCommand() *cobra.Command {
	var s studyArgs
	cmd := &cobra.Command{
		Use: "study CONFIG", Short: "Compare the searched subnet with those it has to beat",
		Long: `Compare, over several seeds, the subnet that a search finds with those that it has
to beat, each trained by the same steps 4 and 5:

  detection       searched, guided by detection: the five steps of DetNAS
  classification  searched, guided by the accuracy of step 1's supernet (ClsNAS)
  best-random     the best of as many random subnets, guided by detection
  random          random subnets, whatever their score (--random of them)
  3x3             by hand: ShuffleNetV2's blocks throughout

Each is a run like any other in the study's folder, which detnas --runs opens, and
all of a seed share its supernets. The table is study.md there, with study.csv and
study.png beside it, and is written anew after each run. Ctrl-C stops with a
checkpoint; the same command goes on.`,
		Example: `  detnas study demo --seeds 1 --random 2
  detnas study mine.toml --name mine-study`,
		Args: exactly(1, "a preset or a TOML file"), ValidArgs: config.Presets(),
		RunE: failing(func(cmd *cobra.Command, args []string) error {
			s.config, s.runsBy = args[0], cmd.Flags().Changed("runs")
			return a.study(cmd.Context(), s)
		}),
	}
	f := cmd.Flags()
	f.StringVar(&s.name, "name", "", "name of the study's folder (default: the config's and -study)")
	f.StringVar(&s.runs, "runs", run.DefaultRuns, "folder that holds the study's; when left out, the config's")
	f.StringArrayVar(&s.set, "set", nil, "key=value to use instead of the config's; may be repeated")
	f.IntVar(&s.seeds, "seeds", 3, "seeds, from the config's on")
	f.IntVar(&s.random, "random", 3, "random subnets to train, a seed")
	f.BoolVar(&s.headless, "headless", false, "print plain lines even on a terminal")
	return cmd
}

// study does what is left of a study.
func (a *App) study(ctx context.Context, args studyArgs) error {
	s, err := args.open()
	if err != nil {
		return err
	}
	again, jobs := args.again(), s.Plan()
	for i, j := range jobs {
		done, err := a.tellStudy(s, i, len(jobs), j)
		if err != nil {
			return err
		}
		if done {
			continue
		}
		sets, err := s.Sets(j)
		if err != nil {
			return err
		}
		_, err = a.child(ctx, runArgs{
			config: s.ConfigPath(), name: j.Name, runs: s.Dir(), set: sets, headless: args.headless,
			from: config.StepName(j.From), to: lastStep(),
		}, again)
		if err != nil {
			return err
		}
		if err := writeStudy(s, again); err != nil {
			return err
		}
	}
	if err := writeStudy(s, again); err != nil { // what is said of runs that were altered since
		return err
	}
	return a.studyTable(s)
}

// open begins the study or takes it up.
func (args studyArgs) open() (*study.Study, error) {
	if args.seeds < 1 || args.seeds > mostSeeds {
		return nil, usage("--seeds %d: a study has 1 to %d", args.seeds, mostSeeds)
	}
	if args.random < 0 || args.random > mostRandom {
		return nil, usage("--random %d: a seed has 0 to %d random subnets", args.random, mostRandom)
	}
	cfg, err := config.Load(args.config, args.set)
	if err != nil {
		return nil, err
	}
	asked := *cfg
	asked.Search.Subnet, asked.Search.LoadFrom = "", "" // which a study refuses in its own words
	if err := startable(&asked, config.StepSupernetPretrain, config.StepSubnetFinetune); err != nil {
		return nil, err
	}
	if planned := cfg.Search.Population * cfg.Search.Generations; args.random > planned {
		return nil, usage("--random %d: the search evaluates %d subnets, and the random ones are taken from as many", args.random, planned)
	}
	if args.runsBy {
		if err := cfg.PutIn(args.runs); err != nil {
			return nil, err
		}
	}
	name := args.name
	if name == "" {
		name = cfg.Title() + "-study"
	}
	if err := input.CheckName(name); err != nil {
		return nil, fmt.Errorf("%w; give one with --name", err)
	}
	return study.Open(filepath.Join(cfg.Runs, name), args.config, cfg, args.seeds, args.random)
}

// again is the command that goes on with the study.
func (args studyArgs) again() string {
	words := []string{"study", args.config, "--seeds", fmt.Sprint(args.seeds), "--random", fmt.Sprint(args.random)}
	if args.name != "" {
		words = append(words, "--name", args.name)
	}
	if args.runsBy {
		words = append(words, "--runs", args.runs)
	}
	for _, s := range args.set {
		words = append(words, "--set", s)
	}
	return input.CommandLine(words...)
}

// tellStudy says which run is next, unless that is done, and how long all of them will
// still take, once a run of each kind that is left is done.
func (a *App) tellStudy(s *study.Study, i, all int, j study.Job) (bool, error) {
	done, err := s.Outcomes()
	if err != nil {
		return false, err
	}
	if slices.ContainsFunc(done, func(o study.Outcome) bool { return o.Name == j.Name }) {
		return true, nil
	}
	left := ""
	if seconds, known := s.Left(done); known {
		left = ", less than a minute left"
		if d := (time.Duration(seconds) * time.Second).Round(time.Minute); d > 0 {
			left = fmt.Sprintf(", about %s left", strings.TrimSuffix(d.String(), "0s"))
		}
	}
	_ = a.print("run %d of %d: %s%s\n", i+1, all, j.Name, left)
	return false, nil
}

// writeStudy writes the study's tables and picture.
func writeStudy(s *study.Study, command string) error {
	done, err := s.Outcomes()
	if err != nil {
		return err
	}
	table, err := study.CSV(done)
	if err != nil {
		return err
	}
	var groups []figure.Group
	for _, r := range study.Rows(done) {
		groups = append(groups, figure.Group{Name: string(r.Arm), Values: r.APs})
	}
	picture, err := figure.Groups(figure.Axes{Title: fmt.Sprintf("Study of %s, %d seeds", s.Config, len(s.Seeds)), Y: "AP"}, groups)
	if err != nil {
		return err
	}
	return errors.Join(
		run.WriteFile(filepath.Join(s.Dir(), "study.md"), []byte(s.Markdown(done, command))),
		run.WriteFile(filepath.Join(s.Dir(), "study.csv"), table),
		run.WriteFile(filepath.Join(s.Dir(), "study.png"), picture),
	)
}

// studyTable prints what a study came to.
func (a *App) studyTable(s *study.Study) error {
	done, err := s.Outcomes()
	if err != nil {
		return err
	}
	var rows []progress.Row
	for _, r := range study.Rows(done) {
		rows = append(rows, progress.Row{Label: string(r.Arm), Value: r.String()})
	}
	rows = append(rows, progress.Row{Label: "written", Value: run.Shortest(filepath.Join(s.Dir(), "study.md")) + ", study.csv, study.png"})
	return a.table(rows)
}
