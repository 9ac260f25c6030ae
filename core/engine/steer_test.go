package engine

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"detnas/core/config"
	"detnas/core/ranks"
	"detnas/core/run"
	"detnas/core/steer"
	"detnas/nas"
)

// steered is a run whose commands come from what is watched.
type steered struct {
	t      *testing.T
	images string
	runs   string
	name   string
	sets   []string
	timer  func(nas.Subnet) (float64, error) // in place of measuring latency
	place  ranks.Place                       // among the ranks, where there are some
	events []run.Event
	viewer steer.Viewer
	on     func(s *steered, e run.Event) // on the training thread: what it asks for falls on the next boundary
}

// do asks for something that must not be refused.
func (s *steered) do(c steer.Command) {
	s.t.Helper()
	c.Who = "ann"
	if err := s.viewer.Do(c); err != nil {
		s.t.Errorf("%s: %v", c.Act, err)
	}
}

// refused asks for something that must be refused with these words.
func (s *steered) refused(c steer.Command, words string) {
	s.t.Helper()
	if err := s.viewer.Do(c); err == nil || !strings.Contains(err.Error(), words) {
		s.t.Errorf("%s was not refused with %q: %v", c.Act, words, err)
	}
}

// run runs the steps up to one with the run's own config where there is one.
func (s *steered) run(to int) (run.Result, error) {
	s.t.Helper()
	f := folder(s.t, s.runs, s.name)
	defer f.Unlock() //nolint:errcheck // the run has ended
	cfg := tiny(s.t, s.images, s.sets...)
	if _, err := os.Stat(f.Config()); err == nil {
		if cfg, err = config.Load(f.Config(), nil); err != nil {
			s.t.Fatal(err)
		}
	} else if err := run.WriteFile(f.Config(), []byte(cfg.Resolved())); err != nil {
		s.t.Fatal(err)
	}
	desk := steer.NewDesk(f)
	s.viewer = desk.Viewer()
	defer s.viewer.Close()
	r, err := Run(context.Background(), cfg, f, Options{From: 1, To: to, Desk: desk, Ranks: s.place, latency: s.timer, Watch: func(e run.Event) {
		s.events = append(s.events, e)
		if s.on != nil {
			s.on(s, e)
		}
	}})
	if serr := s.viewer.Steerable(); serr == nil {
		s.t.Error("a run that has ended takes commands")
	}
	return r, err
}

// edit is the run's config with one piece of its text replaced.
func (s *steered) edit(old, now string) string {
	s.t.Helper()
	text, err := os.ReadFile(filepath.Join(s.runs, s.name, "config.toml"))
	if err != nil {
		s.t.Fatal(err)
	}
	if !strings.Contains(string(text), old) {
		s.t.Fatalf("the config has no %q", old)
	}
	return strings.Replace(string(text), old, now, 1)
}

// acts are the phases of what was asked, as "act phase@step.iteration".
func (s *steered) acts() []string {
	var out []string
	for _, e := range s.events {
		if c, ok := e.(run.Control); ok {
			out = append(out, fmt.Sprintf("%s %s@%d.%d", c.What, c.Phase, c.Step, c.Iteration))
		}
	}
	return out
}

// state is where the run's journal says that it stands.
func (s *steered) state() run.State {
	s.t.Helper()
	f, err := run.Find(s.runs, s.name)
	if err != nil {
		s.t.Fatal(err)
	}
	state, err := f.Status()
	if err != nil {
		s.t.Fatal(err)
	}
	return state
}

// at calls f when iteration i of step 1 is told.
func at(i int, f func(s *steered)) func(*steered, run.Event) {
	return func(s *steered, e run.Event) {
		if e, ok := e.(run.Train); ok && e.Step == 1 && e.Iteration == i {
			f(s)
		}
	}
}

func TestPause(t *testing.T) {
	images, runs := filepath.Join(t.TempDir(), "images"), t.TempDir()
	plain, err := do(t, context.Background(), tiny(t, images), runs, "plain", Options{From: 1, To: 2})
	if err != nil {
		t.Fatal(err)
	}
	result, weights := outcome(t, plain, runs, "plain")
	s := &steered{t: t, images: images, runs: runs, name: "paused"}
	var inPause []string
	s.on = func(s *steered, e run.Event) {
		at(4, func(s *steered) {
			s.do(steer.Command{Act: run.ActPause})
			s.refused(steer.Command{Act: run.ActPause}, "requested already")
			s.do(steer.Command{Act: run.ActResume}) // withdraws it
			s.do(steer.Command{Act: run.ActPause})
		})(s, e)
		c, ok := e.(run.Control)
		switch {
		case ok && c.What == run.ActPause && c.Phase == run.PhaseDone:
			files, _ := filepath.Glob(filepath.Join(runs, "paused", "checkpoints", "step-1-*"))
			for _, f := range files {
				inPause = append(inPause, filepath.Base(f))
			}
			if got := s.state().State; got != run.StatePaused {
				t.Errorf("the run is %s in its pause", got)
			}
			go func() { // as a person does, after a while, from elsewhere
				time.Sleep(300 * time.Millisecond)
				s.refused(steer.Command{Act: run.ActPause}, "paused already")
				s.do(steer.Command{Act: run.ActCheckpoint})
			}()
		case ok && c.What == run.ActCheckpoint && c.Phase == run.PhaseDone:
			s.do(steer.Command{Act: run.ActResume})
		}
	}
	r, err := s.run(2)
	if err != nil {
		t.Fatal(err)
	}
	compare(t, result, weights, r, runs, "paused")
	if d := cmp.Diff([]string{"step-1-4.safetensors"}, inPause); d != "" {
		t.Errorf("checkpoints during the pause:\n%s", d)
	}
	want := []string{
		"pause requested@1.4", "pause withdrawn@1.4", "pause requested@1.4", "pause begun@1.4", "pause done@1.4",
		"checkpoint requested@1.4", "checkpoint begun@1.4", "checkpoint done@1.4",
		"resume requested@1.4", "resume begun@1.4", "resume done@1.4",
	}
	if d := cmp.Diff(want, s.acts()); d != "" {
		t.Error(d)
	}
	if st := s.state(); st.State != run.StateFinished || len(st.Steering.Requests) > 0 {
		t.Errorf("the run is %s with %v", st.State, st.Steering.Requests)
	}
}

func TestStopAtTheDesk(t *testing.T) {
	images, runs := filepath.Join(t.TempDir(), "images"), t.TempDir()
	s := &steered{t: t, images: images, runs: runs, name: "stopped"}
	s.on = at(4, func(s *steered) {
		s.do(steer.Command{Act: run.ActPause})
		s.do(steer.Command{Act: steer.ActWithdraw, Of: run.ActPause})
		s.do(steer.Command{Act: run.ActCheckpoint})
		s.do(steer.Command{Act: run.ActStop})
	})
	_, err := s.run(1)
	if !errors.Is(err, ErrStopped) || !strings.Contains(err.Error(), "stopped by ann") || !strings.Contains(err.Error(), "--resume") {
		t.Errorf("error %v", err)
	}
	want := []string{
		"pause requested@1.4", "pause withdrawn@1.4", "checkpoint requested@1.4",
		"stop requested@1.4", "stop begun@1.4", "stop done@1.4", "checkpoint withdrawn@1.4",
	}
	if d := cmp.Diff(want, s.acts()); d != "" {
		t.Error(d)
	}
	if last, ok := s.events[len(s.events)-1].(run.RunStopped); !ok || last.Why != "stopped by ann" {
		t.Errorf("the last event is %#v", s.events[len(s.events)-1])
	}
	if _, err := os.Stat(filepath.Join(runs, "stopped", "checkpoints", "step-1-4.safetensors")); err != nil {
		t.Error(err)
	}
	t.Run("in a pause", func(t *testing.T) {
		s := &steered{t: t, images: images, runs: runs, name: "stopped", on: func(s *steered, e run.Event) {
			at(6, func(s *steered) { s.do(steer.Command{Act: run.ActPause}) })(s, e)
			if c, ok := e.(run.Control); ok && c.What == run.ActPause && c.Phase == run.PhaseDone {
				go s.do(steer.Command{Act: run.ActStop})
			}
		}}
		if _, err := s.run(1); !errors.Is(err, ErrStopped) {
			t.Errorf("error %v", err)
		}
		if st := s.state(); st.State != run.StateStopped || st.Iteration != 6 {
			t.Errorf("the run is %s at %d", st.State, st.Iteration)
		}
	})
}

// A rate edited at an iteration gives the same bits whether the run goes on or
// is stopped right there and resumed.
func TestEditedRateResumesToTheSameBits(t *testing.T) {
	images, runs := filepath.Join(t.TempDir(), "images"), t.TempDir()
	change := at(4, func(s *steered) {
		text := s.edit("lr = 0.05", "lr = 0.02")
		text = strings.Replace(text, "weight_decay = 4e-5", "weight_decay = 1e-3", 1)
		text = strings.Replace(text, "clip_grad = 10.0", "clip_grad = 5.0", 1) // of step 2: next step
		s.do(steer.Command{Act: steer.ActConfigure, Text: text})
		s.refused(steer.Command{Act: steer.ActConfigure, Text: text + "\n# more"}, "requested already")
	})
	through := &steered{t: t, images: images, runs: runs, name: "through", on: change}
	plain, err := do(t, context.Background(), tiny(t, images), runs, "plain", Options{From: 1, To: 2})
	if err != nil {
		t.Fatal(err)
	}
	once, err := through.run(2)
	if err != nil {
		t.Fatal(err)
	}
	result, weights := outcome(t, once, runs, "through")
	if once.ConfigHash == plain.ConfigHash || cmp.Equal(once.Steps[0].Metrics, plain.Steps[0].Metrics) {
		t.Error("the edit changed neither the config's hash nor the losses")
	}
	rates := map[int]float64{}
	for _, e := range through.events {
		if e, ok := e.(run.Train); ok && e.Step == 1 {
			rates[e.Iteration] = e.LR
		}
	}
	if rates[4] <= 0.025 || rates[5] > 0.02*0.6+1e-12 || rates[5] < 0.02*0.6-1e-12 {
		t.Errorf("rates %v; want those of the edited rate after iteration 4", rates)
	}
	i := slices.IndexFunc(through.events, func(e run.Event) bool { _, ok := e.(run.ConfigChanged); return ok })
	if i < 1 {
		t.Fatal("no change in the journal")
	}
	if c, ok := through.events[i-1].(run.CheckpointWritten); !ok || c.Iteration != 4 {
		t.Errorf("before the change there is %#v, want the checkpoint of iteration 4", through.events[i-1])
	}
	want := []run.Change{
		{Key: "supernet-pretrain.lr", Old: "0.05", New: "0.02", Effect: "now"},
		{Key: "supernet-pretrain.weight_decay", Old: "4e-05", New: "0.001", Effect: "now"},
		{Key: "supernet-finetune.clip_grad", Old: "10.0", New: "5.0", Effect: "next step"},
	}
	if d := cmp.Diff(want, through.events[i].(run.ConfigChanged).Changes); d != "" {
		t.Error(d)
	}

	parted := &steered{t: t, images: images, runs: runs, name: "parted"}
	parted.on = func(s *steered, e run.Event) {
		change(s, e)
		if c, ok := e.(run.Control); ok && c.What == steer.ActConfigure && c.Phase == run.PhaseDone {
			s.do(steer.Command{Act: run.ActStop})
		}
	}
	if _, err := parted.run(2); !errors.Is(err, ErrStopped) {
		t.Fatal(err)
	}
	if got := parted.state().Iteration; got != 4 {
		t.Errorf("stopped at iteration %d", got)
	}
	parted.on = nil
	resumed, err := parted.run(2)
	if err != nil {
		t.Fatal(err)
	}
	compare(t, result, weights, resumed, runs, "parted")
}

func TestConfigureRefuses(t *testing.T) {
	images, runs := filepath.Join(t.TempDir(), "images"), t.TempDir()
	s := &steered{t: t, images: images, runs: runs, name: "refuses"}
	s.on = at(2, func(s *steered) {
		conf := func(text string) steer.Command { return steer.Command{Act: steer.ActConfigure, Text: text} }
		s.refused(conf(s.edit("seed = 0", "seed = 3")), "seed cannot change")
		s.refused(conf(s.edit("batch = 8\naccumulate", "batch = 4\naccumulate")), "supernet-pretrain.batch cannot change")
		s.refused(conf(s.edit("momentum = 0.9", "momentum = 7.0")), "momentum")
		s.refused(conf("nonsense ="), "configure")
		s.refused(conf(s.edit("seed = 0", "seed = 0")), "already")
	})
	if _, err := s.run(1); err != nil {
		t.Fatal(err)
	}
	if got := s.acts(); got != nil {
		t.Errorf("refused commands are in the journal: %v", got)
	}
}

// A process that died while it put an edited config in place leaves a run that
// can be resumed.
func TestBrokenEditIsMended(t *testing.T) {
	images, runs := filepath.Join(t.TempDir(), "images"), t.TempDir()
	s := &steered{t: t, images: images, runs: runs, name: "broken", on: at(4, func(s *steered) { s.do(steer.Command{Act: run.ActStop}) })}
	if _, err := s.run(1); !errors.Is(err, ErrStopped) {
		t.Fatal(err)
	}
	text := s.edit("lr = 0.05", "lr = 0.02")
	cfg, err := config.Parse("edit", []byte(text), nil)
	if err != nil {
		t.Fatal(err)
	}
	f := folder(t, runs, "broken")
	ev := run.ConfigChanged{
		Who: "ann", Step: 1, Iteration: 4, ConfigHash: cfg.Hash(),
		Changes: []run.Change{{Key: "supernet-pretrain.lr", Old: "0.05", New: "0.02", Effect: "now"}},
	}
	if err := errors.Join(f.BeginEdit(run.Edit{Text: text, Changed: ev}), f.Unlock()); err != nil {
		t.Fatal(err)
	}
	s.on, s.events = nil, nil
	if _, err := s.run(1); err != nil {
		t.Fatal(err)
	}
	told := slices.ContainsFunc(s.events, func(e run.Event) bool { return cmp.Equal(e, run.Event(ev)) })
	if edit, err := f.BrokenEdit(); !told || edit != nil || err != nil {
		t.Errorf("the change is in the journal: %v; left over: %v (%v)", told, edit, err)
	}
}

func TestUsage(t *testing.T) {
	images, runs := filepath.Join(t.TempDir(), "images"), t.TempDir()
	var usage []run.Usage
	last := run.Event(nil)
	_, err := do(t, context.Background(), tiny(t, images), runs, "usage", Options{
		From: 1, To: 2, usageEvery: 50 * time.Millisecond,
		Watch: func(e run.Event) {
			last = e
			if u, ok := e.(run.Usage); ok {
				usage = append(usage, u)
			}
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	busy := 0.0
	for _, u := range usage {
		busy = max(busy, u.CPU)
		if u.Memory < 1<<20 || u.CPU > 1000 {
			t.Errorf("usage %+v", u)
		}
	}
	if _, finished := last.(run.RunFinished); busy == 0 || !finished {
		t.Errorf("%d times, %.1f cores at most; the last event is %T", len(usage), busy, last)
	}
}

func TestClockLeavesPausesOut(t *testing.T) {
	var c clock
	c.begin(10)
	c.pause()
	time.Sleep(50 * time.Millisecond)
	during := c.seconds()
	c.resume()
	if after := c.seconds(); during > 10.04 || after > 10.04 || after < 10 || c.total() > 0.04 {
		t.Errorf("%v during and %v after a pause, %v in all; want 10, 10 and 0", during, after, c.total())
	}
}
