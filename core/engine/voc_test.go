package engine

import (
	"context"
	"fmt"
	"image"
	"image/color"
	"image/draw"
	"image/png"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"detnas/core/run"
	"detnas/core/seed"
)

// drawVOC draws a tree in VOC's form: images of 96x96 px with two rectangles, a red
// one of the class brick and a blue one of the class slate, which may be difficult.
func drawVOC(t *testing.T, lists map[string]int) string {
	t.Helper()
	root := t.TempDir()
	write := func(text, path string) {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for list, images := range lists {
		year, name := filepath.Split(list)
		dir := filepath.Join(root, year)
		var names strings.Builder
		for i := range images {
			stem := fmt.Sprintf("%s_%06d", name, i)
			fmt.Fprintln(&names, stem)
			r := seed.Rand(1, "drawn", list, i)
			m := image.NewRGBA(image.Rect(0, 0, 96, 96))
			draw.Draw(m, m.Bounds(), image.NewUniform(color.Gray{uint8(100 + r.IntN(100))}), image.Point{}, draw.Src)
			var objects strings.Builder
			for k, class := range []string{"brick", "slate"} {
				w, h := 24+r.IntN(16), 24+r.IntN(16)
				x, y := 48*k+r.IntN(48-w), r.IntN(96-h)
				draw.Draw(m, image.Rect(x, y, x+w, y+h), image.NewUniform(color.RGBA{uint8(200 * (1 - k)), 20, uint8(200 * k), 255}), image.Point{}, draw.Src)
				fmt.Fprintf(&objects, "<object><name>%s</name><difficult>%d</difficult><bndbox><xmin>%d</xmin><ymin>%d</ymin><xmax>%d</xmax><ymax>%d</ymax></bndbox></object>\n",
					class, difficult(list, k, i), x+1, y+1, x+w, y+h)
			}
			write("<annotation><size><width>96</width><height>96</height></size>\n"+objects.String()+"</annotation>\n", filepath.Join(dir, "Annotations", stem+".xml"))
			write("", filepath.Join(dir, "JPEGImages", stem+".png"))
			f, err := os.Create(filepath.Join(dir, "JPEGImages", stem+".png"))
			if err != nil {
				t.Fatal(err)
			}
			if err := png.Encode(f, m); err != nil {
				t.Fatal(err)
			}
			if err := f.Close(); err != nil {
				t.Fatal(err)
			}
		}
		write(names.String(), filepath.Join(dir, "ImageSets", "Main", name+".txt"))
	}
	return root
}

// difficult marks a slate of every second and third image to train on. Those to test
// on have none: VOC forgives every box on a difficult object, COCO one, so that the two
// figures may lie apart by any amount.
func difficult(list string, class, image int) int {
	if strings.HasSuffix(list, "test") {
		return 0
	}
	return class * min(image%3, 1)
}

// A run on data in VOC's form has VOC's two figures beside COCO's twelve, and
// result.json the twelve alone as its final ones.
func TestRunOnVOC(t *testing.T) {
	root := drawVOC(t, map[string]int{"VOC2007/trainval": 16, "VOC2012/trainval": 8, "VOC2007/test": 6})
	cfg := tiny(t, filepath.Join(t.TempDir(), "images"),
		"data.detection.format=voc", "data.detection.root="+root, "data.detection.train=VOC2007/trainval + VOC2012/trainval",
		"data.detection.test=VOC2007/test", "search.score=mAP07", "subnet-finetune.iterations=30", "subnet-finetune.lr=0.02")
	if err := cfg.CheckPaths(1, 5); err != nil {
		t.Fatal(err)
	}
	var scores []float64
	r, err := do(t, context.Background(), cfg, t.TempDir(), "voc", Options{From: 1, To: 5, Watch: func(e run.Event) {
		switch e := e.(type) {
		case run.Candidate:
			scores = append(scores, e.Score)
		case run.DataProblem:
			t.Errorf("a problem in what was drawn: %+v", e)
		}
	}})
	if err != nil {
		t.Fatal(err)
	}
	finetuned, last := r.Steps[1].Metrics, r.Steps[4].Metrics
	for _, m := range []run.Values{finetuned, last} {
		for _, name := range []string{"AP", "AP50", "mAP07", "mAP"} {
			if v, ok := m[name]; !ok || v < 0 || v > 1 {
				t.Errorf("%s is %v (%v) in %v", name, v, ok, m)
			}
		}
	}
	if len(last) != 14 || len(r.Final) != 12 || r.Final["AP"] != last["AP"] {
		t.Errorf("%d metrics and final figures %v; want 14, and COCO's twelve of them", len(last), r.Final)
	}
	// Both are the area under one curve, in a hundred steps or exactly.
	if d := last["mAP"] - last["AP50"]; d < -0.05 || d > 0.05 || last["mAP"] == 0 {
		t.Errorf("mAP %v is far from AP50 %v", last["mAP"], last["AP50"])
	}
	if len(scores) != 8 || r.Search.Evaluated != 8 || r.Steps[2].Metrics["best"] != slices.Max(scores) {
		t.Errorf("scores %v, search %v", scores, r.Steps[2].Metrics)
	}
}
