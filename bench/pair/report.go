package main

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"time"
)

// report is everything that was measured in one run.
type report struct {
	machine     []string
	load        string
	took        time.Duration
	rows, parts []row
	calls       []row
	peerDefault bool
}

// callsPerStep is how many calls a step of the works of perCall makes.
const callsPerStep = 20_000

// markdown is the report as it goes into docs/benchmarks.md.
func (r report) markdown() string {
	out := &strings.Builder{}
	for _, line := range r.machine {
		fmt.Fprintln(out, "-", line)
	}
	if all := slices.Concat(r.rows, r.parts, r.calls); len(all) > 0 {
		fmt.Fprintln(out, "- detnas:", all[0].sides[0])
		fmt.Fprintln(out, "- PyTorch:", all[0].sides[1])
	}
	fmt.Fprintln(out, "-", r.waiting())
	fmt.Fprintf(out, "- load average before the run %s; the run took %s\n", r.load, r.took.Round(time.Second))
	if len(r.rows) > 0 {
		writeSteps(out, r.rows)
	}
	if len(r.parts) > 0 {
		writeParts(out, r.parts)
	}
	if len(r.calls) > 0 {
		writeCalls(out, r.calls)
	}
	return out.String()
}

// waiting says how threads wait on each side.
func (r report) waiting() string {
	set := []string{}
	for _, name := range []string{"GOMP_SPINCOUNT", "OPENBLAS_THREAD_TIMEOUT"} {
		if v, ok := os.LookupEnv(name); ok {
			set = append(set, name+"="+v)
		}
	}
	if len(set) == 0 {
		return "threads wait as detnas sets them for itself, and PyTorch's as the libraries have it"
	}
	what := "both sides: " + strings.Join(set, ", ")
	if r.peerDefault {
		what = "detnas: " + strings.Join(set, ", ") + "; PyTorch: neither set"
	}
	return what
}

func writeSteps(out *strings.Builder, rows []row) {
	fmt.Fprint(out, "\n| work | detnas, ms | PyTorch, ms | ratio, median (least to most) | pairs | detnas, MiB (peak) | PyTorch, MiB (peak) |\n")
	fmt.Fprint(out, "|---|---|---|---|---|---|---|\n")
	for _, r := range rows {
		fmt.Fprintf(out, "| %s | %.1f | %.1f | %s | %d | %s | %s |\n", r.title,
			1e3*median(r.times[0]), 1e3*median(r.times[1]), spread(r.ratios()), len(r.times[0]), memory(r, 0), memory(r, 1))
	}
	fmt.Fprint(out, "\nThe first step's loss, or the detections found, from the same weights and batch:")
	for i, r := range rows {
		sep := ";"
		if i == len(rows)-1 {
			sep = "."
		}
		fmt.Fprintf(out, " %s %.6g and %.6g%s", r.name, r.first[0], r.first[1], sep)
	}
	fmt.Fprintln(out)
}

func writeParts(out *strings.Builder, rows []row) {
	fmt.Fprint(out, "\n| part | detnas, ms | torchvision, ms | ratio, median (least to most) | pairs | both count |\n|---|---|---|---|---|---|\n")
	for _, r := range rows {
		fmt.Fprintf(out, "| %s | %.2f | %.2f | %s | %d | %.6g, %.6g |\n", r.title,
			1e3*median(r.times[0]), 1e3*median(r.times[1]), spread(r.ratios()), len(r.times[0]), r.first[0], r.first[1])
	}
}

func writeCalls(out *strings.Builder, rows []row) {
	fmt.Fprint(out, "\n| one call, 8 elements multiplied | detnas's core/tensor, us | the other, us | ratio |\n|---|---|---|---|\n")
	for _, r := range rows {
		fmt.Fprintf(out, "| %s | %.2f | %.2f | %s |\n", r.title,
			1e6*median(r.times[0])/callsPerStep, 1e6*median(r.times[1])/callsPerStep, spread(r.ratios()))
	}
}

func spread(ratios []float64) string {
	return fmt.Sprintf("**%.2f** (%.2f to %.2f)", median(ratios), ratios[0], ratios[len(ratios)-1])
}

func memory(r row, side int) string {
	return fmt.Sprintf("%d (%d)", r.rss[side]>>10, r.peak[side]>>10)
}
