package engine

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"detnas/core/config"
	"detnas/core/nn"
	"detnas/core/run"
	"detnas/core/tensor"
	"detnas/core/train"
)

// Rates at which the tiny preset diverges within ten iterations: the loss grows
// by orders of magnitude with each, so that it does so on any machine.
const (
	diverging1 = "supernet-pretrain.lr=100"
	diverging2 = "supernet-finetune.lr=1000"
)

// What is told against NaN is not what the step has tried in vain.
func TestCureForDivergence(t *testing.T) {
	for _, tt := range []struct {
		policy      string
		clip        float64
		want, never string
	}{
		{config.OnNaNStop, 0, "set s.clip_grad, or have s.on_nan skip or go back, and resume", "lower s.clip_grad"},
		{config.OnNaNSkip, 0, "set s.clip_grad, or have s.on_nan go back, and resume", "on_nan skip"},
		{config.OnNaNBack, 5, "lower s.clip_grad, and resume the run; where its checkpoint is spoilt already, do the step anew (--from s)", "on_nan"},
	} {
		err := steadier("s", &config.Train{LR: 0.1, OnNaN: tt.policy, ClipGrad: tt.clip}, train.ErrNotFinite)
		if text := err.Error(); !strings.Contains(text, tt.want) || strings.Contains(text, tt.never) || !strings.Contains(text, "lower s.lr (--set s.lr=0.05)") {
			t.Errorf("%s: %s", tt.policy, text)
		}
		if !errors.Is(err, train.ErrNotFinite) || !slices.Equal(cureOf(fmt.Errorf("step 1: %w", err)), []string{"s.lr=0.05"}) {
			t.Errorf("%s: the cure is %v", tt.policy, cureOf(err))
		}
	}
	if cureOf(train.ErrNotFinite) != nil {
		t.Error("a cure for what has none")
	}
}

// A training that diverges ends the run with cause and cure, and saves nothing of
// the iteration that it diverged in.
func TestDivergingStopsTheRun(t *testing.T) {
	images, runs, ctx := filepath.Join(t.TempDir(), "images"), t.TempDir(), context.Background()
	for step, sets := range map[int][]string{
		1: {diverging1, "supernet-pretrain.checkpoint_every=2"},
		2: {diverging2, "supernet-finetune.checkpoint_every=2", "supernet-finetune.clip_grad=0.0", "supernet-pretrain.iterations=2"},
	} {
		name := config.StepName(step)
		_, err := do(t, ctx, tiny(t, images, sets...), runs, name, Options{From: 1, To: step})
		if !errors.Is(err, train.ErrNotFinite) {
			t.Fatalf("step %d: %v; want that it diverges", step, err)
		}
		for _, words := range []string{"training has diverged", "lower " + name + ".lr", "resume"} {
			if !strings.Contains(err.Error(), words) {
				t.Errorf("%v\ndoes not say %q", err, words)
			}
		}
		f := folder(t, runs, name)
		status, err := f.Status()
		if want := []string{fmt.Sprintf("%s.lr=%d", name, map[int]int{1: 50, 2: 500}[step])}; err != nil || !slices.Equal(status.Cure, want) {
			t.Errorf("step %d: resumes with %v, want %v (%v)", step, status.Cure, want, err)
		}
		all, err := f.Saved(step)
		if err != nil || len(all) == 0 {
			t.Errorf("step %d: %d checkpoints (%v)", step, len(all), err)
		}
		for _, c := range all {
			if c.Last || c.Iteration%2 != 0 {
				t.Errorf("there is %s, which was not due", c.Path)
			}
			finite(t, c.Path)
		}
		if err := f.Unlock(); err != nil {
			t.Fatal(err)
		}
	}
}

// finite makes sure that a checkpoint holds numbers.
func finite(t *testing.T, path string) {
	t.Helper()
	c, err := run.ReadCheckpoint(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range c.Tensors {
		for i := 0; i < len(a.Data); i += 4 {
			v := float64(math.Float32frombits(binary.LittleEndian.Uint32(a.Data[i:])))
			if math.IsNaN(v) || math.IsInf(v, 0) {
				t.Errorf("%s: %s holds %v", path, a.Name, v)
				break
			}
		}
	}
}

// Weights and statistics that are not finite are never saved.
func TestNaNIsNotSaved(t *testing.T) {
	f := folder(t, t.TempDir(), "nan")
	defer f.Unlock() //nolint:errcheck // the test ends here
	e := &engine{cfg: tiny(t, t.TempDir()), folder: f}
	err := tensor.OnThread(1, func() error {
		for _, name := range []string{"bn.weight", "bn.running_var"} {
			st := nn.NewStore(tensor.CPU, 1)
			defer st.Free()
			nn.NewBatchNorm(st.Root().At("bn"), 3, 0)
			if err := st.Get(name).Fill(math.Inf(1)); err != nil {
				return err
			}
			err := e.save(training{step: 1, store: st}, progress{Iteration: 4}, true)
			if !errors.Is(err, train.ErrNotFinite) || !strings.Contains(err.Error(), name) {
				t.Errorf("%s: %v", name, err)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(f.LastPath(1)); err == nil {
		t.Error("a checkpoint was written")
	}
}
