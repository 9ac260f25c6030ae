package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"image"
	"image/png"
	"os"
	"path/filepath"
	"testing"

	"detnas/core/dataset"
	"detnas/detector/cocoeval"
)

// predictor stands in for the engine: a cell of two scores on each image.
func predictor(_ context.Context, _ string, images []string, o PredictOptions) error {
	o.Began([]dataset.Category{{ID: 7, Name: "cell"}, {ID: 9, Name: "plate"}}, dataset.DecodeOptions{})
	for i, path := range images {
		if err := o.Found(dataset.ImageInfo{ID: int64(i + 1), File: path, Name: path, W: 20, H: 10}, []cocoeval.Detection{
			{ImageID: i + 1, CategoryID: 9, Box: [4]float64{1, 2, 8, 6}, Score: 0.9},
			{ImageID: i + 1, CategoryID: 7, Box: [4]float64{1, 2, 8, 6}, Score: 0.2},
		}); err != nil {
			return err
		}
	}
	return nil
}

func predict(t *testing.T, args ...string) call {
	t.Helper()
	var out, errs bytes.Buffer
	a := &App{Out: &out, Err: &errs, Predict: predictor}
	code := a.Execute(t.Context(), append([]string{"predict"}, args...))
	return call{code: code, out: out.String(), err: errs.String()}
}

func TestPredictWritesWhatIsFound(t *testing.T) {
	dir := t.TempDir()
	var pixels bytes.Buffer
	if err := png.Encode(&pixels, image.NewGray(image.Rect(0, 0, 20, 10))); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"a/x.png", "b/x.png", "step-5-last.safetensors"} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, pixels.Bytes(), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	weights, out := filepath.Join(dir, "step-5-last.safetensors"), filepath.Join(dir, "out")
	predict(t, weights, filepath.Join(dir, "a"), filepath.Join(dir, "b/x.png"), "-o", out).
		succeeds(t, "2 images, 2 objects with a score of at least 0.30", "2  plate", "0  cell", "detections.json")
	for _, name := range []string{"x.jpg", "x-2.jpg"} {
		if m, err := dataset.Decode(filepath.Join(out, "pictures", name), dataset.DecodeOptions{}); err != nil || m.W != 20 {
			t.Errorf("%s: %v", name, err)
		}
	}
	text, err := os.ReadFile(filepath.Join(out, "detections.json"))
	if err != nil {
		t.Fatal(err)
	}
	var found []galleryBox
	if err := json.Unmarshal(text, &found); err != nil || len(found) != 4 || found[3] != (galleryBox{2, 7, [4]float64{1, 2, 8, 6}, 0.2}) {
		t.Errorf("%v, %v", found, err)
	}

	predict(t, weights, dir+"/a", "-o", out).fails(t, exitFailed, out, "holds something already")
	predict(t, weights, dir+"/nowhere", "-o", out+"2").fails(t, exitFailed, "nowhere")
	predict(t, weights, dir+"/out", "-o", out+"2").fails(t, exitFailed, "there is none in")
	predict(t, dir, dir+"/a", "-o", out+"2").fails(t, exitFailed, "no run in")
	predict(t, weights, "-o", out+"2").fails(t, exitUsage, "files or folders")
	predict(t, weights, dir+"/a", "-o", out+"2", "--score", "2").fails(t, exitUsage, "--score")
}
