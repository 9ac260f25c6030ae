package series

import (
	"math"
	"math/rand/v2"
	"testing"
)

func near(a, b float64) bool {
	return math.IsNaN(a) && math.IsNaN(b) || math.Abs(a-b) <= 1e-9*max(1, math.Abs(a), math.Abs(b))
}

// naive is one bin over the points of a stretch.
func naive(xs, ys []float64, x0, x1 float64) Bin {
	b := Bin{X0: math.NaN(), Min: math.Inf(1), Max: math.Inf(-1)}
	sum := 0.0
	for i, x := range xs {
		if x < x0 || x > x1 {
			continue
		}
		if math.IsNaN(b.X0) {
			b.X0 = x
		}
		b.X1 = x
		if math.IsNaN(ys[i]) || math.IsInf(ys[i], 0) {
			b.NaN++
			continue
		}
		b.N++
		b.Min, b.Max, b.Last = min(b.Min, ys[i]), max(b.Max, ys[i]), ys[i]
		sum += ys[i]
	}
	b.Mean = sum / float64(b.N)
	return b
}

func TestBinsAreThePointsMerged(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for _, n := range []int{1, 2, 100, most, most + 1, 3*most + 17} {
		var s Series
		var xs, ys []float64
		for i := range n {
			y := rng.NormFloat64()
			if rng.IntN(20) == 0 {
				y = math.NaN()
			}
			xs, ys = append(xs, float64(10*i+5)), append(ys, y)
			s.Append(xs[i], y)
		}
		if s.Len() != n {
			t.Errorf("%d points are %d", n, s.Len())
		}
		total := 0
		for _, got := range s.Bins(0, math.Inf(1), 97) {
			want := naive(xs, ys, got.X0, got.X1)
			total += got.N + got.NaN
			if got.N != want.N || got.NaN != want.NaN || got.N > 0 && (got.Min != want.Min || got.Max != want.Max ||
				!near(got.Mean, want.Mean) || got.Last != want.Last) {
				t.Fatalf("of %d: %+v, want %+v", n, got, want)
			}
		}
		if total != n {
			t.Errorf("the bins of %d points hold %d", n, total)
		}
	}
}

func TestBinsOfAWindow(t *testing.T) {
	var s Series
	for i := range 100 {
		s.Append(float64(i), float64(i))
	}
	b := s.Bins(20, 29, 100)
	if len(b) != 10 || b[0].X0 != 20 || b[9].X1 != 29 {
		t.Errorf("%+v", b)
	}
	if s.Bins(200, 300, 10) != nil || s.Bins(0, 10, 0) != nil {
		t.Error("bins where there are none")
	}
	if at, ok := s.At(41.5); !ok || at.Last != 41 {
		t.Errorf("at 41.5: %+v", at)
	}
	if _, ok := s.At(-1); ok {
		t.Error("a bin before the first")
	}
}

func TestMemoryIsBounded(t *testing.T) {
	var s Series
	for i := range 5_000_000 {
		s.Append(float64(i), 1)
	}
	if len(s.bins) > most || cap(s.bins) > 2*most || len(s.bins) < most/2 {
		t.Errorf("%d bins", len(s.bins))
	}
	if s.Len() != 5_000_000 {
		t.Errorf("%d points", s.Len())
	}
}

func TestResumeTakesTheCurveBack(t *testing.T) {
	var s Series
	for i := range 50 {
		s.Append(float64(i), 1)
	}
	s.Append(30, 2)
	s.Append(31, 2)
	if b := s.Bins(0, 100, 1000); len(b) != 32 || b[29].Last != 1 || b[30].Last != 2 || s.Last() != 2 {
		t.Errorf("%d bins, last %v", len(b), s.Last())
	}
	s.Append(-5, 3)
	if s.Len() != 1 {
		t.Errorf("%d points after going back to the start", s.Len())
	}
}

func TestCut(t *testing.T) {
	var s Series
	s.Cut(3)
	for i := range 50 {
		s.Append(float64(i), 1)
	}
	s.Cut(49)
	s.Cut(30)
	if _, end, _ := s.Bounds(); s.Len() != 31 || end != 30 {
		t.Errorf("%d points up to %v", s.Len(), end)
	}
	s.Append(31, 2)
	if s.Len() != 32 || s.Last() != 2 {
		t.Errorf("%d points, last %v", s.Len(), s.Last())
	}
	for i := 32; i < 3*most; i++ {
		s.Append(float64(i), 1)
	}
	s.Cut(2 * most)
	if _, end, _ := s.Bounds(); end > 2*most || end < float64(2*most-s.points) {
		t.Errorf("merged bins of %d end at %v", s.points, end)
	}
	s.Cut(-1)
	if s.Len() != 0 {
		t.Errorf("%d points before the first", s.Len())
	}
}

func TestSameX(t *testing.T) {
	var s Series
	s.Append(1, 5)
	s.Append(1, 7)
	if b, ok := s.At(1); !ok || b.N != 1 || b.Last != 7 {
		t.Errorf("a lone point is not replaced: %+v", b)
	}
	for i := range 3*most + 1 {
		s.Append(float64(i+2), 1)
	}
	_, end, _ := s.Bounds()
	before := s.Len()
	for range 100 {
		s.Append(end, 9)
	}
	if b, _ := s.At(end); s.Len() != before+100 || b.Max != 9 || b.Last != 9 {
		t.Errorf("%d points of %d are left, the last %+v", s.Len()-before, 100, b)
	}
}

// TestResumeAMergedCurve goes back into the middle of a curve whose bins are
// merged: what is before stays, but for a bin at most.
func TestResumeAMergedCurve(t *testing.T) {
	var s Series
	const n = 5*most + 3
	for i := range n {
		s.Append(float64(i), float64(i))
	}
	each := s.points
	for i := n / 2; i < n/2+10; i++ {
		s.Append(float64(i), -1)
	}
	lost := n/2 + 10 - s.Len()
	if _, end, _ := s.Bounds(); lost < 0 || lost >= each || end != float64(n/2+9) {
		t.Errorf("%d points are lost with bins of %d, the end is %v", lost, each, end)
	}
	for _, b := range s.Bins(0, float64(n/2-each), most) {
		if b.Min != b.X0 || b.Max != b.X1 || b.N != each {
			t.Fatalf("%+v", b)
		}
	}
	if s.Last() != -1 {
		t.Errorf("the last is %v", s.Last())
	}
}

func TestNaN(t *testing.T) {
	var s Series
	if !math.IsNaN(s.Last()) {
		t.Error("an empty curve has a value")
	}
	if _, _, ok := s.Bounds(); ok {
		t.Error("an empty curve has bounds")
	}
	s.Append(1, 5)
	s.Append(2, math.NaN())
	s.Append(3, math.Inf(1))
	s.Append(math.NaN(), 1)
	b := s.Bins(0, 10, 1)
	if len(b) != 1 || b[0].N != 1 || b[0].NaN != 2 || b[0].Last != 5 || s.Last() != 5 {
		t.Errorf("%+v", b)
	}
}

// TestSmooth is held against TensorBoard's loop, in which a bin of n points is n
// points of its mean.
func TestSmooth(t *testing.T) {
	bins := []Bin{{Mean: 1, N: 1}, {Mean: 3, N: 2}, {N: 0, NaN: 1, Mean: math.NaN()}, {Mean: -2, N: 3}, {Mean: 4, N: 1}}
	for _, weight := range []float64{0, 0.5, 0.9, 0.98} {
		got := Smooth(bins, weight)
		last, n := 0.0, 0
		for i, b := range bins {
			for range b.N {
				last = last*weight + (1-weight)*b.Mean
				n++
			}
			want := last / (1 - math.Pow(weight, float64(n)))
			if b.N == 0 {
				want = math.NaN()
			}
			if !near(got[i], want) {
				t.Errorf("weight %v, bin %d: %v, want %v", weight, i, got[i], want)
			}
		}
	}
}

func BenchmarkAppend(b *testing.B) {
	var s Series
	x := 0.0
	for b.Loop() {
		x++
		s.Append(x, x)
	}
}
