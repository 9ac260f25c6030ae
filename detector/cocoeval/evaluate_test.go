package cocoeval

import (
	"encoding/json"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// square is a ground truth of one 50 x 50 object of category 1 on image 1.
func square() *GroundTruth {
	return &GroundTruth{
		ImageIDs:    []int{1},
		Categories:  []Category{{ID: 1, Name: "x"}},
		Annotations: []Annotation{{ID: 1, ImageID: 1, CategoryID: 1, Box: [4]float64{0, 0, 50, 50}, Area: 2500}},
	}
}

func found(score float64, box ...float64) Detection {
	return Detection{ImageID: 1, CategoryID: 1, Box: [4]float64(box), Score: score}
}

func TestEvaluateByHand(t *testing.T) {
	exact := found(0.5, 0, 0, 50, 50)
	crowd := square()
	crowd.Annotations[0].Crowd = true
	zero := square()
	zero.Annotations[0].ID = 0
	tests := []struct {
		name       string
		gt         *GroundTruth
		dts        []Detection
		opts       Options
		ap, ap50   float64
		apm, ar100 float64
	}{
		{"found", square(), []Detection{exact}, Options{}, 1, 1, 1, 1},
		{"not found", square(), nil, Options{}, 0, 0, 0, 0},
		{"nothing at all", &GroundTruth{}, nil, Options{}, -1, -1, -1, -1},
		{"crowds alone", crowd, []Detection{exact}, Options{}, -1, -1, -1, -1},
		// 50 x 30 in 50 x 50 is an overlap of exactly 0.6, which counts.
		{"on a threshold", square(), []Detection{found(0.5, 0, 0, 50, 30)}, Options{}, 0.3, 1, 0.3, 0.3},
		{"a better wrong one", square(), []Detection{found(0.9, 80, 0, 50, 50), exact}, Options{}, 0.5, 0.5, 0.5, 1},
		{"the same score, the wrong one second", square(), []Detection{exact, found(0.5, 80, 0, 50, 50)}, Options{}, 1, 1, 1, 1},
		{"a box without area", square(), []Detection{found(0.9, 10, 10, 0, 0), exact}, Options{}, 0.5, 0.5, 1, 1},
		{"twice", square(), []Detection{exact, found(0.9, 0, 0, 50, 50)}, Options{}, 1, 1, 1, 1},
		{"id 0", zero, []Detection{exact}, Options{}, 1, 1, 1, 1},
		{"id 0 as in pycocotools", zero, []Detection{exact}, Options{ZeroIDUnmatched: true}, 0, 0, 0, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r, err := Evaluate(tt.gt, tt.dts, tt.opts)
			if err != nil {
				t.Fatal(err)
			}
			got := []float64{r.AP, r.AP50, r.APm, r.AR100}
			for i, want := range []float64{tt.ap, tt.ap50, tt.apm, tt.ar100} {
				if math.Abs(got[i]-want) > 1e-12 {
					t.Errorf("%s = %v, want %v", []string{"AP", "AP50", "APm", "AR100"}[i], got[i], want)
				}
			}
		})
	}
}

func TestEvaluateRefuses(t *testing.T) {
	elsewhere := found(0.5, 0, 0, 1, 1)
	elsewhere.ImageID = 7
	tests := []struct {
		name string
		dt   Detection
		want string
	}{
		{"NaN score", found(math.NaN(), 0, 0, 1, 1), "detection 1 (image 1, category 1): the score is NaN"},
		{"infinite box", found(0.5, 0, 0, math.Inf(1), 1), "detection 1 (image 1, category 1): box"},
		{"unknown image", elsewhere, "detection 1: image id 7 is not in the ground truth"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := Evaluate(square(), []Detection{found(0.1, 0, 0, 1, 1), tt.dt}, Options{})
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error %v, want one with %q", err, tt.want)
			}
		})
	}
	bad := square()
	bad.Annotations[0].Area = math.NaN()
	if _, err := Evaluate(bad, nil, Options{}); err == nil {
		t.Error("an annotation with the area NaN was taken")
	}
}

func TestResultAsJSON(t *testing.T) {
	r := &Result{AP: 0.5, APs: -1, PerCategory: map[int]CategoryResult{10: {AP: 1, AP50: 1, AP75: 0.5}, 9: {AP: -1, AP50: -1, AP75: -1}}}
	got, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	want := `{"AP":0.5,"AP50":0,"AP75":0,"APs":-1,"APm":0,"APl":0,"AR1":0,"AR10":0,"AR100":0,"ARs":0,"ARm":0,"ARl":0,` +
		`"per_category":{"10":{"AP":1,"AP50":1,"AP75":0.5},"9":{"AP":-1,"AP50":-1,"AP75":-1}}}`
	if diff := cmp.Diff(want, string(got)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if empty, err := json.Marshal(Result{}); err != nil || !strings.HasSuffix(string(empty), `"per_category":{}}`) {
		t.Errorf("an empty result is %s, %v", empty, err)
	}
}

func TestWorkersDoNotChangeTheFigures(t *testing.T) {
	gt, dts := randomSet(rand.New(rand.NewPCG(5, 6)), 200, 5, true)
	want, err := Evaluate(gt, dts, Options{Workers: 1})
	if err != nil {
		t.Fatal(err)
	}
	for _, workers := range []int{0, 2, 7} {
		got, err := Evaluate(gt, dts, Options{Workers: workers})
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" { // to the bit
			t.Errorf("%d workers (-one +got):\n%s", workers, diff)
		}
	}
}
