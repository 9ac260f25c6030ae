package engine

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"detnas/core/config"
	"detnas/core/ranks"
	"detnas/core/run"
	"detnas/core/tensor"
	"detnas/nas"
)

// tiny loads the preset that runs in seconds, its images kept between the runs
// of a test.
func tiny(t *testing.T, images string, sets ...string) *config.Config {
	t.Helper()
	cfg, err := config.Load("tiny", append([]string{"data.shapes.dir=" + images, "device=cpu", "search.reuse=false"}, sets...))
	if err != nil {
		t.Fatal(err)
	}
	return cfg
}

// folder makes a run's folder, or locks the one that is there.
func folder(t *testing.T, runs, name string) *run.Folder {
	t.Helper()
	if f, err := run.Find(runs, name); err == nil {
		if err := f.Lock(); err != nil {
			t.Fatal(err)
		}
		return f
	}
	f, err := run.Create(runs, name)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// do runs cfg in a folder and lets go of it.
func do(t *testing.T, ctx context.Context, cfg *config.Config, runs, name string, opts Options) (run.Result, error) {
	t.Helper()
	f := folder(t, runs, name)
	r, err := Run(ctx, cfg, f, opts)
	if uerr := f.Unlock(); uerr != nil {
		t.Fatal(uerr)
	}
	return r, err
}

// outcome is what two runs with one seed have in common to the bit: the result
// without times and names, and every weight.
func outcome(t *testing.T, r run.Result, runs, name string) (run.Result, map[string]string) {
	t.Helper()
	r.Run = ""
	for i := range r.Steps {
		r.Steps[i].Seconds = 0
	}
	weights := map[string]string{}
	files, err := filepath.Glob(filepath.Join(runs, name, "checkpoints", "*-last.safetensors"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		c, err := run.ReadCheckpoint(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, a := range c.Tensors {
			weights[filepath.Base(file)+" "+a.Name] = string(a.Data)
		}
	}
	return r, weights
}

// kinds are the detectors. What holds for one holds for the other.
func kinds() []string { return []string{config.KindFasterRCNN, config.KindRetinaNet} }

// TestSameSeedSameBits runs the five steps twice, once through and once stopped
// in every step and resumed, and compares the results and all the weights.
func TestSameSeedSameBits(t *testing.T) {
	for _, kind := range kinds() {
		t.Run(kind, func(t *testing.T) { sameSeedSameBits(t, "detector.kind="+kind) })
	}
}

func sameSeedSameBits(t *testing.T, kind string) {
	t.Helper()
	images, runs, ctx := filepath.Join(t.TempDir(), "images"), t.TempDir(), context.Background()
	all := Options{Version: "test", From: 1, To: 5}
	once, err := do(t, ctx, tiny(t, images, kind), runs, "once", all)
	if err != nil {
		t.Fatal(err)
	}
	result, weights := outcome(t, once, runs, "once")
	if len(result.Steps) != 5 || len(weights) == 0 || len(result.Final) != 12 || result.Search.Evaluated == 0 {
		t.Fatalf("the run left %d steps, %d arrays, %d final figures, %d candidates", len(result.Steps), len(weights), len(result.Final), result.Search.Evaluated)
	}

	t.Run("again", func(t *testing.T) {
		again, err := do(t, ctx, tiny(t, images, kind), runs, "again", all)
		if err != nil {
			t.Fatal(err)
		}
		compare(t, result, weights, again, runs, "again")
	})
	t.Run("stopped and resumed", func(t *testing.T) {
		var resumed run.Result
		stops := 0
		for ; ; stops++ {
			if stops > 5 {
				t.Fatal("the run does not come to its end")
			}
			ctx, stop := context.WithCancelCause(ctx)
			step, opts := 0, all
			opts.Watch = func(e run.Event) {
				switch e := e.(type) {
				case run.StepStarted:
					step = e.Step
				case run.Train:
					if step == stops+1 && e.Iteration == 4 {
						stop(errors.New("by the test"))
					}
				case run.Candidate:
					if step == stops+1 && e.Index == 2 {
						stop(errors.New("by the test"))
					}
				}
			}
			resumed, err = do(t, ctx, tiny(t, images, kind), runs, "resumed", opts)
			stop(nil)
			if err == nil {
				break
			}
			if !errors.Is(err, ErrStopped) || !strings.Contains(err.Error(), "--resume") {
				t.Fatalf("stop %d: %v; want ErrStopped and how to go on", stops, err)
			}
		}
		if stops != 5 {
			t.Errorf("stopped %d times, want once in each of the five steps", stops)
		}
		compare(t, result, weights, resumed, runs, "resumed")
	})
	t.Run("another seed", func(t *testing.T) {
		other, err := do(t, ctx, tiny(t, images+"2", kind, "seed=5"), runs, "other", Options{From: 1, To: 1})
		if err != nil {
			t.Fatal(err)
		}
		if cmp.Equal(other.Steps[0].Metrics, result.Steps[0].Metrics) {
			t.Error("seeds 0 and 5 give the same losses")
		}
	})
}

func compare(t *testing.T, result run.Result, weights map[string]string, got run.Result, runs, name string) {
	t.Helper()
	r, w := outcome(t, got, runs, name)
	if d := cmp.Diff(result, r); d != "" {
		t.Errorf("result differs (-once +%s):\n%s", name, d)
	}
	if len(w) != len(weights) {
		t.Errorf("%d arrays in the checkpoints, want %d", len(w), len(weights))
	}
	for k, v := range weights {
		if w[k] != v {
			t.Errorf("%s differs", k)
		}
	}
}

// TestEvalIsCaughtUp stops a run between a checkpoint and the evaluation at the
// same iteration: it is made when the run is resumed, once.
func TestEvalIsCaughtUp(t *testing.T) {
	images, runs := filepath.Join(t.TempDir(), "images"), t.TempDir()
	cfg := tiny(t, images, "supernet-pretrain.checkpoint_every=2", "supernet-pretrain.eval_every=4")
	ctx, stop := context.WithCancelCause(context.Background())
	defer stop(nil)
	evals := map[int]int{} // by iteration
	watch := func(e run.Event) {
		switch e := e.(type) {
		case run.CheckpointWritten:
			if e.Iteration == 4 {
				stop(errors.New("by the test"))
			}
		case run.Eval:
			evals[e.Iteration]++
		}
	}
	if _, err := do(t, ctx, cfg, runs, "stopped", Options{From: 1, To: 1, Watch: watch}); !errors.Is(err, ErrStopped) || len(evals) != 0 {
		t.Fatalf("stopped before its evaluation: %v, with evaluations %v", err, evals)
	}
	if _, err := do(t, context.Background(), cfg, runs, "stopped", Options{From: 1, To: 1, Watch: watch}); err != nil {
		t.Fatal(err)
	}
	if want := map[int]int{4: 1, 8: 1}; !cmp.Equal(evals, want) {
		t.Errorf("evaluations %v, want %v", evals, want)
	}
}

func TestStepsAlone(t *testing.T) {
	images, runs, ctx := filepath.Join(t.TempDir(), "images"), t.TempDir(), context.Background()

	t.Run("a step without its predecessor", func(t *testing.T) {
		_, err := do(t, ctx, tiny(t, images), runs, "two", Options{From: 2, To: 2})
		for _, part := range []string{"step 2", "checkpoint of step 1", "load_from"} {
			if err == nil || !strings.Contains(err.Error(), part) {
				t.Errorf("error %v does not say %q", err, part)
			}
		}
	})
	t.Run("one after the other", func(t *testing.T) {
		for step := 1; step <= 5; step++ {
			if _, err := do(t, ctx, tiny(t, images), runs, "parts", Options{From: step, To: step}); err != nil {
				t.Fatal(err)
			}
		}
		f := folder(t, runs, "parts")
		defer f.Unlock() //nolint:errcheck // the test ends here
		r, err := f.ReadResult()
		if err != nil || len(r.Steps) != 5 || len(r.Final) != 12 {
			t.Errorf("five runs of a step each left %d steps and %d figures (%v)", len(r.Steps), len(r.Final), err)
		}
	})
	t.Run("a step done again drops what rests on it", func(t *testing.T) {
		r, err := do(t, ctx, tiny(t, images), runs, "parts", Options{From: 3, To: 3, Redo: true})
		if err != nil {
			t.Fatal(err)
		}
		if len(r.Steps) != 3 || r.Final != nil {
			t.Errorf("steps %+v and final %v after step 3 was done again; want steps 1 to 3 and none", r.Steps, r.Final)
		}
		f := folder(t, runs, "parts")
		defer f.Unlock() //nolint:errcheck // the test ends here
		s, err := f.Status()
		if err != nil || len(s.Finished) != 3 {
			t.Errorf("the journal says %v are finished (%v), want 1 to 3", s.Finished, err)
		}
	})
	t.Run("a step done again has the later ones done again", func(t *testing.T) {
		trained, candidates := map[int]bool{}, 0
		_, err := do(t, ctx, tiny(t, images), runs, "parts", Options{From: 2, To: 5, Redo: true, Watch: func(e run.Event) {
			switch e := e.(type) {
			case run.Train:
				trained[e.Step] = true
			case run.Candidate:
				candidates++
			}
		}})
		if err != nil {
			t.Fatal(err)
		}
		if want := map[int]bool{2: true, 4: true, 5: true}; !cmp.Equal(trained, want) || candidates != 8 {
			t.Errorf("trained %v and scored %d candidates, want steps 2, 4 and 5 and all 8", trained, candidates)
		}
	})
	t.Run("a result lost in a crash comes back", func(t *testing.T) {
		f := folder(t, runs, "parts")
		want, err := f.ReadResult()
		if err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(os.Remove(f.Result()), f.Unlock()); err != nil {
			t.Fatal(err)
		}
		got, err := do(t, ctx, tiny(t, images), runs, "parts", Options{From: 1, To: 5})
		if d := cmp.Diff(want, got); d != "" || err != nil {
			t.Errorf("the result came back otherwise (%v; -want +got):\n%s", err, d)
		}
	})
	t.Run("a constraint that nothing passes", func(t *testing.T) {
		trained := false
		_, err := do(t, ctx, tiny(t, images, "search.constraint.max=5"), runs, "none", Options{From: 1, To: 5, Watch: func(e run.Event) {
			_, ok := e.(run.Train)
			trained = trained || ok
		}})
		if err == nil || trained || !strings.Contains(err.Error(), "constraint") {
			t.Errorf("error %v, trained before it: %v", err, trained)
		}
	})
	t.Run("weights of another layout", func(t *testing.T) {
		from := filepath.Join(runs, "parts", "checkpoints", "step-1-last.safetensors")
		cfg := tiny(t, images, "space.layout=official", "supernet-finetune.load_from="+from)
		if _, err := do(t, ctx, cfg, runs, "layout", Options{From: 2, To: 2}); err == nil || !strings.Contains(err.Error(), "mmrazor layout") {
			t.Errorf("weights of another layout were taken: %v", err)
		}
	})
	t.Run("a subnet by hand, from another run's weights", func(t *testing.T) {
		cfg := tiny(t, images, "search.subnet=1-2-30-0", "subnet-retrain.iterations=2", "subnet-finetune.iterations=2")
		r, err := do(t, ctx, cfg, runs, "hand", Options{From: 1, To: 5})
		if err != nil {
			t.Fatal(err)
		}
		if r.Subnet != "1-2-30-0" || len(r.Steps) != 3 || r.Search.Evaluated != 0 {
			t.Errorf("subnet %s, steps %+v, %d candidates; want it as given and steps 3 to 5", r.Subnet, r.Steps, r.Search.Evaluated)
		}
		space, err := cfg.Space.NAS(1)
		if err != nil {
			t.Fatal(err)
		}
		if sub, err := nas.LoadSubnet(filepath.Join(runs, "hand", "subnet.yaml"), space); err != nil || sub.Short(space) != r.Subnet {
			t.Errorf("subnet.yaml holds %v (%v)", sub, err)
		}
		from := filepath.Join(runs, "hand", "checkpoints", "step-4-last.safetensors")
		cfg = tiny(t, images, "search.subnet=1-2-30-0", "subnet-finetune.iterations=2", "subnet-finetune.load_from="+from)
		if _, err := do(t, ctx, cfg, runs, "hand2", Options{From: 5, To: 5}); err != nil {
			t.Errorf("step 5 from a checkpoint named in the config: %v", err)
		}
		cfg = tiny(t, images, "search.subnet=0-2-30-0", "subnet-finetune.load_from="+from)
		if _, err := do(t, ctx, cfg, runs, "hand3", Options{From: 5, To: 5}); err == nil || !strings.Contains(err.Error(), "subnet") {
			t.Errorf("the weights of another subnet were taken: %v", err)
		}
	})
	t.Run("other settings", func(t *testing.T) {
		cfg := tiny(t, images, "supernet-pretrain.iterations=6")
		ctx, stop := context.WithCancelCause(ctx)
		_, err := do(t, ctx, cfg, runs, "settings", Options{From: 1, To: 1, Watch: func(e run.Event) {
			if e, ok := e.(run.Train); ok && e.Iteration == 3 {
				stop(errors.New("by the test"))
			}
		}})
		if !errors.Is(err, ErrStopped) {
			t.Fatal(err)
		}
		stop(nil)
		_, err = do(t, context.Background(), tiny(t, images, "supernet-pretrain.iterations=7"), runs, "settings", Options{From: 1, To: 1})
		if err == nil || !strings.Contains(err.Error(), "was changed since") {
			t.Errorf("a run of other settings was taken up: %v", err)
		}
	})
}

func TestBadDataIsRefusedBeforeTraining(t *testing.T) {
	dir := t.TempDir()
	images := filepath.Join(dir, "images")
	if err := os.MkdirAll(images, 0o755); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "train.json")
	text := `{"images":[{"id":1,"file_name":"gone.jpg","width":9,"height":9}],"annotations":[],"categories":[{"id":1,"name":"a"}]}`
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	cfg := tiny(t, filepath.Join(dir, "shapes"), "data.detection.format=coco", "data.detection.train="+file,
		"data.detection.test="+file, "data.detection.allow_shared_split=true")
	trained := false
	_, err := do(t, context.Background(), cfg, t.TempDir(), "bad", Options{From: 1, To: 5, Watch: func(e run.Event) {
		_, ok := e.(run.Train)
		trained = trained || ok
	}})
	if err == nil || !strings.Contains(err.Error(), "train.json") || trained {
		t.Errorf("error %v, trained before it: %v; want the file's name and no training", err, trained)
	}
}

func TestPickDevice(t *testing.T) {
	if _, err := pickDevice("cuda:99", ranks.Place{}); err == nil || !strings.Contains(err.Error(), "cuda:99") {
		t.Errorf("cuda:99: %v", err)
	}
	d, err := pickDevice("cuda", ranks.Place{})
	if n := tensor.Describe().CUDA; n > 0 && (err != nil || d != 0) || n == 0 && (err == nil || !strings.Contains(err.Error(), "device cuda: libtorch sees 0")) {
		t.Errorf("cuda with %d devices: %v, %v", n, d, err)
	}
	if d, err := pickDevice("cpu", ranks.Place{}); err != nil || d.String() != "cpu" {
		t.Errorf("cpu: %v, %v", d, err)
	}
}
