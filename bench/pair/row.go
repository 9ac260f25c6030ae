package main

import (
	"math"
	"slices"
	"time"
)

// row is what was measured of one work.
type row struct {
	work
	sides [2]string // what each computes with
	// first are the results of the first step: equal losses, or counts of
	// detections, say that both did the same.
	first [2]float64
	// times are seconds a step, one for each turn; a pair of turns has one index.
	times [2][]float64
	// rss and peak are KiB after and during the turns.
	rss, peak [2]int64
}

const (
	turnSeconds = 0.5 // a turn's length, in as many steps as fit
	warmTurns   = 2
	leastPairs  = 5
)

// fill warms up and then lets the sides take turns until limit is over.
func (r *row) fill(a, b *side, limit time.Duration) error {
	sides := [2]*side{a, b}
	for i, s := range sides {
		first, err := s.run(1)
		if err != nil {
			return err
		}
		r.first[i] = first.Value
	}
	n, err := warm(sides)
	if err != nil {
		return err
	}
	for until := time.Now().Add(limit); len(r.times[0]) < leastPairs || time.Now().Before(until); {
		for i, s := range sides {
			turn, err := s.run(n)
			if err != nil {
				return err
			}
			r.times[i] = append(r.times[i], turn.Seconds/float64(n))
		}
	}
	for i, s := range sides {
		r.rss[i], r.peak[i] = s.memory.rss, s.memory.peak
	}
	return nil
}

// warm runs both sides until they are warm and returns the steps of a turn.
func warm(sides [2]*side) (int, error) {
	n := 1
	for range warmTurns {
		slowest := 0.0
		for _, s := range sides {
			turn, err := s.run(n)
			if err != nil {
				return 0, err
			}
			slowest = max(slowest, turn.Seconds/float64(n))
		}
		n = max(1, int(math.Round(turnSeconds/slowest)))
	}
	for _, s := range sides {
		if err := s.reset(); err != nil {
			return 0, err
		}
	}
	return n, nil
}

// ratios are detnas's time over the other's, pair by pair, in ascending order.
func (r *row) ratios() []float64 {
	out := make([]float64, len(r.times[0]))
	for i := range out {
		out[i] = r.times[0][i] / r.times[1][i]
	}
	slices.Sort(out)
	return out
}

// median is the middle of values, or the mean of the two in the middle.
func median(values []float64) float64 {
	v := slices.Sorted(slices.Values(values))
	if len(v) == 0 {
		return math.NaN()
	}
	return (v[(len(v)-1)/2] + v[len(v)/2]) / 2
}
