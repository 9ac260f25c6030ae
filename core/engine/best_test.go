package engine

import (
	"fmt"
	"maps"
	"math"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"detnas/core/run"
)

func TestJudge(t *testing.T) {
	var p progress
	for i, tc := range []struct {
		ap   float64
		best bool
	}{{-1, false}, {math.NaN(), false}, {0.1, true}, {0.1, false}, {0.3, true}, {0.2, false}, {-1, false}} {
		p.Iteration, p.atBest = int64(i), false
		if got := p.judge(2, run.Values{"AP": tc.ap, "top1": 1}); got != tc.best || p.atBest != tc.best {
			t.Errorf("evaluation %d, AP %v: %v; want %v", i, tc.ap, got, tc.best)
		}
	}
	if want := (best{Metric: "AP", Value: 0.3, Iteration: 4}); *p.Best != want {
		t.Errorf("%+v, want %+v", *p.Best, want)
	}
	if p.judge(4, run.Values{"AP": 1, "top1": 0.2}) || !p.judge(1, run.Values{"AP": 0, "top1": 0.4}) {
		t.Error("steps 1 and 4 are not measured by top1")
	}
	back := measured{Best: &best{Metric: "AP", Value: 0.2, Iteration: 3}, atBest: true}
	if m := back.after(back); m.Best.Iteration != 3 || !m.atBest {
		t.Errorf("gone back to the best: %+v", m)
	}
	if m := back.after(measured{Best: p.Best}); m.Best != p.Best || m.atBest {
		t.Errorf("gone back from the best: %+v", m)
	}
}

// crowned is the best of a step in a run's folder: what its metadata say of it,
// and its arrays.
func crowned(t *testing.T, dir string, step int) (string, map[string]string) {
	t.Helper()
	c, err := run.ReadCheckpoint(filepath.Join(dir, "checkpoints", fmt.Sprintf("step-%d-best.safetensors", step)))
	if err != nil {
		t.Fatal(err)
	}
	arrays := map[string]string{}
	for _, a := range c.Tensors {
		arrays[a.Name] = string(a.Data)
	}
	return fmt.Sprintf("%s %s at %s", c.Meta["metric"], c.Meta["metric_value"], c.Meta["iteration"]), arrays
}

// TestBestCheckpoint lets a run that is evaluated within its step die at each
// evaluation and checkpoint. Its best is that of one that was left alone.
func TestBestCheckpoint(t *testing.T) {
	u := unstable{t: t, images: filepath.Join(t.TempDir(), "images"), runs: t.TempDir(), from: 1, to: 1, sets: []string{
		"supernet-pretrain.eval_every=2", "supernet-pretrain.checkpoint_every=4", "supernet-pretrain.keep_checkpoints=1",
	}}
	n := 0
	result, weights, failed, events := u.come("once", func(run.Event) string {
		n++
		return fmt.Sprint("dead-", n)
	})
	if failed != "" {
		t.Fatal(failed)
	}
	want, wanted := best{Metric: "top1", Value: -1}, 0
	for i, e := range events {
		take := func(iteration int, metrics run.Values) {
			if v := metrics["top1"]; v > want.Value {
				want.Value, want.Iteration = v, int64(iteration)
				wanted++
			}
		}
		switch e := e.(type) {
		case run.Eval:
			take(e.Iteration, e.Metrics)
			c, ok := events[i+1].(run.CheckpointWritten)
			if best := ok && c.Best == "checkpoints/step-1-best.safetensors" && c.Iteration == e.Iteration; best != (want.Iteration == int64(e.Iteration)) {
				t.Errorf("after the evaluation of iteration %d there is %#v, where the best is %+v", e.Iteration, events[i+1], want)
			}
		case run.StepFinished:
			take(10, e.Metrics)
		}
	}
	text, arrays := crowned(t, filepath.Join(u.runs, "once"), 1)
	if w := fmt.Sprintf("top1 %v at %d", want.Value, want.Iteration); text != w {
		t.Errorf("the best is %s, want %s", text, w)
	}
	t.Logf("%s, after %d that were the best before", text, wanted-1)
	files, err := filepath.Glob(filepath.Join(u.runs, "once", "checkpoints", "*"))
	if err != nil || len(files) != 2 {
		t.Errorf("%v are left (%v); want the best and the last", files, err)
	}
	for i, e := range events {
		c, saved := e.(run.CheckpointWritten)
		if _, measured := e.(run.Eval); !measured && !saved {
			continue
		}
		name := fmt.Sprint("dead-", i+1)
		if saved && c.Best != "" { // or it died before the best was linked
			if err := os.Remove(filepath.Join(u.runs, name, c.Best)); err != nil {
				t.Error(err)
			}
		}
		r, w, failed, _ := u.come(name, nil)
		if d := cmp.Diff(result, r); d != "" || failed != "" || !maps.Equal(weights, w) {
			t.Errorf("dead at event %d (%s), it comes to %q and\n%s", i+1, e.Kind(), failed, d)
		}
		gotText, gotArrays := crowned(t, filepath.Join(u.runs, name), 1)
		if gotText != text || !maps.Equal(gotArrays, arrays) {
			t.Errorf("dead at event %d (%s), its best is %s, want %s; the arrays are the same: %v", i+1, e.Kind(), gotText, text, maps.Equal(gotArrays, arrays))
		}
	}
}

// A detector is measured by AP, and the best of a step that is done again is
// another one.
func TestBestOfADetector(t *testing.T) {
	u := unstable{t: t, images: filepath.Join(t.TempDir(), "images"), runs: t.TempDir(), from: 1, to: 2, sets: []string{"supernet-pretrain.iterations=2"}}
	if _, _, failed, _ := u.come("two", nil); failed != "" {
		t.Fatal(failed)
	}
	dir := filepath.Join(u.runs, "two")
	text, arrays := crowned(t, dir, 2)
	last, err := os.Stat(filepath.Join(dir, "checkpoints", "step-2-last.safetensors"))
	if err != nil {
		t.Fatal(err)
	}
	best, err := os.Stat(filepath.Join(dir, "checkpoints", "step-2-best.safetensors"))
	if err != nil || !os.SameFile(last, best) || text[:3] != "AP " || len(arrays) == 0 {
		t.Errorf("%s, %v; want the last by another name", text, err)
	}
	f := folder(t, u.runs, "two")
	defer f.Unlock() //nolint:errcheck // the test ends here
	if err := f.RemoveCheckpoints(2); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(f.BestPath(2)); err == nil {
		t.Error("the best of a step that begins anew is there still")
	}
}
