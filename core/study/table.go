package study

import (
	"fmt"
	"math"
	"slices"
)

// Row is an arm of a study in figures.
type Row struct {
	Arm  Arm
	Runs int       // that are done
	APs  []float64 // of each, in the plan's order
	// Outside is how many of them have a subnet that the search would not have been
	// allowed.
	Outside int
	AP      Spread
	AP50    Spread
	Top1    Spread // of step 4
	MACs    Spread
	Params  Spread
	// Less is by how much the arm's AP falls short of the detection arm's with the
	// same seed, for each seed at which both are done. For the random arm it is the
	// mean of its runs that counts.
	Less []float64
}

// Spread is a mean with the standard deviation (of a sample, NaN for one) and the
// bounds.
type Spread struct {
	N                   int
	Mean, SD, Low, High float64
}

// Rows are the arms of a study, in order; one of which no run is done has none. Runs
// that were altered are left out.
func Rows(outcomes []Outcome) []Row {
	outcomes = slices.DeleteFunc(slices.Clone(outcomes), func(o Outcome) bool { return len(o.Altered) > 0 })
	var rows []Row
	for _, arm := range Arms() {
		of := only(outcomes, arm)
		if len(of) == 0 {
			continue
		}
		row := Row{Arm: arm, Runs: len(of), APs: each(of, ap)}
		for _, o := range of {
			if o.Outside {
				row.Outside++
			}
		}
		row.AP, row.AP50 = spread(row.APs), spread(each(of, func(o Outcome) float64 { return o.Final["AP50"] }))
		row.Top1 = spread(each(of, func(o Outcome) float64 { return o.Top1 }))
		row.MACs = spread(each(of, func(o Outcome) float64 { return float64(o.MACs) }))
		row.Params = spread(each(of, func(o Outcome) float64 { return float64(o.Params) }))
		row.Less = short(only(outcomes, Detection), of)
		rows = append(rows, row)
	}
	return rows
}

func ap(o Outcome) float64 { return o.Final["AP"] }

func only(outcomes []Outcome, arm Arm) []Outcome {
	var out []Outcome
	for _, o := range outcomes {
		if o.Arm == arm {
			out = append(out, o)
		}
	}
	return out
}

func each(outcomes []Outcome, of func(Outcome) float64) []float64 {
	out := make([]float64, len(outcomes))
	for i, o := range outcomes {
		out[i] = of(o)
	}
	return out
}

// short is, for each run of the first arm, by how much the mean AP of another's runs
// with the same seed is less.
func short(first, other []Outcome) []float64 {
	var out []float64
	for _, f := range first {
		same := slices.DeleteFunc(slices.Clone(other), func(o Outcome) bool { return o.Seed != f.Seed })
		if len(same) > 0 {
			out = append(out, ap(f)-spread(each(same, ap)).Mean)
		}
	}
	return out
}

// spread is that of the values that are numbers.
func spread(values []float64) Spread {
	values = slices.DeleteFunc(slices.Clone(values), math.IsNaN)
	s := Spread{N: len(values), Mean: math.NaN(), SD: math.NaN(), Low: math.NaN(), High: math.NaN()}
	if len(values) == 0 {
		return s
	}
	s.Mean, s.Low, s.High = 0, slices.Min(values), slices.Max(values)
	for _, v := range values {
		s.Mean += v / float64(len(values))
	}
	if len(values) > 1 {
		sum := 0.0
		for _, v := range values {
			sum += (v - s.Mean) * (v - s.Mean)
		}
		s.SD = math.Sqrt(sum / float64(len(values)-1))
	}
	return s
}

// Left is how many seconds the runs take that are not done, by those of the same arm
// that are; known is false where an arm has none yet.
func (s *Study) Left(done []Outcome) (seconds float64, known bool) {
	finished := map[string]bool{}
	for _, o := range done {
		finished[o.Name] = true
	}
	for _, j := range s.Plan() {
		if finished[j.Name] {
			continue
		}
		of := only(done, j.Arm)
		if len(of) == 0 {
			return 0, false
		}
		seconds += spread(each(of, func(o Outcome) float64 { return o.Seconds })).Mean
	}
	return seconds, true
}

// String is the row in words, for a terminal.
func (r Row) String() string {
	text := "AP " + r.AP.pm(3)
	if r.Runs > 1 {
		text += " (" + r.AP.bounds(3) + ")"
	}
	runs := "1 run"
	if r.Runs > 1 {
		runs = fmt.Sprintf("%d runs", r.Runs)
	}
	if r.Outside > 0 {
		runs += fmt.Sprintf(" (%d outside search.constraint)", r.Outside)
	}
	return fmt.Sprintf("%s in %s, %s M conv MACs", text, runs, r.MACs.over(1e6).pm(1))
}
