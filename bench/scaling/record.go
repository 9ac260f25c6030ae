package main

import (
	"bytes"
	_ "embed" // candidates.csv and steps.csv
	"encoding/csv"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"detnas/core/run"
	"detnas/core/sheet"
)

// What -record took from real runs; docs/scaling.md has the command.
var (
	//go:embed candidates.csv
	candidatesCSV string
	//go:embed steps.csv
	stepsCSV string
)

// measured is a candidate that a run has measured.
type measured struct {
	run     string // the name that -record gave the run
	subnet  string // short form
	score   float64
	seconds float64 // measuring it
	gap     float64 // seconds after the one before that went by outside of measuring; 0 for the first
}

// pace is how fast a run trained in a step.
type pace struct {
	run          string
	ranks        int
	step         int
	imagesPerS   float64 // the median of the journal's train events; 0 for the search
	seconds      float64 // of the whole step
	device       string
	threads, its int // of each rank; iterations, or candidates of the search
}

// readRun reads the candidates that a run has measured and how fast it went.
func readRun(name, dir string) ([]measured, []pace, error) {
	var (
		all   []measured
		paces []pace
		begun run.RunStarted
		ahead time.Time // when the candidate before was reported
		at    []float64 // images a second of the present step
		count int
	)
	err := run.ReadJournal(filepath.Join(dir, "events.jsonl"), func(e run.Entry) error {
		switch ev := e.Event.(type) {
		case run.RunStarted:
			begun = ev
		case run.RunResumed:
			begun.Ranks = ev.Ranks
		case run.StepStarted:
			at, count, ahead = nil, ev.Iterations, time.Time{}
		case run.Train:
			at = append(at, ev.ImagesPerS)
		case run.Candidate:
			if ev.Status != run.CandidateNew {
				ahead = time.Time{}
				return nil
			}
			c := measured{run: name, subnet: ev.Subnet, score: ev.Score, seconds: ev.Seconds}
			if !ahead.IsZero() {
				c.gap = max(0, e.Time.Sub(ahead).Seconds()-ev.Seconds)
			}
			all, ahead = append(all, c), e.Time
		case run.StepFinished:
			paces = append(paces, pace{
				run: name, ranks: max(1, begun.Ranks), step: ev.Step, imagesPerS: median(at), seconds: ev.Seconds,
				device: begun.Device, threads: begun.Threads, its: count,
			})
		}
		return nil
	})
	if err != nil {
		return nil, nil, fmt.Errorf("reading run %s: %w", dir, err)
	}
	return all, paces, nil
}

func median(v []float64) float64 {
	if len(v) == 0 {
		return 0
	}
	v = slices.Sorted(slices.Values(v))
	return (v[(len(v)-1)/2] + v[len(v)/2]) / 2
}

// record writes candidates.csv and steps.csv of runs, given as name=folder.
func record(to string, runs []string) error {
	rows, steps := [][]string{{"run", "subnet", "score", "seconds", "gap"}}, [][]string{paceHead}
	for _, arg := range runs {
		name, dir, ok := strings.Cut(arg, "=")
		if !ok {
			return fmt.Errorf("%s: say name=folder, as in one=runs/one", arg)
		}
		all, paces, err := readRun(name, dir)
		if err != nil {
			return err
		}
		if len(all) == 0 {
			return fmt.Errorf("run %s has measured no candidate; give one whose search is done", dir)
		}
		for _, c := range all {
			rows = append(rows, []string{c.run, c.subnet, sheet.Number(c.score), digits(c.seconds, 4), digits(c.gap, 6)})
		}
		for _, p := range paces {
			steps = append(steps, p.row())
		}
	}
	return errors.Join(writeCSV(filepath.Join(to, "candidates.csv"), rows), writeCSV(filepath.Join(to, "steps.csv"), steps))
}

func digits(v float64, n int) string { return strconv.FormatFloat(v, 'f', n, 64) }

func writeCSV(path string, rows [][]string) error {
	var b bytes.Buffer
	if err := csv.NewWriter(&b).WriteAll(rows); err != nil {
		return fmt.Errorf("writing %s: %w", path, err)
	}
	return run.WriteFile(path, b.Bytes())
}

var paceHead = []string{"run", "device", "threads", "ranks", "step", "iterations", "images_per_s", "seconds"} //nolint:gochecknoglobals // a constant table

func (p pace) row() []string {
	return []string{
		p.run, p.device, strconv.Itoa(p.threads), strconv.Itoa(p.ranks), strconv.Itoa(p.step), strconv.Itoa(p.its),
		digits(p.imagesPerS, 3), digits(p.seconds, 3),
	}
}

// numbers reads fields of a row of CSV, and keeps the first error.
type numbers struct {
	row []string
	err error
}

func (n *numbers) float(i int) float64 {
	v, err := strconv.ParseFloat(n.row[i], 64)
	if err != nil && n.err == nil {
		n.err = fmt.Errorf("column %d of %v: %w", i+1, n.row, err)
	}
	return v
}

func (n *numbers) int(i int) int { return int(n.float(i)) }

// rowsOf reads CSV with a head of so many columns.
func rowsOf(name, text string, head int) ([][]string, error) {
	r := csv.NewReader(strings.NewReader(text))
	r.FieldsPerRecord = head
	rows, err := r.ReadAll()
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", name, err)
	}
	if len(rows) == 0 {
		return nil, fmt.Errorf("reading %s: it has no head", name)
	}
	return rows[1:], nil
}

// recorded are the candidates of candidates.csv.
func recorded() ([]measured, error) {
	rows, err := rowsOf("candidates.csv", candidatesCSV, 5)
	var out []measured
	for _, row := range rows {
		n := numbers{row: row}
		out = append(out, measured{run: row[0], subnet: row[1], score: n.float(2), seconds: n.float(3), gap: n.float(4)})
		err = errors.Join(err, n.err)
	}
	return out, err
}

// paces reads those of steps.csv, or of measured.csv.
func paces(name, text string) ([]pace, error) {
	rows, err := rowsOf(name, text, len(paceHead))
	var out []pace
	for _, row := range rows {
		n := numbers{row: row}
		out = append(out, pace{
			run: row[0], device: row[1], threads: n.int(2), ranks: n.int(3), step: n.int(4), its: n.int(5), imagesPerS: n.float(6), seconds: n.float(7),
		})
		err = errors.Join(err, n.err)
	}
	return out, err
}
