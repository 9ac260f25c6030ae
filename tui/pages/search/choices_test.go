package search

import (
	"fmt"
	"math"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"

	"detnas/core/run"
	"detnas/nas"
)

func four() []run.Candidate {
	return []run.Candidate{
		{Index: 0, Generation: 0, Subnet: "01-2", Score: 0.2},
		{Index: 1, Generation: 0, Subnet: "01-3", Score: 0.4},
		{Index: 2, Generation: 1, Subnet: "31-3", Score: math.NaN()},
		{Index: 3, Generation: 1, Subnet: "21-3", Score: 0.6},
	}
}

// near compares with NaN equal to itself.
func near(a, b float64) bool {
	return math.Abs(a-b) < 1e-12 || math.IsNaN(a) && math.IsNaN(b)
}

func TestMapOfEachMeasure(t *testing.T) {
	c := NewChoices(3, nas.AllChoices())
	if !c.Sync(four()) || c.Sync(four()) {
		t.Fatal("Sync does not tell what is new")
	}
	if got := c.Generations(); !slices.Equal(got, []int{0, 1}) {
		t.Errorf("generations %v", got)
	}
	nan := math.NaN()
	for _, test := range []struct {
		measure    Measure
		generation int
		choice     int
		want       []float64
		of         int
	}{
		{Population, AllSoFar, 0, []float64{0.5, 0, 0}, 4},
		{Population, AllSoFar, 3, []float64{0.25, 0, 0.75}, 4},
		{Population, 0, 0, []float64{1, 0, 0}, 2},
		{Population, 1, 0, []float64{0, 0, 0}, 2},
		{TopTen, 1, 1, []float64{0, 1, 0}, 4},
		{TopTen, 0, 2, []float64{0, 0, 0.5}, 2},
		{MeanScore, AllSoFar, 3, []float64{nan, nan, 0.5}, 4},
		{MeanScore, 0, 3, []float64{nan, nan, 0.4}, 2},
		{MeanScore, 1, 1, []float64{nan, 0.4, nan}, 4},
	} {
		m := c.Map(test.measure, test.generation)
		for b, want := range test.want {
			if got := m.Values[test.choice][b]; !near(got, want) || m.Of != test.of {
				t.Errorf("measure %d, generation %d, choice %d, block %d: %v of %d, want %v of %d",
					test.measure, test.generation, test.choice, b, got, m.Of, want, test.of)
			}
		}
	}
	if m := c.Map(MeanScore, AllSoFar); !near(m.Low, 0.2) || !near(m.High, 0.6) || m.Counts[1][1] != 3 {
		t.Errorf("from %v to %v, %v", m.Low, m.High, m.Counts)
	}
	if m := NewChoices(3, nas.AllChoices()).Map(TopTen, AllSoFar); m.Of != 0 || !math.IsNaN(m.Values[0][0]) || !math.IsNaN(m.High) {
		t.Errorf("of none: %+v", m)
	}
}

func TestTopTenAreTheTenBestSoFar(t *testing.T) {
	var all []run.Candidate
	for i := range 40 {
		c := run.Candidate{Index: i, Generation: i / 10, Subnet: "0", Score: float64(i % 7)}
		if i%7 == 6 || i%7 == 5 && i < 34 { // five sixes and the first five fives
			c.Subnet = "1"
		}
		all = append(all, c)
	}
	c := NewChoices(1, nas.AllChoices())
	c.Sync(all)
	if m := c.Map(TopTen, AllSoFar); m.Of != 10 || m.Counts[1][0] != 10 {
		t.Errorf("%d of %d", m.Counts[1][0], m.Of)
	}
	if m := c.Map(TopTen, 0); m.Of != 10 || m.Counts[1][0] != 2 {
		t.Errorf("after the first generation %d of %d", m.Counts[1][0], m.Of)
	}
}

// What is folded bit by bit is what is folded at once, whatever was taken back
// in between.
func TestSyncIsTheFoldOfWhatIsThereNow(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	space, err := nas.Preset("300m")
	if err != nil {
		t.Fatal(err)
	}
	draw := func(i int) run.Candidate {
		return run.Candidate{Index: i, Generation: i / 8, Subnet: nas.Random(space, rng).Short(space), Score: rng.Float64()}
	}
	grown := NewChoices(space.Len(), space.Choices)
	var all []run.Candidate
	for range 60 {
		switch rng.IntN(6) {
		case 0:
			all = all[:rng.IntN(len(all)+1)]
		case 1:
			if len(all) > 0 {
				i := rng.IntN(len(all))
				all[i] = draw(i)
			}
		default:
			for range rng.IntN(9) {
				all = append(all, draw(len(all)))
			}
		}
		grown.Sync(all)
		fresh := NewChoices(space.Len(), space.Choices)
		fresh.Sync(all)
		for m := range measures {
			for _, g := range append(fresh.Generations(), AllSoFar) {
				a, b := fmt.Sprintf("%.9f", grown.Map(m, g).Values), fmt.Sprintf("%.9f", fresh.Map(m, g).Values)
				if a != b || !reflect.DeepEqual(grown.Map(m, g).Counts, fresh.Map(m, g).Counts) {
					t.Fatalf("measure %d of generation %d:\n%s\nand afresh\n%s", m, g, a, b)
				}
			}
		}
	}
}

func TestWhatDoesNotFitTheSpaceIsLeftOut(t *testing.T) {
	c := NewChoices(2, []nas.Choice{nas.Shuffle3x3, nas.Xception})
	c.Sync([]run.Candidate{{Subnet: "03333", Score: 1}, {Subnet: "x1", Score: 1, Generation: 1 << 40}, {Subnet: "", Score: 1}})
	m := c.Map(Population, AllSoFar)
	if m.Of != 3 || m.Counts[0][0] != 1 || m.Counts[1][1] != 1 {
		t.Errorf("%+v", m)
	}
}

func BenchmarkSyncOneMore(b *testing.B) {
	space, err := nas.Preset("300m")
	if err != nil {
		b.Fatal(err)
	}
	rng := rand.New(rand.NewPCG(1, 2))
	var all []run.Candidate
	for i := range 1001 {
		all = append(all, run.Candidate{Index: i, Generation: i / 50, Subnet: nas.Random(space, rng).Short(space), Score: rng.Float64()})
	}
	c := NewChoices(space.Len(), space.Choices)
	for b.Loop() {
		b.StopTimer()
		c.Sync(all[:1000])
		b.StartTimer()
		c.Sync(all)
	}
}
