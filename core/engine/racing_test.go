package engine

import (
	"context"
	"errors"
	"math"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"detnas/core/run"
	"detnas/core/steer"
)

// racingSets are settings by which the tiny preset stops candidates: the estimates
// themselves decide, whatever their error.
func racingSets(more ...string) []string {
	return append([]string{
		"supernet-pretrain.iterations=2", "supernet-finetune.iterations=2", "search.bn_images=2", "detector.test.score_thr=0",
		"search.population=13", "search.generations=2", "search.batch=1", "search.racing=true", "search.racing_confidence=0.5",
	}, more...)
}

// TestRacing races the candidates of a search. Those that are stopped have no score,
// are not bred from and not among the best; the scores of the others are those of
// measuring all of them whole, to the bit; a pinned one is never stopped; and a search
// that is taken up again and again stops the same ones.
func TestRacing(t *testing.T) {
	if testing.Short() {
		t.Skip("trains networks")
	}
	images, runs := filepath.Join(t.TempDir(), "images"), t.TempDir()
	pin := func(s *steered, e run.Event) {
		if c, ok := e.(run.Candidate); ok && c.Index == 12 {
			s.do(steer.Command{Act: run.ActPin, Subnet: "3-3-33-3"})
		}
	}
	through := &steered{t: t, images: images, runs: runs, name: "through", sets: racingSets(), on: pin}
	result, err := through.run(3)
	if err != nil {
		t.Fatal(err)
	}
	want, _ := candidatesOf(through.events)
	all, stopped := map[int]run.Candidate{}, 0
	for _, c := range want {
		all[c.Index] = c
		whole := c.Images == 8 && c.Status == run.CandidateNew && !math.IsNaN(c.Score)
		early := c.Images < 8 && c.Images >= 4 && c.Status == run.CandidateStopped && math.IsNaN(c.Score) && c.Partial >= 0
		if early {
			stopped++
		}
		if whole == early || early && (c.Index < bestKept || c.Subnet == "3-3-33-3") {
			t.Errorf("candidate %+v", c)
		}
		for _, p := range c.Parents {
			if all[p].Status == run.CandidateStopped {
				t.Errorf("candidate %d was bred from %d, which was stopped", c.Index, p)
			}
		}
	}
	metrics := result.Steps[2].Metrics
	if stopped == 0 || metrics["stopped"] != float64(stopped) || !(metrics["images_share"] < 1) || all[13].Subnet != "3-3-33-3" {
		t.Errorf("%d stopped, %v; the pinned one is %+v", stopped, metrics, all[13])
	}
	if _, ok := metrics["mean_random"]; ok {
		t.Error("there is a mean of random candidates, of which some were stopped")
	}
	for _, b := range result.Search.Best {
		if math.IsNaN(b.Score) {
			t.Errorf("%+v is among the best", b)
		}
	}
	scoresAreThoseOfTheWhole(t, images, runs, want)

	parted := &steered{t: t, images: images, runs: runs, name: "parted", sets: racingSets()}
	for err = ErrStopped; errors.Is(err, ErrStopped); {
		parted.on = func(s *steered, e run.Event) {
			pin(s, e)
			if c, ok := e.(run.Candidate); ok && c.Index%10 == 5 {
				s.do(steer.Command{Act: run.ActStop})
			}
		}
		_, err = parted.run(3)
	}
	if err != nil {
		t.Fatal(err)
	}
	got, _ := candidatesOf(parted.events)
	if d := cmp.Diff(want, got, cmpopts.EquateNaNs()); d != "" {
		t.Errorf("(-through +parted):\n%s", d)
	}
}

// scoresAreThoseOfTheWhole measures some of the candidates again without a race.
func scoresAreThoseOfTheWhole(t *testing.T, images, runs string, raced []run.Candidate) {
	t.Helper()
	runtime.LockOSThread() // the grad mode belongs to the thread
	defer runtime.UnlockOSThread()
	f := folder(t, runs, "through")
	defer f.Unlock() //nolint:errcheck // the test ends here
	cfg := tiny(t, images, racingSets("search.racing=false")...)
	s, compared := newScoring(t, cfg, f, cfg.Search), 0
	for _, c := range raced[bestKept:] {
		if c.Status != run.CandidateNew || c.Origin == "pinned" || compared == 4 {
			continue
		}
		compared++
		if score := s.of(t, c.Subnet); score != c.Score {
			t.Errorf("%s scores %v, and %v in a race", c.Subnet, score, c.Score)
		}
	}
	if compared == 0 {
		t.Error("no candidate went through a race to its end")
	}
}

// TestTrials searches beside a run: racing from a record stops as it does where it
// computes, and a subnet scores what it does the plain way.
func TestTrials(t *testing.T) {
	if testing.Short() {
		t.Skip("trains networks")
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	images, runs, ctx := filepath.Join(t.TempDir(), "images"), t.TempDir(), context.Background()
	cfg := tiny(t, images, racingSets()...)
	if _, err := do(t, ctx, cfg, runs, "supernet", Options{From: 1, To: 2}); err != nil {
		t.Fatal(err)
	}
	f := folder(t, runs, "supernet")
	defer f.Unlock() //nolint:errcheck // the test ends here
	trials, err := OpenTrials(ctx, cfg, f)
	if err != nil {
		t.Fatal(err)
	}
	defer trials.Free()
	score, err := trials.Score(ctx, trials.Random(0))
	if err != nil {
		t.Fatal(err)
	}
	if plain, err := trials.Plain(ctx, trials.Random(0)); err != nil || plain != score {
		t.Errorf("a subnet scores %v, and %v the plain way (%v)", score, plain, err)
	}
	computed, err := trials.Search(ctx, 3, nil, true)
	if err != nil {
		t.Fatal(err)
	}
	record := filepath.Join(runs, "record.gob")
	for range 2 { // made, and read
		if err := trials.Record(record); err != nil {
			t.Fatal(err)
		}
		recorded, err := trials.Search(ctx, 3, nil, true)
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(computed, recorded); d != "" || computed.Stopped == 0 {
			t.Errorf("(-computed +recorded):\n%s", d)
		}
		if err := trials.Save(record); err != nil {
			t.Fatal(err)
		}
	}
}
