package cocoset

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"detnas/detector/cocoeval"
)

var small = Size{Seed: 3, Images: 200, Objects: 1500, Detections: 4000}

func TestTheSetIsWhatItSays(t *testing.T) {
	gt, dts := Make(small)
	if len(gt.ImageIDs) != small.Images || len(gt.Annotations) != small.Objects || len(dts) != small.Detections || len(gt.Categories) != 80 {
		t.Errorf("%d images, %d objects, %d detections, %d categories", len(gt.ImageIDs), len(gt.Annotations), len(dts), len(gt.Categories))
	}
	r, err := cocoeval.Evaluate(gt, dts, cocoeval.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if r.AP < 0.1 || r.AP > 0.9 || r.APs < 0.1 || r.APl < 0.1 {
		t.Errorf("AP %v, of small objects %v, of large ones %v: not a likely detector's", r.AP, r.APs, r.APl)
	}
}

// TestWrittenSet wants the files to hold the set to the bit, with masks or
// without, and the same bytes each time.
func TestWrittenSet(t *testing.T) {
	gt, dts := Make(small)
	var texts [][]byte
	for _, masks := range []bool{false, true, true} {
		dir := t.TempDir()
		if err := Write(dir, small, masks); err != nil {
			t.Fatal(err)
		}
		gotGT, gotDTs, err := cocoeval.ReadFiles(filepath.Join(dir, "gt.json"), filepath.Join(dir, "dt.json"))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(gt, gotGT); diff != "" {
			t.Errorf("masks %v (-made +read):\n%s", masks, diff)
		}
		if diff := cmp.Diff(dts, gotDTs); diff != "" {
			t.Errorf("masks %v (-made +read):\n%s", masks, diff)
		}
		text, err := os.ReadFile(filepath.Join(dir, "gt.json"))
		if err != nil {
			t.Fatal(err)
		}
		texts = append(texts, text)
	}
	if !bytes.Equal(texts[1], texts[2]) || len(texts[1]) < 3*len(texts[0]) {
		t.Errorf("files of %d, %d and %d bytes; the last two should be the same", len(texts[0]), len(texts[1]), len(texts[2]))
	}
}

func BenchmarkEvaluate(b *testing.B) {
	gt, dts := Make(Val2017)
	for b.Loop() {
		if _, err := cocoeval.Evaluate(gt, dts, cocoeval.Options{}); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkReadFiles(b *testing.B) {
	dir := b.TempDir()
	if err := Write(dir, Val2017, true); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if _, _, err := cocoeval.ReadFiles(filepath.Join(dir, "gt.json"), filepath.Join(dir, "dt.json")); err != nil {
			b.Fatal(err)
		}
	}
}
