package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"detnas/core/config"
	"detnas/core/ranks"
	"detnas/core/run"
)

// runArgs are the arguments of detnas run.
type runArgs struct {
	config           string // a preset or a file; empty with resume
	text             string // TOML to use in place of what config names
	name, runs       string
	from, to         string // a step's name or number; empty when not given
	set              []string
	subnet, resume   string
	orResume         bool // with name: go on with that run if it is there
	headless, detach bool
	runsBy           bool // --runs was given
	patience         time.Duration
}

func (a *App) runCommand() *cobra.Command {
	var r runArgs
	cmd := &cobra.Command{
		Use: "run CONFIG", Short: "Run an experiment, or go on with one",
		Long: `Run the five steps of DetNAS, or those from --from to --to:

  1 supernet-pretrain   a classifier that holds all subnets
  2 supernet-finetune   the same in a detector
  3 search              for the subnet that detects best
  4 subnet-retrain      that subnet alone, as a classifier
  5 subnet-finetune     and in the detector, for the result

CONFIG is the name of a preset (detnas presets) or a TOML file. The run's folder
holds its config, journal, checkpoints, result and log.

On a terminal the run goes on in the background, with the screen open on it;
leaving the screen or losing the terminal leaves the run alone. With --headless,
or where there is no terminal, it runs in the foreground and prints plain lines;
Ctrl-C then writes a checkpoint and says how to go on, and a second one exits at
once.`,
		Example: `  detnas run demo
  detnas run small --set data.detection.train=train.json --set data.detection.images=images
  detnas run --resume demo-20260102-150405
  detnas run --resume demo-20260102-150405 --from search
  detnas run --resume demo-20260102-150405 --set supernet-finetune.lr=0.01
  detnas run mine.toml --detach`,
		Args: cobra.MaximumNArgs(1), ValidArgs: config.Presets(),
		RunE: failing(func(cmd *cobra.Command, args []string) error {
			if len(args) == 1 {
				r.config = args[0]
			}
			r.runsBy = cmd.Flags().Changed("runs")
			if err := r.check(); err != nil {
				return err
			}
			return a.runOrResume(cmd.Context(), r)
		}),
	}
	a.runFlags(cmd, &r)
	cmd.Flags().BoolVar(&r.detach, "detach", false, "in the background, with no screen; detnas attach opens one on it")
	return cmd
}

// runFlags are the flags of whatever does a run in the foreground.
func (a *App) runFlags(cmd *cobra.Command, r *runArgs) {
	f := cmd.Flags()
	f.StringVar(&r.name, "name", "", "name of the run's folder (default: the config's and the time)")
	f.StringVar(&r.runs, "runs", run.DefaultRuns, "folder that holds the runs; when left out, a new run takes the config's")
	f.StringVar(&r.from, "from", "", "first step, by name or number")
	f.StringVar(&r.to, "to", "", "last step, by name or number")
	f.StringArrayVar(&r.set, "set", nil, "key=value to use instead of the config's, or, with --resume, to change in the run's from here on; may be repeated")
	f.StringVar(&r.subnet, "subnet", "", "train this subnet (short form, 3x3 for all blocks, or YAML file) and search none")
	f.StringVar(&r.resume, "resume", "", "go on with a run, given by its folder or its name under --runs")
	f.BoolVar(&r.orResume, "or-resume", false, "go on with the run of that --name where there is one, with its own config; else start it")
	f.BoolVar(&r.headless, "headless", false, "in this process, with plain lines and no screen, even on a terminal")
	f.DurationVar(&r.patience, "rank-timeout", ranks.Patience, "where several processes train the run: how long one waits for another of which nothing is heard")
	a.looksFlags(cmd)
	for _, name := range []string{"from", "to"} {
		_ = cmd.RegisterFlagCompletionFunc(name, cobra.FixedCompletions(config.StepNames(), cobra.ShellCompDirectiveNoFileComp))
	}
}

// check refuses arguments that do not go together.
func (r *runArgs) check() error {
	if r.detach && r.headless {
		return usage("--detach does not go with --headless: one is in the background, the other in the foreground")
	}
	if r.orResume && r.name == "" && r.resume == "" {
		return usage("--or-resume wants --name: it goes on with the run of that name")
	}
	if r.patience < 0 {
		return usage("--rank-timeout wants a time above 0, such as 30s or 10m")
	}
	if r.resume == "" {
		if r.config == "" {
			return usage("detnas run wants a preset (%s) or a TOML file", strings.Join(config.Presets(), ", "))
		}
		return nil
	}
	for _, no := range []struct {
		given     bool
		what, why string
	}{
		{r.config != "", "a CONFIG", "a run goes on with its own config"},
		{r.name != "", "--name", "the run has its name"},
		{r.orResume, "--or-resume", "it says so itself"},
		{r.subnet != "", "--subnet", "the run has its subnet; start a new run to train another"},
	} {
		if no.given {
			return usage("--resume does not go with %s: %s", no.what, no.why)
		}
	}
	return nil
}

// steps reads --from and --to; what is not given has the defaults.
func (r *runArgs) steps(from, to int) (first, last int, err error) {
	first, last = from, to
	for _, flag := range []struct {
		name, value string
		step        *int
	}{{"from", r.from, &first}, {"to", r.to, &last}} {
		if flag.value == "" {
			continue
		}
		if *flag.step, err = config.ParseStep(flag.value); err != nil {
			return 0, 0, usage("--%s: %v", flag.name, err)
		}
	}
	if r.from != "" && r.to == "" {
		last = max(first, last)
	}
	if first > last {
		return 0, 0, usage("the first step (%d, %s) comes after the last (%d, %s)", first, config.StepName(first), last, config.StepName(last))
	}
	return first, last, nil
}

// job is a run that is ready to go.
type job struct {
	cfg    *config.Config
	folder *run.Folder // locked
	opts   RunOptions
	before run.State // what an earlier process had done
	fresh  bool      // the run is not in its journal yet
	said   string    // why it is not done as it was asked for; empty where it is
	led    bool      // its engine has been called, which meets the other ranks
}

func (a *App) runOrResume(ctx context.Context, r runArgs) error {
	outliveReaders() // from the first: a terminal may be lost while the run is prepared
	place, err := ranks.FromEnv(os.Getenv)
	switch {
	case err != nil:
		return err
	case place.Rank > 0:
		return a.follow(ctx, r, place)
	}
	led, err := a.lead(ctx, r, place)
	if !led && !place.Alone() && !place.Launched { // launch ends the others with rank 0
		a.last = func() { a.decline(ctx, r, place, err != nil) }
	}
	return err
}

// decline tells the other ranks that the run does not begin: they wait for rank 0.
func (a *App) decline(ctx context.Context, r runArgs, place ranks.Place, refused bool) {
	if err := a.Decline(ctx, place, DeclineOptions{Patience: r.patience, Refused: refused}); err != nil {
		a.warn("%v", err)
	}
}

// lead does a run alone, or as rank 0 of several, and reports whether the engine was
// called.
func (a *App) lead(ctx context.Context, r runArgs, place ranks.Place) (led bool, err error) {
	if !place.Alone() && r.detach {
		return false, usage("--detach does not go with several processes: rank 0 is in the foreground, as those are that started it; put the whole in the background")
	}
	j, err := prepare(r)
	if err != nil {
		return false, err
	}
	j.opts.Ranks, j.opts.Patience = place, r.patience
	if j.said != "" {
		a.warn("%s", j.said)
	}
	if j.nothingLeft() {
		if result, err := j.folder.ReadResult(); err == nil { // else the engine makes it again from the journal
			defer j.folder.Unlock() //nolint:errcheck // the lock ends with the process
			a.warn("run %s has finished these steps already; --from STEP does them again", j.folder.Name())
			return false, a.summary(j, result)
		}
	}
	if r.detach {
		return false, a.detach(ctx, j)
	}
	if !r.headless && place.Alone() && a.interactive() {
		return false, a.screenOfJob(ctx, j)
	}
	result, err := a.do(ctx, j, r.headless)
	if err != nil {
		return j.led, err
	}
	return true, a.summary(j, result)
}

// prepare makes a new run, or takes up one, as the arguments say.
func prepare(r runArgs) (*job, error) {
	said := ""
	if r.orResume {
		var err error
		if said, err = r.resumeIfThere(); err != nil {
			return nil, err
		}
	}
	if r.resume == "" {
		return create(r)
	}
	j, err := reopen(r)
	if err == nil {
		j.said = said
	}
	return j, err
}

// create makes the folder of a new run after everything that can be checked was.
func create(r runArgs) (*job, error) {
	cfg, err := r.askedConfig()
	if err != nil {
		return nil, err
	}
	first, last, err := r.steps(config.StepSupernetPretrain, config.StepSubnetFinetune)
	if err != nil {
		return nil, err
	}
	if err := startable(cfg, first, last); err != nil {
		return nil, err
	}
	if r.runsBy {
		if err := cfg.PutIn(r.runs); err != nil {
			return nil, err
		}
	}
	name := r.name
	if name == "" {
		name = cfg.Name
	}
	if name == "" {
		name = run.AutoName(cfg.Title(), time.Now())
	}
	f, err := run.Create(cfg.Runs, name)
	if err != nil {
		return nil, err
	}
	j := &job{cfg: cfg, folder: f, opts: RunOptions{From: first, To: last}, fresh: true}
	err = f.Ask(j.asked())
	if err == nil { // after this the run can be resumed
		err = run.WriteFile(f.Config(), []byte(cfg.Resolved()))
	}
	if err != nil {
		return nil, errors.Join(run.ToStart(err), j.abandon())
	}
	return j, nil
}

// asked is what the job is about to do, for the process after it if this one is
// killed.
func (j *job) asked() run.Asked {
	return run.Asked{From: j.opts.From, To: j.opts.To, Redo: j.opts.Redo}
}

// askedConfig is the config that is named, or was typed, with what it was told to
// use instead.
func (r *runArgs) askedConfig() (*config.Config, error) {
	sets := r.set
	if r.subnet != "" {
		sets = append(sets[:len(sets):len(sets)], "search.subnet="+r.subnet)
	}
	if r.text != "" {
		return config.Parse(r.config, []byte(r.text), sets)
	}
	return config.Load(r.config, sets)
}

// reopen takes up the run that --resume names.
func reopen(r runArgs) (*job, error) {
	f, err := run.Find(r.runs, r.resume)
	if err != nil {
		return nil, err
	}
	if len(r.set) > 0 {
		if err := edit(f, r.set); err != nil {
			return nil, err
		}
	}
	if err := f.Lock(); err != nil {
		return nil, taken(f, err)
	}
	j, err := takeUp(f)
	if err == nil {
		// A later --to alone carries a run on; only --from asks for steps again.
		j.opts.Redo = j.opts.Redo || r.from != ""
		j.opts.From, j.opts.To, err = r.steps(j.opts.From, j.opts.To)
	}
	if err == nil {
		err = j.cfg.CheckPaths(j.opts.From, j.opts.To)
	}
	if err == nil && !j.nothingLeft() {
		_ = f.Ask(j.asked()) // where the storage takes nothing, the engine has more to say of it
	}
	if err != nil {
		return nil, errors.Join(err, f.Unlock())
	}
	return j, nil
}

// taken says of a run that cannot be locked, where another process does it, how
// to reach that.
func taken(f *run.Folder, err error) error {
	if locked, lerr := f.Locked(); lerr != nil || !locked {
		return err
	}
	s, serr := f.Status()
	if serr != nil {
		return err
	}
	cure := commandOn("attach", f) + " opens the screen on it"
	if s.State == run.StatePaused {
		cure = commandOn("resume", f) + " lets it go on, " + cure
	}
	return fmt.Errorf("%w; it is %s: %s", err, s.State, cure)
}

// takeUp reads what a folder that this process has locked says of its run; the
// options are those of last time. Steps that were to be done again still are
// until the first of them has begun.
func takeUp(f *run.Folder) (*job, error) {
	if f.Bare() {
		return nil, fmt.Errorf("run %s never began: its process ended before it had written %s; start it again with: %s",
			f.Name(), f.Config(), f.Anew())
	}
	cfg, err := config.Load(f.Config(), nil)
	if err != nil {
		return nil, fmt.Errorf("run %s: %w", f.Name(), err)
	}
	j := &job{cfg: cfg, folder: f, before: run.State{Name: f.Name()}}
	j.opts = RunOptions{From: config.StepSupernetPretrain, To: config.StepSubnetFinetune}
	err = run.ReadJournal(f.JournalPath(), func(entry run.Entry) error {
		switch e := entry.Event.(type) {
		case run.RunStarted:
			j.opts.From, j.opts.To = e.From, e.To
		case run.RunResumed:
			j.opts = RunOptions{From: e.From, To: e.To, Redo: e.Redo}
		case run.StepStarted, run.RunFinished:
			j.opts.Redo = false
		}
		j.before.Apply(entry)
		return nil
	})
	if err != nil {
		return nil, err
	}
	asked, ok, err := f.Asked()
	if err != nil {
		return nil, err
	}
	if ok {
		j.opts = RunOptions{From: asked.From, To: asked.To, Redo: asked.Redo}
	}
	j.fresh = j.before.Seq == 0
	return j, nil
}

// nothingLeft reports whether every step that is asked for is done.
func (j *job) nothingLeft() bool {
	if j.fresh || j.opts.Redo || j.before.State == run.StateRunning { // the last: killed, perhaps before its result was whole
		return false
	}
	for step := begins(j.cfg, j.opts.From); step <= j.opts.To; step++ {
		if _, done := j.before.Finished[step]; !done {
			return false
		}
	}
	return true
}

// sweep removes the folder of a run that never began, so that its name is free
// again.
func (j *job) sweep() {
	if _, err := os.Stat(j.folder.JournalPath()); j.fresh && os.IsNotExist(err) && j.folder.Stands() {
		_ = os.RemoveAll(j.folder.Dir()) // what is left does no harm
	}
}
