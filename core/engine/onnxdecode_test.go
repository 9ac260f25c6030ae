package engine

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"image"
	"image/color"
	"image/png"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"detnas/core/config"
	"detnas/core/dataset"
	"detnas/core/interop"
	"detnas/core/run"
	"detnas/core/seed"
	"detnas/detector/cocoeval"
	"detnas/nas"
)

// TestONNXDecodes has a program that knows of a detector's files alone make boxes of an
// image, as docs/interop.md says how, and wants those that Predict finds.
func TestONNXDecodes(t *testing.T) {
	if testing.Short() {
		t.Skip("no other programs are started with -short")
	}
	for name, sets := range map[string][]string{
		"frcnn":  {"detector.roi.sampling_ratio=0", "detector.rpn.scales=[8.0]", `detector.neck.levels=["C2", "C3", "C4", "C5"]`, "detector.neck.num_outs=4"},
		"retina": {"detector.kind=retinanet", "detector.neck.num_outs=5"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			path := checkpointOf(t, tiny(t, t.TempDir(), append(sets, "data.detection.short=[200]", "data.detection.max=320")...), config.StepSubnetFinetune, nas.Subnet{1, 0, 3, 3, 2})
			calm(t, path)
			picture := filepath.Join(dir, "picture.png")
			drawPicture(t, picture)
			args := []string{"../../bench/interop/decode.py", filepath.Join(dir, "detector.onnx"), picture}
			export := func(file string, o interop.DrawOptions) {
				o.Out = filepath.Join(dir, file)
				if _, err := WriteONNX(path, o); err != nil {
					t.Fatal(err)
				}
			}
			export("detector.onnx", interop.DrawOptions{Multiples: true, FoldBN: true, Normalise: name == "retina"})
			if name == "frcnn" {
				export("head.onnx", interop.DrawOptions{Part: interop.PartRoIHead})
				args = append(args, filepath.Join(dir, "head.onnx"))
			}
			n := predictInto(t, path, picture, dir)
			said, err := exec.Command(python, append(args, "--against", dir)...).CombinedOutput() //nolint:gosec // fixed
			if errors.Is(err, exec.ErrNotFound) || errors.Is(err, os.ErrNotExist) || strings.Contains(string(said), "No module named") {
				t.Skip("Python, OpenCV or onnx is not installed")
			}
			if err != nil || n < 10 {
				t.Errorf("%d boxes, %v\n%s", n, err, said)
			}
			t.Logf("%s", said)
		})
	}
}

// calm divides the last layers of a checkpoint's heads, so that scores lie between 0 and
// 1, and boxes near their anchors.
func calm(t *testing.T, path string) {
	t.Helper()
	c, err := run.ReadCheckpoint(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range c.Tensors {
		if !slices.ContainsFunc([]string{"rpn_cls.", "rpn_reg.", "fc_cls.", "fc_reg.", "retina_cls.", "retina_reg."}, func(s string) bool { return strings.Contains(a.Name, s) }) {
			continue
		}
		for at := 0; at < len(a.Data); at += 4 {
			v := math.Float32frombits(binary.LittleEndian.Uint32(a.Data[at:]))
			binary.LittleEndian.PutUint32(a.Data[at:], math.Float32bits(v/100))
		}
	}
	if err := c.Write(path); err != nil {
		t.Fatal(err)
	}
}

// drawPicture writes an image of blocks that needs no scaling, whose rounding differs
// between programs, but padding.
func drawPicture(t *testing.T, path string) {
	t.Helper()
	m, rng := image.NewRGBA(image.Rect(0, 0, 320, 200)), seed.Rand(0, "picture")
	for y := 0; y < 200; y += 20 {
		for x := 0; x < 320; x += 20 {
			c := color.RGBA{uint8(rng.IntN(256)), uint8(rng.IntN(256)), uint8(rng.IntN(256)), 255} //nolint:gosec // a byte
			for at := range 400 {
				m.SetRGBA(x+at%20, y+at/20, c)
			}
		}
	}
	f, err := os.Create(path) //nolint:gosec // a test's own
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(png.Encode(f, m), f.Close()); err != nil {
		t.Fatal(err)
	}
}

// predictInto writes what Predict finds on an image as `detnas predict` does, and
// returns how many boxes there are.
func predictInto(t *testing.T, checkpoint, picture, dir string) int {
	t.Helper()
	var boxes, classes []map[string]any
	err := Predict(t.Context(), checkpoint, []string{picture}, PredictOptions{
		Device: "cpu", Threads: 1,
		Began: func(all []dataset.Category, _ dataset.DecodeOptions) error {
			for _, c := range all {
				classes = append(classes, map[string]any{"id": c.ID, "name": c.Name})
			}
			return nil
		},
		Found: func(_ dataset.ImageInfo, all []cocoeval.Detection) error {
			for _, d := range all {
				boxes = append(boxes, map[string]any{"category_id": d.CategoryID, "bbox": d.Box, "score": d.Score})
			}
			return nil
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	for name, v := range map[string]any{"detections.json": boxes, "images.json": map[string]any{"categories": classes}} {
		text, err := json.Marshal(v)
		if err == nil {
			err = os.WriteFile(filepath.Join(dir, name), text, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return len(boxes)
}
