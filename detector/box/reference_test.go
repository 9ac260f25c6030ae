package box

import (
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// The files under testdata come from torchvision, by bench/reference/box.py.

// readCases reads the cases of testdata/name.json.
func readCases[T any](t *testing.T, name string) []T {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", name+".json"))
	if err != nil {
		t.Fatal(err)
	}
	var file struct{ Cases []T }
	if err := json.Unmarshal(data, &file); err != nil {
		t.Fatalf("testdata/%s.json: %v", name, err)
	}
	if len(file.Cases) == 0 {
		t.Fatalf("testdata/%s.json has no cases", name)
	}
	return file.Cases
}

func TestIoUEqualsTorchvision(t *testing.T) {
	type overlapCase struct {
		A, B []Box
		IoU  [][]float32
	}
	for n, c := range readCases[overlapCase](t, "overlap") {
		for i, a := range c.A {
			for j, b := range c.B {
				if got := IoU(a, b); got != c.IoU[i][j] {
					t.Errorf("case %d: IoU(%v, %v) = %v, want %v", n, a, b, got, c.IoU[i][j])
				}
			}
		}
	}
}

func TestNMSEqualsTorchvision(t *testing.T) {
	type nmsCase struct {
		Boxes       []Box
		Scores      []float32
		Groups      []int32
		Threshold   float64
		Keep        []int32
		KeepBatched []int32 `json:"keep_batched"`
	}
	for n, c := range readCases[nmsCase](t, "nms") {
		keep, err := NMS(c.Boxes, c.Scores, c.Threshold, 0)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(c.Keep, keep, cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("case %d: NMS (-torchvision +box):\n%s", n, diff)
		}
		if len(c.KeepBatched) == 0 {
			continue
		}
		batched, err := BatchedNMS(c.Boxes, c.Scores, c.Groups, c.Threshold, 0)
		if err != nil {
			t.Fatal(err)
		}
		sameUpToTies(t, n, c.Scores, c.KeepBatched, batched)
	}
}

// sameUpToTies wants the same boxes in an order that the scores allow.
func sameUpToTies(t *testing.T, n int, scores []float32, want, got []int32) {
	t.Helper()
	if diff := cmp.Diff(want, got, cmpopts.SortSlices(func(a, b int32) bool { return a < b })); diff != "" {
		t.Errorf("case %d: batched NMS (-torchvision +box):\n%s", n, diff)
		return
	}
	for i := range got {
		if scores[got[i]] != scores[want[i]] {
			t.Errorf("case %d: batched NMS has score %v at place %d, want %v", n, scores[got[i]], i, scores[want[i]])
		}
	}
}

func TestCoderEqualsTorchvision(t *testing.T) {
	const tolerance = 1e-5 // relative, and absolute below 1: a few roundings of float32
	type coderCase struct {
		Stds            [4]float32
		Ref, Target     []Box
		Deltas, Encoded []Delta
		Decoded         []Box
	}
	worst := 0.0
	for n, c := range readCases[coderCase](t, "coder") {
		coder := Coder{Stds: c.Stds, UpperOnly: true}
		for i, ref := range c.Ref {
			encoded, decoded := coder.Encode(ref, c.Target[i]), coder.Decode(ref, c.Deltas[i])
			if !near(encoded, c.Encoded[i], tolerance) {
				t.Errorf("case %d: Encode(%v, %v) = %v, want %v", n, ref, c.Target[i], encoded, c.Encoded[i])
			}
			if !near(decoded, c.Decoded[i], tolerance) {
				t.Errorf("case %d: Decode(%v, %v) = %v, want %v", n, ref, c.Deltas[i], decoded, c.Decoded[i])
			}
			worst = max(worst, apart(encoded, c.Encoded[i]), apart(decoded, c.Decoded[i]))
		}
	}
	t.Logf("it differs by %.1e", worst)
}

// near reports whether four numbers are the same but for a tolerance; see apart.
func near(a, b [4]float32, tolerance float64) bool { return apart(a, b) <= tolerance }

// apart is the largest difference of four numbers relative to the largest of them:
// a corner near 0 of a box of 1,000 px has the error of the box's size.
func apart(a, b [4]float32) float64 {
	scale, worst := 1.0, 0.0
	for i := range b {
		scale = max(scale, math.Abs(float64(b[i])))
	}
	for i := range b {
		d := math.Abs(float64(a[i]) - float64(b[i]))
		if !(d <= worst) { // NaN is the worst
			worst = d
		}
	}
	return worst / scale
}

func TestMatcherEqualsTorchvision(t *testing.T) {
	type matcherCase struct {
		Boxes, Gts []Box
		Pos, Neg   float32
		LowQuality bool `json:"low_quality"`
		Matched    []int32
	}
	for n, c := range readCases[matcherCase](t, "matcher") {
		m := Matcher{PosIoU: c.Pos, NegIoU: c.Neg}
		if c.LowQuality {
			m.LowQuality = LowQualityOwnBest
		}
		if diff := cmp.Diff(c.Matched, m.Match(nil, c.Boxes, c.Gts, nil, nil)); diff != "" {
			t.Errorf("case %d (-torchvision +box):\n%s", n, diff)
		}
	}
}

func TestRoundedAnchorsEqualTorchvision(t *testing.T) {
	type anchorCase struct {
		Sizes   [][]float32
		Ratios  []float32
		Grids   [][2]int
		Strides []int
		Anchors []Box
	}
	for n, c := range readCases[anchorCase](t, "anchors") {
		config := AnchorConfig{Strides: c.Strides, Ratios: c.Ratios, Round: true}
		for _, s := range c.Sizes {
			config.BaseSizes = append(config.BaseSizes, s[0])
		}
		for _, s := range c.Sizes[0] {
			config.Scales = append(config.Scales, s/c.Sizes[0][0])
		}
		g, err := NewAnchorGenerator(config)
		if err != nil {
			t.Fatal(err)
		}
		var sizes []Size
		for _, s := range c.Grids {
			sizes = append(sizes, Size{H: s[0], W: s[1]})
		}
		anchors, err := g.Grid(sizes)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(c.Anchors, anchors.Boxes); diff != "" {
			t.Errorf("case %d (-torchvision +box):\n%s", n, diff)
		}
	}
}
