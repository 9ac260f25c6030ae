package engine

import (
	"context"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"detnas/core/config"
	"detnas/core/run"
)

// A supernet that was trained on what guides a search is told as such when another
// supernet has started from it, and so on.
func TestALeakIsCarriedOn(t *testing.T) {
	if testing.Short() {
		t.Skip("trains networks")
	}
	images, runs, ctx := filepath.Join(t.TempDir(), "images"), t.TempDir(), context.Background()
	checkpoint := func(name, step string) string {
		return filepath.Join(runs, name, "checkpoints", "step-"+step+"-last.safetensors")
	}
	bare := func(name, step string, keep func(name string) bool) string { // as another program writes it
		t.Helper()
		c, err := run.ReadCheckpoint(checkpoint(name, step))
		if err != nil {
			t.Fatal(err)
		}
		foreign := &run.Checkpoint{Meta: map[string]string{}}
		for _, a := range c.Tensors {
			if keep(a.Name) {
				foreign.Tensors = append(foreign.Tensors, a)
			}
		}
		path := filepath.Join(t.TempDir(), "step-"+step+"-of-another.safetensors")
		if err := foreign.Write(path); err != nil {
			t.Fatal(err)
		}
		return path
	}
	all := func(string) bool { return true }
	sets := append(quick("random"), "search.population=2", "search.generations=1", "search.parents=1", "search.mutations=0", "search.crossovers=0")
	var warned []string
	steps := func(name string, from, to int, more ...string) error {
		t.Helper()
		warned = nil
		_, err := do(t, ctx, tiny(t, images, append(append([]string{}, sets...), more...)...), runs, name, Options{From: from, To: to, Watch: func(ev run.Event) {
			if w, ok := ev.(run.Warning); ok {
				warned = append(warned, w.What)
			}
		}})
		return err
	}
	refused := func(name string, from int, want string, more ...string) {
		t.Helper()
		err := steps(name, from, 3, more...)
		if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "or set data.detection.allow_shared_split = true") {
			t.Errorf("%s: %v; want %q", name, err, want)
		}
		if _, err := run.ReadCheckpoint(checkpoint(name, "2")); err == nil {
			t.Errorf("%s: step 2 was trained", name)
		}
	}

	if err := steps("seen", 1, 2, "data.detection.guide=val", "data.detection.allow_shared_split=true"); err != nil {
		t.Fatal(err)
	}
	from := "supernet-finetune.load_from=" + checkpoint("seen", "2")
	refused("one-hop", 2, "supernet-finetune.load_from: checkpoint "+checkpoint("seen", "2")+": it was trained on 32 images", from)
	refused("by-step-1", 1, "supernet-pretrain.load_from: checkpoint "+checkpoint("seen", "2")+": it was trained on 32 images",
		"supernet-pretrain.load_from="+checkpoint("seen", "2"))
	refused("foreign-detector", 2, "does not say which images it was trained on", "supernet-finetune.load_from="+bare("seen", "2", all))

	if err := steps("not-searched", 2, 2, from); err != nil {
		t.Fatal(err)
	}
	if len(warned) != 1 || !strings.Contains(warned[0], "a search on its supernet is refused without data.detection.allow_shared_split") {
		t.Errorf("warnings %q", warned)
	}
	refused("two-hops", 3, "search.load_from: checkpoint "+checkpoint("not-searched", "2")+": it was trained on 32 images", "search.load_from="+checkpoint("not-searched", "2"))
	if err := steps("not-searched", 3, 3, from); err == nil || !strings.Contains(err.Error(), "the supernet of step 2 (supernet-finetune): it was trained on 32 images") {
		t.Errorf("going on with a search: %v", err)
	}
	if err := steps("let", 2, 3, from, "data.detection.allow_shared_split=true"); err != nil {
		t.Error(err)
	}
	if len(warned) != 2 || !strings.Contains(warned[0], "supernet-finetune.load_from") || !strings.Contains(warned[1], "the supernet of step 2") {
		t.Errorf("warnings %q", warned)
	}

	// A classifier of another program has seen no boxes.
	if err := steps("pretrained", 2, 3, "supernet-finetune.load_from="+bare("seen", "1", all)); err != nil || len(warned) > 0 {
		t.Errorf("a classifier: %v, warnings %q", err, warned)
	}
	backbone := func(name string) bool {
		return strings.HasPrefix(name, backbonePrefix) && !strings.HasPrefix(name, "backbone.layers.4")
	}
	if err := steps("backbone", 2, 3, "supernet-finetune.load_from="+bare("seen", "2", backbone)); err != nil || len(warned) != 1 || !strings.Contains(warned[0], "is a backbone alone") {
		t.Errorf("a backbone: %v, warnings %q", err, warned)
	}
}

// TestPastOfAFile reads what files of several kinds say of the images.
func TestPastOfAFile(t *testing.T) {
	was := run.DataPrint{Images: 3, Boxes: 4, Digest: "ab"}
	cfg, err := config.Load("tiny", nil)
	if err != nil {
		t.Fatal(err)
	}
	started, err := config.Load("tiny", []string{"supernet-finetune.load_from=x"})
	if err != nil {
		t.Fatal(err)
	}
	const old = `{"images":3,"boxes":4,"digest":"ab"}`
	both, none := []string{"backbone.conv1.weight", "neck.x.weight"}, []string{"backbone.conv1.weight", "head.weight"}
	for name, tc := range map[string]struct {
		meta  map[string]string
		names []string
		want  past
	}{
		"a classifier of another program": {nil, none, past{UnknownClassification: []string{"f"}}},
		"a detector of another program":   {nil, both, past{UnknownClassification: []string{"f"}, UnknownDetection: []string{"f"}}},
		"its names with a prefix":         {nil, []string{"architecture.model.neck.x"}, past{UnknownClassification: []string{"f"}, UnknownDetection: []string{"f"}}},
		"from scratch":                    {map[string]string{trainedKey: "{}"}, both, past{}},
		"ours": {
			map[string]string{trainedKey: `{"detection":[` + old + `],"unknown_classification":["g"]}`},
			both,
			past{Detection: []run.DataPrint{was}, UnknownClassification: []string{"g"}},
		},
		"of an earlier version": {
			map[string]string{trainedKey: old, "step": "2", run.MetaConfig: cfg.Resolved()},
			both,
			past{Detection: []run.DataPrint{was}, UnknownClassification: []string{"f"}},
		},
		"of an earlier version, started from a file": {
			map[string]string{trainedKey: old, "step": "2", run.MetaConfig: started.Resolved()},
			both,
			past{Detection: []run.DataPrint{was}, UnknownClassification: []string{"f"}, UnknownDetection: []string{"f"}},
		},
		"of an earlier version, the step before": {
			map[string]string{trainedKey: old, "step": "1", run.MetaConfig: started.Resolved()},
			none,
			past{Classification: []run.DataPrint{was}},
		},
	} {
		got, err := pastOf(tc.meta, tc.names, "f")
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if d := cmp.Diff(tc.want, got, cmp.AllowUnexported(past{})); d != "" {
			t.Errorf("%s (-want +got):\n%s", name, d)
		}
		text, err := got.encoded()
		if err != nil {
			t.Fatal(err)
		}
		if again, err := pastOf(map[string]string{trainedKey: text}, tc.names, "h"); err != nil || !cmp.Equal(got, again, cmp.AllowUnexported(past{})) {
			t.Errorf("%s: written and read it is %+v, %v", name, again, err)
		}
	}
	if _, err := pastOf(map[string]string{trainedKey: "["}, none, "f"); err == nil {
		t.Error("a past that is no JSON is taken")
	}
}
