package search

import (
	"math"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"detnas/nas"
)

// Whoever has no score breeds nothing, ranks nowhere and ends nothing.
func TestMethodsWithoutAScore(t *testing.T) {
	over(t, func(t *testing.T, m Method) {
		cfg := steered(m)
		s := newSearch(t, cfg)
		runWith(t, s, math.MaxInt, func(sub nas.Subnet) float64 {
			if sub[2] == nas.Shuffle5x5 {
				return math.NaN()
			}
			return fineScore(sub)
		})
		all, bad := s.Evaluated(), 0
		for _, c := range all {
			if !c.Measured() {
				bad++
			}
			for _, p := range c.Parents {
				if !all[p].Measured() {
					t.Errorf("candidate %d was bred from %d, which has no score", c.Index, p)
				}
			}
		}
		for _, c := range s.Front() {
			if !c.Measured() {
				t.Errorf("candidate %d without a score is on the front", c.Index)
			}
		}
		if len(all) != 40 || bad == 0 || len(s.Best(40)) != 40-bad {
			t.Errorf("%d candidates, %d without a score, %d ranked", len(all), bad, len(s.Best(40)))
		}
	})
	over(t, func(t *testing.T, m Method) { // and where none has one
		s := newSearch(t, steered(m))
		runWith(t, s, math.MaxInt, func(nas.Subnet) float64 { return math.NaN() })
		if n := len(s.Evaluated()); n != 40 || len(s.Front()) != 0 {
			t.Errorf("%d candidates, %d on the front", n, len(s.Front()))
		}
	})
}

func TestMethodsBeginWithTheSameRandomSubnets(t *testing.T) {
	want := newSearch(t, steered(RandomSearch))
	runWith(t, want, math.MaxInt, fineScore)
	for _, c := range want.Evaluated() {
		if c.Origin != Random || len(c.Parents) > 0 {
			t.Errorf("a random search proposed %+v", c)
		}
	}
	over(t, func(t *testing.T, m Method) {
		s := newSearch(t, steered(m))
		runWith(t, s, 8, fineScore)
		if diff := cmp.Diff(want.Evaluated()[:8], s.Evaluated()); diff != "" {
			t.Error(diff)
		}
	})
}

func TestRegularizedEvolution(t *testing.T) {
	cfg := by(Regularized, Published(small(8), 3))
	cfg.Population, cfg.Generations, cfg.Tournament = 10, 20, 4
	s := newSearch(t, cfg)
	runWith(t, s, math.MaxInt, fineScore)
	all, children, won := s.Evaluated(), 0, 0
	for _, c := range all[cfg.Population:] {
		if c.Origin != Mutation {
			continue // where 200 children of the population were known already
		}
		children++
		parent := all[c.Parents[0]]
		if parent.Index < c.Index-cfg.Population || parent.Index >= c.Index {
			t.Fatalf("candidate %d has the parent %d, which is not among the %d before it", c.Index, parent.Index, cfg.Population)
		}
		changed := 0
		for i, x := range c.Subnet {
			if x != parent.Subnet[i] {
				changed++
			}
		}
		if changed != 1 {
			t.Fatalf("candidate %d differs from its parent in %d blocks", c.Index, changed)
		}
		population := Ranked(all[c.Index-cfg.Population : c.Index])
		if at := slices.IndexFunc(population, func(p Candidate) bool { return p.Index == parent.Index }); at < 3 {
			won++
		}
	}
	// The best of 4 of 10 is among the best three with 1 - 0.7^4 = 0.76.
	if share := float64(won) / float64(children); children < 150 || math.Abs(share-0.76) > 0.1 {
		t.Errorf("%d children, %.2f of them of the three best; want 0.76", children, share)
	}
	if first, last := s.Generation(0), s.Generation(19); Ranked(last)[0].Score <= Ranked(first)[0].Score {
		t.Errorf("20 generations took the best score from %v to %v", Ranked(first)[0].Score, Ranked(last)[0].Score)
	}
}

func TestRegularizedPopulationOfAnotherSize(t *testing.T) {
	cfg := steered(Regularized)
	s := newSearch(t, cfg)
	runWith(t, s, 20, fineScore)
	to := cfg
	to.Population, to.Generations = 2, 8
	if err := s.Resize(to); err != nil {
		t.Fatal(err)
	}
	runWith(t, s, math.MaxInt, fineScore)
	all := s.Evaluated()
	if len(all) != 24+2*5 { // the third generation keeps its size
		t.Errorf("%d candidates", len(all))
	}
	for _, c := range all[20:] {
		if c.Origin == Mutation && c.Parents[0] < c.Index-2 {
			t.Errorf("candidate %d has the parent %d; the population is of 2", c.Index, c.Parents[0])
		}
	}
}
