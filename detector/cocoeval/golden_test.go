package cocoeval

import (
	"encoding/json"
	"errors"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// golden are the figures that pycocotools gave for a pair of files.
type golden struct {
	Stats   map[string]float64 `json:"stats"`
	PerAP   map[string]float64 `json:"per_category_AP"`
	PerAP50 map[string]float64 `json:"per_category_AP50"`
}

// goldenDir walks up to the folder of the golden files and skips the test where
// there is none.
func goldenDir(t *testing.T) string {
	t.Helper()
	for dir := "."; ; dir = filepath.Join(dir, "..") {
		path := filepath.Join(dir, "shared", "golden", "cocoeval")
		if _, err := os.Stat(path); err == nil {
			return path
		} else if !errors.Is(err, fs.ErrNotExist) {
			t.Fatal(err)
		}
		if abs, err := filepath.Abs(dir); err != nil || abs == filepath.Dir(abs) {
			t.Skip("shared/golden/cocoeval is absent")
		}
	}
}

// TestEqualsPycocotools has the figures that pycocotools itself gave.
func TestEqualsPycocotools(t *testing.T) { equalGolden(t, goldenDir(t), 2) }

// TestEqualsTheReference has cases of what is settled by pycocotools and not by
// the definition, with the figures of bench/reference/cocoeval.py, which writes
// them.
func TestEqualsTheReference(t *testing.T) { equalGolden(t, "testdata", 10) }

// equalGolden evaluates the cases of a folder, of which there are some, and
// wants the figures expected.
func equalGolden(t *testing.T, dir string, atLeast int) {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(dir, "*_expected.json"))
	if err != nil || len(paths) < atLeast {
		t.Fatalf("%d cases in %s, %v", len(paths), dir, err)
	}
	for _, path := range paths {
		base := strings.TrimSuffix(path, "_expected.json")
		t.Run(filepath.Base(base), func(t *testing.T) {
			data, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			var want golden
			if err := json.Unmarshal(data, &want); err != nil {
				t.Fatal(err)
			}
			gt, dts, err := ReadFiles(base+"_gt.json", base+"_dt.json")
			if err != nil {
				t.Fatal(err)
			}
			r, err := Evaluate(gt, dts, Options{ZeroIDUnmatched: true})
			if err != nil {
				t.Fatal(err)
			}
			want.compare(t, r)
			curves, err := Curves(gt, dts, Options{ZeroIDUnmatched: true})
			if err != nil {
				t.Fatal(err)
			}
			sameAsCurves(t, r, curves)
		})
	}
}

// compare wants the figures of r to be those of g but for 1e-9, and none more
// or less.
func (g golden) compare(t *testing.T, r *Result) {
	t.Helper()
	worst := 0.0
	check := func(name string, got float64, all map[string]float64, key string) {
		want, there := all[key]
		if !there || math.Abs(got-want) > 1e-9 {
			t.Errorf("%s = %.12f, want %.12f (%v)", name, got, want, there)
		}
		worst = max(worst, math.Abs(got-want))
	}
	if len(g.Stats) != 12 || len(g.PerAP) != len(r.PerCategory) || len(g.PerAP50) != len(r.PerCategory) {
		t.Fatalf("%d figures and %d categories in the golden file, %d evaluated", len(g.Stats), len(g.PerAP), len(r.PerCategory))
	}
	for name, v := range figures(t, r) {
		check(name, v, g.Stats, name)
	}
	for id, c := range r.PerCategory {
		key := strconv.Itoa(id)
		check("AP of "+key, c.AP, g.PerAP, key)
		check("AP50 of "+key, c.AP50, g.PerAP50, key)
	}
	t.Logf("a figure differs by %.1e", worst)
}

// figures reads the twelve figures back from the JSON form.
func figures(t *testing.T, r *Result) map[string]float64 {
	t.Helper()
	data, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(data, &fields); err != nil {
		t.Fatal(err)
	}
	delete(fields, "per_category")
	out := map[string]float64{}
	for name, raw := range fields {
		var v float64
		if err := json.Unmarshal(raw, &v); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		out[name] = v
	}
	return out
}

// sameAsCurves wants the means of the curves to be the figures of their categories.
func sameAsCurves(t *testing.T, r *Result, curves map[int]*Curve) {
	t.Helper()
	if len(curves) != len(r.PerCategory) {
		t.Errorf("%d curves of %d categories", len(curves), len(r.PerCategory))
	}
	of := func(values [numRecalls]float64) (sum float64) {
		for _, v := range values {
			sum += v / numRecalls
		}
		return sum
	}
	for id, c := range curves {
		want := r.PerCategory[id]
		if c.Objects == 0 {
			if want.AP != -1 {
				t.Errorf("category %d has no objects and AP %v", id, want.AP)
			}
			continue
		}
		ap, ap50, ap75 := of(c.Mean()), of(c.Precision[At50]), of(c.Precision[At75])
		if math.Abs(ap-want.AP) > 1e-12 || math.Abs(ap50-want.AP50) > 1e-12 || math.Abs(ap75-want.AP75) > 1e-12 {
			t.Errorf("category %d: the curves' means are %v, %v and %v, want %v", id, ap, ap50, ap75, want)
		}
	}
}
