package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// point is a speed-up that was measured.
type point struct {
	step, ranks int
	times       float64
}

// timed writes to measured.csv how fast runs were in each step: one by one rank, and
// others of the same config by several.
func timed(to string, runs []string) error {
	rows := [][]string{paceHead}
	for _, arg := range runs {
		name, dir, ok := strings.Cut(arg, "=")
		if !ok {
			return fmt.Errorf("%s: say name=folder, as in one=runs/one", arg)
		}
		_, paces, err := readRun(name, dir)
		if err != nil {
			return err
		}
		for _, p := range paces {
			rows = append(rows, p.row())
		}
	}
	return writeCSV(filepath.Join(to, "measured.csv"), rows)
}

// pointsOf are the speed-ups of the runs in measured.csv over the first one that is by
// one rank: by images a second in a training step, by candidates a second in the search.
func pointsOf(all []pace) ([]point, error) {
	speed := func(p pace) float64 {
		if p.imagesPerS > 0 {
			return p.imagesPerS
		}
		return float64(p.its) / p.seconds
	}
	one := map[int]float64{}
	for _, p := range all {
		if p.ranks == 1 && one[p.step] == 0 {
			one[p.step] = speed(p)
		}
	}
	var out []point
	for _, p := range all {
		switch {
		case one[p.step] == 0:
			return nil, fmt.Errorf("measured.csv: step %d was measured by %d ranks and not by one; give -points a run by one rank, too", p.step, p.ranks)
		case p.ranks > 1:
			out = append(out, point{step: p.step, ranks: p.ranks, times: speed(p) / one[p.step]})
		}
	}
	return out, nil
}

// readPoints reads measured.csv, which need not be there.
func readPoints(dir string) ([]point, error) {
	text, err := os.ReadFile(filepath.Join(dir, "measured.csv"))
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading what was measured: %w", err)
	}
	all, err := paces("measured.csv", string(text))
	if err != nil {
		return nil, err
	}
	return pointsOf(all)
}

// measuredAt is what was measured of a step by so many ranks, as a table has it.
func measuredAt(points []point, step, ranks int) string {
	var found []string
	for _, p := range points {
		if p.step == step && p.ranks == ranks {
			found = append(found, times(p.times))
		}
	}
	if len(found) == 0 {
		return "not measured yet"
	}
	return strings.Join(found, ", ")
}
