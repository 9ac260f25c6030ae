package engine

import (
	"context"
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"detnas/core/run"
)

// A search on the supernet of another run finds what the search in that run finds,
// and refuses a supernet that may have been trained on what guides it.
func TestSearchOnASupernetFromElsewhere(t *testing.T) {
	if testing.Short() {
		t.Skip("trains networks")
	}
	images, runs, ctx := filepath.Join(t.TempDir(), "images"), t.TempDir(), context.Background()
	sets := quick("random")
	here, err := do(t, ctx, tiny(t, images, sets...), runs, "whole", Options{From: 1, To: 3})
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(runs, "whole", "checkpoints", "step-2-last.safetensors")
	with := func(more ...string) []string {
		return append(append([]string{"search.load_from=" + path}, sets...), more...)
	}

	var warned []string
	watch := func(e run.Event) {
		switch e := e.(type) {
		case run.StepStarted:
			if e.Step < 3 {
				t.Errorf("step %d was done", e.Step)
			}
		case run.Warning:
			warned = append(warned, e.What)
		}
	}
	loaded, err := do(t, ctx, tiny(t, images, with()...), runs, "loaded", Options{From: 1, To: 3, Watch: watch})
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(here.Search, loaded.Search); d != "" {
		t.Errorf("the search on a loaded supernet (-in its run +elsewhere):\n%s", d)
	}
	again, err := do(t, ctx, tiny(t, images, with("supernet-finetune.bn_backbone=frozen", "supernet-finetune.bn_neck=frozen", "supernet-finetune.frozen_stages=2")...),
		runs, "its-bn", Options{From: 3, To: 3})
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(here.Search, again.Search); d != "" {
		t.Errorf("where this config has another BN for step 2 than that one (-in its run +elsewhere):\n%s", d)
	}
	if len(warned) != 2 || !strings.Contains(warned[1], "step 2 (supernet-finetune) is left out") {
		t.Errorf("warnings %q", warned)
	}

	for name, tc := range map[string]struct {
		sets []string
		want string
	}{
		"seed":     {[]string{"seed=1", "data.shapes.dir=" + images + "-of-seed-1"}, "may have been trained on; take a supernet of the same data, seed and data.detection.hold_out"},
		"hold-out": {[]string{"data.detection.hold_out=0.4"}, "may have been trained on"},
		"step":     {[]string{"search.load_from=" + strings.Replace(path, "step-2", "step-1", 1)}, "it is of step 1 (supernet-pretrain)"},
		"layout":   {[]string{"space.layout=official"}, "mmrazor layout"},
		"kind":     {[]string{"detector.kind=retinanet"}, `trained with detector.kind = "faster-rcnn", which is "retinanet" here; another network`},
		"mean":     {[]string{"data.mean=[1.0, 2.0, 3.0]"}, "which is [1.0, 2.0, 3.0] here"},
		"stds":     {[]string{"detector.roi.stds=[0.2, 0.2, 0.2, 0.2]", "detector.rpn.ratios=[0.7, 1.0, 2.0]"}, "trained with detector.rpn.ratios = [0.5, 1.0, 2.0], which is [0.7, 1.0, 2.0] here, detector.roi.stds = "},
		"test":     {[]string{"detector.test.score_thr=0.3"}, "detector.test.score_thr"},
		"missing":  {[]string{"search.load_from=" + path + "x"}, "no such file"},
	} {
		_, err := do(t, ctx, tiny(t, images, with(tc.sets...)...), runs, "refused-"+name, Options{From: 3, To: 3})
		if err == nil || !strings.Contains(err.Error(), tc.want) || !strings.Contains(err.Error(), "search.load_from: ") {
			t.Errorf("%s: %v; want %q", name, err, tc.want)
		}
	}
	warned = nil
	if _, err := do(t, ctx, tiny(t, images, with("data.detection.hold_out=0.4", "data.detection.allow_shared_split=true")...), runs, "shared",
		Options{From: 3, To: 3, Watch: watch}); err != nil {
		t.Error(err)
	}
	if !strings.Contains(strings.Join(warned, "\n"), "may have been trained on, as data.detection.allow_shared_split lets them") {
		t.Errorf("warnings %q", warned)
	}

	t.Run("replaced", func(t *testing.T) { // while the search was stopped
		stop, cancel := context.WithCancel(ctx)
		other := filepath.Join(t.TempDir(), "supernet.safetensors")
		copyFile(t, path, other)
		cfg := tiny(t, images, with("search.load_from="+other)...)
		_, err := do(t, stop, cfg, runs, "replaced", Options{From: 3, To: 3, Watch: func(e run.Event) {
			if c, ok := e.(run.Candidate); ok && c.Index == 2 {
				cancel()
			}
		}})
		cancel()
		if !errors.Is(err, ErrStopped) {
			t.Fatal(err)
		}
		c, err := run.ReadCheckpoint(path)
		if err != nil {
			t.Fatal(err)
		}
		c.Tensors[0].Data[0] ^= 1
		for key := range c.Meta {
			if strings.HasPrefix(key, "detnas.") { // the checksum
				delete(c.Meta, key)
			}
		}
		if err := c.Write(other); err != nil {
			t.Fatal(err)
		}
		_, err = do(t, ctx, cfg, runs, "replaced", Options{From: 3, To: 3})
		if err == nil || !strings.Contains(err.Error(), "the checkpoint was replaced by another") || !strings.Contains(err.Error(), "search anew") {
			t.Errorf("error %v", err)
		}
	})

	t.Run("of an earlier version", func(t *testing.T) {
		c, err := run.ReadCheckpoint(path)
		if err != nil {
			t.Fatal(err)
		}
		delete(c.Meta, trainedKey)
		old := filepath.Join(t.TempDir(), "old.safetensors")
		if err := c.Write(old); err != nil {
			t.Fatal(err)
		}
		_, err = do(t, ctx, tiny(t, images, with("search.load_from="+old)...), runs, "old", Options{From: 3, To: 3})
		if err == nil || !strings.Contains(err.Error(), "another program or an earlier version wrote it") || !strings.Contains(err.Error(), "train it anew with this version") {
			t.Errorf("error %v", err)
		}
	})
}
