package engine

import (
	"context"
	"errors"
	"math"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"detnas/core/run"
)

// A search guided by classification takes the supernet of step 1 and its accuracy,
// looks at no detection data, and goes on after a stop as if there had been none.
func TestSearchGuidedByClassification(t *testing.T) {
	if testing.Short() {
		t.Skip("trains networks")
	}
	images, runs, ctx := filepath.Join(t.TempDir(), "images"), t.TempDir(), context.Background()
	sets := append(quick("evolution"), "search.guide=classification", "search.score=top1", "search.images=0")
	cfg := tiny(t, images, sets...)
	var events []run.Event
	once, err := do(t, ctx, cfg, runs, "once", Options{From: 1, To: 4, Watch: func(e run.Event) { events = append(events, e) }})
	if err != nil {
		t.Fatal(err)
	}
	result, weights := outcome(t, once, runs, "once")
	steps, warned := map[int]run.StepStarted{}, ""
	for _, e := range events {
		switch e := e.(type) {
		case run.StepStarted:
			steps[e.Step] = e
		case run.Warning:
			warned += e.What + "\n"
		case run.Candidate:
			// 12 images of validation
			if n := e.Score * 12; e.Score < 0 || e.Score > 1 || math.Abs(n-math.Round(n)) > 1e-9 {
				t.Errorf("candidate %d has the score %v", e.Index, e.Score)
			}
		}
	}
	if _, done := steps[2]; done || steps[3].Guide != "classification" || once.Search.Guide != "classification" || len(once.Search.Best) != 8 {
		t.Errorf("steps %v; the result is by %q with %d best", steps, once.Search.Guide, len(once.Search.Best))
	}
	for _, key := range []string{classTrainKey, classValKey, guideKey, calibrationKey} {
		if steps[3].Data[key].Images == 0 {
			t.Errorf("the search's start does not tell of %s: %v", key, steps[3].Data)
		}
	}
	if len(steps[3].Data) != 4 {
		t.Errorf("the search's start tells of %v", steps[3].Data)
	}
	for _, words := range []string{"step 2 (supernet-finetune) is left out: a search guided by classification", "measured on images that guided the search"} {
		if strings.Count(warned, words) != 1 {
			t.Errorf("%q is not once in the warnings:\n%s", words, warned)
		}
	}

	for err = ErrStopped; errors.Is(err, ErrStopped); {
		stop, cancel := context.WithCancel(ctx)
		var r run.Result
		r, err = do(t, stop, cfg, runs, "parted", Options{From: 1, To: 4, Watch: func(e run.Event) {
			if c, ok := e.(run.Candidate); ok && c.Index%3 == 2 {
				cancel()
			}
		}})
		cancel()
		if err == nil {
			compare(t, result, weights, r, runs, "parted")
		}
	}
	if err != nil {
		t.Fatal(err)
	}

	path := func(step string) string { return filepath.Join(runs, "once", "checkpoints", step+"-last.safetensors") }
	loaded, err := do(t, ctx, tiny(t, images, append(sets, "search.load_from="+path("step-1"))...), runs, "loaded", Options{From: 1, To: 3})
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(once.Search, loaded.Search); d != "" {
		t.Errorf("the search on a loaded supernet (-in its run +elsewhere):\n%s", d)
	}
	_, err = do(t, ctx, tiny(t, images, append(sets, "search.load_from="+path("step-4"))...), runs, "refused", Options{From: 3, To: 3})
	if err == nil || !strings.Contains(err.Error(), "a search guided by classification takes the supernet of step 1") {
		t.Errorf("a checkpoint of step 4: %v", err)
	}
}
