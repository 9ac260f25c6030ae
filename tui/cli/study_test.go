package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"detnas/core/config"
	"detnas/core/run"
)

// studying is an engine that notes which runs it did, with what. The subnets of a
// random search are known, and a run's AP is that of its arm; a run named breaks stops.
type studying struct {
	t      *testing.T
	did    []string
	breaks string
	aps    map[string]float64 // by a part of the run's name
	saves  bool               // steps leave checkpoints, empty ones
}

func (s *studying) engine(_ context.Context, cfg *config.Config, f *run.Folder, o RunOptions) (run.Result, error) {
	s.did = append(s.did, fmt.Sprintf("%s %d-%d seed=%d method=%s guide=%s from=%s subnet=%s iterations=%d", f.Name(), o.From, o.To,
		cfg.Seed, cfg.Search.Method, cfg.Search.Guide, filepath.Base(cfg.Search.LoadFrom), cfg.Search.Subnet, cfg.SubnetFinetune.Iterations))
	j, err := f.OpenJournal(func(run.Entry) error { return nil })
	if err != nil {
		s.t.Error(err)
		return run.Result{}, err
	}
	defer j.Close()
	emit := func(e run.Event) {
		if err := j.Append(e); err != nil {
			s.t.Error(err)
		}
		o.Watch(e)
	}
	emit(run.RunStarted{Run: f.Name(), From: o.From, To: o.To})
	if f.Name() == s.breaks {
		emit(run.RunStopped{Why: "the test"})
		return run.Result{}, errors.New("the run was stopped")
	}
	r := run.Result{Run: f.Name(), Subnet: "0-0-00-0"}
	if cfg.Search.Subnet != "" && cfg.Search.Subnet != "3x3" {
		r.Subnet = cfg.Search.Subnet
	}
	for step := o.From; step <= o.To; step++ {
		emit(run.StepStarted{Step: step, Name: config.StepName(step), Iterations: 8})
		if step == config.StepSearch && cfg.Search.Subnet == "" {
			for i := range cfg.Search.Population * cfg.Search.Generations {
				emit(run.Candidate{Index: i, Origin: "random", Subnet: fmt.Sprintf("%d-%d-00-0", i/4%4, i%4), Score: float64(i+1) / 100, Status: run.CandidateNew})
			}
			r.Search = run.SearchResult{Evaluated: 8, Best: []run.Scored{{Subnet: "0-0-00-0", Score: 0.5}}}
		}
		if s.saves {
			s.checkpoint(f, step)
		}
		emit(run.StepFinished{Step: step, Seconds: 2})
		r.Steps = append(r.Steps, run.StepResult{Step: step, Name: config.StepName(step), Seconds: 60, Metrics: run.Values{"top1": 0.75}})
	}
	for part, ap := range s.aps {
		if strings.Contains(f.Name(), part) {
			r.Final = run.Values{"AP": ap, "AP50": ap + 0.25}
		}
	}
	emit(run.RunFinished{Seconds: 1})
	if err := f.WriteResult(r); err != nil {
		s.t.Error(err)
	}
	return r, nil
}

// checkpoint leaves an empty file where that of a step's end is.
func (s *studying) checkpoint(f *run.Folder, step int) {
	s.t.Helper()
	path := f.LastPath(step)
	if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, nil, 0o600)); err != nil {
		s.t.Fatal(err)
	}
}

// TestStudy does a study that is stopped under way and gone on with: each run once
// more from where it was, and the tables of what they came to.
func TestStudy(t *testing.T) {
	runs := t.TempDir()
	e := &studying{t: t, saves: true, breaks: "seed0-best-random", aps: map[string]float64{
		"detection": 0.5, "classification": 0.375, "best-random": 0.4375, "-random1": 0.25, "-random2": 0.375, "3x3": 0.3125,
	}}
	args := []string{"study", "tiny", "--runs", runs, "--seeds", "2", "--random", "2", "--headless"}
	dir := filepath.Join(runs, "tiny-study")
	c := detnas(t, e.engine, args...)
	if c.code != exitFailed || !strings.Contains(c.err, "stopped in run seed0-best-random") || !strings.Contains(c.err, "detnas study tiny --seeds 2 --random 2") {
		t.Fatalf("exit %d, %s", c.code, c.err)
	}
	e.breaks = ""
	c = detnas(t, e.engine, args...)
	c.succeeds(t, "run 3 of 12: seed0-best-random", "detection", "AP 0.500 ± 0.000", "random", "AP 0.312 ± 0.072", "study.md")
	want := []string{
		"seed0-detection 1-5 seed=0 method=evolution guide=detection from=. subnet= iterations=10",
		"seed0-classification 3-5 seed=0 method=evolution guide=classification from=step-1-last.safetensors subnet= iterations=10",
		"seed0-best-random 3-5 seed=0 method=random guide=detection from=step-2-last.safetensors subnet= iterations=10",
		"seed0-best-random 3-5 seed=0 method=random guide=detection from=step-2-last.safetensors subnet= iterations=10",
		"seed0-random1 4-5 seed=0 method=evolution guide=detection from=. subnet=0-0-00-0 iterations=10",
		"seed0-random2 4-5 seed=0 method=evolution guide=detection from=. subnet=0-1-00-0 iterations=10",
		"seed0-3x3 4-5 seed=0 method=evolution guide=detection from=. subnet=3x3 iterations=10",
		"seed1-detection 1-5 seed=1 method=evolution guide=detection from=. subnet= iterations=10",
	}
	if len(e.did) != 13 || !slices.Equal(e.did[:8], want) {
		t.Errorf("did\n%s", strings.Join(e.did, "\n"))
	}
	text, err := os.ReadFile(filepath.Join(dir, "study.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"12 of 12 runs", "| searched on detection | 2 | 0.500 ± 0.000 |",
		"| random, mean | 4 | 0.312 ± 0.072 | 0.250 to 0.375 |", "| 0.188, 0.188 |", "| seed1-random2 | 1 | `0-1-00-0` | 0.020 |",
	} {
		if !strings.Contains(string(text), want) {
			t.Errorf("study.md lacks %q:\n%s", want, text)
		}
	}
	table, err := os.ReadFile(filepath.Join(dir, "study.csv"))
	if err != nil || strings.Count(string(table), "\n") != 13 || !strings.Contains(string(table), "\nseed0-classification,classification,0,0-0-00-0,0.5,0.75,0.375,0.625,") {
		t.Errorf("study.csv: %v\n%s", err, table)
	}
	if picture, err := os.ReadFile(filepath.Join(dir, "study.png")); err != nil || !strings.HasPrefix(string(picture), "\x89PNG") {
		t.Errorf("study.png: %v", err)
	}
	detnas(t, nil, args...).succeeds(t, "AP 0.500") // all is done, and the engine is not asked
	detnas(t, nil, append(args, "--set", "search.mutate_prob=0.5")...).fails(t, exitFailed, "another config", "--name")
	detnas(t, nil, append(slices.Clone(args), "--seeds", "1")...).fails(t, exitFailed, "the seeds [0 1] and not [0]")
	detnas(t, nil, append(slices.Clone(args), "--random", "1")...).fails(t, exitFailed, "--random 2 and not 1")
	e.did = nil
	detnas(t, e.engine, append(slices.Clone(args), "--seeds", "3")...).succeeds(t, "run 13 of 18", "AP 0.500 ± 0.000 (0.500 to 0.500) in 3 runs")
	if len(e.did) != 6 {
		t.Errorf("did\n%s", strings.Join(e.did, "\n"))
	}
}

// TestStudyOfAlteredRuns wants a run that was not left alone named, and out of the
// arms, and one whose result is lost or damaged done again.
func TestStudyOfAlteredRuns(t *testing.T) {
	runs := t.TempDir()
	e := &studying{t: t, saves: true, aps: map[string]float64{"seed": 0.5}}
	args := []string{"study", "tiny", "--runs", runs, "--seeds", "2", "--random", "1", "--headless"}
	detnas(t, e.engine, args...).succeeds(t)
	dir := filepath.Join(runs, "tiny-study")
	config := filepath.Join(dir, "seed1-3x3", "config.toml")
	text, err := os.ReadFile(config)
	if err != nil {
		t.Fatal(err)
	}
	write(t, config, strings.ReplaceAll(string(text), "lr = 0.01", "lr = 0.02"))
	if err := os.Remove(filepath.Join(dir, "seed0-3x3", "result.json")); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(dir, "seed0-random1", "result.json"), "{")
	e.did = nil
	detnas(t, e.engine, args...).succeeds(t, "3x3", "AP 0.500 in 1 run,")
	if len(e.did) != 2 {
		t.Errorf("did\n%s", strings.Join(e.did, "\n"))
	}
	table, err := os.ReadFile(filepath.Join(dir, "study.md"))
	if err != nil || !strings.Contains(string(table), "Run seed1-3x3 is left out of the arms: it differs from the plan in subnet-finetune.lr") {
		t.Errorf("study.md: %v\n%s", err, table)
	}
}

// TestStudyRefuses wants what cannot be compared refused before a folder is made.
func TestStudyRefuses(t *testing.T) {
	for name, tt := range map[string]struct {
		args  []string
		code  int
		parts []string
	}{
		"no config":    {nil, exitUsage, []string{"study wants"}},
		"no seeds":     {[]string{"tiny", "--seeds", "0"}, exitUsage, []string{"--seeds 0"}},
		"many randoms": {[]string{"tiny", "--random", "9"}, exitUsage, []string{"--random 9", "8 subnets"}},
		"a subnet":     {[]string{"tiny", "--set", "search.subnet=3x3"}, exitFailed, []string{"search.subnet"}},
		"no data":      {[]string{"small"}, exitFailed, []string{"data.detection.train"}},
		"its supernet": {[]string{"tiny", "--set", "search.load_from=x"}, exitFailed, []string{"search.load_from", "one for each seed"}},
		"at random":    {[]string{"tiny", "--set", "search.method=random"}, exitFailed, []string{"an arm of its own", "search.method=evolution"}},
		"a bad name":   {[]string{"tiny", "--name", "a/b"}, exitFailed, []string{"a/b", "--name"}},
	} {
		t.Run(name, func(t *testing.T) {
			runs := filepath.Join(t.TempDir(), "runs")
			detnas(t, nil, append([]string{"study", "--runs", runs}, tt.args...)...).fails(t, tt.code, tt.parts...)
			if _, err := os.Stat(runs); err == nil {
				t.Error("a folder was made")
			}
		})
	}
}

// TestFidelity measures a run's supernet, more subnets after the first ones.
func TestFidelity(t *testing.T) {
	runs := t.TempDir()
	e := &studying{t: t, aps: map[string]float64{
		"-0-0-00-0": 0.125, "-0-1-00-0": 0.375, "-0-2-00-0": 0.25, "-0-3-00-0": 0.5, "-1-0-00-0": 0.625,
	}}
	detnas(t, e.engine, "run", "tiny", "--runs", runs, "--name", "one", "--headless").succeeds(t)
	args := []string{"fidelity", "one", "--runs", runs, "--subnets", "3", "--scale", "0.5", "--headless"}
	detnas(t, e.engine, args...).fails(t, exitFailed, "no supernet", "step-2-last.safetensors")
	one, err := run.Find(runs, "one")
	if err != nil {
		t.Fatal(err)
	}
	e.checkpoint(one, config.StepSupernetFinetune)
	e.did = nil
	detnas(t, e.engine, args...).succeeds(t, "subnet 3 of 3: 0-2-00-0", "0.333 (no interval", "AP alone")
	want := []string{
		"scores-3 3-3 seed=0 method=random guide=detection from=step-2-last.safetensors subnet= iterations=10",
		"alone-0.5-0-0-00-0 4-5 seed=0 method=evolution guide=detection from=. subnet=0-0-00-0 iterations=5",
	}
	if len(e.did) != 4 || !slices.Equal(e.did[:2], want) {
		t.Errorf("did\n%s", strings.Join(e.did, "\n"))
	}
	e.did = nil
	args[5] = "5"
	detnas(t, e.engine, args...).succeeds(t, "0.800 (95 % interval", "0.900 (95 % interval")
	if len(e.did) != 3 { // the scores of five, and two more subnets
		t.Errorf("did\n%s", strings.Join(e.did, "\n"))
	}
	text, err := os.ReadFile(filepath.Join(one.Dir(), "fidelity", "fidelity-5-0.5.md"))
	if err != nil || !strings.Contains(string(text), "5 of 5 random subnets") || !strings.Contains(string(text), "| `1-0-00-0` | 0.0500 | 0.6250 |") {
		t.Errorf("fidelity.md: %v\n%s", err, text)
	}
	detnas(t, nil, "fidelity", "one", "--runs", runs, "--subnets", "3", "--scale", "0.5", "--headless").succeeds(t, "0.333") // all is there
	for name, args := range map[string][]string{"one": {"--subnets", "1"}, "nothing": {"--scale", "0"}, "nan": {"--scale", "nan"}} {
		if c := detnas(t, nil, append([]string{"fidelity", "one", "--runs", runs}, args...)...); c.code != exitUsage {
			t.Errorf("%s: exit %d, %s", name, c.code, c.err)
		}
	}
}
