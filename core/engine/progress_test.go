package engine

import (
	"context"
	"encoding/json"
	"errors"
	"math"
	"path/filepath"
	"strings"
	"testing"

	"detnas/core/input/inputtest"
	"detnas/core/run"
)

// saved is a checkpoint of step 1 with a progress in JSON, and its place, which
// goes by the name step-1-4.
func saved(progress string) (*run.Checkpoint, run.Saved) {
	return &run.Checkpoint{Meta: map[string]string{"step": "1", "progress": progress, metricKey: "top1"}}, run.Saved{Step: 1, Iteration: 4}
}

func TestReadProgress(t *testing.T) {
	for _, good := range []string{
		`{"iteration":4}`,
		`{"iteration":4,"averages":{"loss":1e30},"seconds":1.5,"skipped":4,"skipped_in_a_row":4,"backs":5,"back_to":10,"lr_scale":1e-15,
			"best":{"metric":"top1","value":0,"iteration":10}}`,
	} {
		c, at := saved(good)
		p, err := readProgress(c, at, 10)
		if err != nil || p.Iteration != 4 || p.atBest != (p.Best != nil) {
			t.Errorf("%s is %+v, %v", good, p, err)
		}
	}
	for text, want := range map[string]string{
		``:                                 "its progress cannot be read",
		`{"iteration":4.5}`:                "its progress cannot be read",
		`{"averages":"\x1b[2J`:             "its progress cannot be read",
		`{"iteration":-1}`:                 "it stands at iteration -1, and the step ends with 10",
		`{"iteration":11}`:                 "it stands at iteration 11, and the step ends with 10",
		`{"iteration":3}`:                  "it stands at iteration 3, and its name says 4",
		`{"seconds":-1}`:                   "it took -1 seconds",
		`{"seconds":1e300}`:                "it took 1e+300 seconds",
		`{"skipped":5}`:                    "5 of 4 iterations were left out",
		`{"skipped":-1}`:                   "-1 of 4 iterations",
		`{"skipped_in_a_row":1}`:           "0 of 4 iterations were left out, and 1 in a row",
		`{"backs":6}`:                      "it went back 6 times",
		`{"backs":-1}`:                     "it went back -1 times",
		`{"back_to":11}`:                   "to iteration 11",
		`{"lr_scale":-0.5}`:                "its rate is multiplied by -0.5",
		`{"lr_scale":2}`:                   "its rate is multiplied by 2",
		`{"averages":{"\u001b[2J":"NaN"}}`: `the name \x1b[2J does not print`,
		`{"averages":{"x":"NaN"}}`:         `its average of x is NaN`,
		`{"averages":{` + strings.Repeat(`"x":1,`, 64) + `"y":1}}`: "", // the same name 64 times
		`{"averages":{` + names(65) + `}}`:                         "averages of 65 losses",
		`{"best":{"metric":"AP","value":1}}`:                       "it was best with a AP of 1",
		`{"best":{"metric":"top1","value":-1}}`:                    "it was best with a top1 of -1",
		`{"best":{"metric":"top1","value":1,"iteration":11}}`:      "at iteration 11",
	} {
		if body, ok := strings.CutPrefix(text, "{"); ok && !strings.Contains(text, `"iteration":4.5`) && !strings.HasPrefix(body, `"iteration"`) {
			text = `{"iteration":4,` + body
		}
		c, at := saved(text)
		_, err := readProgress(c, at, 10)
		if want == "" {
			if err != nil {
				t.Errorf("%s: %v", text, err)
			}
			continue
		}
		inputtest.Clear(t, err, want)
	}
	c, at := saved(`{"iteration":4}`)
	at.Last = true
	_, err := readProgress(c, at, 10)
	inputtest.Clear(t, err, "it stands at iteration 4, and the step ends with 10")
	c.Meta["step"] = "2\n"
	_, err = readProgress(c, at, 4)
	inputtest.Clear(t, err, `it is one of step 2\n, and not of 1`)
}

// names are n losses in JSON.
func names(n int) string {
	v := run.Values{}
	for i := range n {
		v[strings.Repeat("x", i+1)] = 0
	}
	text, _ := v.MarshalJSON()
	return strings.Trim(string(text), "{}")
}

// TestForeignCheckpointsAreRefused resumes a run from a checkpoint that is whole,
// and not what the step would have written: it is refused, and once it is removed
// the run begins with the one before.
func TestForeignCheckpointsAreRefused(t *testing.T) {
	images, runs := filepath.Join(t.TempDir(), "images"), t.TempDir()
	cfg := tiny(t, images, "supernet-pretrain.checkpoint_every=2")
	ctx, stop := context.WithCancelCause(context.Background())
	defer stop(nil)
	var from []int
	watch := func(e run.Event) {
		switch e := e.(type) {
		case run.StepStarted:
			from = append(from, e.Iteration)
		case run.CheckpointWritten:
			if e.Iteration == 4 {
				stop(errors.New("by the test"))
			}
		}
	}
	opts := Options{From: 1, To: 1, Watch: watch}
	if _, err := do(t, ctx, cfg, runs, "r", opts); !errors.Is(err, ErrStopped) {
		t.Fatal(err)
	}
	f, err := run.Find(runs, "r")
	if err != nil {
		t.Fatal(err)
	}
	path := f.CheckpointPath(1, 4)
	for want, change := range map[string]func(c *run.Checkpoint){
		"it stands at iteration 1000000, and the step ends with": func(c *run.Checkpoint) {
			c.Meta["progress"] = `{"iteration":1000000}`
		},
		"the network has no other": func(c *run.Checkpoint) {
			c.Tensors = append(c.Tensors, run.NamedArray{Name: "other", DType: run.F32, Shape: []int64{0}})
		},
		"has another shape: [0]":    func(c *run.Checkpoint) { c.Tensors[0].Shape, c.Tensors[0].Data = []int64{0}, nil },
		"is missing":                func(c *run.Checkpoint) { c.Tensors[0].Name = "other" },
		"the optimiser's state":     func(c *run.Checkpoint) { c.Tensors[len(c.Tensors)-1].Name = "other" },
		"written with other settin": func(c *run.Checkpoint) { c.Meta["config_hash"] = "\x1b[2J" },
	} {
		c, err := run.ReadCheckpoint(path)
		if err != nil {
			t.Fatal(err)
		}
		good, err := run.ReadCheckpoint(path)
		if err != nil {
			t.Fatal(err)
		}
		change(c)
		if err := c.Write(path); err != nil {
			t.Fatal(err)
		}
		_, err = do(t, context.Background(), cfg, runs, "r", opts)
		inputtest.Clear(t, err, path, want)
		if err := good.Write(path); err != nil {
			t.Fatal(err)
		}
	}
	from = nil
	if _, err := do(t, context.Background(), cfg, runs, "r", opts); err != nil || len(from) != 1 || from[0] != 4 {
		t.Errorf("the run goes on from %v, %v", from, err)
	}
}

// FuzzProgress wants of a checkpoint's progress one that a step may go on from,
// or one clear error.
func FuzzProgress(f *testing.F) {
	f.Add(`{"iteration":4,"averages":{"loss":1},"seconds":1.5,"best":{"metric":"top1","value":0.5,"iteration":2}}`, 4, 10, false)
	f.Add(`{"iteration":10,"skipped":10,"skipped_in_a_row":10,"backs":5,"back_to":9,"lr_scale":0.5}`, 0, 10, true)
	f.Add(`{"iteration":-9223372036854775808,"lr_scale":1e999}`, -1, 0, false)
	f.Add(`{"iteration":1,"averages":{"\u001b[2J":"NaN"}}`, 1, 1, false)
	f.Fuzz(func(t *testing.T, text string, name, length int, last bool) {
		c, at := saved(text)
		at.Iteration, at.Last = name, last
		p, err := readProgress(c, at, length)
		if err != nil {
			inputtest.Clear(t, err)
			return
		}
		if p.Iteration < 0 || p.Iteration > int64(length) || p.scaled(1) > 1 || p.scaled(1) < 0 || math.IsNaN(p.scaled(1)) {
			t.Errorf("%+v", p)
		}
		if _, err := json.Marshal(p); err != nil {
			t.Error(err)
		}
	})
}
