package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"

	"detnas/core/config"
	"detnas/core/dataset"
	"detnas/core/run"
	"detnas/detector/cocoeval"
)

// detectorOn is a checkpoint whose config measures on a tree in VOC's form.
func detectorOn(t *testing.T, root string) string {
	t.Helper()
	cfg, err := config.Load("tiny", []string{
		"data.detection.format=voc", "data.detection.root=" + root,
		"data.detection.train=VOC2007/trainval", "data.detection.test=VOC2007/test",
	})
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "detector.safetensors")
	if err := (&run.Checkpoint{Meta: map[string]string{run.MetaConfig: cfg.Resolved()}}).Write(path); err != nil {
		t.Fatal(err)
	}
	return path
}

// seesACat stands in for the engine: a cat where one is on VOC's first image.
func seesACat(_ context.Context, _ string, images []string, o PredictOptions) error {
	var classes []dataset.Category
	cat := 0
	for i, name := range dataset.VOCClasses() {
		classes = append(classes, dataset.Category{ID: int64(i + 1), Name: name})
		if name == "cat" {
			cat = i + 1
		}
	}
	if err := o.Began(classes, dataset.DecodeOptions{}); err != nil {
		return err
	}
	for i, path := range images {
		var found []cocoeval.Detection
		if i == 0 {
			found = append(found, cocoeval.Detection{ImageID: 1, CategoryID: cat, Box: [4]float64{0, 0, 10, 10}, Score: 0.9})
		}
		if err := o.Found(dataset.ImageInfo{ID: int64(i + 1), File: path}, found); err != nil {
			return err
		}
	}
	return nil
}

func TestEvalOfADetectorOnVOC(t *testing.T) {
	weights := detectorOn(t, vocTree(t))
	c := byDetector(t, seesACat, "eval", weights, "--json")
	got := object(t, c.out, "AP", "AP50", "AP75", "APs", "APm", "APl", "AR1", "AR10", "AR100", "ARs", "ARm", "ARl", "per_category", "mAP07", "mAP", "voc_per_category")
	if got["mAP"] != 0.5 || math.Abs(got["mAP07"].(float64)-6.0/11) > 1e-12 || math.Abs(got["AP50"].(float64)-51.0/101) > 1e-12 {
		t.Errorf("%v; want recall 1/2 at precision 1", got)
	}
	cat := got["voc_per_category"].(map[string]any)["cat"].(map[string]any)
	if cat["AP"] != 0.5 || cat["objects"] != 2.0 {
		t.Errorf("cat has %v", cat)
	}
	text := byDetector(t, seesACat, "eval", weights).out
	if !strings.Contains(text, "(AP) @[ IoU=0.50 ") || !strings.Contains(text, " mean                  0.545    0.500\n") {
		t.Errorf("the text is\n%s", text)
	}
}

// A run's detector that is measured on other images than the run had says so.
func TestEvalTellsOtherImagesThanTheRunHad(t *testing.T) {
	root := vocTree(t)
	set, _, err := dataset.OpenVOC(root, "VOC2007/test", dataset.VOCOptions{})
	if err != nil {
		t.Fatal(err)
	}
	had := run.DataPrint{Images: set.Len(), Boxes: 7, Digest: "another"}
	for name, same := range map[string]bool{"same": true, "other": false} {
		images := had
		if same {
			images.Digest = set.Fingerprint().Digest
		}
		f := standing(t, filepath.Join(t.TempDir(), "runs"), name, run.StepStarted{Step: 5, Data: map[string]run.DataPrint{"data.detection.test": images}})
		weights := filepath.Join(f.Dir(), "checkpoints", "step-5-last.safetensors")
		if err := os.Rename(detectorOn(t, root), weights); err != nil {
			t.Fatal(err)
		}
		c := byDetector(t, seesACat, "eval", weights, "--json")
		if c.code != exitOK || strings.Contains(c.err, "is not what step 5 of the run was done with") == same {
			t.Errorf("%s: %+v", name, c)
		}
	}
}

// What curves cannot be written to is found out before the detector works.
func TestEvalWantsAFolderForCurvesFirst(t *testing.T) {
	weights := detectorOn(t, vocTree(t))
	for _, dir := range []string{"/proc/self", filepath.Join(weights, "curves")} {
		c := byDetector(t, func(context.Context, string, []string, PredictOptions) error {
			t.Error("the detector looked at images")
			return nil
		}, "eval", weights, "--curves", dir)
		if c.code != exitFailed || !strings.Contains(c.err, "folder for curves") || !strings.Contains(c.err, dir) {
			t.Errorf("%s: %+v", dir, c)
		}
	}
}

// The ids of a set are another matter than its names.
func TestEvalNamesTheIDsThatDiffer(t *testing.T) {
	root := vocTree(t)
	set := filepath.Join(root, "ids.json")
	write(t, set, `{"images":[{"id":5,"file_name":"000001.jpg","width":64,"height":64}],"categories":[{"id":77,"name":"cat"}],
		"annotations":[{"id":1,"image_id":5,"category_id":77,"bbox":[0,0,10,10],"area":100}]}`)
	c := byDetector(t, seesACat, "eval", detectorOn(t, root), "--gt", set, "--images", filepath.Join(root, "VOC2007", "JPEGImages"))
	if c.code != exitFailed || !strings.Contains(c.err, `"cat" has boxes and the id 77, but the id 8`) {
		t.Errorf("%+v", c)
	}
}

// An image that cannot be read ends an evaluation also when it is the last.
func TestEvalWantsEveryImage(t *testing.T) {
	c := byDetector(t, func(ctx context.Context, from string, files []string, o PredictOptions) error {
		if err := seesACat(ctx, from, files[:1], o); err != nil {
			return err
		}
		o.Problem(dataset.Problem{Where: files[1], What: "it is broken"})
		return nil
	}, "eval", detectorOn(t, vocTree(t)), "--json")
	if c.code != exitFailed || c.out != "" || !strings.Contains(c.err, "000002.jpg: it is broken") {
		t.Errorf("%+v", c)
	}
}

// Each curve is drawn beside the figure that is its mean.
func TestCurvesAreThoseOfTheirFigures(t *testing.T) {
	gt, dts := filepath.Join(t.TempDir(), "gt.json"), filepath.Join(t.TempDir(), "dt.json")
	write(t, gt, `{"images":[{"id":1}],"categories":[{"id":3,"name":"cell"}],"annotations":[
		{"id":1,"image_id":1,"category_id":3,"bbox":[0,0,50,50],"area":2500},{"id":2,"image_id":1,"category_id":3,"bbox":[100,0,50,50],"area":2500}]}`)
	write(t, dts, `[{"image_id":1,"category_id":3,"bbox":[0,0,50,50],"score":0.9},{"image_id":1,"category_id":3,"bbox":[100,0,50,36],"score":0.8}]`)
	truth, found, err := cocoeval.ReadFiles(gt, dts)
	if err != nil {
		t.Fatal(err)
	}
	r, err := cocoeval.Evaluate(truth, found, cocoeval.Options{})
	if err != nil {
		t.Fatal(err)
	}
	curves, err := cocoeval.Curves(truth, found, cocoeval.Options{})
	if err != nil {
		t.Fatal(err)
	}
	of := r.PerCategory[3]
	if !(of.AP50 == 1 && of.AP75 < of.AP && of.AP < of.AP50) {
		t.Fatalf("the figures %+v do not tell the curves apart", of)
	}
	lines := curveLines(curves[3], of)
	for i, overlap := range []string{"IoU 0.50", "IoU 0.75", "0.50:0.95"} {
		mean := 0.0
		for _, v := range lines[i].Values {
			mean += v / float64(len(lines[i].Values))
		}
		if want := fmt.Sprintf("%s: AP %.3f", overlap, mean); lines[i].Text != want {
			t.Errorf("the legend says %q, the curve %q", lines[i].Text, want)
		}
	}
}

// A class whose name is a page long stretches neither the table nor a file's name.
func TestTablesHaveShortNames(t *testing.T) {
	dir := t.TempDir()
	name, err := json.Marshal(strings.Repeat("\U00020000", 300))
	if err != nil {
		t.Fatal(err)
	}
	gt := write(t, filepath.Join(dir, "gt.json"), `{"images":[{"id":1}],"categories":[{"id":9007199254740991,"name":`+string(name)+`}],"annotations":[
		{"id":1,"image_id":1,"category_id":9007199254740991,"bbox":[0,0,50,50],"area":2500}]}`)
	dt := write(t, filepath.Join(dir, "dt.json"), `[]`)
	curves := filepath.Join(dir, "curves")
	c := detnas(t, nil, "eval", "--gt", gt, "--dt", dt, "--curves", curves)
	c.succeeds(t, "\U00020000... ")
	for line := range strings.Lines(c.out) {
		if utf8.RuneCountInString(line) > 90 {
			t.Errorf("a line of %d characters: %s", len(line), line)
		}
	}
	if drawn, err := os.ReadDir(curves); err != nil || len(drawn) != 1 {
		t.Errorf("%v, %v", drawn, err)
	}
}
