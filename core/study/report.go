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
	fmt.Fprintf(&b, "Made by `%s`; %d of %d runs are done. Config %s, seeds %s, search.method = %q.\n\n",
		command, len(outcomes), len(s.Plan()), s.ConfigHash, seedList(s.Seeds), s.cfg.Search.Method)
	b.WriteString("| arm | runs | AP, mean ± sd | least to most | AP50 | top-1 of step 4 | conv MACs, M | params, M | AP less than detection's, seed by seed |\n")
	b.WriteString("|---|---|---|---|---|---|---|---|---|\n")
	for _, r := range Rows(outcomes) {
		fmt.Fprintf(&b, "| %s | %d | %s | %s | %s | %s | %s | %s | %s |\n", r.Arm.Title()+outside(r.Outside > 0), r.Runs,
			r.AP.pm(3), r.AP.bounds(3), r.AP50.pm(3), r.Top1.pm(3), r.MACs.over(1e6).pm(1), r.Params.over(1e6).pm(2), r.less())
	}
	b.WriteString("\n")
	for _, n := range s.notes(outcomes) {
		fmt.Fprintf(&b, "- %s\n", n)
	}
	b.WriteString("\n| run | seed | subnet | score in its search | top-1 | AP | AP50 | conv MACs, M | candidates |\n|---|---|---|---|---|---|---|---|---|\n")
	for _, o := range outcomes {
		fmt.Fprintf(&b, "| %s | %d | `%s`%s | %s | %s | %s | %s | %.1f | %d |\n", o.Name, o.Seed, o.Subnet, outside(o.Outside),
			number(o.Score, 3), number(o.Top1, 3), number(ap(o), 3), number(o.Final["AP50"], 3), float64(o.MACs)/1e6, o.Evaluated)
	}
	return b.String()
}

// notes are what a reader has to know of the table.
func (s *Study) notes(outcomes []Outcome) []string {
	notes := []string{
		"Each arm's subnets are trained by the same steps 4 and 5. sd is the standard deviation over runs: over seeds, and in the random arm over its subnets, too, so that it cannot be set beside the others.",
		"The random search begins with the subnets that the search on detection begins with, so that where both end with one of these they end with the same one, which is no second finding.",
		"Top-1 of the arm searched on classification is measured on images that guided its search, and so is too good. The APs are not.",
	}
	if s.Shapes {
		notes = append(notes, "The images are drawn anew for each seed, so that a spread over seeds is one over test sets, too.")
	}
	for _, o := range outcomes {
		if len(o.Altered) > 0 {
			notes = append(notes, fmt.Sprintf("Run %s is left out of the arms: it differs from the plan in %s.", o.Name, strings.Join(o.Altered, ", ")))
		}
	}
	return notes
}

// less are the differences to the detection arm.
func (r Row) less() string {
	if r.Arm == Detection || len(r.Less) == 0 {
		return "-"
	}
	parts := make([]string, len(r.Less))
	for i, v := range r.Less {
		parts[i] = number(v, 3)
	}
	return strings.Join(parts, ", ")
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
	_ = w.Write([]string{"run", "arm", "seed", "subnet", "score", "top1", "AP", "AP50", "AP75", "macs", "params", "evaluated", "seconds", "altered"})
	for _, o := range outcomes {
		_ = w.Write([]string{
			o.Name, string(o.Arm), strconv.FormatUint(o.Seed, 10), o.Subnet, exact(o.Score), exact(o.Top1),
			exact(ap(o)), exact(o.Final["AP50"]), exact(o.Final["AP75"]),
			strconv.FormatInt(o.MACs, 10), strconv.FormatInt(o.Params, 10), strconv.Itoa(o.Evaluated), exact(o.Seconds), strings.Join(o.Altered, " "),
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
