package ranking

import (
	"math"
	"slices"
	"testing"

	"detnas/core/run"
)

func candidates(scores ...float64) []run.Candidate {
	var out []run.Candidate
	for i, s := range scores {
		out = append(out, run.Candidate{Index: i, Subnet: string(rune('a' + i)), Score: s, MACs: int64(10 * (i + 1))})
	}
	return out
}

func TestEqualScoresShareARank(t *testing.T) {
	r := Of(candidates(0.2, 0.5, math.NaN(), 0.5, 0.1, 0.7))
	if want := []int{5, 1, 3, 0, 4, 2}; !slices.Equal(r.Order, want) {
		t.Errorf("order %v, want %v", r.Order, want)
	}
	var words []string
	for i := range r.Candidates {
		words = append(words, r.Words(i))
	}
	if want := []string{"4", "2=", "6", "2=", "5", "1"}; !slices.Equal(words, want) {
		t.Errorf("ranks %v, want %v", words, want)
	}
	if best, ok := r.Best(); !ok || best.Index != 5 {
		t.Errorf("best %+v", best)
	}
	if place, ok := r.Find("d"); !ok || place != 3 {
		t.Errorf("d is at %d, %v", place, ok)
	}
	if _, ok := r.Find("z"); ok {
		t.Error("found what was not evaluated")
	}
	if top := r.Top(2); !slices.Equal(top, []int{5, 1}) || len(r.Top(100)) != 6 || len(r.Top(-1)) != 0 {
		t.Errorf("top %v", top)
	}
	if _, ok := Of(nil).Best(); ok {
		t.Error("a best of none")
	}
}

func TestScoresThatAreNoNumberAreTied(t *testing.T) {
	r := Of(candidates(math.NaN(), math.NaN()))
	if r.Words(0) != "1=" || r.Words(1) != "1=" {
		t.Errorf("%s %s", r.Words(0), r.Words(1))
	}
}

func TestFrontIsWhatNoCheaperOneReaches(t *testing.T) {
	all := candidates(0.2, 0.1, 0.4, 0.4, math.NaN(), 0.3, 0.6)
	all[6].MACs = 30 // as the third, and better
	r := Of(all)
	got := r.Front(func(c run.Candidate) float64 { return float64(c.MACs) })
	if want := []int{0, 6}; !slices.Equal(got, want) {
		t.Errorf("front %v, want %v", got, want)
	}
}

func TestWords(t *testing.T) {
	for n, want := range map[int64]string{
		0: "0", 950: "950", 999: "999", 1000: "1.00k", 161952: "162k", 21_673_600: "21.7M", 99_960_000: "100M",
		999_900_000: "1.00G", 3_420_000_000: "3.42G", -1500: "-1.50k",
	} {
		if got := Count(n); got != want {
			t.Errorf("%d is %s, want %s", n, got, want)
		}
	}
	if Change(1500) != "+1.50k" || Change(0) != "0" || Change(-2) != "-2" {
		t.Error(Change(1500), Change(0), Change(-2))
	}
	if Score(math.NaN()) != "-" || Score(0.06163) != "0.0616" {
		t.Error(Score(math.NaN()), Score(0.06163))
	}
}
