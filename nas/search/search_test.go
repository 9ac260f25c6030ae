package search

import (
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"detnas/core/seed"
	"detnas/nas"

	"github.com/google/go-cmp/cmp"
)

// small returns a space of 4^n subnets with one stage.
func small(n int) nas.Space {
	return nas.Space{
		Name: "small", Stem: 4, Widths: []int{8}, Depths: []int{n}, Choices: nas.AllChoices(),
		Last: 8, Classes: 2, Layout: nas.LayoutMMRazor,
	}
}

func published(t *testing.T) Config {
	t.Helper()
	space, err := nas.Preset("300m")
	if err != nil {
		t.Fatal(err)
	}
	return Published(space, 7)
}

func limited(t *testing.T) Config {
	t.Helper()
	cfg := published(t)
	c := nas.Constraint{Scope: nas.ScopeBody, Count: nas.CountConvReLU, Max: 300e6, Input: nas.Square(224)}
	allowed, err := c.Allowed(cfg.Space)
	if err != nil {
		t.Fatal(err)
	}
	cfg.Allowed = allowed
	return cfg
}

// score stands for an evaluation: few distinct values, so that ties are common,
// and better where more blocks are 7x7.
func score(s nas.Subnet) float64 {
	n := 0
	for _, c := range s {
		if c == nas.Shuffle7x7 {
			n++
		}
	}
	return float64(n) / float64(len(s))
}

// fineScore is score with the ties broken by where the blocks stand.
func fineScore(s nas.Subnet) float64 {
	v := score(s)
	for i, c := range s {
		v += float64((i*int(c+3)*7)%13) / 100
	}
	return v
}

func runTo(t *testing.T, s *Search, most int) {
	t.Helper()
	runWith(t, s, most, score)
}

func runWith(t *testing.T, s *Search, most int, score func(nas.Subnet) float64) {
	t.Helper()
	for len(s.Evaluated()) < most {
		c, ok := s.Next()
		if !ok {
			return
		}
		if err := s.Report(c.Index, score(c.Subnet)); err != nil {
			t.Fatal(err)
		}
	}
}

func newSearch(t *testing.T, cfg Config) *Search {
	t.Helper()
	s, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestPublishedSearch(t *testing.T) {
	cfg := limited(t)
	s := newSearch(t, cfg)
	runWith(t, s, math.MaxInt, fineScore)
	all := s.Evaluated()
	if len(all) != cfg.Planned() || s.Exhausted() {
		t.Fatalf("%d candidates, exhausted %v; want %d of them", len(all), s.Exhausted(), cfg.Planned())
	}
	seen := map[string]bool{}
	for i, c := range all {
		if c.Index != i || c.Generation != i/cfg.Population {
			t.Fatalf("candidate %d has index %d and generation %d", i, c.Index, c.Generation)
		}
		if seen[c.Subnet.Key()] {
			t.Fatalf("candidate %d was proposed twice", i)
		}
		seen[c.Subnet.Key()] = true
		if !cfg.Allowed(c.Subnet) {
			t.Fatalf("candidate %d breaks the constraint", i)
		}
		// This score is so smooth that the parents come close to each other, and
		// crossovers then give nothing new and fall back to random.
		if c.Generation < 8 || c.Origin != Random {
			checkOrigin(t, cfg, all, c)
		}
	}
	best, random := s.Best(1)[0], s.Generation(0)
	if len(random) != cfg.Population || best.Score <= Ranked(random)[0].Score {
		t.Errorf("the search's best %v does not beat %d random ones' %v", best.Score, len(random), Ranked(random)[0].Score)
	}
}

// originOf returns what the slot of a candidate is meant for.
func (c Config) originOf(x Candidate) Origin {
	slot := x.Index % c.Population
	switch {
	case x.Generation == 0 || slot >= c.Mutations+c.Crossovers:
		return Random
	case slot < c.Mutations:
		return Mutation
	default:
		return Crossover
	}
}

// checkOrigin tests that a candidate's slot, origin and parents agree and that
// its blocks can have come from those parents.
func checkOrigin(t *testing.T, cfg Config, all []Candidate, c Candidate) {
	t.Helper()
	want := cfg.originOf(c)
	parents := map[Origin]int{Random: 0, Mutation: 1, Crossover: 2}[want]
	if c.Origin != want || len(c.Parents) != parents {
		t.Fatalf("candidate %d: %s with parents %v; want %s with %d", c.Index, c.Origin, c.Parents, want, parents)
	}
	best := Ranked(all[:c.Generation*cfg.Population])
	for _, p := range c.Parents {
		found := false
		for _, b := range best[:cfg.Parents] {
			found = found || b.Index == p
		}
		if !found {
			t.Fatalf("candidate %d: parent %d was not among the best %d before its generation", c.Index, p, cfg.Parents)
		}
	}
	if c.Origin == Crossover {
		for i, x := range c.Subnet {
			if x != all[c.Parents[0]].Subnet[i] && x != all[c.Parents[1]].Subnet[i] {
				t.Fatalf("candidate %d: block %d is neither parent's", c.Index, i)
			}
		}
	}
}

func TestMutationRate(t *testing.T) {
	cfg := published(t)
	parent := Candidate{Subnet: nas.Random(cfg.Space, seed.Rand(1))}
	only := func(*rand.Rand) Candidate { return parent }
	changed, total := 0, 0
	for i := range 2000 {
		c := cfg.mutate(only, seed.Rand(2, i))
		for j, x := range c.Subnet {
			total++
			if x != parent.Subnet[j] {
				changed++
			}
		}
	}
	// A block is drawn anew with probability 0.1, and one draw in four gives
	// what it was.
	if rate := float64(changed) / float64(total); math.Abs(rate-0.075) > 0.005 {
		t.Errorf("a mutation changes %.4f of the blocks; want 0.075", rate)
	}
}

func TestReplayContinuesExactly(t *testing.T) {
	over(t, func(t *testing.T, m Method) {
		cfg := by(m, limited(t))
		cfg.Population, cfg.Mutations, cfg.Crossovers, cfg.Parents, cfg.Generations = 9, 3, 4, 3, 5
		whole := newSearch(t, cfg)
		runTo(t, whole, math.MaxInt)
		want := whole.Evaluated()
		for cut := range len(want) + 1 {
			s := newSearch(t, cfg)
			journal := make([]Result, cut)
			for i, c := range want[:cut] {
				journal[i] = Result{Subnet: c.Subnet, Score: c.Score}
			}
			if err := s.Replay(journal); err != nil {
				t.Fatalf("cut at %d: %v", cut, err)
			}
			runTo(t, s, math.MaxInt)
			if diff := cmp.Diff(want, s.Evaluated()); diff != "" {
				t.Fatalf("cut at %d: the search went on otherwise (-undisturbed +resumed):\n%s", cut, diff)
			}
		}
	})
}

func TestReplayRefusesAnotherConfig(t *testing.T) {
	cfg := published(t)
	s := newSearch(t, cfg)
	runTo(t, s, 3)
	var journal []Result
	for _, c := range s.Evaluated() {
		journal = append(journal, Result{Subnet: c.Subnet, Score: c.Score})
	}
	cfg.Seed++
	err := newSearch(t, cfg).Replay(journal)
	if err == nil || !strings.Contains(err.Error(), "candidate 0") || !strings.Contains(err.Error(), "seed") {
		t.Errorf("replaying under another seed: %v; want an error that names candidate 0 and the seed", err)
	}
	cfg = published(t)
	cfg.Space, cfg.Population, cfg.Generations, cfg.Mutations, cfg.Crossovers = small(2), 1, 1, 0, 0
	s = newSearch(t, cfg)
	runTo(t, s, 1)
	one := Result{Subnet: s.Evaluated()[0].Subnet, Score: 1}
	if err := newSearch(t, cfg).Replay([]Result{one, one}); err == nil || !strings.Contains(err.Error(), "over after 1") {
		t.Errorf("replaying too much: %v; want an error", err)
	}
}

func TestSmallSpaceIsExhausted(t *testing.T) {
	for name, tc := range map[string]struct {
		allowed func(nas.Subnet) bool
		want    int
	}{
		"all":         {nil, 64},
		"constrained": {func(s nas.Subnet) bool { return s[0] == nas.Xception }, 16},
		"one":         {func(s nas.Subnet) bool { return s.Key() == "213" }, 1},
		"none":        {func(nas.Subnet) bool { return false }, 0},
	} {
		over(t, func(t *testing.T, m Method) {
			cfg := by(m, Published(small(3), 3))
			cfg.Population, cfg.Mutations, cfg.Crossovers, cfg.Allowed = 10, 4, 4, tc.allowed
			s := newSearch(t, cfg)
			runTo(t, s, math.MaxInt)
			seen := map[string]bool{}
			for _, c := range s.Evaluated() {
				seen[c.Subnet.Key()] = true
			}
			if len(s.Evaluated()) != tc.want || len(seen) != tc.want || !s.Exhausted() {
				t.Errorf("%s: %d candidates, %d distinct, exhausted %v; want all %d", name, len(s.Evaluated()), len(seen), s.Exhausted(), tc.want)
			}
			if _, ok := s.Next(); ok {
				t.Error("Next proposes something after the end")
			}
		})
	}
}

func TestTiesKeepTheOrderOfEvaluation(t *testing.T) {
	cfg := Published(small(4), 1)
	s := newSearch(t, cfg)
	for i := range 50 {
		if err := s.Report(i, float64(i%2)); err != nil {
			t.Fatal(err)
		}
	}
	for i, c := range s.Best(50) {
		if want := (2*i + 1) % 50; i < 25 && c.Index != want {
			t.Fatalf("rank %d is candidate %d; want %d", i, c.Index, want)
		}
		if want := 2 * (i - 25); i >= 25 && c.Index != want {
			t.Fatalf("rank %d is candidate %d; want %d", i, c.Index, want)
		}
	}
	if got := s.Best(99); len(got) != 50 {
		t.Errorf("Best(99) returns %d of 50", len(got))
	}
}

// A candidate without a score is evaluated, ranks nowhere, and breeds nothing unless
// it is pinned.
func TestWithoutAScore(t *testing.T) {
	s := newSearch(t, published(t))
	for i := range 50 {
		v := math.NaN()
		if i%10 == 5 {
			v = float64(i)
		}
		if err := s.Report(i, v); err != nil {
			t.Fatal(err)
		}
	}
	if all, best := s.Evaluated(), s.Best(50); len(all) != 50 || len(best) != 5 || best[0].Index != 45 || all[0].Measured() {
		t.Errorf("%d evaluated, %d of them ranked", len(all), len(best))
	}
	if c, ok := s.BestRandom(); !ok || c.Index != 45 {
		t.Errorf("the best random one is %d", c.Index)
	}
	if err := s.Pin(s.Evaluated()[7].Subnet); err != nil {
		t.Fatal(err)
	}
	for _, p := range s.parents() {
		if p.Index%10 != 5 && p.Index != 7 {
			t.Errorf("candidate %d is bred from", p.Index)
		}
	}
	if len(s.parents()) != 6 {
		t.Errorf("%d parents", len(s.parents()))
	}
}

func TestReportRefuses(t *testing.T) {
	s := newSearch(t, published(t))
	for name, err := range map[string]error{
		"another index": s.Report(1, 0.5),
		"below all":     s.Report(0, math.Inf(-1)),
		"infinite":      s.Report(0, math.Inf(1)),
	} {
		if err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	if len(s.Evaluated()) != 0 {
		t.Error("a refused score was kept")
	}
	if _, ok := s.BestRandom(); ok {
		t.Error("BestRandom before the first score")
	}
	first, _ := s.Next()
	again, _ := s.Next()
	if diff := cmp.Diff(first, again); diff != "" {
		t.Errorf("Next twice gives two candidates:\n%s", diff)
	}
}

func TestBestRandomPassesOverBredCandidates(t *testing.T) {
	s := newSearch(t, published(t))
	runTo(t, s, 150)
	got, ok := s.BestRandom()
	if !ok || got.Origin != Random {
		t.Fatalf("BestRandom: %+v, %v", got, ok)
	}
	for _, c := range s.Evaluated() {
		if c.Origin == Random && (c.Score > got.Score || c.Score == got.Score && c.Index < got.Index) {
			t.Fatalf("random candidate %d with %v stands before %d with %v", c.Index, c.Score, got.Index, got.Score)
		}
	}
	if s.Best(1)[0].Score <= got.Score {
		t.Error("this search was to show a bred candidate above the random ones")
	}
}

func TestFeasible(t *testing.T) {
	// The pass rates are those of 300,000 random subnets counted by an
	// independent script.
	for _, tc := range []struct {
		count nas.Count
		max   int64
		want  float64
	}{
		{nas.CountConv, 300e6, 0.72},
		{nas.CountConvReLU, 300e6, 0.62},
		{nas.CountConvReLUBN, 300e6, 0.33},
		{nas.CountConvReLUBN, 330e6, 0.98},
	} {
		cfg := published(t)
		allowed, err := nas.Constraint{Scope: nas.ScopeBody, Count: tc.count, Max: tc.max, Input: nas.Square(224)}.Allowed(cfg.Space)
		if err != nil {
			t.Fatal(err)
		}
		cfg.Allowed = allowed
		got, err := Feasible(cfg, 4000)
		if err != nil || math.Abs(got-tc.want) > 0.03 {
			t.Errorf("%s <= %d: share %.3f, %v; want about %.2f", tc.count, tc.max, got, err, tc.want)
		}
	}
}

func TestFeasibleSmallSpaceIsExact(t *testing.T) {
	cfg := Published(small(3), 9)
	cfg.Allowed = func(s nas.Subnet) bool { return s.Key() == "213" }
	if got, err := Feasible(cfg, 64); err != nil || got != 1.0/64 {
		t.Errorf("share %v, %v; want 1/64", got, err)
	}
	cfg.Allowed = func(nas.Subnet) bool { return false }
	if _, err := Feasible(cfg, 1000); err == nil || !strings.Contains(err.Error(), "none of 64 possible subnets of space small") {
		t.Errorf("nothing feasible: %v", err)
	}
	if _, err := Feasible(cfg, 0); err == nil {
		t.Error("no tries: no error")
	}
}

func TestSample(t *testing.T) {
	cfg := Published(small(3), 9)
	cfg.Locks = map[int]nas.Choice{1: nas.Xception}
	cfg.Allowed = func(s nas.Subnet) bool { return s[1] != nas.Shuffle3x3 }
	for n, want := range map[int]int{5: 5, 100: 12} { // 3 x 4 of 64 pass
		seen := map[string]bool{}
		for _, s := range Sample(cfg, n) {
			seen[s.Key()] = true
			if s[0] != nas.Xception || !cfg.Allowed(s) {
				t.Errorf("%s is not allowed", s.Key())
			}
		}
		if len(seen) != want {
			t.Errorf("%d distinct ones of %d, want %d", len(seen), n, want)
		}
	}
}

func TestConfigCheck(t *testing.T) {
	for name, tc := range map[string]struct {
		change func(*Config)
		want   string
	}{
		"published":           {func(*Config) {}, ""},
		"random search alone": {func(c *Config) { c.Mutations, c.Crossovers = 0, 0 }, ""},
		"no population":       {func(c *Config) { c.Population = 0 }, "population is 0"},
		"too many children":   {func(c *Config) { c.Mutations = 31 }, "do not fit a population of 50"},
		"no parents":          {func(c *Config) { c.Parents = 0 }, "parents is 0"},
		"negative crossovers": {func(c *Config) { c.Crossovers = -1 }, "crossovers is -1"},
		"no generations":      {func(c *Config) { c.Generations = 0 }, "generations is 0"},
		"probability":         {func(c *Config) { c.Mutation = 1.5 }, "probability is 1.5"},
		"not a number":        {func(c *Config) { c.Mutation = math.NaN() }, "probability is NaN"},
		"another method":      {func(c *Config) { c.Method = "annealing" }, "annealing"},
		"no tournament":       {func(c *Config) { c.Method = Regularized }, "tournament is 0"},
		"no cost":             {func(c *Config) { c.Method = NSGA2 }, "say which"},
		"odd width":           {func(c *Config) { c.Space.Widths = []int{64, 160, 320, 641} }, "must be even"},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := published(t)
			tc.change(&cfg)
			_, err := New(cfg)
			switch {
			case tc.want == "" && err != nil:
				t.Error(err)
			case tc.want != "" && (err == nil || !strings.Contains(err.Error(), tc.want)):
				t.Errorf("error %v; want %q in it", err, tc.want)
			}
		})
	}
}

func BenchmarkPublishedSearch(b *testing.B) {
	space, err := nas.Preset("300m")
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		s, err := New(Published(space, 7))
		if err != nil {
			b.Fatal(err)
		}
		for c, ok := s.Next(); ok; c, ok = s.Next() {
			if err := s.Report(c.Index, score(c.Subnet)); err != nil {
				b.Fatal(err)
			}
		}
	}
}
