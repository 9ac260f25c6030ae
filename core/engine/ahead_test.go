package engine

import (
	"context"
	"errors"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"detnas/core/run"
	"detnas/core/steer"
	"detnas/core/tensor"
	"detnas/nas"
	"detnas/nas/search"
)

// TestAhead searches one supernet with one candidate at a time and with two, each by one
// thread: the journals have the same candidates in the same order with the same bits,
// with and without racing, steered, where a candidate computes NaN, and where the search
// is paused, stopped and taken up.
func TestAhead(t *testing.T) {
	if testing.Short() {
		t.Skip("trains networks")
	}
	images, runs := filepath.Join(t.TempDir(), "images"), t.TempDir()
	if _, err := do(t, context.Background(), tiny(t, images, racingSets("threads=1")...), runs, "supernet", Options{From: 1, To: 2}); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(runs, "supernet", "checkpoints", "step-2-last.safetensors")
	poison(t, path, "backbone.layers.0.0.choices.shuffle_5x5")
	for name, sets := range map[string][]string{
		"racing":    {"search.population=15"},
		"evolution": {"search.racing=false", "search.population=6", "search.images=4", "search.batch=2"},
		"nsga2":     {"search.racing=false", "search.population=6", "search.images=4", "search.method=nsga2", "search.cost=params"},
	} {
		t.Run(name, func(t *testing.T) {
			sets := racingSets(append(sets, "search.load_from="+path)...)
			sequential := &steered{t: t, images: images, runs: runs, name: name, sets: slices.Concat(sets, []string{"threads=1"}), on: aheadOn}
			if _, err := sequential.run(3); err != nil {
				t.Fatal(err)
			}
			want := sequential.journalled()
			statuses := map[string]int{}
			for _, e := range want {
				if c, ok := e.(run.Candidate); ok {
					statuses[c.Status]++
				}
			}
			if statuses[run.CandidateDiverged] == 0 || (name == "racing") != (statuses[run.CandidateStopped] > 0) {
				t.Errorf("%v: the test wants candidates without a score, and in a race some that are stopped", statuses)
			}
			two := slices.Concat(sets, []string{"threads=2", "search.workers=2"})
			through := &steered{t: t, images: images, runs: runs, name: name + "-two", sets: two, on: aheadOn}
			if _, err := through.run(3); err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(want, through.journalled(), cmpopts.EquateNaNs()); d != "" {
				t.Errorf("(-one at a time +two):\n%s", d)
			}
			parted := &steered{t: t, images: images, runs: runs, name: name + "-parted", sets: two}
			err := ErrStopped
			for errors.Is(err, ErrStopped) {
				parted.on = func(s *steered, e run.Event) {
					aheadOn(s, e)
					if c, ok := e.(run.Candidate); ok && c.Index%7 == 6 {
						s.do(steer.Command{Act: run.ActStop})
					}
				}
				_, err = parted.run(3)
			}
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(want, parted.journalled(), cmpopts.EquateNaNs()); d != "" {
				t.Errorf("(-one at a time +two, stopped and taken up):\n%s", d)
			}
		})
	}
}

// aheadOn pins, unpins, locks and edits while others are measured ahead, and pauses.
func aheadOn(s *steered, e run.Event) {
	switch e := e.(type) {
	case run.Candidate:
		switch e.Index {
		case 2:
			s.do(steer.Command{Act: run.ActPin, Subnet: "3-3-33-3"})
			s.do(steer.Command{Act: run.ActPin, Subnet: "2-2-22-2"})
		case 3:
			s.do(steer.Command{Act: run.ActUnpin, Subnet: "2-2-22-2"})
			s.do(steer.Command{Act: run.ActLock, Block: 2, Choice: "2"})
		case 4:
			s.do(steer.Command{Act: steer.ActConfigure, Text: s.edit("generations = 2", "generations = 3")})
			s.do(steer.Command{Act: run.ActPause})
		}
	case run.Control:
		if e.What == run.ActPause && e.Phase == run.PhaseDone {
			s.do(steer.Command{Act: run.ActResume})
		}
	}
}

// journalled is what a search has found and what it warned of, in order.
func (s *steered) journalled() (out []run.Event) {
	for _, e := range s.events {
		switch e := e.(type) {
		case run.Candidate:
			e.Seconds = 0
			out = append(out, e)
		case run.Generation:
			out = append(out, e)
		}
	}
	return out
}

// TestAheadDropsWhatIsNotProposed looks at who is measured ahead: at most so many, and
// nobody who does not stand before evaluation any more.
func TestAheadDropsWhatIsNotProposed(t *testing.T) {
	if testing.Short() {
		t.Skip("trains networks")
	}
	images, runs, ctx := filepath.Join(t.TempDir(), "images"), t.TempDir(), context.Background()
	cfg := tiny(t, images, racingSets("search.racing=false", "threads=2", "search.workers=0", "search.images=2")...)
	if _, err := do(t, ctx, cfg, runs, "supernet", Options{From: 1, To: 2}); err != nil {
		t.Fatal(err)
	}
	f := folder(t, runs, "supernet")
	defer f.Unlock() //nolint:errcheck // the test ends here
	err := tensor.OnThread(2, func() error {
		trials, err := OpenTrials(ctx, cfg, f)
		if err != nil {
			return err
		}
		defer trials.Free()
		subs := make([]nas.Subnet, 8)
		for i := range subs {
			subs[i] = trials.Random(i)
		}
		none := func(nas.Subnet) []search.Candidate { return nil }
		return trials.j.scoring(ctx, trials.s.engine, func() error {
			a := trials.j.ahead
			out := func() map[string]*early { // those that are handed out
				a.mu.Lock()
				defer a.mu.Unlock()
				early := map[string]*early{}
				for _, key := range a.queue.Out() {
					early[key] = a.of[key]
				}
				return early
			}
			if _, err := a.turn(ctx, subs[0], subs, none); err != nil {
				return err
			}
			handed := out()
			for ; len(handed) < 4; handed = out() {
				time.Sleep(time.Millisecond)
			}
			for i := 1; i <= 4; i++ {
				if handed[subs[i].Key()] == nil {
					t.Errorf("subnet %d, which is to be evaluated soon, is not measured ahead", i)
				}
			}
			if _, err := a.turn(ctx, subs[5], subs[3:], none); err != nil {
				return err
			}
			now := out()
			if now[subs[1].Key()] != nil || now[subs[2].Key()] != nil || now[subs[3].Key()] == nil {
				t.Error("those that are not proposed after all are not dropped, or others are")
			}
			a.mu.Lock()
			defer a.mu.Unlock()
			for _, at := range a.at {
				if at.of != a.of[at.of.sub.Key()] && at.ctx.Err() == nil {
					t.Errorf("%s is measured on, though it was dropped", at.of.sub.Key())
				}
			}
			return nil
		})
	})
	if err != nil {
		t.Fatal(err)
	}
}
