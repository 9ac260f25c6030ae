package cocoeval

import (
	"encoding/json"
	"errors"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"strconv"
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

func TestEqualsPycocotools(t *testing.T) {
	const tolerance = 1e-9
	dir := goldenDir(t)
	for _, name := range []string{"toy", "val2014_100"} {
		t.Run(name, func(t *testing.T) {
			gt, err := ReadGroundTruth(filepath.Join(dir, name+"_gt.json"))
			if err != nil {
				t.Fatal(err)
			}
			dts, err := ReadDetections(filepath.Join(dir, name+"_dt.json"))
			if err != nil {
				t.Fatal(err)
			}
			data, err := os.ReadFile(filepath.Join(dir, name+"_expected.json"))
			if err != nil {
				t.Fatal(err)
			}
			var want golden
			if err := json.Unmarshal(data, &want); err != nil {
				t.Fatal(err)
			}
			r, err := Evaluate(gt, dts, Options{ZeroIDUnmatched: true})
			if err != nil {
				t.Fatal(err)
			}
			got := figures(t, r)
			check := func(name string, got, want float64) {
				if math.Abs(got-want) > tolerance {
					t.Errorf("%s = %.12f, want %.12f", name, got, want)
				}
			}
			if len(want.Stats) != 12 || len(want.PerAP) != len(r.PerCategory) {
				t.Fatalf("%d figures and %d categories in the golden file, %d evaluated", len(want.Stats), len(want.PerAP), len(r.PerCategory))
			}
			for name, v := range want.Stats {
				check(name, got[name], v)
			}
			for id, c := range r.PerCategory {
				key := strconv.Itoa(id)
				check("AP of "+key, c.AP, want.PerAP[key])
				check("AP50 of "+key, c.AP50, want.PerAP50[key])
			}
		})
	}
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
