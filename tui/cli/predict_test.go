package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"image"
	"image/png"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"detnas/core/dataset"
	"detnas/core/run"
	"detnas/detector/cocoeval"
)

// predictor stands in for the engine: a cell of two scores on each image.
func predictor(_ context.Context, _ string, images []string, o PredictOptions) error {
	if err := o.Began([]dataset.Category{{ID: 7, Name: "cell"}, {ID: 9, Name: "plate"}}, dataset.DecodeOptions{}); err != nil {
		return err
	}
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
	return predictBy(t, predictor, args...)
}

// finder is App.Predict.
type finder func(context.Context, string, []string, PredictOptions) error

func predictBy(t *testing.T, find finder, args ...string) call {
	t.Helper()
	return byDetector(t, find, append([]string{"predict"}, args...)...)
}

// byDetector runs a command with what stands in for the engine.
func byDetector(t *testing.T, find finder, args ...string) call {
	t.Helper()
	var out, errs bytes.Buffer
	a := &App{Out: &out, Err: &errs, Predict: find}
	code := a.Execute(t.Context(), args)
	return call{code: code, out: out.String(), err: errs.String()}
}

func TestPredictWritesWhatIsFound(t *testing.T) {
	dir := images(t, "a/x.png", "b/x.png", "step-5-last.safetensors")
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
	predict(t, weights, dir+"/a", "-o", out+"2", "--batch", "-1").fails(t, exitUsage, "--batch")
	predict(t, weights, dir+"/a", "-o", "").fails(t, exitUsage, "-o is empty")
	predict(t, weights, dir+"/a", "-o", weights).fails(t, exitFailed, weights, "not a directory")
	predict(t, weights, dir+"/a", "-o", weights+"/found").fails(t, exitFailed, weights, "not a directory")
}

// images are PNGs of 20 by 10 px in a new folder.
func images(t *testing.T, names ...string) (dir string) {
	t.Helper()
	dir = t.TempDir()
	var pixels bytes.Buffer
	if err := png.Encode(&pixels, image.NewGray(image.Rect(0, 0, 20, 10))); err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, pixels.Bytes(), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// written is the detections and the names of the images that predict wrote.
func written(t *testing.T, out string) (found []galleryBox, names []string) {
	t.Helper()
	var list struct{ Images []galleryImage }
	for name, into := range map[string]any{"detections.json": &found, "images.json": &list} {
		text, err := os.ReadFile(filepath.Join(out, name))
		if err == nil {
			err = json.Unmarshal(text, into)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, m := range list.Images {
		names = append(names, filepath.Base(m.File))
	}
	return found, names
}

// What ends before anything is done leaves the folder as it was, so that the
// corrected command is taken.
func TestPredictThatDidNothingLeavesNothing(t *testing.T) {
	dir := images(t, "x.png", "weights")
	weights, out, empty := filepath.Join(dir, "weights"), filepath.Join(dir, "out"), t.TempDir()
	for name, begun := range map[string]bool{"no detector": false, "stopped": true} {
		find := func(_ context.Context, _ string, _ []string, o PredictOptions) error {
			if begun {
				if err := o.Began(nil, dataset.DecodeOptions{}); err != nil {
					return err
				}
			}
			return errors.New(name)
		}
		for _, to := range []string{out, empty} {
			predictBy(t, find, weights, dir+"/x.png", "-o", to).fails(t, exitFailed, name)
		}
		if _, err := os.Stat(out); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%s: the folder is there: %v", name, err)
		}
		if left, err := os.ReadDir(empty); err != nil || len(left) != 0 {
			t.Errorf("%s: the empty folder has %v, %v", name, left, err)
		}
	}
	predict(t, weights, dir+"/x.png", "-o", out).succeeds(t, "1 images")
	predict(t, weights, dir+"/x.png", "-o", empty).succeeds(t, "1 images")
}

func TestPredictKeepsWhatItFoundUntilItWasStopped(t *testing.T) {
	dir := images(t, "a.png", "b.png", "c.png", "weights")
	out := filepath.Join(dir, "out")
	c := predictBy(t, func(ctx context.Context, from string, files []string, o PredictOptions) error {
		if err := predictor(ctx, from, files[:1], o); err != nil {
			return err
		}
		o.Problem(dataset.Problem{Where: files[1], What: "it is broken"})
		return errors.New("interrupt")
	}, filepath.Join(dir, "weights"), dir+"/a.png", dir+"/b.png", dir+"/c.png", "-o", out)
	if c.code != exitFailed || c.out != "" || !strings.Contains(c.err, "interrupt; after 2 of 3 images, and what was found on 1 of them is in "+out) {
		t.Errorf("%+v", c)
	}
	if found, names := written(t, out); len(found) != 2 || !slices.Equal(names, []string{"a.png"}) {
		t.Errorf("%v of %v", found, names)
	}
}

// An image that cannot be read is not one on which nothing is.
func TestPredictLeavesOutWhatItCannotRead(t *testing.T) {
	dir := images(t, "a.png", "b.png", "weights")
	out := filepath.Join(dir, "out")
	c := predictBy(t, func(ctx context.Context, from string, files []string, o PredictOptions) error {
		if err := predictor(ctx, from, files[:1], o); err != nil {
			return err
		}
		o.Problem(dataset.Problem{Where: files[1], What: "it is broken"})
		return nil
	}, filepath.Join(dir, "weights"), dir+"/a.png", dir+"/b.png", "-o", out, "--json")
	if c.code != exitFailed || !strings.Contains(c.err, "b.png: it is broken") || !strings.Contains(c.err, "1 of 2 images could not be read") {
		t.Errorf("%+v", c)
	}
	if got := object(t, c.out, "images", "unread", "score", "objects", "out"); got["images"] != 1.0 || got["unread"] != 1.0 {
		t.Errorf("%v", got)
	}
	if _, names := written(t, out); !slices.Equal(names, []string{"a.png"}) {
		t.Errorf("the images are %v", names)
	}
}

func TestPredictTakesLongNames(t *testing.T) {
	long := strings.Repeat("é", 125) + "x.png" // 255 bytes
	dir := images(t, "a/"+long, "b/"+long, "weights")
	out := filepath.Join(dir, "out")
	predict(t, filepath.Join(dir, "weights"), dir+"/a", dir+"/b", "-o", out).succeeds(t, "2 images")
	for _, end := range []string{".jpg", "-2.jpg"} {
		if _, err := os.Stat(filepath.Join(out, "pictures", strings.Repeat("é", 100)+end)); err != nil {
			t.Error(err)
		}
	}
}

func TestShortName(t *testing.T) {
	for name, want := range map[string]string{
		"cell": "cell", strings.Repeat("é", 40): strings.Repeat("é", 40), strings.Repeat("é", 41): strings.Repeat("é", 37) + "...", "a\n": `a\n`,
	} {
		if got := shortName(name); got != want {
			t.Errorf("%q becomes %q, want %q", name, got, want)
		}
	}
}

// A run on its way has a detector, too: its newest checkpoint, which is named.
func TestPredictNamesTheNewestCheckpoint(t *testing.T) {
	dir := images(t, "x.png")
	f, err := run.Create(filepath.Join(dir, "runs"), "going")
	if err != nil {
		t.Fatal(err)
	}
	args := []string{f.Dir(), dir + "/x.png", "-o", filepath.Join(dir, "out")}
	predict(t, args...).fails(t, exitFailed, "has no detector yet")
	newest := f.CheckpointPath(5, 40)
	for _, path := range []string{f.CheckpointPath(5, 20), newest} {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := (&run.Checkpoint{}).Write(path); err != nil {
			t.Fatal(err)
		}
	}
	predict(t, args...).fails(t, exitFailed, "not finished step 5", "iteration 40", "detnas predict "+newest)
	detnas(t, nil, "eval", f.Dir()).fails(t, exitFailed, "detnas eval "+newest)
}
