package box

import (
	"fmt"
	"math"
	"math/rand/v2"
	"sort"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

func TestNMSByHand(t *testing.T) {
	boxes := []Box{{0, 0, 10, 10}, {0, 0, 10, 8}, {20, 0, 30, 10}, {0, 0, 10, 10}, {20, 0, 30, 5}}
	scores := []float32{0.5, 0.9, 0.7, 0.9, 0.8}
	groups := []int32{0, 0, 1, 1, 1}
	tests := []struct {
		name    string
		thr     float64
		limit   int
		batched bool
		want    []int32
	}{
		{"ties by index", 0.6, 0, false, []int32{1, 4, 2}},
		{"overlap at the threshold is kept", 0.5, 0, false, []int32{1, 4, 2}},
		{"overlap above it is not", 0.49, 0, false, []int32{1, 4}},
		{"limit", 0.6, 2, false, []int32{1, 4}},
		{"groups", 0.6, 0, true, []int32{1, 3, 4, 2}},
		{"groups and limit", 0.6, 3, true, []int32{1, 3, 4}},
		{"no suppression", 1, 0, false, []int32{1, 3, 4, 2, 0}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := NMS(boxes, scores, tt.thr, tt.limit)
			if tt.batched {
				got, err = BatchedNMS(boxes, scores, groups, tt.thr, tt.limit)
			}
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestNMSRefuses(t *testing.T) {
	nan := float32(math.NaN())
	two := []Box{{0, 0, 1, 1}, {0, 0, 2, 2}}
	if _, err := NMS(two, []float32{1, nan}, 0.5, 0); err == nil {
		t.Error("NMS took a NaN score")
	}
	if _, err := BatchedNMS(two, []float32{nan, 1}, []int32{0, 0}, 0.5, 0); err == nil {
		t.Error("batched NMS took a NaN score")
	}
	if _, err := TopK([]float32{nan}, 1); err == nil {
		t.Error("TopK took a NaN score")
	}
	if _, err := NMS(two, []float32{1}, 0.5, 0); err == nil {
		t.Error("NMS took two boxes and one score")
	}
	if _, err := BatchedNMS(two, []float32{1, 1}, nil, 0.5, 0); err == nil {
		t.Error("batched NMS took two boxes and no groups")
	}
}

// naiveNMS marks what each box suppresses, over all groups at once.
func naiveNMS(boxes []Box, scores []float32, groups []int32, thr float64, limit int) []int32 {
	order := make([]int32, len(boxes))
	for i := range order {
		order[i] = int32(i)
	}
	sort.SliceStable(order, func(a, b int) bool { return scores[order[a]] > scores[order[b]] })
	gone := make([]bool, len(boxes))
	var keep []int32
	for n, i := range order {
		if gone[i] {
			continue
		}
		keep = append(keep, i)
		for _, j := range order[n+1:] {
			if groups[i] == groups[j] && float64(IoU(boxes[i], boxes[j])) > thr {
				gone[j] = true
			}
		}
	}
	if limit > 0 {
		keep = keep[:min(limit, len(keep))]
	}
	return keep
}

func TestNMSEqualsTheNaiveOne(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 8))
	for trial := range 300 {
		n := r.IntN(150)
		boxes := randomBoxes(r, n, trial%2 == 0)
		for i := range boxes {
			for j := range boxes[i] {
				boxes[i][j] += float32(trial%3) * 1e5 // coarse roundings far from the origin
			}
		}
		scores, groups, one := make([]float32, n), make([]int32, n), make([]int32, n)
		for i := range scores {
			scores[i] = float32(r.IntN(20))/10 - 1
			groups[i] = int32(r.IntN(5)) - 2
		}
		thr, limit := []float64{0.3, 0.5, 0.7, 0, 0.95, 1}[trial%6], r.IntN(3)*r.IntN(20)
		for name, g := range map[string][]int32{"one group": one, "groups": groups} {
			got, err := BatchedNMS(boxes, scores, g, thr, limit)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(naiveNMS(boxes, scores, g, thr, limit), got, cmpopts.EquateEmpty()); diff != "" {
				t.Fatalf("trial %d, %s (-naive +got):\n%s", trial, name, diff)
			}
		}
		got, err := NMS(boxes, scores, thr, limit)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(naiveNMS(boxes, scores, one, thr, limit), got, cmpopts.EquateEmpty()); diff != "" {
			t.Fatalf("trial %d (-naive +got):\n%s", trial, diff)
		}
	}
}

func TestTopKEqualsAStableSort(t *testing.T) {
	r := rand.New(rand.NewPCG(9, 10))
	for trial := range 200 {
		scores := make([]float32, r.IntN(300))
		for i := range scores {
			scores[i] = float32(r.NormFloat64())
			if trial%2 == 0 {
				scores[i] = float32(r.IntN(7)-3) * float32(1-2*r.IntN(2)) // includes -0
			}
		}
		if len(scores) > 2 {
			scores[0], scores[1] = float32(math.Inf(1)), float32(math.Inf(-1))
		}
		want := make([]int32, len(scores))
		for i := range want {
			want[i] = int32(i)
		}
		sort.SliceStable(want, func(a, b int) bool { return scores[want[a]] > scores[want[b]] })
		k := r.IntN(320)
		got, err := TopK(scores, k)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want[:min(k, len(want))], got, cmpopts.EquateEmpty()); diff != "" {
			t.Fatalf("trial %d, k %d (-sort +got):\n%s", trial, k, diff)
		}
	}
}

func BenchmarkNMS(b *testing.B) {
	for _, size := range []float32{30, 300} {
		const n = 2000
		r := rand.New(rand.NewPCG(13, 14))
		boxes, scores, groups := make([]Box, n), make([]float32, n), make([]int32, n)
		for i := range boxes {
			x, y := r.Float32()*1000, r.Float32()*700
			boxes[i] = Box{x, y, x + size*(0.5+r.Float32()), y + size*(0.5+r.Float32())}
			scores[i], groups[i] = r.Float32(), int32(r.IntN(5))
		}
		b.Run(fmt.Sprintf("plain/boxes=%d/px=%v", n, size), func(b *testing.B) {
			for b.Loop() {
				if _, err := NMS(boxes, scores, 0.7, 0); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run(fmt.Sprintf("batched/boxes=%d/px=%v", n, size), func(b *testing.B) {
			for b.Loop() {
				if _, err := BatchedNMS(boxes, scores, groups, 0.7, 0); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkTopK(b *testing.B) {
	r := rand.New(rand.NewPCG(15, 16))
	scores := make([]float32, 200_000)
	for i := range scores {
		scores[i] = r.Float32()
	}
	for b.Loop() {
		if _, err := TopK(scores, 2000); err != nil {
			b.Fatal(err)
		}
	}
}
