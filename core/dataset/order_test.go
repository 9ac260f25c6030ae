package dataset

import (
	"slices"
	"sync"
	"testing"
)

func TestOrderIsAPermutationEachEpoch(t *testing.T) {
	o := &Order{Seed: 1, Step: "s", N: 10, Batch: 3}
	if o.Iterations() != 3 {
		t.Fatalf("%d iterations, want 3", o.Iterations())
	}
	var epochs [][]int
	for e := range int64(2) {
		var seen []int
		for i := range int64(3) {
			seen = append(seen, o.Indices(e*3+i)...)
		}
		epochs = append(epochs, slices.Clone(seen))
		slices.Sort(seen)
		if len(seen) != 9 || len(slices.Compact(seen)) != 9 || seen[0] < 0 || seen[8] > 9 {
			t.Errorf("epoch %d: %v", e, epochs[e])
		}
	}
	if slices.Equal(epochs[0], epochs[1]) {
		t.Error("two epochs have the same order")
	}
}

func TestOrderDependsOnThePositionAlone(t *testing.T) {
	groups := []int{0, 1, 1, 0, 1, 1, 1}
	for name, fresh := range map[string]func() *Order{
		"plain":   func() *Order { return &Order{Seed: 4, Step: "s", N: 7, Batch: 2} },
		"small":   func() *Order { return &Order{Seed: 4, Step: "s", N: 3, Batch: 8} },
		"grouped": func() *Order { return &Order{Seed: 4, Step: "s", N: 7, Batch: 2, Groups: groups} },
	} {
		a := fresh()
		var want [][]int
		for i := range int64(20) {
			want = append(want, slices.Clone(a.Indices(i)))
		}
		b := fresh()
		var wg sync.WaitGroup
		for i := int64(19); i >= 0; i-- {
			wg.Go(func() {
				if got := b.Indices(i); !slices.Equal(got, want[i]) {
					t.Errorf("%s: iteration %d is %v, was %v", name, i, got, want[i])
				}
			})
		}
		wg.Wait()
		other := fresh()
		other.Step = "t"
		same := 0
		for i := range int64(20) {
			if slices.Equal(other.Indices(i), want[i]) {
				same++
			}
		}
		if same == 20 {
			t.Errorf("%s: another step has the same order", name)
		}
	}
}

func TestOrderGoesRoundWhenSmall(t *testing.T) {
	o := &Order{Seed: 1, N: 3, Batch: 8}
	count := map[int]int{}
	for i := range int64(3) {
		for _, k := range o.Indices(i) {
			count[k]++
		}
	}
	for k := range 3 { // 24 places for 3 images
		if count[k] != 8 {
			t.Errorf("image %d came %d times, want 8", k, count[k])
		}
	}
	if o.Iterations() != 1 {
		t.Errorf("%d iterations, want 1", o.Iterations())
	}
}

// TestOrderShards puts the ranks' shares of each part back together, at worlds that
// divide a part and at others.
func TestOrderShards(t *testing.T) {
	for _, tt := range []struct{ n, batch, parts, world int }{
		{50, 6, 1, 3}, {3, 6, 1, 3}, {50, 7, 1, 3}, {50, 12, 2, 4}, {50, 10, 2, 4}, {5, 8, 2, 3},
	} {
		whole := &Order{Seed: 9, Step: "s", N: tt.n, Batch: tt.batch}
		for iter := range int64(20) {
			shares := make([][]int, tt.world)
			for rank := range shares {
				o := &Order{Seed: 9, Step: "s", N: tt.n, Batch: tt.batch, Parts: tt.parts, Rank: rank, World: tt.world}
				if err := o.Check(); err != nil {
					t.Fatal(err)
				}
				shares[rank] = o.Indices(iter)
			}
			var got []int
			for part := range tt.parts {
				for _, share := range shares {
					size := len(share) / tt.parts
					got = append(got, share[part*size:(part+1)*size]...)
				}
			}
			if want := whole.Indices(iter); !slices.Equal(got, want) {
				t.Errorf("%+v, iteration %d: ranks have %v, want %v", tt, iter, got, want)
			}
		}
	}
}

func TestOrderGroups(t *testing.T) {
	images := []ImageInfo{{W: 4, H: 3}, {W: 3, H: 4}, {W: 5, H: 1}, {W: 1, H: 5}, {W: 9, H: 1}}
	groups := AspectGroups(images)
	if want := []int{1, 0, 1, 0, 1}; !slices.Equal(groups, want) {
		t.Fatalf("groups %v, want %v", groups, want)
	}
	o := &Order{Seed: 2, N: 5, Batch: 2, Groups: groups}
	if o.Iterations() != 3 { // 3 wide images in 2 batches, 2 tall ones in 1
		t.Fatalf("%d iterations, want 3", o.Iterations())
	}
	for e := range int64(4) {
		seen := map[int]bool{}
		for i := range int64(3) {
			b := o.Indices(e*3 + i)
			if groups[b[0]] != groups[b[1]] {
				t.Errorf("batch %v mixes groups", b)
			}
			seen[b[0]], seen[b[1]] = true, true
		}
		if len(seen) != 5 {
			t.Errorf("epoch %d shows %d of 5 images", e, len(seen))
		}
	}
}

func TestOrderCheck(t *testing.T) {
	good := func() *Order { return &Order{N: 4, Batch: 2, World: 2} }
	if err := good().Check(); err != nil {
		t.Error(err)
	}
	for name, spoil := range map[string]func(*Order){
		"no images":  func(o *Order) { o.N = 0 },
		"no batch":   func(o *Order) { o.Batch = 0 },
		"rank":       func(o *Order) { o.Rank = 2 },
		"few images": func(o *Order) { o.Batch, o.Parts = 2, 2 },
		"few groups": func(o *Order) { o.Groups = []int{1} },
	} {
		o := good()
		spoil(o)
		if o.Check() == nil {
			t.Errorf("%s: no error", name)
		}
	}
}
