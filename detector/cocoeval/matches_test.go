package cocoeval

import (
	"math/rand/v2"
	"testing"
)

// TestMatches takes the AP of parts of random sets from matches, which is that of an
// evaluation of these parts alone.
func TestMatches(t *testing.T) {
	for i := range uint64(40) {
		r := rand.New(rand.NewPCG(i, 7)) //nolint:gosec // reproducible
		gt, dts := randomSet(r, 6, 3, i%2 == 0)
		m, err := Match(gt, dts, Options{})
		if err != nil {
			t.Fatal(err)
		}
		for range 5 {
			use, in := make([]bool, len(m.Images())), map[int]bool{}
			part := &GroundTruth{Categories: gt.Categories, Annotations: gt.Annotations}
			for k, id := range m.Images() {
				if use[k] = r.IntN(4) > 0; use[k] {
					in[id], part.ImageIDs = true, append(part.ImageIDs, id)
				}
			}
			var found []Detection
			for _, d := range dts {
				if in[d.ImageID] {
					found = append(found, d)
				}
			}
			want, err := Evaluate(part, found, Options{})
			if err != nil {
				t.Fatal(err)
			}
			if ap, ap50 := m.AP(use, false), m.AP(use, true); ap != want.AP || ap50 != want.AP50 {
				t.Fatalf("set %d, images %v: AP %v and AP50 %v, want %v and %v", i, use, ap, ap50, want.AP, want.AP50)
			}
		}
	}
}
