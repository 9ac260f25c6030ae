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
