package engine

import (
	"context"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"detnas/core/run"
	"detnas/core/steer"
	"detnas/core/train"
)

// unstable is a run of some steps in which one diverges.
type unstable struct {
	t            *testing.T
	images, runs string
	from, to     int
	sets         []string
}

// come is what the run comes to: its result or error, weights and events. The
// folder is copied at each event for which keep gives a name.
func (u unstable) come(name string, keep func(run.Event) string) (result run.Result, weights map[string]string, failed string, events []run.Event) {
	u.t.Helper()
	r, err := do(u.t, context.Background(), tiny(u.t, u.images, u.sets...), u.runs, name, Options{From: u.from, To: u.to, Watch: func(e run.Event) {
		events = append(events, e)
		if keep == nil {
			return
		}
		if to := keep(e); to != "" {
			if err := os.CopyFS(filepath.Join(u.runs, to), os.DirFS(filepath.Join(u.runs, name))); err != nil {
				u.t.Error(err)
			}
		}
	}})
	if err != nil {
		failed = strings.ReplaceAll(err.Error(), name, "")
	}
	result, weights = outcome(u.t, r, u.runs, name)
	return result, weights, failed, events
}

// killed runs once and lets the run die at every event from two before the first
// that the step bore NaN to two after the last, and compares what the resumed runs
// come to.
func (u unstable) killed() (failed string, events []run.Event) {
	u.t.Helper()
	n, last := 0, 0
	result, weights, failed, events := u.come("once", func(e run.Event) string {
		n++
		return fmt.Sprint("killed-", n)
	})
	first := len(events)
	for i, e := range events {
		if w, ok := e.(run.Warning); ok && strings.Contains(w.What, "diverged") {
			first, last = min(first, i), i
		}
	}
	if first == len(events) {
		u.t.Fatalf("the step did not diverge (%s)", failed)
	}
	deaths := 0
	for i := max(first-2, 0); i <= min(last+4, len(events)-2); i++ { // after the last event it has not died
		deaths++
		name := fmt.Sprint("killed-", i+1)
		r, w, f, _ := u.come(name, nil)
		if d := cmp.Diff(result, r); d != "" || f != failed {
			u.t.Errorf("killed at event %d (%s), it comes to another end: %q, not %q\n%s", i+1, events[i].Kind(), f, failed, d)
		}
		if !cmp.Equal(weights, w) {
			u.t.Errorf("killed at event %d (%s), it comes to other weights", i+1, events[i].Kind())
		}
	}
	u.t.Logf("%d deaths around events %d to %d of %d", deaths, first+1, last+1, len(events))
	return failed, events
}

// backs are the iterations that a step went back to.
func backs(events []run.Event) (to []int) {
	begun := false
	for _, e := range events {
		if e, ok := e.(run.StepStarted); ok {
			if begun {
				to = append(to, e.Iteration)
			}
			begun = true
		}
	}
	return to
}

// A step that diverges goes back, with a lower rate, to the newest checkpoint, or
// to its start, and from one to which it went back already to the one before.
func TestGoingBack(t *testing.T) {
	u := unstable{t: t, images: filepath.Join(t.TempDir(), "images"), from: 1, to: 1}
	// With a greater rate the weights of iteration 3 are of no use already.
	const lr = 80
	base := []string{fmt.Sprint("supernet-pretrain.lr=", lr), "supernet-pretrain.on_nan=back", "supernet-pretrain.nan_lr_factor=0.01"}
	for name, sets := range map[string][]string{
		"to the start":      nil,
		"to the checkpoint": {"supernet-pretrain.checkpoint_every=3", "supernet-pretrain.ema=0.9"}, // with the average, too
	} {
		t.Run(name, func(t *testing.T) {
			u := u
			u.t, u.runs, u.sets = t, t.TempDir(), slices.Concat(base, sets)
			failed, events := u.killed()
			to := backs(events)
			if failed != "" || len(to) == 0 {
				t.Fatalf("went back to %v and came to %q", to, failed)
			}
			scale, begun, rates := 1.0, false, map[int]float64{}
			for i, e := range events {
				switch e := e.(type) {
				case run.StepStarted:
					if !begun {
						begun = true
						continue
					}
					scale *= 0.01
					w, warned := events[i-1].(run.Warning)
					for _, words := range []string{"training has diverged", fmt.Sprintf("back to iteration %d with the rate times 0.01", e.Iteration), fmt.Sprintf("counts as %.4g (", lr*scale)} {
						if !warned || !strings.Contains(w.What, words) {
							t.Errorf("%#v before step_started does not say %q", events[i-1], words)
						}
					}
					if c, ok := events[i+1].(run.CheckpointWritten); !ok || c.Iteration != e.Iteration {
						t.Errorf("%#v after step_started, want the checkpoint of iteration %d", events[i+1], e.Iteration)
					}
				case run.Train:
					if rate, known := rates[e.Iteration]; !known {
						rates[e.Iteration] = e.LR / scale
					} else if got := e.LR / scale; got < 0.999*rate || got > 1.001*rate {
						t.Errorf("rate %v at iteration %d after %v, want %v", e.LR, e.Iteration, scale, rate*scale)
					}
				}
			}
			if sets == nil && to[0] != 0 || sets != nil && to[0]%3 != 0 || len(to) > 1 && to[1] >= to[0] && to[0] > 0 {
				t.Errorf("went back to %v", to)
			}
		})
	}
}

// A step that diverges whatever the rate goes back so many times and then ends.
func TestGoingBackEnds(t *testing.T) {
	u := unstable{t: t, images: filepath.Join(t.TempDir(), "images"), runs: t.TempDir(), from: 1, to: 1, sets: []string{
		"supernet-pretrain.lr=1000", "supernet-pretrain.on_nan=back", "supernet-pretrain.nan_lr_factor=0.99", "supernet-pretrain.schedule=constant",
	}}
	_, _, failed, events := u.come("ends", nil)
	if to := backs(events); len(to) != mostBacks {
		t.Errorf("went back to %v, want %d times", to, mostBacks)
	}
	for _, words := range []string{"training has diverged", "gone back 5 times", "lower supernet-pretrain.lr"} {
		if !strings.Contains(failed, words) {
			t.Errorf("%q does not say %q", failed, words)
		}
	}
	if last, ok := events[len(events)-1].(run.RunFailed); !ok || !strings.Contains(failed, last.Error) {
		t.Errorf("the last event is %#v", events[len(events)-1])
	}
}

// Iterations that are left out are told, count for nothing in the averages, and
// are left out by a resumed run as well.
func TestSkipping(t *testing.T) {
	u := unstable{t: t, images: filepath.Join(t.TempDir(), "images"), runs: t.TempDir(), from: 1, to: 1, sets: []string{
		diverging1, "supernet-pretrain.on_nan=skip", "supernet-pretrain.iterations=12", "supernet-pretrain.checkpoint_every=5", "supernet-pretrain.ema=0.9",
	}}
	failed, events := u.killed()
	trained := 0
	for i, e := range events {
		e, ok := e.(run.Train)
		if !ok {
			continue
		}
		trained++
		w, warned := events[i-1].(run.Warning)
		told := warned && strings.Contains(w.What, fmt.Sprintf("iteration %d is left out: training step: training has diverged", e.Iteration))
		if told != (len(e.Losses) == 0) {
			t.Errorf("iteration %d has the losses %v after %#v", e.Iteration, e.Losses, events[i-1])
		}
	}
	// By such weights the evaluation at the step's end may overflow, too, which is for the device to say.
	if failed != "" && !strings.Contains(failed, "evaluate the classifier") || trained != 12 {
		t.Errorf("%d iterations, came to %q", trained, failed)
	}
}

// On one path each iteration that follows on a diverged one diverges too.
func TestSkippingEnds(t *testing.T) {
	u := unstable{t: t, images: filepath.Join(t.TempDir(), "images"), runs: t.TempDir(), from: 3, to: 4, sets: []string{
		"search.subnet=0-0-00-0", "subnet-retrain.lr=1000", "subnet-retrain.schedule=constant", "subnet-retrain.on_nan=skip", "subnet-retrain.iterations=60",
	}}
	_, _, failed, events := u.come("ends", nil)
	for _, words := range []string{"training has diverged", "10 iterations in a row", "lower subnet-retrain.lr"} {
		if !strings.Contains(failed, words) {
			t.Errorf("%q does not say %q", failed, words)
		}
	}
	row := 0
	for _, e := range events {
		switch e := e.(type) {
		case run.Warning:
			row++
		case run.Train:
			if len(e.Losses) > 0 {
				row = 0
			}
		}
	}
	if row != mostSkipped {
		t.Errorf("ended after %d in a row, want %d", row, mostSkipped)
	}
	if got, err := filepath.Glob(filepath.Join(u.runs, "ends", "checkpoints", "step-4-*")); len(got) > 0 || err != nil {
		t.Errorf("the iterations that are left out were saved as %v (%v)", got, err)
	}
}

// The averages are those of the iterations that count.
func TestAveragesWithoutWhatIsLeftOut(t *testing.T) {
	var p progress
	e := &engine{folder: folder(t, t.TempDir(), "averages")}
	defer e.folder.Unlock() //nolint:errcheck // the test ends here
	var err error
	if e.journal, err = e.folder.OpenJournal(nil); err != nil {
		t.Fatal(err)
	}
	defer e.journal.Close()
	for i, loss := range []float64{math.NaN(), 4, math.NaN(), 2} {
		it := train.Iteration{Index: int64(i), Losses: map[string]float64{"loss": loss}}
		if math.IsNaN(loss) {
			it.Skipped = train.ErrNotFinite
			if err := e.leaveOut(t.Context(), 1, &p, it); err != nil {
				t.Fatal(err)
			}
			continue
		}
		p.add(it)
	}
	if p.Averages["loss"] != 3 || p.Iteration != 4 || p.Skipped != 2 || p.InARow != 0 {
		t.Errorf("%+v", p)
	}
}

// A run is told to go back from its first iteration on, or from a later one.
func TestGoingBackIsALiveSetting(t *testing.T) {
	images, runs := filepath.Join(t.TempDir(), "images"), t.TempDir()
	for name, on := range map[string]func(run.Event) bool{
		"at the start": func(e run.Event) bool { _, ok := e.(run.StepStarted); return ok },
		"later":        func(e run.Event) bool { tr, ok := e.(run.Train); return ok && tr.Iteration == 2 },
	} {
		asked := false
		s := &steered{t: t, images: images, runs: runs, name: name, on: func(s *steered, e run.Event) {
			if asked || !on(e) {
				return
			}
			asked = true
			text := s.edit("lr = 0.05", "lr = 100.0")
			text = strings.Replace(text, `on_nan = "stop"`, `on_nan = "back"`, 1)
			text = strings.Replace(text, "nan_lr_factor = 0.5", "nan_lr_factor = 0.01", 1)
			s.do(steer.Command{Act: steer.ActConfigure, Text: text})
		}}
		if _, err := s.run(1); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if to := backs(s.events); len(to) == 0 {
			t.Errorf("%s: it never went back", name)
		}
	}
}
