package cli

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"detnas/configs"
	"detnas/core/config"
	"detnas/core/run"
	"detnas/tui/common"
)

func TestRunRefusesBeforeItCreates(t *testing.T) {
	tests := []struct {
		name  string
		args  []string
		parts []string
	}{
		{"unknown preset", []string{"dmo"}, []string{"dmo", "did you mean demo?"}},
		{"no file", []string{"my.toml"}, []string{"my.toml"}},
		{"missing data", []string{"detnas_frcnn_300m_coco"}, []string{"data.detection.train", "data.classification.train", "--set"}},
		{"unknown key", []string{"tiny", "--set", "sead=1"}, []string{"sead", "did you mean seed?"}},
		{"no value", []string{"tiny", "--set", "seed"}, []string{"key=value"}},
		{"bad value", []string{"tiny", "--set", "seed=-1"}, []string{"seed"}},
		{"bad subnet", []string{"tiny", "--subnet", "9-0-00-0"}, []string{"9-0-00-0", "stage 0 block 0"}},
		{"no subnet file", []string{"tiny", "--subnet", "x.yaml"}, []string{"x.yaml"}},
		{"no supernet", []string{"tiny", "--from", "2"}, []string{"step 2", "load_from", "--resume RUN"}},
		{"no supernet to search", []string{"tiny", "--from", "search"}, []string{"step 3 (search)", "--subnet"}},
		{"no subnet to train", []string{"tiny", "--from", "4"}, []string{"step 4", "--subnet"}},
		{"no classifier", []string{"tiny", "--from", "5", "--subnet", "0-0-00-0"}, []string{"step 5", "checkpoint of step 4"}},
		{"bad name", []string{"tiny", "--name", "a/b"}, []string{"a/b"}},
		{"no such run", []string{"--resume", "nowhere"}, []string{"nowhere", "--runs"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			runs := filepath.Join(t.TempDir(), "runs")
			detnas(t, nil, append([]string{"run", "--runs", runs}, tt.args...)...).fails(t, exitFailed, tt.parts...)
			if entries, err := os.ReadDir(runs); err == nil && len(entries) > 0 {
				t.Errorf("%s was created", entries[0].Name())
			}
		})
	}
}

// result is what the engine of these tests finds.
func result(f *run.Folder) run.Result {
	return run.Result{
		Run: f.Name(), Subnet: "2-2-20-1",
		Steps: []run.StepResult{
			{Step: 3, Seconds: 61, Metrics: run.Values{"best": 0.5, "best_random": 0.25, "mean_random": 0.125, "random": 4, "evaluated": 8}},
			{Step: 5, Seconds: 2},
		},
		Final: run.Values{"AP": 0.4321, "AP50": 0.7, "AP75": 0.5, "APs": 0.1, "APm": 0.2, "APl": -1, "AR1": 0.3, "AR10": 0.6, "AR100": 0.65},
	}
}

// journaling is an engine that notes in the journal that the steps were done,
// up to the step last, and keeps the options it was given.
func journaling(t *testing.T, got *RunOptions, last int) engine {
	return func(_ context.Context, cfg *config.Config, f *run.Folder, o RunOptions) (run.Result, error) {
		*got = o
		j, err := f.OpenJournal(func(run.Entry) error { return nil })
		if err != nil {
			t.Error(err)
			return run.Result{}, err
		}
		defer j.Close()
		events := []run.Event{run.RunStarted{Run: f.Name(), From: o.From, To: o.To}}
		for step := o.From; step <= min(o.To, last); step++ {
			events = append(events,
				run.StepStarted{Step: step, Name: config.StepName(step), Iterations: 10},
				run.Train{Step: step, Iteration: 10, Losses: run.Values{"loss": 1}},
				run.StepFinished{Step: step, Seconds: 1})
		}
		if last < o.To {
			events = append(events, run.RunStopped{Why: "the test"})
		} else {
			events = append(events, run.RunFinished{Seconds: 1})
		}
		for _, e := range events {
			if err := j.Append(e); err != nil {
				t.Error(err)
			}
			o.Watch(e)
		}
		r := result(f)
		if err := f.WriteResult(r); err != nil {
			t.Error(err)
		}
		if last < o.To {
			return r, errors.New("the run was stopped")
		}
		return r, nil
	}
}

func TestRun(t *testing.T) {
	runs := t.TempDir()
	var got RunOptions
	c := detnas(t, journaling(t, &got, 5), "run", "tiny", "--runs", runs, "--name", "one", "--set", "seed=9")
	c.succeeds(t, "1/5 supernet-pretrain: 10/10, loss 1", "5/5 subnet-finetune: done in 0:01",
		"searched subnet", "2-2-20-1", "28,968 parameters, 2,285,568 conv MACs at 96x96",
		"AP 0.5000, the best of 8", "AP 0.2500, of 4 random", "AP    0.4321", "APl        -", "1m3s", filepath.Join(runs, "one"))
	if got.From != 1 || got.To != 5 || got.Redo {
		t.Errorf("the engine was told %+v", got)
	}
	text, err := os.ReadFile(filepath.Join(runs, "one", "config.toml"))
	if err != nil || !strings.Contains(string(text), "seed = 9") || !strings.Contains(string(text), "# ") {
		t.Errorf("config.toml is %v, %s", err, text)
	}
	log, err := os.ReadFile(filepath.Join(runs, "one", "log.txt"))
	if err != nil || !strings.Contains(string(log), "3/5 search: done") {
		t.Errorf("log.txt is %v, %s", err, log)
	}
	c = detnas(t, nil, "status", "one", "--runs", runs, "--json")
	c.succeeds(t)
	status := object(t, c.out, "name", "state", "step", "iteration", "iterations", "updated")
	if status["name"] != "one" || status["step"] != 5.0 || status["iterations"] != 10.0 {
		t.Errorf("status %v", status)
	}
	detnas(t, nil, "status", filepath.Join(runs, "one")).succeeds(t, "5 (subnet-finetune), 10 of 10 iterations")
	detnas(t, nil, "run", "tiny", "--runs", runs, "--name", "one").fails(t, exitFailed, "is there already", "--resume")
}

// VOC's figures are no final ones of the result: they are step 5's.
func TestSummaryOfVOC(t *testing.T) {
	c := detnas(t, func(_ context.Context, _ *config.Config, f *run.Folder, _ RunOptions) (run.Result, error) {
		r := result(f)
		r.Steps[1].Metrics = run.Values{"mAP07": 0.7654, "mAP": 0.7777}
		return r, nil
	}, "run", "tiny", "--headless", "--runs", t.TempDir())
	c.succeeds(t, "AP    0.4321", "\n                    mAP07 0.7654   mAP   0.7777\n")
}

func TestRunNamesItselfByConfigAndTime(t *testing.T) {
	runs := t.TempDir()
	detnas(t, journaling(t, new(RunOptions), 5), "run", "tiny", "--runs", runs).succeeds(t)
	entries, err := os.ReadDir(runs)
	if err != nil || len(entries) != 1 || !strings.HasPrefix(entries[0].Name(), "tiny-2") {
		t.Errorf("%v, %v", entries, err)
	}
}

func TestResume(t *testing.T) {
	runs := t.TempDir()
	var got RunOptions
	c := detnas(t, journaling(t, &got, 2), "run", "tiny", "--runs", runs, "--name", "r", "--to", "4")
	if c.code != exitFailed || c.err != "detnas: the run was stopped\n" {
		t.Fatalf("exit code %d, %q", c.code, c.err)
	}
	tests := []struct {
		name string
		args []string
		want RunOptions
	}{
		{"as it was", nil, RunOptions{From: 1, To: 4}},
		{"further", []string{"--to", "5"}, RunOptions{From: 1, To: 5}},
		{"again", []string{"--from", "2"}, RunOptions{From: 2, To: 4, Redo: true}},
		{"beyond what was asked", []string{"--from", "5"}, RunOptions{From: 5, To: 5, Redo: true}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			look := func(_ context.Context, _ *config.Config, f *run.Folder, o RunOptions) (run.Result, error) {
				got = o
				return result(f), f.EndAsk()
			}
			detnas(t, look, slices.Concat([]string{"run", "--resume", "r", "--runs", runs}, tt.args)...).succeeds(t)
			got.Watch = nil
			if got.From != tt.want.From || got.To != tt.want.To || got.Redo != tt.want.Redo {
				t.Errorf("the engine was told %+v, want %+v", got, tt.want)
			}
		})
	}
	// A run that was killed may have lost the end of its result: the engine looks.
	killed := filepath.Join(t.TempDir(), "killed")
	if err := os.CopyFS(killed, os.DirFS(filepath.Join(runs, "r"))); err != nil {
		t.Fatal(err)
	}
	journal := filepath.Join(killed, "events.jsonl")
	text, err := os.ReadFile(journal)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.SplitAfter(strings.TrimSuffix(string(text), "\n"), "\n")
	if err := os.WriteFile(journal, []byte(strings.Join(lines[:len(lines)-1], "")), 0o644); err != nil {
		t.Fatal(err)
	}
	asked := false
	detnas(t, func(_ context.Context, _ *config.Config, f *run.Folder, _ RunOptions) (run.Result, error) {
		asked = true
		return result(f), nil
	}, "run", "--resume", killed, "--to", "2").succeeds(t)
	if !asked {
		t.Error("the engine was not asked about a run that was killed")
	}
	c = detnas(t, nil, "run", "--resume", filepath.Join(runs, "r"), "--to", "2")
	if c.code != exitOK || !strings.Contains(c.err, "has finished these steps already") || !strings.Contains(c.out, "2-2-20-1") {
		t.Errorf("resuming what is done: %+v", c)
	}
}

// Keys are set on resuming as on the Config page: what has been trained with the
// old values cannot change any more.
func TestResumeWithOtherSettings(t *testing.T) {
	runs := t.TempDir()
	if c := detnas(t, journaling(t, new(RunOptions), 2), "run", "tiny", "--runs", runs, "--name", "r"); c.code != exitFailed {
		t.Fatalf("exit code %d, %q", c.code, c.err)
	}
	var rate float64
	look := func(_ context.Context, cfg *config.Config, f *run.Folder, _ RunOptions) (run.Result, error) {
		rate = cfg.SubnetRetrain.LR
		return result(f), nil
	}
	for range 2 { // a script that tries again asks for what is there already
		detnas(t, look, "run", "--resume", "r", "--runs", runs, "--set", "subnet-retrain.lr=0.125").succeeds(t)
		if rate != 0.125 {
			t.Errorf("the engine was given the rate %v", rate)
		}
	}
	changes := 0
	err := run.ReadJournal(filepath.Join(runs, "r", "events.jsonl"), func(e run.Entry) error {
		if c, ok := e.Event.(run.ConfigChanged); ok {
			changes++
			if len(c.Changes) != 1 || c.Changes[0].Key != "subnet-retrain.lr" || c.Who == "" {
				t.Errorf("%+v", c)
			}
		}
		return nil
	})
	if err != nil || changes != 1 {
		t.Errorf("%d changes in the journal (%v)", changes, err)
	}
	for set, words := range map[string]string{
		"seed=3":                 "seed cannot change",
		"supernet-pretrain.lr=1": "supernet-pretrain.lr cannot change",
		"subnet-retrain.lr=-1":   "out of range",
	} {
		detnas(t, look, "run", "--resume", "r", "--runs", runs, "--set", set).fails(t, exitFailed, words)
	}
	f, err := run.Find(runs, "r")
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Lock(); err != nil {
		t.Fatal(err)
	}
	defer f.Unlock() //nolint:errcheck // the test is over
	detnas(t, look, "run", "--resume", "r", "--runs", runs, "--set", "subnet-retrain.lr=0.5").fails(t, exitFailed, "is being written by")
}

// TestOrResume starts a run and goes on with it by the same command, as a
// service that is started again does.
func TestOrResume(t *testing.T) {
	t.Chdir(t.TempDir())
	var got RunOptions
	args := []string{"run", "tiny", "--name", "r", "--to", "4", "--or-resume"}
	if c := detnas(t, journaling(t, &got, 2), args...); c.code != exitFailed {
		t.Fatalf("the first time it ended with %d", c.code)
	}
	asked := false
	goesOn := func(_ context.Context, _ *config.Config, f *run.Folder, o RunOptions) (run.Result, error) {
		asked, got = true, o
		return result(f), nil
	}
	if c := detnas(t, goesOn, append(args, "--from", "1", "--set", "seed=5")...); c.code != exitOK || !strings.Contains(c.out, "runs/r") {
		t.Errorf("it ended with %d: %s", c.code, c.err)
	}
	if !asked || got.Redo || got.From != 1 || got.To != 4 {
		t.Errorf("asked: %v, for %+v", asked, got)
	}
	text, err := os.ReadFile("runs/r/config.toml")
	if err != nil || strings.Contains(string(text), "seed = 5") {
		t.Errorf("it goes on with another config: %v", err)
	}
	entries, err := os.ReadDir("runs")
	if err != nil || len(entries) != 1 {
		t.Errorf("%v, %v", entries, err)
	}
}

// TestTheConfigSaysWhereTheRunIs starts runs in a folder that is not the config's.
func TestTheConfigSaysWhereTheRunIs(t *testing.T) {
	dir := t.TempDir()
	here := filepath.Join(dir, "here")
	if err := os.Mkdir(here, 0o750); err != nil {
		t.Fatal(err)
	}
	t.Chdir(here)
	tiny, err := configs.Files.ReadFile("tiny.toml")
	if err != nil {
		t.Fatal(err)
	}
	served := newHouse(&App{}, "../runs")
	for name, start := range map[string]func() (*job, error){
		"typed": func() (*job, error) {
			return create(runArgs{config: "tiny", runs: "../runs", runsBy: true, name: "typed"})
		},
		"served": func() (*job, error) {
			return served.create(common.StartRun{Config: "tiny", Name: "served"})
		},
		"edited": func() (*job, error) {
			return served.create(common.StartRun{Config: "tiny", Text: strings.Replace(string(tiny), `runs = "runs"`, `runs = "/else"`, 1), Name: "edited"})
		},
	} {
		j, err := start()
		if err != nil {
			t.Fatal(err)
		}
		if err := j.folder.Unlock(); err != nil {
			t.Fatal(err)
		}
		cfg, err := config.Load(filepath.Join(dir, "runs", name, "config.toml"), nil)
		if want := filepath.Join(dir, "runs"); err != nil || cfg.Runs != want || j.cfg.Runs != want {
			t.Errorf("%s: runs = %q, %q in the process, want %q, %v", name, cfg.Runs, j.cfg.Runs, want, err)
		}
	}
}

// TestOrResumeTellsOfItsOwnConfig wants a line on what a run that is there does
// otherwise than asked, with what changes it, and none where it does as asked.
func TestOrResumeTellsOfItsOwnConfig(t *testing.T) {
	t.Chdir(t.TempDir())
	detnas(t, journaling(t, new(RunOptions), 2), "run", "tiny", "--name", "r", "--to", "4")
	goesOn := func(_ context.Context, _ *config.Config, f *run.Folder, _ RunOptions) (run.Result, error) {
		return result(f), nil
	}
	for _, tt := range []struct {
		sets []string
		says []string // parts of the line; none wants none
	}{
		{nil, nil},
		{[]string{"name=x", "runs=other"}, nil},
		{[]string{"subnet-finetune.lr=0.5"}, []string{
			"run r goes on with its own config: subnet-finetune.lr is 0.01 and not 0.5; change it with: detnas run --resume r --set subnet-finetune.lr=0.5",
		}},
		{[]string{"seed=5"}, []string{"seed is 0 and not 5; seed cannot change in this run any more: start a new one with another --name"}},
		{[]string{"seed=5", "threads=3", "loader_workers=2", "subnet-finetune.lr=0.5", "subnet-retrain.lr=0.5"}, []string{
			"seed is 0 and not 5, threads is 0 and not 3, loader_workers is 0 and not 2, 2 more differ; ",
			"--set threads=3 --set loader_workers=2; seed cannot change",
		}},
	} {
		args := []string{"run", "tiny", "--name", "r", "--or-resume", "--runs", "runs"}
		for _, s := range tt.sets {
			args = append(args, "--set", s)
		}
		c := detnas(t, goesOn, args...)
		if c.code != exitOK || strings.Count(c.err, "\n") != min(len(tt.says), 1) {
			t.Errorf("%v: exit code %d, %q", tt.sets, c.code, c.err)
		}
		for _, want := range tt.says {
			if !strings.Contains(c.err, want) {
				t.Errorf("%v: no %q in %q", tt.sets, want, c.err)
			}
		}
	}
	c := detnas(t, goesOn, "run", "gone.toml", "--name", "r", "--or-resume", "--runs", "runs")
	if c.code != exitOK || !strings.Contains(c.err, "the one asked for was not compared") {
		t.Errorf("without its CONFIG: exit code %d, %q", c.code, c.err)
	}
}

// TestResumeWhatNeverBegan kills a process at places before its first event: what
// it was asked to do is done by the next one, if there is a config to do it by.
func TestResumeWhatNeverBegan(t *testing.T) {
	runs := t.TempDir()
	killed := func(j *job, err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		if err := j.folder.Unlock(); err != nil {
			t.Fatal(err)
		}
	}
	var got RunOptions
	killed(create(runArgs{config: "tiny", runs: runs, runsBy: true, name: "r", from: "1", to: "2"}))
	detnas(t, journaling(t, &got, 5), "run", "--resume", "r", "--runs", runs).succeeds(t)
	if got.From != 1 || got.To != 2 {
		t.Errorf("a run that never began goes on from %d to %d, want 1 to 2", got.From, got.To)
	}
	killed(reopen(runArgs{resume: "r", runs: runs, from: "2", to: "3"}))
	look := func(_ context.Context, _ *config.Config, f *run.Folder, o RunOptions) (run.Result, error) {
		got = o
		return result(f), f.EndAsk()
	}
	detnas(t, look, "run", "--resume", "r", "--runs", runs).succeeds(t)
	if got.From != 2 || got.To != 3 || !got.Redo {
		t.Errorf("a resume that was killed is taken up as %+v", got)
	}

	f, err := run.Create(runs, "bare")
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Unlock(); err != nil {
		t.Fatal(err)
	}
	detnas(t, nil, "run", "--resume", "bare", "--runs", runs).fails(t, exitFailed, "never began", "--name bare")
	detnas(t, journaling(t, &got, 5), "run", "tiny", "--runs", runs, "--name", "bare", "--or-resume").succeeds(t)
}

// TestRedoOutlivesItsProcess kills one that was to do steps again: until the
// first of them has begun, they still are.
func TestRedoOutlivesItsProcess(t *testing.T) {
	runs := t.TempDir()
	detnas(t, journaling(t, new(RunOptions), 5), "run", "tiny", "--runs", runs, "--name", "r").succeeds(t)
	for _, tt := range []struct {
		event run.Event
		redo  bool
	}{
		{run.RunResumed{From: 2, To: 5, Redo: true}, true},
		{run.StepStarted{Step: 2, Iterations: 10}, false},
		{run.RunResumed{From: 3, To: 5, Redo: true}, true},
		{run.RunFinished{}, false},
	} {
		f, err := run.Find(runs, "r")
		if err != nil {
			t.Fatal(err)
		}
		if err := f.Lock(); err != nil {
			t.Fatal(err)
		}
		journal, err := f.OpenJournal(func(run.Entry) error { return nil })
		if err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(journal.Append(tt.event), journal.Close(), f.EndAsk()); err != nil {
			t.Fatal(err)
		}
		j, err := takeUp(f)
		if err != nil {
			t.Fatal(err)
		}
		if j.opts.Redo != tt.redo {
			t.Errorf("after %s: redo %v, want %v", tt.event.Kind(), j.opts.Redo, tt.redo)
		}
		if err := f.Unlock(); err != nil {
			t.Fatal(err)
		}
	}
}

func TestRunInUseIsLeftAlone(t *testing.T) {
	runs := t.TempDir()
	f, err := run.Create(runs, "busy")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Unlock() //nolint:errcheck // the test is over
	cfg, err := config.Load("tiny", nil)
	if err != nil {
		t.Fatal(err)
	}
	write(t, f.Config(), cfg.Resolved())
	detnas(t, nil, "run", "--resume", "busy", "--runs", runs).fails(t, exitFailed, "busy", "is being written by")
}

func TestRunThatNeverBeganLeavesNothing(t *testing.T) {
	runs := t.TempDir()
	fails := func(context.Context, *config.Config, *run.Folder, RunOptions) (run.Result, error) {
		return run.Result{}, errors.Join(errors.New("device cuda:7: not there"), errors.New("set device = \"auto\""))
	}
	detnas(t, fails, "run", "tiny", "--runs", runs, "--name", "x").fails(t, exitFailed, "cuda:7: not there; set device")
	if _, err := os.Stat(filepath.Join(runs, "x")); !os.IsNotExist(err) {
		t.Errorf("the folder is there: %v", err)
	}
}

func TestCancelledRunSaysSoAndReturns(t *testing.T) {
	ctx, cancel := context.WithCancelCause(context.Background())
	waits := func(ctx context.Context, _ *config.Config, f *run.Folder, o RunOptions) (run.Result, error) {
		cancel(errors.New("interrupt"))
		<-ctx.Done()
		return run.Result{}, context.Cause(ctx)
	}
	var out, errs strings.Builder
	a := &App{Out: &out, Err: &errs, Run: waits, Describe: func() Compute { return Compute{} }}
	code := a.Execute(ctx, []string{"run", "tiny", "--runs", t.TempDir()})
	if code != exitFailed || errs.String() != "detnas: interrupt\n" {
		t.Errorf("exit code %d, stderr %q", code, errs.String())
	}
}
