package charts

import (
	"fmt"
	"math"
	"strings"
	"testing"
)

func labels(ticks []tick) string {
	var out []string
	for _, t := range ticks {
		out = append(out, t.label)
	}
	return strings.Join(out, " ")
}

func TestTicks(t *testing.T) {
	for _, e := range []struct {
		lo, hi float64
		log    bool
		most   int
		want   string
	}{
		{0, 1, false, 5, "0 0.2 0.4 0.6 0.8 1.0"},
		{0, 400, false, 4, "0 100 200 300 400"},
		{0, 90000, false, 5, "0 20k 40k 60k 80k"},
		{0, 12000, false, 4, "0 5k 10k"},
		{9000, 12000, false, 6, "9.0k 9.5k 10.0k 10.5k 11.0k 11.5k 12.0k"},
		{0, 3.2e6, false, 3, "0 2M"},
		{-1, 1, false, 4, "-1.0 -0.5 0 0.5 1.0"},
		{0, 2e-5, false, 2, "0 1e-5 2e-5"},
		{0, 0.02, false, 4, "0 0.005 0.010 0.015 0.020"},
		{1, 1000, true, 5, "1 10 100 1000"},
		{1, 1e6, true, 3, "1 1000 1M"},
		{0.1, 10, true, 9, "0.1 0.2 0.5 1 2 5 10"},
		{1e-6, 1e-2, true, 5, "1e-6 1e-5 1e-4 0.001 0.01"},
		{2, 4, true, 4, "2.0 2.5 3.0 3.5 4.0"},
		{1000, 50000, true, 3, "1000 10k"},
	} {
		if got := labels(newAxis(e.lo, e.hi, e.log).ticks(e.most, nil)); got != e.want {
			t.Errorf("ticks of %v to %v, log %v: %s; want %s", e.lo, e.hi, e.log, got, e.want)
		}
	}
}

func TestAxesOfOddRanges(t *testing.T) {
	for _, lo := range odd {
		for _, hi := range odd {
			for _, log := range []bool{false, true} {
				a := newAxis(lo, hi, log)
				for _, a := range []axis{a, a.nice(1), a.nice(8)} {
					name := fmt.Sprintf("%v to %v, log %v: %+v", lo, hi, log, a)
					if !(a.lo < a.hi) || !finite(a.lo) || !finite(a.hi) {
						t.Fatalf("%s has no extent", name)
					}
					for _, k := range a.ticks(6, nil) {
						if !finite(k.place) || k.label == "" {
							t.Fatalf("%s has the tick %+v", name, k)
						}
					}
					if n := len(a.ticks(6, nil)); n > 14 {
						t.Fatalf("%s has %d ticks", name, n)
					}
					if p, ok := a.place(a.hi); !ok || math.Abs(p-1) > 1e-9 {
						t.Fatalf("%s ends at %v", name, p)
					}
				}
			}
		}
	}
}

func TestNumber(t *testing.T) {
	for _, e := range []struct {
		v    float64
		want string
	}{
		{0, "0"},
		{0.51234, "0.5123"},
		{12.345, "12.35"},
		{1234, "1234"},
		{12345, "12.3k"},
		{999999, "1.00M"},
		{3.21e8, "321M"},
		{-0.02, "-0.0200"},
		{1.23e-5, "1.2e-5"},
		{1e-4, "1e-4"},
		{math.NaN(), "-"},
		{math.Inf(-1), "-"},
		{1e300, "1e300"},
	} {
		if got := Number(e.v); got != e.want {
			t.Errorf("%v is written %s; want %s", e.v, got, e.want)
		}
	}
	for _, v := range odd {
		if len(Number(v)) > 8 {
			t.Errorf("%v is written %s", v, Number(v))
		}
	}
}
