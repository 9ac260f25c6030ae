package box

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

func TestSampleCounts(t *testing.T) {
	tests := []struct {
		name             string
		s                Sampler
		nPos, nNeg       int
		wantPos, wantNeg int
	}{
		{"plenty", Sampler{Num: 256, PosFraction: 0.5}, 500, 5000, 128, 128},
		{"few positives", Sampler{Num: 256, PosFraction: 0.5}, 10, 5000, 10, 246},
		{"few of both", Sampler{Num: 256, PosFraction: 0.5}, 10, 20, 10, 20},
		{"box head", Sampler{Num: 512, PosFraction: 0.25}, 200, 5000, 128, 384},
		{"bounded negatives", Sampler{Num: 256, PosFraction: 0.5, NegPosUB: 3}, 10, 5000, 10, 30},
		{"bounded without positives", Sampler{Num: 256, PosFraction: 0.5, NegPosUB: 3}, 0, 5000, 0, 3},
		{"nothing", Sampler{Num: 256, PosFraction: 0.5}, 0, 0, 0, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			assigned := shuffled(tt.nPos, tt.nNeg, 50)
			pos, neg := tt.s.Sample(rand.New(rand.NewPCG(1, 1)), assigned)
			if len(pos) != tt.wantPos || len(neg) != tt.wantNeg {
				t.Fatalf("%d positives and %d negatives, want %d and %d", len(pos), len(neg), tt.wantPos, tt.wantNeg)
			}
			for _, i := range pos {
				if assigned[i] < 0 {
					t.Errorf("index %d among the positives is %d", i, assigned[i])
				}
			}
			for _, i := range neg {
				if assigned[i] != Negative {
					t.Errorf("index %d among the negatives is %d", i, assigned[i])
				}
			}
			for _, list := range [][]int32{pos, neg} {
				if !slices.IsSorted(list) || len(slices.Compact(slices.Clone(list))) != len(list) {
					t.Errorf("%v is not strictly ascending", list)
				}
			}
		})
	}
}

// shuffled is a match with the given numbers of boxes of each kind.
func shuffled(pos, neg, ignored int) []int32 {
	var a []int32
	for i := range pos {
		a = append(a, int32(i%7))
	}
	for range neg {
		a = append(a, Negative)
	}
	for range ignored {
		a = append(a, Ignored)
	}
	r := rand.New(rand.NewPCG(9, 9))
	r.Shuffle(len(a), func(i, j int) { a[i], a[j] = a[j], a[i] })
	return a
}

// The draw is the partial Fisher-Yates shuffle of the whole array.
func TestDrawIsFisherYates(t *testing.T) {
	for seed := range uint64(50) {
		const n, k = 40, 25
		r := rand.New(rand.NewPCG(seed, 0))
		whole := make([]int32, n)
		for i := range whole {
			whole[i] = int32(i)
		}
		for i := range k {
			j := i + r.IntN(n-i)
			whole[i], whole[j] = whole[j], whole[i]
		}
		want := whole[:k]
		slices.Sort(want)
		if diff := cmp.Diff(want, draw(rand.New(rand.NewPCG(seed, 0)), n, k)); diff != "" {
			t.Fatalf("seed %d (-array +draw):\n%s", seed, diff)
		}
	}
}

func TestDrawIsUniform(t *testing.T) {
	const n, k, trials = 10, 3, 30000
	r := rand.New(rand.NewPCG(11, 12))
	counts := make([]float64, n)
	for range trials {
		for _, i := range draw(r, n, k) {
			counts[i]++
		}
	}
	want := make([]float64, n)
	for i := range want {
		want[i] = trials * k / n
	}
	// 5 % is more than five standard deviations of 9,000.
	if diff := cmp.Diff(want, counts, cmpopts.EquateApprox(0.05, 0)); diff != "" {
		t.Errorf("draws per rank (-want +got):\n%s", diff)
	}
}

func BenchmarkSample(b *testing.B) {
	assigned := shuffled(300, 200_000, 3000)
	r := rand.New(rand.NewPCG(1, 1))
	for b.Loop() {
		Sampler{Num: 256, PosFraction: 0.5}.Sample(r, assigned)
	}
}
