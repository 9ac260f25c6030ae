package search

import (
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"detnas/nas"
)

// of is a subnet of a space with one stage.
func of(t *testing.T, space nas.Space, short string) nas.Subnet {
	t.Helper()
	s, err := nas.ParseSubnet(short, space)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// over tests all methods.
func over(t *testing.T, test func(t *testing.T, m Method)) {
	t.Helper()
	for _, m := range Methods() {
		t.Run(string(m), func(t *testing.T) { test(t, m) })
	}
}

// by has a config search by a method.
func by(m Method, cfg Config) Config {
	cfg.Method = m
	switch m {
	case Regularized:
		cfg.Tournament = 3
	case NSGA2:
		cfg.Cost = weight
	}
	return cfg
}

// weight is a cost with few distinct values.
func weight(s nas.Subnet) float64 {
	n := 0.0
	for _, c := range s {
		n += float64(c)
	}
	return n
}

// steered is a small search that runs through five generations.
func steered(m Method) Config {
	cfg := by(m, Published(small(6), 5))
	cfg.Population, cfg.Mutations, cfg.Crossovers, cfg.Parents, cfg.Generations = 8, 3, 3, 3, 5
	cfg.Allowed = func(s nas.Subnet) bool { return s[0] != nas.Xception || s[1] != nas.Xception }
	return cfg
}

func TestPinIsEvaluatedNextAndOnce(t *testing.T) {
	over(t, func(t *testing.T, m Method) {
		cfg := steered(m)
		s := newSearch(t, cfg)
		runWith(t, s, 3, fineScore)
		a, b := of(t, cfg.Space, "000000"), of(t, cfg.Space, "222222")
		for _, sub := range []nas.Subnet{a, b, a} {
			if err := s.Pin(sub); err != nil {
				t.Fatal(err)
			}
		}
		if n := s.Planned(); n != 42 {
			t.Errorf("%d candidates are planned with two pins, want 40 and 2", n)
		}
		runWith(t, s, 4, fineScore)
		if err := s.Pin(s.Evaluated()[1].Subnet); err != nil { // known: not evaluated again
			t.Fatal(err)
		}
		runWith(t, s, math.MaxInt, fineScore)
		all, seen := s.Evaluated(), map[string]bool{}
		for i, c := range all {
			if seen[c.Subnet.Key()] || c.Index != i {
				t.Fatalf("candidate %d of %d has index %d, known %v", i, len(all), c.Index, seen[c.Subnet.Key()])
			}
			seen[c.Subnet.Key()] = true
			if pinned := i == 3 || i == 4; (c.Origin == Pinned) != pinned || pinned && c.Generation != 0 {
				t.Errorf("candidate %d: origin %s, generation %d", i, c.Origin, c.Generation)
			}
		}
		if len(all) != 42 || all[3].Subnet.Key() != a.Key() || all[4].Subnet.Key() != b.Key() {
			t.Errorf("%d candidates, the pinned ones %v and %v", len(all), all[3].Subnet, all[4].Subnet)
		}
	})
}

// TestPinOfOneWithoutAScore wants a candidate that got no score evaluated once more
// when it is pinned, the score that it has then to count, and a replay to do the same.
func TestPinOfOneWithoutAScore(t *testing.T) {
	over(t, func(t *testing.T, m Method) {
		cfg := steered(m)
		s := newSearch(t, cfg)
		times := map[string]int{}
		var lost nas.Subnet
		score := func(sub nas.Subnet) float64 {
			times[sub.Key()]++
			if lost == nil {
				lost = sub.Clone()
			}
			if sub.Key() == lost.Key() && times[sub.Key()] == 1 {
				return math.NaN()
			}
			return fineScore(sub)
		}
		runWith(t, s, 3, score)
		pin := func(s *Search) error { return s.Pin(lost) }
		if err := pin(s); err != nil {
			t.Fatal(err)
		}
		s.Unpin(lost)
		if c, ok := s.Next(); !ok || c.Subnet.Key() == lost.Key() {
			t.Fatalf("an unpinned subnet is proposed: %v", c.Subnet)
		}
		if err := pin(s); err != nil {
			t.Fatal(err)
		}
		runWith(t, s, math.MaxInt, score)
		all := s.Evaluated()
		if len(all) != 41 || all[3].Origin != Pinned || all[3].Subnet.Key() != lost.Key() || all[3].Score != fineScore(lost) || times[lost.Key()] != 2 {
			t.Errorf("%d candidates, of which the fourth is %+v; the pinned one was evaluated %d times", len(all), all[3], times[lost.Key()])
		}
		again := newSearch(t, cfg)
		var results []Result
		for _, c := range all {
			results = append(results, Result{Subnet: c.Subnet, Score: c.Score})
		}
		if err := again.Replay(results, Act{At: 3, Do: pin}); err != nil {
			t.Error(err)
		}
	})
}

func TestPinnedSubnetStaysAParent(t *testing.T) {
	over(t, func(t *testing.T, m Method) {
		if m == RandomSearch {
			t.Skip("it breeds from nothing")
		}
		cfg := steered(m)
		cfg.Parents, cfg.Mutations, cfg.Crossovers, cfg.Mutation = 1, 8, 0, 0.5
		s := newSearch(t, cfg)
		worst := of(t, cfg.Space, "000000")
		score := func(sub nas.Subnet) float64 {
			if sub.Key() == worst.Key() {
				return math.NaN() // as bad as can be
			}
			return fineScore(sub)
		}
		if err := s.Pin(worst); err != nil {
			t.Fatal(err)
		}
		runWith(t, s, math.MaxInt, score)
		from := map[int]int{} // generations with a child of the pinned subnet
		for _, c := range s.Evaluated()[1:] {
			if c.Generation > 0 && len(c.Parents) == 1 && c.Parents[0] == 0 {
				from[c.Generation]++
			}
		}
		if s.Evaluated()[0].Origin != Pinned || len(from) != cfg.Generations-1 {
			t.Errorf("candidate 0 is %s; its children by generation: %v, want some in each after the first", s.Evaluated()[0].Origin, from)
		}
	})
}

func TestPinOfAPendingCandidateMovesItForward(t *testing.T) {
	over(t, func(t *testing.T, m Method) {
		if m == Regularized {
			t.Skip("one candidate stands at a time")
		}
		s := newSearch(t, steered(m))
		runWith(t, s, 2, fineScore)
		last := s.pending[len(s.pending)-1]
		if err := s.Pin(last.Subnet); err != nil {
			t.Fatal(err)
		}
		c, _ := s.Next()
		if c.Subnet.Key() != last.Subnet.Key() || c.Index != 2 || c.Origin != Random || s.Planned() != 40 {
			t.Errorf("next is %+v with %d planned; want the pinned one, proposed by the search, of 40", c, s.Planned())
		}
	})
}

func TestUnpin(t *testing.T) {
	over(t, func(t *testing.T, m Method) {
		cfg := steered(m)
		s, plain := newSearch(t, cfg), newSearch(t, cfg)
		sub := of(t, cfg.Space, "123012")
		runWith(t, s, 5, fineScore)
		if err := s.Pin(sub); err != nil {
			t.Fatal(err)
		}
		s.Unpin(sub)
		s.Unpin(sub)
		runWith(t, s, math.MaxInt, fineScore)
		runWith(t, plain, math.MaxInt, fineScore)
		if diff := cmp.Diff(plain.Evaluated(), s.Evaluated()); diff != "" {
			t.Errorf("a pin that was taken back at once left its mark:\n%s", diff)
		}
	})
}

func TestPinAfterTheEnd(t *testing.T) {
	over(t, func(t *testing.T, m Method) {
		cfg := steered(m)
		s := newSearch(t, cfg)
		runWith(t, s, math.MaxInt, fineScore)
		sub := nas.Subnet(nil)
		for cand := range walk(cfg, of(t, cfg.Space, "000000"), 1<<12) {
			if s.fresh(cand) {
				sub = cand.Clone()
				break
			}
		}
		if err := s.Pin(sub); err != nil {
			t.Fatal(err)
		}
		runWith(t, s, math.MaxInt, fineScore)
		c := s.Evaluated()[len(s.Evaluated())-1]
		g, ended := s.Ended()
		if c.Index != 40 || c.Generation != 4 || c.Origin != Pinned || g != 4 || !ended {
			t.Errorf("the last candidate is %+v, generation %d ended %v; want number 40, pinned, in generation 4 that ends", c, g, ended)
		}
	})
}

func TestPinRefuses(t *testing.T) {
	over(t, func(t *testing.T, m Method) {
		cfg := steered(m)
		s := newSearch(t, cfg)
		for name, sub := range map[string]nas.Subnet{
			"another space":         {nas.Shuffle3x3},
			"beyond the choices":    {9, 0, 0, 0, 0, 0},
			"breaks the constraint": of(t, cfg.Space, "330000"),
		} {
			if err := s.Pin(sub); err == nil {
				t.Errorf("%s: no error", name)
			}
		}
		if len(s.waiting)+len(s.pinned) != 0 {
			t.Error("a refused pin was kept")
		}
	})
}

func TestLocksHoldForWhatIsBredAfter(t *testing.T) {
	over(t, func(t *testing.T, m Method) {
		cfg := steered(m)
		s := newSearch(t, cfg)
		runWith(t, s, 11, fineScore) // within generation 1
		if err := s.Lock(3, nas.Xception); err != nil {
			t.Fatal(err)
		}
		free := of(t, cfg.Space, "110011") // pins are free of locks
		if err := s.Pin(free); err != nil {
			t.Fatal(err)
		}
		runWith(t, s, 30, fineScore) // within generation 3
		s.Unlock(3)
		runWith(t, s, math.MaxInt, fineScore)
		// A generation that stands already is left as it is; the regularised evolution
		// has none that does. Candidate 11 is the pinned one.
		from, to := 17, 33
		if m == Regularized {
			from, to = 12, 30
		}
		others := 0
		for i, c := range s.Evaluated() {
			held := c.Subnet[2] == nas.Xception
			switch {
			case c.Origin == Pinned:
			case from <= i && i < to && !held:
				t.Errorf("candidate %d of generation %d is %s, without the locked choice", i, c.Generation, c.Subnet.Key())
			case i >= to && !held:
				others++
			}
		}
		if others == 0 {
			t.Error("the lock holds after it was taken back")
		}
	})
}

func TestLockedSpaceIsWalkedToItsEnd(t *testing.T) {
	over(t, func(t *testing.T, m Method) {
		cfg := by(m, Published(small(3), 3))
		cfg.Population, cfg.Mutations, cfg.Crossovers = 10, 4, 4
		cfg.Locks = map[int]nas.Choice{1: nas.Shuffle5x5}
		s := newSearch(t, cfg)
		runTo(t, s, math.MaxInt)
		if len(s.Evaluated()) != 16 || !s.Exhausted() {
			t.Fatalf("%d candidates, exhausted %v; want the 16 with block 1 locked", len(s.Evaluated()), s.Exhausted())
		}
		s.Unlock(1)
		runTo(t, s, math.MaxInt)
		if len(s.Evaluated()) != 64 {
			t.Errorf("%d candidates after the block was unlocked; want all 64", len(s.Evaluated()))
		}
	})
}

func TestFeasibleWithLocks(t *testing.T) {
	cfg := steered(Evolution)
	cfg.Locks = map[int]nas.Choice{1: nas.Xception}
	if got, err := Feasible(cfg, 2000); err != nil || got != 0.75 {
		t.Errorf("share %v, %v; want 3 in 4", got, err)
	}
	cfg.Locks = cfg.Locked(2, nas.Xception)
	if _, err := Feasible(cfg, 2000); err == nil || !strings.Contains(err.Error(), "unlock") {
		t.Errorf("locks that leave nothing: %v", err)
	}
	for _, locks := range []map[int]nas.Choice{{0: 1}, {7: 1}, {2: 9}} {
		cfg.Locks = locks
		if err := cfg.Check(); err == nil || !strings.Contains(err.Error(), "lock block") {
			t.Errorf("locks %v: %v", locks, err)
		}
	}
}

func TestResize(t *testing.T) {
	over(t, func(t *testing.T, m Method) {
		cfg := steered(m)
		s := newSearch(t, cfg)
		runWith(t, s, 12, fineScore) // generations 0 and 1 are bred
		to := cfg
		to.Generations, to.Population = 1, 6
		if err := s.Resize(to); err != nil {
			t.Fatal(err)
		}
		if n := s.Planned(); n != 16 {
			t.Errorf("%d planned after a cut to one generation; want the two that were begun", n)
		}
		to.Generations = 4
		if err := s.Resize(to); err != nil {
			t.Fatal(err)
		}
		runWith(t, s, math.MaxInt, fineScore)
		if n := len(s.Evaluated()); n != 16+2*6 {
			t.Errorf("%d evaluated; want two generations of 8 and two of 6", n)
		}
		to.Population = 0
		if err := s.Resize(to); err == nil {
			t.Error("a population of none was taken")
		}
	})
}

// acts is a search steered in every way, at places that fall within and between
// generations.
func acts(t *testing.T, cfg Config) []Act {
	t.Helper()
	pin := func(short string) func(*Search) error {
		return func(s *Search) error { return s.Pin(of(t, cfg.Space, short)) }
	}
	more := cfg
	more.Generations, more.Population, more.Mutation = 6, 7, 0.3
	return []Act{
		{0, pin("012301")},
		{0, func(s *Search) error { return s.Lock(4, nas.Shuffle7x7) }},
		{5, pin("111111")},
		{5, pin("222222")},
		{6, func(s *Search) error { s.Unpin(of(t, cfg.Space, "222222")); return nil }},
		{11, func(s *Search) error { s.Unlock(4); return nil }}, // between generations: 3 pins and 8
		{11, pin("300000")},
		{14, func(s *Search) error { return s.Lock(2, nas.Shuffle3x3) }},
		{20, func(s *Search) error { return s.Resize(more) }},
		{20, func(s *Search) error { return s.Lock(5, nas.Shuffle5x5) }},
		{31, func(s *Search) error { s.Unpin(of(t, cfg.Space, "012301")); return nil }},
	}
}

func TestReplayOfASteeredSearchContinuesExactly(t *testing.T) {
	over(t, func(t *testing.T, m Method) {
		cfg := steered(m)
		// live takes the acts as they fall due, and looks ahead before it does, as
		// a run does that was stopped within a candidate.
		live := func(s *Search, from []Act, looks bool) []Candidate {
			for {
				n := len(s.Evaluated())
				for len(from) > 0 && from[0].At <= n {
					if err := from[0].Do(s); err != nil {
						t.Fatal(err)
					}
					from = from[1:]
				}
				c, ok := s.Next()
				if !ok {
					return s.Evaluated()
				}
				if looks {
					s.Ended()
					s.Planned()
				}
				if err := s.Report(c.Index, fineScore(c.Subnet)); err != nil {
					t.Fatal(err)
				}
			}
		}
		all := acts(t, cfg)
		want := live(newSearch(t, cfg), all, false)
		if len(want) < 40 {
			t.Fatalf("only %d candidates", len(want))
		}
		if diff := cmp.Diff(want, live(newSearch(t, cfg), all, true)); diff != "" {
			t.Fatalf("looking changed the search:\n%s", diff)
		}
		for cut := range len(want) + 1 {
			journal := make([]Result, cut)
			for i, c := range want[:cut] {
				journal[i] = Result{Subnet: c.Subnet, Score: c.Score}
			}
			// The acts at the cut itself may have been taken before it or not.
			for _, before := range []bool{true, false} {
				done := 0
				for done < len(all) && (all[done].At < cut || before && all[done].At == cut) {
					done++
				}
				s := newSearch(t, cfg)
				if err := s.Replay(journal, all[:done]...); err != nil {
					t.Fatalf("cut at %d: %v", cut, err)
				}
				if diff := cmp.Diff(want, live(s, all[done:], false)); diff != "" {
					t.Fatalf("cut at %d: the search went on otherwise (-undisturbed +resumed):\n%s", cut, diff)
				}
			}
		}
	})
}

func TestEnded(t *testing.T) {
	over(t, func(t *testing.T, m Method) {
		cfg := steered(m)
		s := newSearch(t, cfg)
		var at []int
		if _, ok := s.Ended(); ok {
			t.Error("a generation ended before the first candidate")
		}
		for c, ok := s.Next(); ok; c, ok = s.Next() {
			if err := s.Report(c.Index, fineScore(c.Subnet)); err != nil {
				t.Fatal(err)
			}
			if g, ended := s.Ended(); ended {
				if g != len(at) {
					t.Errorf("generation %d ended after %v", g, at)
				}
				at = append(at, len(s.Evaluated()))
			}
			if len(s.Evaluated()) == 16 { // between two: belongs to the next
				if err := s.Pin(of(t, cfg.Space, "000000")); err != nil {
					t.Fatal(err)
				}
			}
		}
		if want := []int{8, 16, 25, 33, 41}; !cmp.Equal(at, want) {
			t.Errorf("generations ended at %v, want %v", at, want)
		}
	})
}

// TestUpcoming wants what stands before evaluation to come in its order, whatever the
// scores, and pins before it.
func TestUpcoming(t *testing.T) {
	over(t, func(t *testing.T, m Method) {
		s := newSearch(t, steered(m))
		if len(s.Upcoming()) != 0 {
			t.Error("something stands before evaluation before the first proposal")
		}
		for range 3 { // generations
			if _, ok := s.Next(); !ok {
				t.Fatal("the search is over")
			}
			pin := s.Upcoming()[len(s.Upcoming())-1]
			for _, sub := range []nas.Subnet{of(t, small(6), "000123"), pin} { // one that waits, and one that is moved
				if err := s.Pin(sub); err != nil {
					t.Fatal(err)
				}
			}
			for i, want := range s.Upcoming() {
				c, ok := s.Next()
				if !ok || c.Subnet.Key() != want.Key() {
					t.Fatalf("%v is proposed as number %d; want %v", c.Subnet, i, want)
				}
				if err := s.Report(c.Index, fineScore(c.Subnet)); err != nil {
					t.Fatal(err)
				}
			}
			s.Unpin(pin)
		}
	})
}
