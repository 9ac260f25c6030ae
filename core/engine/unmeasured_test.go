package engine

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"detnas/core/nn"
	"detnas/core/run"
)

// poison puts NaN into the weights of a step's last checkpoint whose names have
// this beginning.
func poison(t *testing.T, path, prefix string) {
	t.Helper()
	c, err := run.ReadCheckpoint(path)
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, a := range c.Tensors {
		if strings.HasPrefix(a.Name, prefix) && strings.HasSuffix(a.Name, "weight") {
			binary.LittleEndian.PutUint32(a.Data, math.Float32bits(float32(math.NaN())))
			n++
		}
	}
	if n == 0 {
		t.Fatalf("%s holds nothing called %s", path, prefix)
	}
	for key := range c.Meta {
		if strings.HasPrefix(key, "detnas.") { // the checksum
			delete(c.Meta, key)
		}
	}
	if err := c.Write(path); err != nil {
		t.Fatal(err)
	}
}

// TestCandidatesThatDiverge searches a supernet in which one choice of the first
// block computes NaN: whoever takes it has no score, and the search goes on, to the
// same end whether it is left alone or stopped after each candidate.
func TestCandidatesThatDiverge(t *testing.T) {
	if testing.Short() {
		t.Skip("trains networks")
	}
	images, runs, ctx := filepath.Join(t.TempDir(), "images"), t.TempDir(), context.Background()
	cfg := tiny(t, images, "supernet-pretrain.iterations=2", "supernet-finetune.iterations=2",
		"search.population=8", "search.generations=3", "search.mutations=4", "search.crossovers=2", "search.images=2", "search.bn_images=2")
	for _, name := range []string{"alone", "stopped", "none"} {
		if _, err := do(t, ctx, cfg, runs, name, Options{From: 1, To: 2}); err != nil {
			t.Fatal(err)
		}
		what := "backbone.layers.0.0.choices.shuffle_3x3"
		if name == "none" {
			what = "backbone.conv1"
		}
		poison(t, filepath.Join(runs, name, "checkpoints", "step-2-last.safetensors"), what)
	}

	var events []run.Event
	result, err := do(t, ctx, cfg, runs, "alone", Options{From: 3, To: 3, Watch: func(e run.Event) { events = append(events, e) }})
	if err != nil {
		t.Fatal(err)
	}
	candidates, diverged, warned := map[int]run.Candidate{}, 0, 0
	for _, ev := range events {
		switch e := ev.(type) {
		case run.Candidate:
			candidates[e.Index] = e
			if bad := strings.HasPrefix(e.Subnet, "0"); bad != math.IsNaN(e.Score) || bad != (e.Status == run.CandidateDiverged) {
				t.Errorf("%s has the score %v (%s)", e.Subnet, e.Score, e.Status)
			} else if bad {
				diverged++
			}
			for _, p := range e.Parents {
				if math.IsNaN(candidates[p].Score) {
					t.Errorf("candidate %d was bred from %d, which has no score", e.Index, p)
				}
			}
		case run.Warning:
			if strings.Contains(e.What, "has no score and ranks last") && strings.Contains(e.What, "not finite") {
				warned++
			}
		case run.StepFinished:
			for name, v := range e.Metrics {
				if math.IsNaN(v) {
					t.Errorf("the step's %s is no number", name)
				}
			}
		}
	}
	if len(candidates) != 24 || diverged == 0 || diverged == 24 || warned != diverged || result.Search.Evaluated != 24 {
		t.Errorf("%d candidates, %d without a score, %d warnings; the result has %d", len(candidates), diverged, warned, result.Search.Evaluated)
	}
	for _, b := range result.Search.Best {
		if strings.HasPrefix(b.Subnet, "0") {
			t.Errorf("%s is among the best", b.Subnet)
		}
	}
	if _, err := json.Marshal(result); err != nil {
		t.Error(err)
	}

	var resumed run.Result
	for err = ErrStopped; errors.Is(err, ErrStopped); {
		stop, cancel := context.WithCancel(ctx)
		resumed, err = do(t, stop, cfg, runs, "stopped", Options{From: 3, To: 3, Watch: func(e run.Event) {
			if c, ok := e.(run.Candidate); ok && c.Index%5 == 4 {
				cancel()
			}
		}})
		cancel()
	}
	if err != nil {
		t.Fatal(err)
	}
	times := []cmp.Option{cmpopts.IgnoreFields(run.StepResult{}, "Seconds"), cmpopts.IgnoreFields(run.Result{}, "Run")}
	if diff := cmp.Diff(result, resumed, times...); diff != "" {
		t.Errorf("the result differs (-left alone +stopped):\n%s", diff)
	}

	for range 2 { // nothing has changed the second time
		_, err := do(t, ctx, cfg, runs, "none", Options{From: 3, To: 3})
		if !errors.Is(err, nn.ErrNotFinite) {
			t.Fatalf("a search without any score ends with %v", err)
		}
		for _, words := range []string{"none of the 8 candidates has a score", "start a run with a lower supernet-finetune.lr"} {
			if !strings.Contains(err.Error(), words) {
				t.Errorf("%v\ndoes not say %q", err, words)
			}
		}
	}
	if _, err := os.Stat(filepath.Join(runs, "none", "subnet.yaml")); err == nil {
		t.Error("a subnet was chosen")
	}
}
