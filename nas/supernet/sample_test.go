package supernet

import (
	"math"
	"slices"
	"testing"

	"detnas/nas"
)

func TestSamplePath(t *testing.T) {
	space := tiny(nas.LayoutMMRazor)
	const draws = 4000
	counts := map[nas.Choice]int{}
	same := 0
	for i := range draws {
		path := SamplePath(space, 7, "supernet-pretrain", i)
		if err := path.Check(space); err != nil {
			t.Fatal(err)
		}
		if again := SamplePath(space, 7, "supernet-pretrain", i); !slices.Equal(path, again) {
			t.Fatalf("iteration %d gave %v, then %v", i, path, again)
		}
		if slices.Equal(path, SamplePath(space, 7, "supernet-finetune", i)) {
			same++
		}
		for _, c := range path {
			counts[c]++
		}
	}
	// 1 in 4^5 paths agrees by chance: 4 of 4000.
	if same > 20 {
		t.Errorf("%d of %d paths of two steps are the same", same, draws)
	}
	n := float64(draws * space.Len())
	for _, c := range space.Choices {
		if got := float64(counts[c]) / n; math.Abs(got-0.25) > 0.015 { // 5 standard deviations
			t.Errorf("%s was drawn with the frequency %.4f, want 0.25", c, got)
		}
	}
}

// In each round every block takes each of its choices once, and the same whatever was
// drawn before; orders differ between blocks and rounds.
func TestFairPath(t *testing.T) {
	space := tiny(nas.LayoutMMRazor)
	space.Choices = space.Choices[:3]
	orders := map[string]int{}
	for round := range 40 {
		seen := make([]map[nas.Choice]bool, space.Len())
		order := make([]string, space.Len())
		for i := range space.Choices {
			iteration := round*len(space.Choices) + i
			path := FairPath(space, 7, "s", iteration)
			if err := path.Check(space); err != nil {
				t.Fatal(err)
			}
			if again := FairPath(space, 7, "s", iteration); !slices.Equal(path, again) {
				t.Fatalf("iteration %d gave %v, then %v", iteration, path, again)
			}
			for b, c := range path {
				if seen[b] == nil {
					seen[b] = map[nas.Choice]bool{}
				}
				seen[b][c] = true
				order[b] += c.String() + " "
			}
		}
		for b, choices := range seen {
			if len(choices) != len(space.Choices) {
				t.Errorf("round %d: block %d took %v", round, b, choices)
			}
			orders[order[b]]++
		}
	}
	for order, n := range orders { // 33 of 200 each, and 6 are 5 standard deviations below
		if n < 6 {
			t.Errorf("the order %s came %d times of 200", order, n)
		}
	}
	if len(orders) != 6 {
		t.Errorf("%d orders of three choices, want 6", len(orders))
	}
}

// Bins come alike, where uniform paths crowd, and a bin without paths gives any.
func TestBins(t *testing.T) {
	space := tiny(nas.LayoutMMRazor)
	cost := func(s nas.Subnet) int64 { // 0 to 15, crowded around 7
		n := int64(0)
		for _, c := range s {
			n += int64(c)
		}
		return n
	}
	least, most := CostRange(space, 7, cost)
	if least < 1 || least > 3 || most < 12 || most > 14 {
		t.Errorf("the costs lie from %d to %d", least, most)
	}
	if first, last := CostBounds(space, cost); first != 0 || last != 15 {
		t.Errorf("the least path costs %d and the dearest %d", first, last)
	}
	b := Bins{Min: 3, Max: 13, N: 5, Cost: cost}
	if empty := b.Empty(space, 7); empty != nil {
		t.Errorf("the bins %v have no paths", empty)
	}
	if empty := (Bins{Min: 12, Max: 20, N: 2, Cost: cost}).Empty(space, 7); len(empty) != 1 || empty[0] != [2]int64{16, 20} {
		t.Errorf("the bins %v have no paths; want that from 16 to 20", empty)
	}
	counts := make([]int, b.N)
	const draws = 2000
	for i := range draws {
		path := b.Path(space, 7, "s", i)
		if err := path.Check(space); err != nil {
			t.Fatal(err)
		}
		if again := b.Path(space, 7, "s", i); !slices.Equal(path, again) {
			t.Fatalf("iteration %d gave %v, then %v", i, path, again)
		}
		c := cost(path)
		if c < b.Min || c >= b.Max {
			t.Fatalf("iteration %d gave a path of cost %d", i, c)
		}
		counts[(c-b.Min)/2]++
	}
	for bin, n := range counts { // 400 each; 90 are 5 standard deviations
		if n < 310 || n > 490 {
			t.Errorf("bin %d came %d times of %d", bin, n, draws)
		}
	}
	if path := (Bins{Min: 100, Max: 200, N: 2, Cost: cost}).Path(space, 7, "s", 0); path.Check(space) != nil {
		t.Errorf("a bin without paths gave %v", path)
	}
}
