package study

import (
	"slices"
	"strings"
	"testing"

	"detnas/core/config"
	"detnas/core/run"
)

func loaded(t *testing.T, sets ...string) *config.Config {
	t.Helper()
	cfg, err := config.Load("tiny", sets)
	if err != nil {
		t.Fatal(err)
	}
	return cfg
}

// TestAloneSets wants the lengths of steps 4 and 5, and all that is counted in
// iterations, cut to a share, shares left as they are, and epochs that are no whole
// number refused with one that is.
func TestAloneSets(t *testing.T) {
	cfg := loaded(t, "subnet-finetune.iterations=300", "subnet-finetune.warmup_iterations=50", "subnet-finetune.schedule=step",
		"subnet-finetune.milestones=[0.5, 200]", "subnet-retrain.iterations=0", "subnet-retrain.epochs=4")
	got, err := AloneSets(cfg, "3x3", 0.25)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"search.subnet=3x3", "subnet-retrain.epochs=1", "subnet-finetune.iterations=75", "subnet-finetune.warmup_iterations=13",
		"subnet-finetune.milestones=[0.5, 50]",
	} {
		if !slices.Contains(got, want) {
			t.Errorf("%q lacks %s", got, want)
		}
	}
	if _, err := config.Parse("tiny", []byte(cfg.Resolved()), got); err != nil {
		t.Error(err)
	}
	for scale, cure := range map[float64]string{0.1: "such as 0.25", 0.4: "such as 0.5"} {
		if _, err := AloneSets(cfg, "3x3", scale); err == nil || !strings.Contains(err.Error(), "subnet-retrain") || !strings.Contains(err.Error(), cure) {
			t.Errorf("scale %v: %v", scale, err)
		}
	}
}

// TestAltered wants what bears on a run's result named, edits that were taken back
// and pins too, and where and how it is watched not.
func TestAltered(t *testing.T) {
	want := loaded(t)
	f, err := run.Create(t.TempDir(), "one")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Unlock() })
	own := loaded(t, "subnet-finetune.lr=0.5", "subnet-finetune.log_every=3", "search.load_from=/elsewhere", "data.cache_mb=7")
	if err := run.WriteFile(f.Config(), []byte(own.Resolved())); err != nil {
		t.Fatal(err)
	}
	j, err := f.OpenJournal(func(run.Entry) error { return nil })
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range []run.Event{
		run.ConfigChanged{Changes: []run.Change{{Key: "search.population"}, {Key: "search.reuse"}}},
		run.Control{What: run.ActPause, Phase: run.PhaseDone},
		run.Control{What: run.ActPin, Phase: run.PhaseDone},
		run.Control{What: run.ActLock, Phase: run.PhaseRefused},
	} {
		if err := j.Append(e); err != nil {
			t.Fatal(err)
		}
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	got, err := Altered(f, want)
	if err != nil || !slices.Equal(got, []string{"pin", "search.population", "subnet-finetune.lr"}) {
		t.Errorf("%q, %v", got, err)
	}
}
