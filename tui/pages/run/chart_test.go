package run

import (
	"math"
	"testing"

	"detnas/core/config"
	"detnas/core/run"
	"detnas/tui/history"
)

// A candidate without a score leaves no point in either curve, and the best so far
// as it was.
func TestScoresWithoutANumber(t *testing.T) {
	h := &history.History{}
	for i, score := range []float64{math.NaN(), 0.25, math.NaN(), 0.5, 0.125} {
		h.State.Candidates = append(h.State.Candidates, run.Candidate{Index: i, Score: score})
	}
	curves := curvesOf(h, config.StepSearch)
	if best, each := curves[0].series, curves[1].series; best.Len() != 3 || each.Len() != 3 || best.Last() != 0.5 || each.Last() != 0.125 {
		t.Errorf("%d points to %v, and %d to %v", best.Len(), best.Last(), each.Len(), each.Last())
	}
}
