package engine

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"detnas/core/run"
)

// A run writes TensorBoard's files where its config asks for them, and comes to the
// same end where it cannot write them, with one warning.
func TestTensorBoard(t *testing.T) {
	if testing.Short() {
		t.Skip("trains networks")
	}
	runs := t.TempDir()
	cfg := tiny(t, filepath.Join(t.TempDir(), "images"), "tensorboard=true",
		"supernet-pretrain.iterations=2", "supernet-finetune.iterations=2", "search.images=2", "search.bn_images=2")
	weights := map[string]map[string]string{}
	for _, name := range []string{"written", "refused"} {
		f, err := run.Create(runs, name)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(f.Config(), []byte(cfg.Resolved()), 0o600); err != nil {
			t.Fatal(err)
		}
		if name == "refused" {
			if err := os.WriteFile(filepath.Join(runs, name, "tensorboard"), nil, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		var warned []string
		r, err := Run(context.Background(), cfg, f, Options{From: 1, To: 3, Watch: func(e run.Event) {
			if w, ok := e.(run.Warning); ok && strings.Contains(w.What, "TensorBoard") {
				warned = append(warned, w.What)
			}
		}})
		if err != nil {
			t.Fatal(err)
		}
		if err := f.Unlock(); err != nil {
			t.Fatal(err)
		}
		if want := map[string]int{"refused": 1}[name]; len(warned) != want {
			t.Errorf("%s: warnings %q", name, warned)
		}
		_, weights[name] = outcome(t, r, runs, name)
	}
	for key, sum := range weights["written"] {
		if weights["refused"][key] != sum {
			t.Errorf("%s differs", key)
		}
	}
	for _, folder := range []string{".", "1-supernet-pretrain", "2-supernet-finetune", "3-search"} {
		files, err := filepath.Glob(filepath.Join(runs, "written", "tensorboard", folder, "events.out.tfevents.*"))
		if err != nil || len(files) != 1 {
			t.Errorf("%s: %v, %v", folder, files, err)
			continue
		}
		if info, err := os.Stat(files[0]); err != nil || info.Size() < 200 {
			t.Errorf("%s: %v, %v", files[0], info, err)
		}
	}
}
