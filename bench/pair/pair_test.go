package main

import (
	"io"
	"slices"
	"strings"
	"testing"
)

func TestMedian(t *testing.T) {
	tests := []struct {
		values []float64
		want   float64
	}{
		{[]float64{3}, 3},
		{[]float64{9, 1, 2}, 2},
		{[]float64{4, 1, 3, 2}, 2.5},
	}
	for _, tt := range tests {
		if got := median(tt.values); got != tt.want {
			t.Errorf("median(%v) = %v, want %v", tt.values, got, tt.want)
		}
	}
}

// A burst of load that hits one pair of turns must not move the ratio of the rest.
func TestReportTakesRatiosPairByPair(t *testing.T) {
	r := row{
		work:  work{name: "w", title: "the work"},
		sides: [2]string{"ours", "theirs"},
		first: [2]float64{1.5, 1.5},
		times: [2][]float64{{.09, .9, .10}, {.10, 1.0, .20}},
		rss:   [2]int64{100 << 10, 200 << 10},
		peak:  [2]int64{150 << 10, 250 << 10},
	}
	got := report{load: "0.1", rows: []row{r}}.markdown()
	for _, want := range []string{
		"| the work | 100.0 | 200.0 | **0.90** (0.50 to 0.90) | 3 | 100 (150) | 200 (250) |",
		"w 1.5 and 1.5.",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("the report lacks %q:\n%s", want, got)
		}
	}
}

func TestOnlyNamesAWork(t *testing.T) {
	err := options{only: "nosuch"}.run(io.Discard)
	if err == nil || !strings.Contains(err.Error(), "nosuch") || !strings.Contains(err.Error(), "detect-eval, roialign") {
		t.Errorf("error %v; want one that names the works", err)
	}
	if names := named([][]work{works, parts, perCall}); len(names) != 12 {
		t.Errorf("the works are %v", names)
	}
}

func TestWithoutLeavesOutWholeNames(t *testing.T) {
	got := without([]string{"A=1", "AB=2", "C"}, "A", "C")
	if want := []string{"AB=2"}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}
