package engine

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"detnas/core/config"
	"detnas/core/nn"
	"detnas/core/run"
	"detnas/core/tensor"
	"detnas/core/train"
	"detnas/nas"
)

// A run with options of its training steps that keep something from one iteration
// to the next comes, stopped in a step and resumed, to the same bits.
func TestOptionsResumeToTheSameBits(t *testing.T) {
	if testing.Short() {
		t.Skip("trains")
	}
	images := filepath.Join(t.TempDir(), "images")
	for name, tt := range map[string]struct {
		step int
		sets []string
	}{
		"a classifier": {1, []string{"accumulate=2", "ema=0.9", "ema_warmup=3", "warmup=exp", "precision=bf16", "sampling=macs-binned"}},
		"norms":        {2, []string{"init=scratch", "bn_backbone=frozen", "bn_neck=eval", "precision=bf16", "ema=0.5"}},
		"a detector":   {2, []string{"init=scratch", "accumulate=2", "frozen_stages=1", "ema=0.9", "ema_warmup=0", "warmup=constant", "sampling=fair"}},
	} {
		t.Run(name, func(t *testing.T) {
			runs, sets := t.TempDir(), slices.Clone(tt.sets)
			step := []string{"supernet-pretrain.", "supernet-finetune."}[tt.step-1]
			for i := range sets {
				sets[i] = step + sets[i]
			}
			opts := Options{From: tt.step, To: tt.step}
			once, err := do(t, context.Background(), tiny(t, images, sets...), runs, "once", opts)
			if err != nil {
				t.Fatal(err)
			}
			result, weights := outcome(t, once, runs, "once")
			ctx, stop := context.WithCancelCause(context.Background())
			defer stop(nil)
			opts.Watch = func(e run.Event) {
				if e, ok := e.(run.Train); ok && e.Iteration == 5 {
					stop(errors.New("by the test"))
				}
			}
			if _, err := do(t, ctx, tiny(t, images, sets...), runs, "resumed", opts); !errors.Is(err, ErrStopped) {
				t.Fatalf("%v; want it stopped", err)
			}
			opts.Watch = nil
			resumed, err := do(t, context.Background(), tiny(t, images, sets...), runs, "resumed", opts)
			if err != nil {
				t.Fatal(err)
			}
			compare(t, result, weights, resumed, runs, "resumed")
		})
	}
}

// What comes after a step takes its averaged weights: the next step, which here
// leaves all that it is given as it is, and the step's own evaluation.
func TestTheAverageIsTaken(t *testing.T) {
	if testing.Short() {
		t.Skip("trains")
	}
	runs := t.TempDir()
	cfg := tiny(t, filepath.Join(runs, "images"), "supernet-pretrain.ema=0.9", "supernet-pretrain.ema_warmup=0",
		"supernet-finetune.iterations=1", "supernet-finetune.frozen_stages=4")
	r, err := do(t, context.Background(), cfg, runs, "average", Options{From: 1, To: 2})
	if err != nil {
		t.Fatal(err)
	}
	_, weights := outcome(t, r, runs, "average")
	taken := 0
	for name, data := range weights {
		name, first := strings.CutPrefix(name, "step-1-last.safetensors backbone.layers.")
		if !first {
			continue
		}
		second, shared := weights["step-2-last.safetensors backbone.layers."+name]
		switch {
		case shared && second != data:
			t.Errorf("%s of step 2 is not the average of step 1", name)
		case shared && data != weights["step-1-last.safetensors trained.backbone.layers."+name]:
			taken++
		}
	}
	if taken == 0 {
		t.Error("no average differs from what was trained")
	}
}

// What is measured is the average, and what is trained stays.
func TestTheAverageIsMeasured(t *testing.T) {
	err := tensor.OnThread(1, func() error {
		st := nn.NewStore(tensor.CPU, 1)
		defer st.Free()
		w := st.Root().Param("w", true, nn.Const(1), 1)
		average, err := train.NewAverage(st, &config.Train{EMA: .9})
		if err != nil {
			return err
		}
		defer average.Free()
		if err := w.Fill(2); err != nil {
			return err
		}
		boom := errors.New("boom")
		m := training{store: st, average: average, evaluate: func(context.Context) (run.Values, error) {
			v, err := w.Item()
			return run.Values{"w": v}, errors.Join(err, boom)
		}}
		got, err := m.measure(context.Background())
		if !errors.Is(err, boom) || got["w"] != 1 {
			t.Errorf("measured %v (%v), want the average, 1", got, err)
		}
		if v, err := w.Item(); err != nil || v != 2 {
			t.Errorf("the network has %v (%v) after it, want 2", v, err)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// Training moves of each part's BN what the config says, and its convolutions.
func TestBNOfParts(t *testing.T) {
	if testing.Short() {
		t.Skip("trains")
	}
	parts := map[string]string{"backbone": "backbone.", "neck": "neck.", "head": "roi_head."}
	modes := []string{config.BNTrain, config.BNEval, config.BNFrozen}
	images := filepath.Join(t.TempDir(), "images")
	for turn := range modes {
		sets, of, i := []string{"supernet-finetune.init=scratch", "detector.roi.convs=1"}, map[string]string{}, turn
		for _, part := range slices.Sorted(maps.Keys(parts)) {
			of[part] = modes[i%len(modes)]
			sets = append(sets, "supernet-finetune.bn_"+part+"="+of[part])
			i++
		}
		runs, cfg := t.TempDir(), tiny(t, images, sets...)
		r, err := do(t, context.Background(), cfg, runs, "norms", Options{From: 2, To: 2})
		if err != nil {
			t.Fatal(err)
		}
		_, weights := outcome(t, r, runs, "norms")
		moved := map[string]int{} // of part and kind
		err = tensor.OnThread(1, func() error {
			e := &engine{cfg: cfg, device: tensor.CPU}
			d, err := e.newDetector(config.StepSupernetFinetune, cfg.Data.Shapes.Classes, nil)
			if err != nil {
				return err
			}
			defer d.store.Free()
			arrays, err := d.store.Export()
			for _, a := range arrays {
				now, ok := weights["step-2-last.safetensors "+a.Name]
				if !ok {
					t.Errorf("%s is not in the checkpoint", a.Name)
				}
				for part, prefix := range parts {
					if strings.HasPrefix(a.Name, prefix) && now != string(a.Data) {
						moved[part+" "+kindOf(a.Name)]++
					}
				}
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		for part, mode := range of {
			for kind, want := range map[string]bool{
				"statistics": mode == config.BNTrain, "affine": mode != config.BNFrozen, "other": true,
			} {
				if got := moved[part+" "+kind]; (got > 0) != want {
					t.Errorf("bn_%s = %q: %d of its %s have moved", part, mode, got, kind)
				}
			}
		}
	}
}

// kindOf is what a tensor is to its layer.
func kindOf(name string) string {
	switch {
	case strings.Contains(name, "bn.running_"):
		return "statistics"
	case strings.Contains(name, "bn."):
		return "affine"
	}
	return "other"
}

// Bins lie where the config says, or else where the search looks and paths are, and
// the journal says so.
func TestBinsOfPaths(t *testing.T) {
	engineOf := func(sets ...string) (*engine, nas.Space) {
		sets = append(sets, "supernet-pretrain.sampling=macs-binned", "search.constraint.count=conv_macs")
		e := &engine{cfg: tiny(t, t.TempDir(), sets...)}
		space, err := e.cfg.Space.NAS(1)
		if err != nil {
			t.Fatal(err)
		}
		return e, space
	}
	e, space := engineOf("search.constraint.max=0")
	whole, err := e.bins(1, space)
	if err != nil || whole.N != 7 || whole.Min <= 0 || whole.Max <= whole.Min {
		t.Fatalf("bins %+v (%v)", whole, err)
	}
	middle := (whole.Min + whole.Max) / 2
	e, _ = engineOf(fmt.Sprintf("search.constraint.max=%d", middle), "supernet-pretrain.sampling_bins=3")
	if b, err := e.bins(1, space); err != nil || b.Min != whole.Min || b.Max != middle+1 || b.N != 3 {
		t.Errorf("bins %+v (%v) within the constraint's %d", b, err, middle)
	}
	e, _ = engineOf(fmt.Sprintf("supernet-pretrain.sampling_bounds=[1000, %d]", middle))
	if got, want := e.sampled(1), fmt.Sprintf("macs-binned: 7 bins of conv_macs from 1000 to %d", middle); got != want {
		t.Errorf("the journal says %q, want %q", got, want)
	}
	if got := e.sampled(2); got != "" {
		t.Errorf("of uniform paths the journal says %q", got)
	}
	e, _ = engineOf("search.constraint.max=1")
	if _, err := e.bins(1, space); err == nil || !strings.Contains(err.Error(), "supernet-pretrain.sampling_bounds: ") {
		t.Errorf("bins below all paths: %v", err)
	}
	for _, bounds := range []string{"[100, 200]", "[1000000000, 2000000000]"} {
		e, _ = engineOf("supernet-pretrain.sampling_bounds=" + bounds)
		if err := e.pathsThere(1); err == nil || !strings.Contains(err.Error(), "supernet-pretrain.sampling_bounds: no path has from ") || !strings.Contains(err.Error(), "those of the space have from") {
			t.Errorf("bins where no path lies: %v", err)
		}
		if err := e.pathsThere(2); err != nil {
			t.Errorf("of uniform paths: %v", err)
		}
	}
}
