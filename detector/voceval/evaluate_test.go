package voceval

import (
	"encoding/json"
	"math"
	"os"
	"slices"
	"strings"
	"testing"

	"detnas/detector/cocoeval"
)

// golden is a case of testdata/cases.json, which bench/reference/voc.py makes. Its
// boxes are corners from pixel 1 on whose pixels are in the box.
type golden struct {
	Classes []string
	Truth   []struct {
		Image     int
		Class     string
		Box       [4]float64
		Difficult bool
	}
	Found []struct {
		Image int
		Class string
		Box   [4]float64
		Score float64
	}
	Want struct {
		MAP07    float64
		MAP      float64
		PerClass map[string]struct {
			AP07, AP float64
			Objects  int
		} `json:"per_class"`
	}
}

// exclusive are corners of VOC's form as the evaluation takes them.
func exclusive(b [4]float64) [4]float64 {
	return [4]float64{b[0] - 1, b[1] - 1, b[2] - b[0] + 1, b[3] - b[1] + 1}
}

func (c golden) input() (*cocoeval.GroundTruth, []cocoeval.Detection) {
	gt := &cocoeval.GroundTruth{}
	for i, name := range c.Classes {
		gt.Categories = append(gt.Categories, cocoeval.Category{ID: 10 * (i + 1), Name: name})
	}
	id := func(class string) int { return 10 * (slices.Index(c.Classes, class) + 1) }
	for image := range 30 {
		gt.ImageIDs = append(gt.ImageIDs, image+1)
	}
	for _, t := range c.Truth {
		gt.Annotations = append(gt.Annotations, cocoeval.Annotation{ImageID: t.Image, CategoryID: id(t.Class), Box: exclusive(t.Box), Ignore: t.Difficult})
	}
	var dts []cocoeval.Detection
	for _, d := range c.Found {
		dts = append(dts, cocoeval.Detection{ImageID: d.Image, CategoryID: id(d.Class), Box: exclusive(d.Box), Score: d.Score})
	}
	return gt, dts
}

func TestEqualsTheReference(t *testing.T) {
	const tolerance = 1e-12 // sums in another order
	text, err := os.ReadFile("testdata/cases.json")
	if err != nil {
		t.Fatal(err)
	}
	var file struct{ Cases []golden }
	if err := json.Unmarshal(text, &file); err != nil || len(file.Cases) < 10 {
		t.Fatalf("%d cases, %v", len(file.Cases), err)
	}
	worst := 0.0
	check := func(n int, what string, got, want float64) {
		if !(math.Abs(got-want) <= tolerance) {
			t.Errorf("case %d: %s is %.15f, want %.15f", n, what, got, want)
		}
		worst = max(worst, math.Abs(got-want))
	}
	for n, c := range file.Cases {
		gt, dts := c.input()
		r, err := Evaluate(gt, dts)
		if err != nil {
			t.Fatal(err)
		}
		check(n, "mAP07", r.MAP07, c.Want.MAP07)
		check(n, "mAP", r.MAP, c.Want.MAP)
		if len(r.PerCategory) != len(c.Want.PerClass) {
			t.Errorf("case %d: %d categories, want %d", n, len(r.PerCategory), len(c.Want.PerClass))
		}
		for i, class := range c.Classes {
			got, want := r.PerCategory[10*(i+1)], c.Want.PerClass[class]
			check(n, "AP07 of "+class, got.AP07, want.AP07)
			check(n, "AP of "+class, got.AP, want.AP)
			if got.Objects != want.Objects {
				t.Errorf("case %d: %d objects of %s, want %d", n, got.Objects, class, want.Objects)
			}
		}
	}
	t.Logf("a figure differs by %.1e", worst)
}

// Of 4 objects three are found, the second after something false: the precision is
// 1, 2/3 and 3/4 at the recalls 1/4, 2/4 and 3/4, and so at best 1, 3/4 and 3/4.
func TestByHand(t *testing.T) {
	gt := &cocoeval.GroundTruth{ImageIDs: []int{1, 2, 3, 4}, Categories: []cocoeval.Category{{ID: 1}}}
	for _, image := range gt.ImageIDs {
		gt.Annotations = append(gt.Annotations, cocoeval.Annotation{ImageID: image, CategoryID: 1, Box: [4]float64{0, 0, 10, 10}})
	}
	at := func(image int, score, x float64) cocoeval.Detection {
		return cocoeval.Detection{ImageID: image, CategoryID: 1, Box: [4]float64{x, 0, 10, 10}, Score: score}
	}
	r, err := Evaluate(gt, []cocoeval.Detection{at(3, 0.1, 0), at(1, 0.9, 1), at(1, 0.8, 0), at(2, 0.7, 3), {ImageID: 1, CategoryID: 5}})
	if err != nil {
		t.Fatal(err)
	}
	// The levels 0, 0.1 and 0.2, then 0.3 to 0.7, then 0.8 to 1, which are not reached.
	ap07, ap := (3*1.0+5*0.75)/11, 0.25*(1+0.75+0.75)
	if math.Abs(r.MAP07-ap07) > 1e-12 || math.Abs(r.MAP-ap) > 1e-12 {
		t.Errorf("mAP07 %v and mAP %v, want %v and %v", r.MAP07, r.MAP, ap07, ap)
	}
}

// A crowd is a region to ignore, as VOC's difficult objects are.
func TestCrowdsAreIgnored(t *testing.T) {
	gt := &cocoeval.GroundTruth{
		ImageIDs: []int{1}, Categories: []cocoeval.Category{{ID: 1}},
		Annotations: []cocoeval.Annotation{
			{ImageID: 1, CategoryID: 1, Box: [4]float64{0, 0, 10, 10}, Crowd: true},
			{ImageID: 1, CategoryID: 1, Box: [4]float64{50, 50, 10, 10}},
			{ImageID: 7, CategoryID: 1, Box: [4]float64{50, 50, 10, 10}}, // an image that is not measured on
		},
	}
	r, err := Evaluate(gt, []cocoeval.Detection{
		{ImageID: 1, CategoryID: 1, Box: [4]float64{0, 0, 10, 9}, Score: 0.9}, {ImageID: 1, CategoryID: 1, Box: [4]float64{50, 50, 10, 9}, Score: 0.8},
	})
	if err != nil || r.MAP != 1 || r.PerCategory[1].Objects != 1 {
		t.Errorf("%+v, %v", r, err)
	}
}

func TestEvaluateErrors(t *testing.T) {
	gt := &cocoeval.GroundTruth{ImageIDs: []int{1}, Categories: []cocoeval.Category{{ID: 1}}}
	for _, tt := range []struct {
		d    cocoeval.Detection
		want string
	}{
		{cocoeval.Detection{ImageID: 2, CategoryID: 1}, "detection 1 (image 2, category 1): the image is not in the ground truth"},
		{cocoeval.Detection{ImageID: 1, CategoryID: 1, Score: math.NaN()}, "the score NaN must be a finite number"},
		{cocoeval.Detection{ImageID: 1, CategoryID: 1, Box: [4]float64{0, math.Inf(1), 0, 0}}, "finite"},
	} {
		_, err := Evaluate(gt, []cocoeval.Detection{{ImageID: 1, CategoryID: 1}, tt.d})
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%v, want %s", err, tt.want)
		}
	}
}
