package main

import (
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"testing"

	"detnas/core/run"
	"detnas/detector/cocoeval"
)

// What predict finds on the images of the final figures has the run's own figures.
func TestPredictFindsWhatTheRunMeasured(t *testing.T) {
	f := faults(t)
	f.start("once", "--set", "detector.test.score_thr=0.01").succeed()
	set := filepath.Join(f.dir, "images", "detection")
	out := filepath.Join(f.dir, "found")
	predict := func(args ...string) *process { return detnas(t, f.dir, append([]string{"predict"}, args...)...) }
	predict("once", filepath.Join(set, "images", "test"), "-o", out, "--batch", "8", "--device", "cpu").succeed()

	gt, err := cocoeval.ReadGroundTruth(filepath.Join(set, "test.json"))
	if err != nil {
		t.Fatal(err)
	}
	found := detections(t, out, names(t, filepath.Join(set, "test.json")))
	got, err := cocoeval.Evaluate(gt, found, cocoeval.Options{})
	if err != nil {
		t.Fatal(err)
	}
	folder, err := run.Find(filepath.Join(f.dir, "runs"), "once")
	if err != nil {
		t.Fatal(err)
	}
	r, err := folder.ReadResult()
	if err != nil {
		t.Fatal(err)
	}
	for name, v := range map[string]float64{"AP": got.AP, "AP50": got.AP50, "AR100": got.AR100} {
		if math.Abs(v-r.Final[name]) > 1e-9 || r.Final["AR100"] <= 0 {
			t.Errorf("%s is %v, the run has %v", name, v, r.Final[name])
		}
	}
	if pictures, err := os.ReadDir(filepath.Join(out, "pictures")); err != nil || len(pictures) != 8 {
		t.Errorf("%d pictures, %v", len(pictures), err)
	}

	var figures map[string]json.RawMessage
	text := detnas(t, f.dir, "eval", "once", "--device", "cpu", "--json", "--curves", filepath.Join(f.dir, "curves")).succeed()
	if err := json.Unmarshal([]byte(text), &figures); err != nil {
		t.Fatalf("%v in %s", err, text)
	}
	for _, name := range []string{"AP", "AP75", "AR100"} {
		var v float64
		if err := json.Unmarshal(figures[name], &v); err != nil || v != r.Final[name] {
			t.Errorf("eval: %s is %v, the run has %v", name, v, r.Final[name])
		}
	}

	images := filepath.Join(set, "images", "test")
	broken := filepath.Join(f.dir, "broken.jpg")
	whole, err := os.ReadFile(filepath.Join(images, "000001.jpg"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(broken, whole[:len(whole)/2], 0o600); err != nil {
		t.Fatal(err)
	}
	steps := filepath.Join(f.dir, "runs", "once", "checkpoints")
	predict("once", images, "-o", out).fail("holds something already")
	predict(filepath.Join(steps, "step-2-last.safetensors"), images, "-o", out+"2").fail("step 2", "supernet-finetune", "step 5")
	predict("once", broken, images, "-o", out+"3", "--no-pictures").fail("1 of 9 images could not be read", "broken.jpg")
	if n := len(detections(t, out+"3", nil)); n == 0 {
		t.Error("the others hold nothing")
	}
}

// names maps the file names of a COCO file to the ids of their images.
func names(t *testing.T, path string) map[string]int {
	t.Helper()
	var file struct {
		Images []struct {
			ID   int
			Name string `json:"file_name"`
		}
	}
	readJSON(t, path, &file)
	ids := map[string]int{}
	for _, im := range file.Images {
		ids[filepath.Base(im.Name)] = im.ID
	}
	return ids
}

// detections reads what predict wrote, with the ids of the images' names where
// those are given.
func detections(t *testing.T, dir string, ids map[string]int) []cocoeval.Detection {
	t.Helper()
	own := map[int]string{}
	for name, id := range names(t, filepath.Join(dir, "images.json")) {
		own[id] = name
	}
	var list []struct {
		Image    int        `json:"image_id"`
		Category int        `json:"category_id"`
		Box      [4]float64 `json:"bbox"`
		Score    float64
	}
	readJSON(t, filepath.Join(dir, "detections.json"), &list)
	var out []cocoeval.Detection
	for _, d := range list {
		if ids != nil {
			d.Image = ids[own[d.Image]]
		}
		out = append(out, cocoeval.Detection{ImageID: d.Image, CategoryID: d.Category, Box: d.Box, Score: d.Score})
	}
	return out
}

func readJSON(t *testing.T, path string, into any) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err == nil {
		err = json.Unmarshal(text, into)
	}
	if err != nil {
		t.Fatalf("%s: %v", path, err)
	}
}
