package search

import (
	"math"
	"slices"

	"detnas/core/run"
)

// stat is what is known of one generation's scores.
type stat struct {
	generation      int
	candidates      int
	best, mean, min float64 // NaN without any score
	soFar           float64 // the best up to here
	better          bool    // the best so far is of this generation
}

// summarise works the generations' scores out, and the best score of a candidate
// that was drawn at random.
func summarise(all []run.Candidate) (stats []stat, bestRandom float64) {
	bestRandom = math.NaN()
	places := map[int]int{}
	scored := []int{}
	for _, c := range all {
		i, ok := places[c.Generation]
		if !ok {
			i = len(stats)
			places[c.Generation] = i
			stats = append(stats, stat{generation: c.Generation, best: math.NaN(), mean: math.NaN(), min: math.NaN(), soFar: math.NaN()})
			scored = append(scored, 0)
		}
		s := &stats[i]
		s.candidates++
		if math.IsNaN(c.Score) {
			continue
		}
		if c.Origin == "random" {
			bestRandom = fmax(bestRandom, c.Score)
		}
		s.best, s.min = fmax(s.best, c.Score), fmin(s.min, c.Score)
		scored[i]++
		if scored[i] == 1 {
			s.mean = 0
		}
		s.mean += (c.Score - s.mean) / float64(scored[i])
	}
	slices.SortFunc(stats, func(a, b stat) int { return a.generation - b.generation })
	soFar := math.NaN()
	for i := range stats {
		s := &stats[i]
		if !math.IsNaN(s.best) {
			s.better = math.IsNaN(soFar) || s.best > soFar
			soFar = fmax(soFar, s.best)
		}
		s.soFar = soFar
	}
	return stats, bestRandom
}
