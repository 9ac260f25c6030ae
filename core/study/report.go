package study

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"math"
	"strconv"
	"strings"
)

// Markdown is the study as a table of its arms and one of its runs.
func (s *Study) Markdown(outcomes []Outcome, command string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "# Study of %s\n\n", s.Config)
	fmt.Fprintf(&b, "Made by `%s`; %d of %d runs are done. Config %s, seeds %s.\n\n",
		command, len(outcomes), len(s.Plan()), s.ConfigHash, seedList(s.Seeds))
	b.WriteString("| arm | runs | AP, mean ± sd | least to most | AP50 | top-1 of step 4 | conv MACs, M | params, M | AP less than detection's, by seed |\n")
	b.WriteString("|---|---|---|---|---|---|---|---|---|\n")
	for _, r := range Rows(outcomes) {
		less := r.Less.pm(3)
		if r.Arm == Detection {
			less = "-"
		}
		fmt.Fprintf(&b, "| %s | %d | %s | %s | %s | %s | %s | %s | %s |\n", r.Arm.Title()+outside(r.Outside > 0), r.Runs,
			r.AP.pm(3), r.AP.bounds(3), r.AP50.pm(3), r.Top1.pm(3), r.MACs.over(1e6).pm(1), r.Params.over(1e6).pm(2), less)
	}
	b.WriteString("\nEach arm's subnets are trained by the same steps 4 and 5. sd is the standard deviation over runs: over seeds, and\n")
	b.WriteString("in the random arm over its subnets, too.\n\n")
	b.WriteString("| run | seed | subnet | score in its search | top-1 | AP | AP50 | conv MACs, M | candidates |\n|---|---|---|---|---|---|---|---|---|\n")
	for _, o := range outcomes {
		fmt.Fprintf(&b, "| %s | %d | `%s`%s | %s | %s | %s | %s | %.1f | %d |\n", o.Name, o.Seed, o.Subnet, outside(o.Outside),
			number(o.Score, 3), number(o.Top1, 3), number(ap(o), 3), number(o.Final["AP50"], 3), float64(o.MACs)/1e6, o.Evaluated)
	}
	return b.String()
}

// outside marks what search.constraint does not allow.
func outside(is bool) string {
	if is {
		return " (outside search.constraint)"
	}
	return ""
}

// CSV is a line for each run that is done.
func CSV(outcomes []Outcome) ([]byte, error) {
	var b bytes.Buffer
	w := csv.NewWriter(&b)
	_ = w.Write([]string{"run", "arm", "seed", "subnet", "score", "top1", "AP", "AP50", "AP75", "macs", "params", "evaluated", "seconds"})
	for _, o := range outcomes {
		_ = w.Write([]string{
			o.Name, string(o.Arm), strconv.FormatUint(o.Seed, 10), o.Subnet, exact(o.Score), exact(o.Top1),
			exact(ap(o)), exact(o.Final["AP50"]), exact(o.Final["AP75"]),
			strconv.FormatInt(o.MACs, 10), strconv.FormatInt(o.Params, 10), strconv.Itoa(o.Evaluated), exact(o.Seconds),
		})
	}
	w.Flush()
	if err := w.Error(); err != nil {
		return nil, fmt.Errorf("writing the table: %w", err)
	}
	return b.Bytes(), nil
}

// exact is a number that reads back the same; nothing stands for none.
func exact(v float64) string {
	if math.IsNaN(v) {
		return ""
	}
	return strconv.FormatFloat(v, 'g', -1, 64)
}

func number(v float64, digits int) string {
	if math.IsNaN(v) {
		return "-"
	}
	return strconv.FormatFloat(v, 'f', digits, 64)
}

// pm is the mean with the standard deviation, where there is one.
func (s Spread) pm(digits int) string {
	if s.N < 2 {
		return number(s.Mean, digits)
	}
	return number(s.Mean, digits) + " ± " + number(s.SD, digits)
}

func (s Spread) bounds(digits int) string {
	if s.N == 0 {
		return "-"
	}
	return number(s.Low, digits) + " to " + number(s.High, digits)
}

func (s Spread) over(unit float64) Spread {
	s.Mean, s.SD, s.Low, s.High = s.Mean/unit, s.SD/unit, s.Low/unit, s.High/unit
	return s
}

func seedList(seeds []uint64) string {
	parts := make([]string, len(seeds))
	for i, s := range seeds {
		parts[i] = strconv.FormatUint(s, 10)
	}
	return strings.Join(parts, ", ")
}
