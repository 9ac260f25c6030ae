package steer

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"detnas/core/config"
	"detnas/core/run"
)

func TestWatchWaitsForTheJournalAndSeesItGo(t *testing.T) {
	f, err := run.Create(t.TempDir(), "r")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Unlock() //nolint:errcheck // the folder is gone by then
	v, err := Watch(f)
	if err != nil {
		t.Fatal(err)
	}
	defer v.Close()
	next := func(want int) error {
		t.Helper()
		entries, err := v.Next(3)
		if len(entries) != want {
			t.Errorf("%d entries, want %d", len(entries), want)
		}
		return err
	}
	if err := next(0); err != nil {
		t.Errorf("a journal that is not there yet: %v", err)
	}
	j, err := f.OpenJournal(func(run.Entry) error { return nil })
	if err != nil {
		t.Fatal(err)
	}
	for range 5 {
		if err := j.Append(run.Warning{What: "w"}); err != nil {
			t.Fatal(err)
		}
	}
	for _, want := range []int{3, 2, 0, 0} {
		if err := next(want); err != nil {
			t.Error(err)
		}
	}
	moved := f.JournalPath() + ".moved"
	if err := os.Rename(f.JournalPath(), moved); err != nil {
		t.Fatal(err)
	}
	if err := j.Append(run.Warning{What: "the last"}); err != nil {
		t.Fatal(err)
	}
	if err := next(1); err != nil {
		t.Errorf("what was still to be read: %v", err)
	}
	if err := next(0); err == nil || !strings.Contains(err.Error(), "deleted or moved") {
		t.Errorf("a journal that is gone: %v", err)
	}
	if err := os.WriteFile(f.JournalPath(), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := next(0); err == nil || !strings.Contains(err.Error(), "another file") {
		t.Errorf("another journal: %v", err)
	}
	if err := errors.Join(j.Close(), os.RemoveAll(f.Dir())); err != nil {
		t.Fatal(err)
	}
	late, err := Watch(f)
	if err != nil {
		t.Fatal(err)
	}
	defer late.Close()
	if _, err := late.Next(1); err == nil || !strings.Contains(err.Error(), "deleted or moved") {
		t.Errorf("a folder that is gone: %v", err)
	}
}

// A viewer that has read a line which the run could not sync begins anew.
func TestViewerOfALineThatIsTakenBack(t *testing.T) {
	f, err := run.Create(t.TempDir(), "r")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Unlock() //nolint:errcheck // the test ends here
	j, err := f.OpenJournal(func(run.Entry) error { return nil })
	if err != nil {
		t.Fatal(err)
	}
	add := func(events ...run.Event) {
		t.Helper()
		for _, e := range events {
			if err := j.Append(e); err != nil {
				t.Fatal(err)
			}
		}
	}
	v, err := Watch(f)
	if err != nil {
		t.Fatal(err)
	}
	defer v.Close()
	add(run.RunStarted{Run: "r"}, run.RunFinished{})
	if entries, err := v.Next(10); len(entries) != 2 || err != nil {
		t.Fatalf("%d entries, %v", len(entries), err)
	}
	text, err := os.ReadFile(f.JournalPath())
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(j.Close(), os.Truncate(f.JournalPath(), int64(strings.Index(string(text), "\n")+1))); err != nil {
		t.Fatal(err)
	}
	if j, err = f.OpenJournal(func(run.Entry) error { return nil }); err != nil {
		t.Fatal(err)
	}
	add(run.Control{What: run.ActPause, Who: "detnas", Phase: run.PhaseDone}, run.Warning{What: "w"})
	entries, err := v.Next(10)
	if len(entries) != 3 || err != nil || entries[0].Seq != 1 || entries[1].Type != "control" {
		t.Errorf("%+v, %v; want the three events from the first on", entries, err)
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
}

// resting is a run of the tiny preset that nothing runs, with what its journal
// has after its start, and its config's text.
func resting(t *testing.T, events ...run.Event) (v Viewer, text string) {
	t.Helper()
	f, err := run.Create(t.TempDir(), "r")
	if err != nil {
		t.Fatal(err)
	}
	cfg, err := config.Load("tiny", nil)
	if err != nil {
		t.Fatal(err)
	}
	j, err := f.OpenJournal(func(run.Entry) error { return nil })
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range append([]run.Event{run.RunStarted{ConfigHash: cfg.Hash(), From: 1, To: 5}}, events...) {
		if err := j.Append(e); err != nil {
			t.Fatal(err)
		}
	}
	text = cfg.Resolved() + "\n# a comment of mine\n"
	if err := errors.Join(run.WriteFile(f.Config(), []byte(text)), j.Close(), f.Unlock()); err != nil {
		t.Fatal(err)
	}
	if v, err = Watch(f); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = v.Close() })
	return v, text
}

// edit sets keys of a config's text.
func edit(t *testing.T, text string, sets ...string) string {
	t.Helper()
	cfg, err := config.Parse("config.toml", []byte(text), sets)
	if err != nil {
		t.Fatal(err)
	}
	return cfg.Resolved()
}

// fold is the state of a run and the last event of its journal.
func fold(t *testing.T, v Viewer) (s run.State, last run.Event) {
	t.Helper()
	err := run.ReadJournal(v.Folder().JournalPath(), func(e run.Entry) error { s.Apply(e); last = e.Event; return nil })
	if err != nil {
		t.Fatal(err)
	}
	return s, last
}

func read(t *testing.T, v Viewer) string {
	t.Helper()
	text, err := os.ReadFile(v.Folder().Config())
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestConfigureARunThatRests(t *testing.T) {
	v, text := resting(t, run.StepStarted{Step: 2, Iterations: 10}, run.Train{Step: 2, Iteration: 4}, run.RunStopped{})
	old, err := config.Parse("config.toml", []byte(text), nil)
	if err != nil {
		t.Fatal(err)
	}
	now := edit(t, text, "supernet-finetune.lr=0.0125", "subnet-finetune.lr=0.5")
	if err := v.Do(Command{Act: ActConfigure, Who: "ann", Text: now}); err != nil {
		t.Fatal(err)
	}
	if got := read(t, v); got != now || !strings.Contains(got, "# a comment of mine") {
		t.Errorf("the config is\n%s", got)
	}
	s, last := fold(t, v)
	cfg, err := config.Parse("config.toml", []byte(now), nil)
	if err != nil {
		t.Fatal(err)
	}
	literal := func(c *config.Config, key string) (was string) {
		for _, change := range config.Changes(c, cfg) {
			if change.Key == key {
				was = change.Old
			}
		}
		return was
	}
	want := run.ConfigChanged{Who: "ann", Step: 2, Iteration: 4, ConfigHash: cfg.Hash(), Changes: []run.Change{
		{Key: "supernet-finetune.lr", Old: literal(old, "supernet-finetune.lr"), New: "0.0125", Effect: "next start"},
		{Key: "subnet-finetune.lr", Old: literal(old, "subnet-finetune.lr"), New: "0.5", Effect: "next step"},
	}}
	if d := cmp.Diff(run.Event(want), last); d != "" {
		t.Error(d)
	}
	if s.State != run.StateStopped || s.Steering.Hashes[len(s.Steering.Hashes)-1] != cfg.Hash() {
		t.Errorf("%+v", s)
	}
	if locked, err := v.Folder().Locked(); err != nil || locked {
		t.Errorf("locked %v, %v", locked, err)
	}
	if broken, err := v.Folder().BrokenEdit(); err != nil || broken != nil {
		t.Errorf("an edit is left under way: %+v, %v", broken, err)
	}
	entries, err := v.Next(10)
	if err != nil || len(entries) != 5 {
		t.Errorf("the viewer sees %d entries, %v", len(entries), err)
	}
}

func TestConfigureRefuses(t *testing.T) {
	pinned := []run.Event{run.Control{What: run.ActPin, Phase: run.PhaseDone, Subnet: "00"}}
	tests := map[string]struct {
		events []run.Event
		text   func(text string) string
		want   string
	}{
		"no TOML":           {nil, func(string) string { return "seed = [" }, "config.toml"},
		"the same":          {nil, func(text string) string { return text }, "already"},
		"what cannot":       {nil, func(text string) string { return edit(t, text, "seed=77") }, "seed cannot change"},
		"a step that is on": {[]run.Event{run.StepStarted{Step: 2}}, func(text string) string { return edit(t, text, "supernet-finetune.batch=3") }, "supernet-finetune.batch cannot"},
		"a finished step": {
			[]run.Event{run.StepStarted{Step: 1}, run.StepFinished{Step: 1}},
			func(text string) string { return edit(t, text, "supernet-pretrain.lr=0.5") }, "supernet-pretrain.lr cannot",
		},
		"what a pin rests on": {pinned, func(text string) string { return edit(t, text, "search.constraint.max=1000000000") }, "resume the run"},
	}
	for name, tc := range tests {
		v, text := resting(t, tc.events...)
		before, _ := fold(t, v)
		err := v.Do(Command{Act: ActConfigure, Text: tc.text(text)})
		if err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: %v; want %s", name, err, tc.want)
		}
		if after, _ := fold(t, v); after.Seq != before.Seq || read(t, v) != text {
			t.Errorf("%s: something was written", name)
		}
	}
}

func TestConfigureOfARunThatIsHeld(t *testing.T) {
	v, text := resting(t)
	holder, err := run.Find("", v.Folder().Dir())
	if err != nil {
		t.Fatal(err)
	}
	if err := holder.Lock(); err != nil {
		t.Fatal(err)
	}
	err = v.Do(Command{Act: ActConfigure, Text: edit(t, text, "threads=3")})
	if err == nil || !strings.Contains(err.Error(), "another process runs it (process ") {
		t.Error(err)
	}
	if err := holder.Unlock(); err != nil {
		t.Fatal(err)
	}
}

// TestConfigureAfterAnEditByHand can only set it back.
func TestConfigureAfterAnEditByHand(t *testing.T) {
	v, text := resting(t)
	for _, broken := range []string{edit(t, text, "seed=5"), "seed = ["} {
		if err := run.WriteFile(v.Folder().Config(), []byte(broken)); err != nil {
			t.Fatal(err)
		}
		err := v.Do(Command{Act: ActConfigure, Text: edit(t, text, "subnet-finetune.lr=0.5")})
		if err == nil || !strings.Contains(err.Error(), "changed by hand") {
			t.Errorf("%q: %v", broken[:8], err)
		}
		if err := v.Do(Command{Act: ActConfigure, Text: text}); err != nil || read(t, v) != text {
			t.Errorf("setting it back: %v", err)
		}
	}
}

// TestConfigureMendsABrokenEdit finds the edit of a process that died before its
// event was in the journal.
func TestConfigureMendsABrokenEdit(t *testing.T) {
	v, text := resting(t)
	f, err := run.Find("", v.Folder().Dir())
	if err != nil {
		t.Fatal(err)
	}
	half := edit(t, text, "subnet-finetune.lr=0.5")
	cfg, err := config.Parse("config.toml", []byte(half), nil)
	if err != nil {
		t.Fatal(err)
	}
	first := run.ConfigChanged{Who: "bob", Changes: []run.Change{{Key: "subnet-finetune.lr", New: "0.5"}}, ConfigHash: cfg.Hash()}
	if err := errors.Join(f.Lock(), f.BeginEdit(run.Edit{Text: half, Changed: first}), f.Unlock()); err != nil {
		t.Fatal(err)
	}
	if err := v.Do(Command{Act: ActConfigure, Text: edit(t, half, "subnet-finetune.lr=0.25")}); err != nil {
		t.Fatal(err)
	}
	var who []string
	err = run.ReadJournal(v.Folder().JournalPath(), func(e run.Entry) error {
		if c, ok := e.Event.(run.ConfigChanged); ok {
			who = append(who, c.Who+" "+c.Changes[0].New)
		}
		return nil
	})
	if err != nil || strings.Join(who, ", ") != "bob 0.5, somebody 0.25" {
		t.Errorf("%v, %v", who, err)
	}
	if left, err := filepath.Glob(filepath.Join(f.Dir(), ".config-edit*")); err != nil || len(left) != 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

// TestNextByAnyLimit reads a journal in parts of changing size, and leaves it
// while more of it is being read.
func TestNextByAnyLimit(t *testing.T) {
	defer goleak.VerifyNone(t)
	var events []run.Event
	for i := range 998 {
		events = append(events, run.Train{Step: 1, Iteration: i})
	}
	v, _ := resting(t, events...)
	seq := int64(0)
	for i := 0; ; i++ {
		limit := []int{7, 100, 100, 1, 30, 0}[i%6]
		entries, err := v.Next(limit)
		if err != nil || len(entries) > limit {
			t.Fatalf("%d entries of %d, %v", len(entries), limit, err)
		}
		for _, e := range entries {
			if seq++; e.Seq != seq {
				t.Fatalf("event %d, want %d", e.Seq, seq)
			}
		}
		if len(entries) == 0 && limit > 0 {
			break
		}
	}
	if seq != 999 {
		t.Errorf("%d entries", seq)
	}
	early, err := Watch(v.Folder())
	if err != nil {
		t.Fatal(err)
	}
	if entries, err := early.Next(500); err != nil || len(entries) != 500 {
		t.Errorf("%d entries, %v", len(entries), err)
	}
	if err := early.Close(); err != nil {
		t.Error(err)
	}
	if _, err := early.Next(1); err == nil {
		t.Error("a closed viewer returns entries")
	}
}
