package search

import (
	"math"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"detnas/core/seed"
	"detnas/nas"
)

func TestFronts(t *testing.T) {
	//            0       1       2       3       4       5       6
	points := []point{{5, 10}, {5, 10}, {4, 5}, {4, 6}, {1, 1}, {0, 7}, {6, 20}}
	want := [][]int{{0, 1, 2, 4, 6}, {3}, {5}}
	if diff := cmp.Diff(want, fronts(points)); diff != "" {
		t.Error(diff)
	}
	if got := fronts(nil); len(got) != 0 {
		t.Errorf("fronts of nothing: %v", got)
	}
}

// Fronts come off one by one: what nobody left dominates.
func TestFrontsAgainstPeeling(t *testing.T) {
	rng := seed.Rand(4)
	points := make([]point, 120)
	for i := range points {
		points[i] = point{score: float64(rng.IntN(12)), cost: float64(rng.IntN(12))}
	}
	left := map[int]bool{}
	for i := range points {
		left[i] = true
	}
	for rank, front := range fronts(points) {
		var want []int
		for i, p := range points {
			if left[i] && !slices.ContainsFunc(points, func(q point) bool { return q.dominates(p) && left[slices.Index(points, q)] }) {
				want = append(want, i)
			}
		}
		if diff := cmp.Diff(want, front); diff != "" {
			t.Fatalf("front %d:\n%s", rank, diff)
		}
		for _, i := range front {
			delete(left, i)
		}
	}
	if len(left) > 0 {
		t.Errorf("%d points are on no front", len(left))
	}
}

func TestCrowding(t *testing.T) {
	points := []point{{0, 0}, {1, 10}, {4, 20}, {10, 100}, {9, 9}}
	got := crowding(points, []int{0, 1, 2, 3})
	want := []float64{math.Inf(1), 0.4 + 0.2, 0.9 + 0.9, math.Inf(1)}
	for i := range want {
		if math.Abs(got[i]-want[i]) > 1e-12 && got[i] != want[i] {
			t.Errorf("point %d stands %v from its neighbours, want %v", i, got[i], want[i])
		}
	}
	if got := crowding(points, []int{2}); !math.IsInf(got[0], 1) {
		t.Errorf("one alone stands %v from others", got[0])
	}
	same := []point{{1, 1}, {1, 1}, {1, 1}}
	for _, d := range crowding(same, []int{0, 1, 2}) {
		if math.IsNaN(d) {
			t.Error("the distance of equal points is no number")
		}
	}
}

func TestSelected(t *testing.T) {
	scores := []float64{3, 2.9, 2.8, 1, 2, 0}
	costs := map[string]float64{"0": 9, "1": 8.9, "2": 8.5, "3": 1, "00": 8.6, "01": 9}
	var pool []Candidate
	for i, sub := range []nas.Subnet{{0}, {1}, {2}, {3}, {0, 0}, {0, 1}} {
		pool = append(pool, Candidate{Index: i, Subnet: sub, Score: scores[i]})
	}
	cost := func(s nas.Subnet) float64 { return costs[s.Key()] }
	indices := func(n int) (out []int) {
		for _, p := range selected(pool, cost, n) {
			out = append(out, p.Index)
		}
		return out
	}
	for n, want := range map[int][]int{
		5: {0, 1, 2, 3, 4},
		3: {0, 3, 2}, // the ends, and who stands farther from its neighbours
		9: {0, 1, 2, 3, 4, 5},
	} {
		if diff := cmp.Diff(want, indices(n)); diff != "" {
			t.Errorf("of %d:\n%s", n, diff)
		}
	}
}

// NSGA-II's front covers more of score and cost than that of as many random subnets.
func TestNSGA2FindsAFront(t *testing.T) {
	cfg := Published(small(10), 11)
	cfg.Population, cfg.Generations, cfg.Mutations, cfg.Crossovers = 20, 15, 8, 8
	volume := func(m Method) float64 {
		s := newSearch(t, by(m, cfg))
		runWith(t, s, math.MaxInt, fineScore)
		front := Front(s.Evaluated(), weight)
		if m == NSGA2 {
			if diff := cmp.Diff(front, s.Front()); diff != "" {
				t.Error(diff)
			}
		}
		area, right := 0.0, 40.0
		for i, c := range front { // by falling score, and so by falling cost
			if i > 0 && (c.Score < front[i-1].Score) != (weight(c.Subnet) < right) {
				t.Errorf("the front is out of order at %d", i)
			}
			area += c.Score * (right - weight(c.Subnet))
			right = weight(c.Subnet)
		}
		if best := s.Best(1)[0].Score; front[0].Score != best {
			t.Errorf("%s: the front begins with %v, and the best is %v", m, front[0].Score, best)
		}
		return area
	}
	if bred, drawn := volume(NSGA2), volume(RandomSearch); bred <= drawn {
		t.Errorf("NSGA-II covers %.3f, random search %.3f", bred, drawn)
	}
}
