package search

import (
	"fmt"
	"iter"
	"math"

	"detnas/core/seed"
	"detnas/nas"
)

// walk yields up to limit distinct subnets of the space that have the locked
// choices, counting on from start, which has them too, and stops where it has
// come round. The yielded slice is reused.
func walk(cfg Config, start nas.Subnet, limit int) iter.Seq[nas.Subnet] {
	space := cfg.Space
	return func(yield func(nas.Subnet) bool) {
		digits := make([]int, len(start))
		sub := start.Clone()
		for i, c := range start {
			for j, d := range space.Choices {
				if d == c {
					digits[i] = j
				}
			}
		}
		first := start.Key()
		for range limit {
			if !yield(sub) {
				return
			}
			for i := range digits {
				if _, locked := cfg.Locks[i+1]; locked {
					continue
				}
				digits[i] = (digits[i] + 1) % len(space.Choices)
				sub[i] = space.Choices[digits[i]]
				if digits[i] != 0 {
					break
				}
			}
			if sub.Key() == first {
				return
			}
		}
	}
}

// Feasible returns the share of subnets with the config's locks that pass its
// constraint, from n random ones or from all where there are no more than n. A share of
// zero is an error, as the search would have nothing to propose; so is a config
// that Check refuses.
func Feasible(cfg Config, n int) (float64, error) {
	if err := cfg.Check(); err != nil {
		return 0, err
	}
	if n < 1 {
		return 0, fmt.Errorf("search: %d subnets to try the constraint on; use at least 1", n)
	}
	passed, tried, kind := 0, 0, "random"
	count := func(sub nas.Subnet) {
		tried++
		if cfg.allows(sub) {
			passed++
		}
	}
	locked := math.Pow(float64(len(cfg.Space.Choices)), float64(len(cfg.Locks)))
	if cfg.Space.Architectures()/locked <= float64(n) {
		kind = "possible"
		for sub := range walk(cfg, cfg.random(seed.Rand(cfg.Seed, "feasible")), n) {
			count(sub)
		}
	} else {
		for i := range n {
			count(cfg.random(seed.Rand(cfg.Seed, "feasible", i)))
		}
	}
	switch {
	case passed == 0 && len(cfg.Locks) > 0:
		return 0, fmt.Errorf("search: none of %d %s subnets of space %s with %d locked blocks passes the constraint; unlock one, or raise the constraint's limit",
			tried, kind, cfg.Space.Name, len(cfg.Locks))
	case passed == 0:
		return 0, fmt.Errorf("search: none of %d %s subnets of space %s passes the constraint; raise its limit, or count less of the network",
			tried, kind, cfg.Space.Name)
	}
	return float64(passed) / float64(tried), nil
}

// Sample returns n distinct random subnets with the config's locks that pass its
// constraint, fewer where not as many are found.
func Sample(cfg Config, n int) []nas.Subnet {
	var out []nas.Subnet
	seen := map[string]bool{}
	for try := 0; try < randomTries && len(out) < n; try++ {
		sub := cfg.random(seed.Rand(cfg.Seed, "sample", try))
		if !seen[sub.Key()] && cfg.allows(sub) {
			out = append(out, sub)
		}
		seen[sub.Key()] = true
	}
	return out
}
