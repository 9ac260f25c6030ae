package race

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/google/go-cmp/cmp"

	"detnas/core/seed"
	"detnas/detector/cocoeval"
)

// TestQuantile holds the quantiles against the tables of Student's t.
func TestQuantile(t *testing.T) {
	for _, c := range []struct {
		p    float64
		df   int
		want float64
	}{
		{0.95, 1, 6.3138}, {0.95, 2, 2.9200}, {0.95, 5, 2.0150}, {0.975, 10, 2.2281}, {0.99, 39, 2.4258}, {0.995, 2, 9.9248}, {0.9, 4, 1.5332}, {0.5, 3, 0},
	} {
		if got := quantile(c.p, c.df); math.Abs(got-c.want) > 1e-4 {
			t.Errorf("quantile %v of %d degrees of freedom is %.4f, want %.4f", c.p, c.df, got, c.want)
		}
	}
}

func TestLooks(t *testing.T) {
	for batches, want := range map[int][]int{4: nil, 8: {4, 5, 6}, 40: {5, 8, 10, 15, 20, 25, 30}} {
		if d := cmp.Diff(want, Looks(batches)); d != "" {
			t.Errorf("%d batches (-want +got):\n%s", batches, d)
		}
	}
}

// detections are those of a candidate of some skill: it finds an object of an image
// with a chance that depends on both, and wrong places besides.
func detections(r *rand.Rand, images int, hard []float64, skill float64) []cocoeval.Detection {
	var out []cocoeval.Detection
	for i := range images {
		for o := range 3 {
			at := float64(100 * o)
			if r.Float64() > skill*hard[i] {
				at += 50
			}
			out = append(out, cocoeval.Detection{ImageID: i, CategoryID: 1, Box: [4]float64{at, 0, 40, 40}, Score: r.Float64()})
		}
	}
	return out
}

func truth(images int) *cocoeval.GroundTruth {
	gt := &cocoeval.GroundTruth{Categories: []cocoeval.Category{{ID: 1}}}
	for i := range images {
		gt.ImageIDs = append(gt.ImageIDs, i)
		for o := range 3 {
			gt.Annotations = append(gt.Annotations, cocoeval.Annotation{ID: 3*i + o + 1, ImageID: i, CategoryID: 1, Box: [4]float64{float64(100 * o), 0, 40, 40}, Area: 1600})
		}
	}
	return gt
}

// TestEstimate looks at many candidates early: their scores over all images lie where
// the estimates say, as often as they say, and the estimates by the others beat what
// the images seen say alone.
func TestEstimate(t *testing.T) {
	const images, batch, seen, trials = 120, 2, 20, 150
	gt, of := truth(images), images/batch
	below, plain, paired := 0, 0.0, 0.0
	for trial := range trials {
		r := seed.Rand(uint64(trial), "race test")
		hard := make([]float64, images)
		for i := range hard {
			hard[i] = r.Float64()
		}
		matches := func(skill float64) *cocoeval.Matches {
			m, err := cocoeval.Match(gt, detections(r, images, hard, skill), cocoeval.Options{Workers: 1})
			if err != nil {
				t.Fatal(err)
			}
			return m
		}
		batches := make([][]int, 0, seen)
		for _, b := range r.Perm(of)[:seen] {
			batches = append(batches, []int{2 * b, 2*b + 1})
		}
		others, whole := []Figures{}, 0.0
		candidate := matches(0.8)
		l := NewLook(batches, of, candidate.Images(), false)
		for range 10 {
			m := matches(0.8)
			f, ok := l.Figures(m)
			if !ok {
				t.Fatal("no figures")
			}
			others, whole = append(others, f), whole+l.Whole(m)/10
		}
		f, _ := l.Figures(candidate)
		e, score := l.Estimate(f, Mean(others), whole), l.Whole(candidate)
		if e.Below(score, 0.9) {
			below++
		}
		plain += (f.Seen - score) * (f.Seen - score) / trials
		paired += (e.Score - score) * (e.Score - score) / trials
	}
	if share := float64(below) / trials; share < 0.03 || share > 0.17 { // three standard errors
		t.Errorf("%.3f of the candidates are said to be below their own score with a confidence of 0.9", share)
	}
	if paired > 0.7*plain {
		t.Errorf("the estimate errs by %.4f, and the images seen alone by %.4f", math.Sqrt(paired), math.Sqrt(plain))
	}
}

// On images where nothing is to be found nobody is judged.
func TestNothingToFind(t *testing.T) {
	gt := truth(4)
	gt.Annotations = gt.Annotations[:3] // of image 0
	m, err := cocoeval.Match(gt, nil, cocoeval.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for _, batches := range [][][]int{{{1}, {2}}, {{0}, {1}}} {
		if _, ok := NewLook(batches, 4, m.Images(), false).Figures(m); ok {
			t.Errorf("batches %v give figures", batches)
		}
	}
}
