package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"math"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"detnas/core/dataset"
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
	predict("once", filepath.Join(set, "images", "test"), "-o", out, "--device", "cpu").succeed()

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
	nothing := filepath.Join(f.dir, "text.jpg") // has no header, and the link no file
	if err := os.WriteFile(nothing, []byte("no image"), 0o600); err != nil {
		t.Fatal(err)
	}
	link := filepath.Join(f.dir, "link.jpg")
	if err := os.Symlink("/nowhere/at/all", link); err != nil {
		t.Fatal(err)
	}
	predict("once", broken, nothing, broken, images, link, "-o", out+"3", "--no-pictures", "--device", "cpu").
		fail("4 of 12 images could not be read", "broken.jpg: ", "text.jpg: ", "link.jpg: ")
	if n, listed := len(detections(t, out+"3", nil)), names(t, filepath.Join(out+"3", "images.json")); n == 0 || len(listed) != 8 {
		t.Errorf("%d detections on %d images", n, len(listed))
	}
}

// On images of many shapes, which a batch pads to its largest, predict finds what
// eval measures, to the bit: both take the run's batch.
func TestPredictTakesTheRunsBatch(t *testing.T) {
	f := faults(t)
	f.start("once", "--set", "detector.test.score_thr=0.01").succeed()
	dir := filepath.Join(f.dir, "mixed")
	gt := mixedShapes(t, filepath.Join(f.dir, "images", "detection"), dir)
	ids := names(t, gt)
	found := func(out string, args ...string) []cocoeval.Detection {
		out = filepath.Join(f.dir, out)
		detnas(t, f.dir, append([]string{"predict", "once", filepath.Join(dir, "images"), "-o", out, "--no-pictures", "--device", "cpu"}, args...)...).succeed()
		return detections(t, out, ids)
	}
	all, single := found("all"), found("single", "--batch", "1")
	if slices.Equal(all, single) {
		t.Error("the batch makes no difference on these images, so they show nothing")
	}
	truth, err := cocoeval.ReadGroundTruth(gt)
	if err != nil {
		t.Fatal(err)
	}
	want, err := cocoeval.Evaluate(truth, all, cocoeval.Options{})
	if err != nil {
		t.Fatal(err)
	}
	var got cocoeval.Result
	text := detnas(t, f.dir, "eval", "once", "--gt", gt, "--images", filepath.Join(dir, "images"), "--device", "cpu", "--json").succeed()
	if err := json.Unmarshal([]byte(text), &got); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, &got); diff != "" || got.AR100 <= 0 {
		t.Errorf("eval has other figures than what predict found (-predict +eval):\n%s", diff)
	}
}

// mixedShapes writes the test images of a drawn set, each also at twice the width
// and at three times the height, and their annotations in the order of the names.
func mixedShapes(t *testing.T, from, to string) (gt string) {
	t.Helper()
	type record struct {
		ID       int        `json:"id"`
		Image    int        `json:"image_id"`
		Category int        `json:"category_id"`
		Box      [4]float64 `json:"bbox"`
		Area     float64    `json:"area"`
	}
	type picture struct {
		ID   int    `json:"id"`
		Name string `json:"file_name"`
		W    int    `json:"width"`
		H    int    `json:"height"`
	}
	var set struct {
		Images      []picture         `json:"images"`
		Annotations []record          `json:"annotations"`
		Categories  []json.RawMessage `json:"categories"`
	}
	readJSON(t, filepath.Join(from, "test.json"), &set)
	images, boxes := set.Images, set.Annotations
	set.Images, set.Annotations = nil, nil
	if err := os.MkdirAll(filepath.Join(to, "images"), 0o755); err != nil {
		t.Fatal(err)
	}
	for _, im := range images {
		m, err := dataset.Decode(filepath.Join(from, "images", "test", filepath.Base(im.Name)), dataset.DecodeOptions{})
		if err != nil {
			t.Fatal(err)
		}
		for _, by := range [][2]int{{1, 1}, {1, 3}, {2, 1}} {
			out := picture{ID: len(set.Images) + 1, Name: fmt.Sprintf("%06d-%d%d.png", im.ID, by[0], by[1]), W: m.W * by[0], H: m.H * by[1]}
			scaled := image.NewRGBA(image.Rect(0, 0, out.W, out.H))
			for y := range out.H {
				for x := range out.W {
					p := m.Pix[3*(y/by[1]*m.W+x/by[0]):]
					scaled.SetRGBA(x, y, color.RGBA{R: p[0], G: p[1], B: p[2], A: 255})
				}
			}
			var file bytes.Buffer
			if err := png.Encode(&file, scaled); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(to, "images", out.Name), file.Bytes(), 0o600); err != nil {
				t.Fatal(err)
			}
			set.Images = append(set.Images, out)
			sx, sy := float64(by[0]), float64(by[1])
			for _, b := range boxes {
				if b.Image == im.ID {
					set.Annotations = append(set.Annotations, record{
						ID: len(set.Annotations) + 1, Image: out.ID, Category: b.Category, Area: b.Area * sx * sy,
						Box: [4]float64{b.Box[0] * sx, b.Box[1] * sy, b.Box[2] * sx, b.Box[3] * sy},
					})
				}
			}
		}
	}
	text, err := json.Marshal(set)
	if err != nil {
		t.Fatal(err)
	}
	gt = filepath.Join(to, "mixed.json")
	if err := os.WriteFile(gt, text, 0o600); err != nil {
		t.Fatal(err)
	}
	return gt
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
