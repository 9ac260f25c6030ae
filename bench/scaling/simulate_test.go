package main

import (
	"math"
	"testing"

	"github.com/google/go-cmp/cmp"

	"detnas/nas"
	"detnas/nas/search"
)

// flat is a judge by whom all candidates take one time.
type flat float64

func (f flat) seconds(*search.Search, nas.Subnet) (float64, error) { return float64(f), nil }
func (f flat) score(_ *search.Search, sub nas.Subnet) (float64, error) {
	return float64(len(sub.Key()) % 7), nil
}

func searching(population, generations int) search.Config {
	space, _ := nas.Preset("300m")
	c := search.Published(space, 3)
	c.Population, c.Generations, c.Mutations, c.Crossovers = population, generations, population/3, population/3
	return c
}

func near(t *testing.T, what string, got, want float64) {
	t.Helper()
	if math.Abs(got-want) > 1e-9*max(1, math.Abs(want)) {
		t.Errorf("%s is %v; want %v", what, got, want)
	}
}

func simulated(t *testing.T, sc scenario, workers int) outcome {
	t.Helper()
	o, err := sc.by(workers)
	if err != nil {
		t.Fatal(err)
	}
	return o
}

// TestOneWorkerTakesTheSum wants one worker to take as long as all candidates together.
func TestOneWorkerTakesTheSum(t *testing.T) {
	all, err := recorded()
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range reruns {
		sc, err := rerun(all, r.name, r.seed)
		if err != nil {
			t.Fatal(err)
		}
		sc.gap = 0
		o := simulated(t, sc, 1)
		sum := 0.0
		for _, m := range all {
			if m.run == r.name {
				sum += m.seconds
			}
		}
		near(t, r.name, o.seconds, sum)
		near(t, r.name+" in use", o.useful, sum)
	}
}

// TestEqualTimes wants equal workers with equal times to take what a formula says, as
// long as a generation is all that is known ahead.
func TestEqualTimes(t *testing.T) {
	for _, tc := range []struct{ population, generations, workers int }{
		{50, 4, 1}, {50, 4, 3}, {50, 4, 8}, {50, 4, 20}, {50, 4, 49}, {50, 4, 50}, {50, 4, 51}, {50, 4, 1024}, {12, 5, 5}, {1, 6, 4},
	} {
		o := simulated(t, scenario{cfg: searching(tc.population, tc.generations), j: flat(2), crew: equal}, tc.workers)
		near(t, "time", o.seconds, 2*float64(tc.generations)*math.Ceil(float64(tc.population)/float64(tc.workers)))
		near(t, "useful time", o.useful, 2*float64(tc.generations*tc.population))
	}
}

// TestTimeIsAccountedFor wants the workers' time to be all of what they measured and
// what was lost, whatever happens to them.
func TestTimeIsAccountedFor(t *testing.T) {
	for name, crew := range map[string]func(int) crew{
		"equal": equal, "slow ones": slower(3, 5, false), "backups": slower(3, 5, true), "mortal": mortal(20000),
	} {
		for _, workers := range []int{1, 4, 13, 70} {
			o := simulated(t, scenario{cfg: searching(40, 3), j: flat(100), crew: crew, gap: 0.5}, workers)
			sum := o.useful
			for _, v := range o.lost {
				sum += v
			}
			near(t, name, sum, o.seconds*float64(workers))
		}
	}
}

// TestSameTrajectory wants every crew to come to what one worker comes to, and the same
// crew to the same twice.
func TestSameTrajectory(t *testing.T) {
	all, err := recorded()
	if err != nil {
		t.Fatal(err)
	}
	scenarios, err := published(all)
	if err != nil {
		t.Fatal(err)
	}
	for _, sc := range scenarios {
		if sc.cfg.Population > 50 || sc.cfg.Method == search.Regularized {
			continue
		}
		alone, many := simulated(t, sc, 1), simulated(t, sc, 24)
		key := func(o outcome) (keys []string) {
			for _, c := range o.found {
				keys = append(keys, c.Subnet.Key())
			}
			return keys
		}
		if d := cmp.Diff(key(alone), key(many)); d != "" {
			t.Errorf("%s (-one +24 workers):\n%s", sc.name, d)
		}
		again := simulated(t, sc, 24)
		if again.seconds != many.seconds || again.lost != many.lost {
			t.Errorf("%s took %v s, and again %v s", sc.name, many.seconds, again.seconds)
		}
	}
}

// TestWhoIsLostCosts wants workers that are lost or slow to cost time, backups to save
// some of it, and each cause to be named.
func TestWhoIsLostCosts(t *testing.T) {
	at := func(crew func(int) crew, workers int) outcome {
		return simulated(t, scenario{cfg: searching(60, 3), j: flat(100), crew: crew}, workers)
	}
	ideal, mortals := at(equal, 10), at(mortal(18000), 10)
	if mortals.seconds <= ideal.seconds || mortals.lost[starting] == 0 {
		t.Errorf("with late and lost workers it takes %v s, %v of them starting; without %v s", mortals.seconds, mortals.lost[starting], ideal.seconds)
	}
	late, saved := at(slower(10, 8, false), 10), at(slower(10, 8, true), 10)
	if saved.seconds >= late.seconds || saved.lost[wasted] == 0 || late.lost[wasted] != 0 {
		t.Errorf("with a slow worker it takes %v s, with backups %v s of which %v are in vain", late.seconds, saved.seconds, saved.lost[wasted])
	}
	if late.lost[atBound] == 0 {
		t.Error("a worker that is slower than the bound of looking ahead allows keeps nobody waiting")
	}
	if got := at(equal, 200).cause(); got != atEnd {
		t.Errorf("of 200 workers on 60 candidates most time is lost to %v", got)
	}
}

// TestRacingSavesWhatWasMeasured wants the model of racing to measure as many of the
// images as the real one did (docs/search.md: 36 to 42 % in searches of 10 x 20).
func TestRacingSavesWhatWasMeasured(t *testing.T) {
	all, err := recorded()
	if err != nil {
		t.Fatal(err)
	}
	of, err := recordedSpace()
	if err != nil {
		t.Fatal(err)
	}
	cfg := searching(20, 10)
	m, err := modelling(all, of, cfg.Space, 1)
	if err != nil {
		t.Fatal(err)
	}
	cfg.Parents, cfg.Mutations, cfg.Crossovers, cfg.Mutation = 10, 8, 8, 0.25
	raced := m
	raced.races = &racing{half: raceHalf}
	share := 0.0
	for seed := range uint64(5) {
		cfg.Seed = seed
		whole := 0.0
		o := simulated(t, scenario{cfg: cfg, j: raced, crew: equal}, 1)
		for _, c := range o.found {
			whole += m.whole(c.Subnet)
		}
		share += o.seconds / whole / 5
	}
	if math.Abs(share-0.39) > 0.02 {
		t.Errorf("racing measures %.3f of the images; want 0.39", share)
	}
}
