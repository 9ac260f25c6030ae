package engine

import (
	"context"
	"encoding/xml"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"detnas/core/config"
	"detnas/core/dataset"
	"detnas/core/run"
)

// drawYOLO draws a set as drawVOC does, of so many images, and writes its labels in
// YOLO's form.
func drawYOLO(t *testing.T, images int) (root string) {
	t.Helper()
	root = filepath.Join(drawVOC(t, map[string]int{"set/all": images}), "set")
	if err := os.Rename(filepath.Join(root, "JPEGImages"), filepath.Join(root, "images")); err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(filepath.Join(root, "Annotations", "*.xml"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(root, "labels"), 0o755); err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var m struct {
			Object []struct {
				Name string `xml:"name"`
				Box  struct {
					X1 float64 `xml:"xmin"`
					Y1 float64 `xml:"ymin"`
					X2 float64 `xml:"xmax"`
					Y2 float64 `xml:"ymax"`
				} `xml:"bndbox"`
			} `xml:"object"`
		}
		if err := xml.Unmarshal(text, &m); err != nil {
			t.Fatal(err)
		}
		var b strings.Builder
		for _, o := range m.Object {
			class := map[string]int{"brick": 0, "slate": 1}[o.Name]
			fmt.Fprintln(&b, class, (o.Box.X1-1+o.Box.X2)/192, (o.Box.Y1-1+o.Box.Y2)/192, (o.Box.X2-o.Box.X1+1)/96, (o.Box.Y2-o.Box.Y1+1)/96)
		}
		name := strings.TrimSuffix(filepath.Base(file), ".xml") + ".txt"
		if err := os.WriteFile(filepath.Join(root, "labels", name), []byte(b.String()), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(root, "data.yaml"), []byte("names: [brick, slate]\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return root
}

// One folder in YOLO's form is parted by the seed: the parts are apart, stand in the
// journal with fingerprints of their own, and are those that `detnas eval` opens. An
// image more is other data, with which the run is not gone on.
func TestRunOnSharesOfYOLO(t *testing.T) {
	if testing.Short() {
		t.Skip("trains networks")
	}
	ctx, root := context.Background(), drawYOLO(t, 20)
	sets := []string{
		"data.detection.format=yolo", "data.detection.train=" + filepath.Join(root, "labels"), "data.detection.names=" + filepath.Join(root, "data.yaml"),
		"data.detection.shares=[0.6,0.2,0.2]", "data.detection.guide=val",
		"supernet-pretrain.iterations=2", "supernet-finetune.iterations=2", "search.images=2", "search.bn_images=2",
	}
	cfg := tiny(t, filepath.Join(t.TempDir(), "images"), sets...)
	if err := cfg.CheckPaths(2, 3); err != nil {
		t.Fatal(err)
	}
	prints := map[string]run.DataPrint{}
	runs := t.TempDir()
	if _, err := do(t, ctx, cfg, runs, "yolo", Options{From: 1, To: 2, Watch: func(e run.Event) {
		switch e := e.(type) {
		case run.StepStarted:
			maps.Copy(prints, e.Data)
		case run.DataProblem:
			t.Errorf("a problem in what was drawn: %+v", e)
		}
	}}); err != nil {
		t.Fatal(err)
	}
	train, val := prints["data.detection.train"], prints["data.detection.val"]
	if train.Images != 12 || val.Images != 4 || train.Digest == val.Digest {
		t.Errorf("train is %+v, val %+v", train, val)
	}
	set, _, err := cfg.Data.Detection.Open("val", config.SplitOptions{Seed: cfg.Seed, Policy: dataset.PolicyRefuse})
	if err != nil || set.Fingerprint().Digest != val.Digest {
		t.Errorf("val is another set when it is opened for itself: %v", err)
	}
	more := []string{filepath.Join(root, "images", "all_000099.png"), filepath.Join(root, "labels", "all_000099.txt")}
	for _, file := range more {
		if err := os.Link(strings.Replace(file, "000099", "000000", 1), file); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := do(t, ctx, cfg, runs, "yolo", Options{From: 1, To: 3}); err == nil || !strings.Contains(err.Error(), "data.detection.train") || !strings.Contains(err.Error(), "it has 13 images, and had 12") {
		t.Errorf("other data: %v", err)
	}
	for _, file := range more {
		if err := os.Remove(file); err != nil {
			t.Fatal(err)
		}
	}
	if r, err := do(t, ctx, cfg, runs, "yolo", Options{From: 1, To: 3}); err != nil || r.Search.Evaluated == 0 {
		t.Errorf("with the data that was there: %v, %+v", err, r.Search)
	}
}
