package evolution

import (
	"fmt"
	"iter"

	"detnas/core/seed"
	"detnas/nas"
)

// walk yields up to limit distinct subnets of the space, counting on from
// start, and stops where it has come round. The yielded slice is reused.
func walk(space nas.Space, start nas.Subnet, limit int) iter.Seq[nas.Subnet] {
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

// Feasible returns the share of subnets that pass the config's constraint, from
// n random ones or from all where the space holds no more than n. A share of
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
	if cfg.Space.Architectures() <= float64(n) {
		kind = "possible"
		for sub := range walk(cfg.Space, nas.Random(cfg.Space, seed.Rand(cfg.Seed, "feasible")), n) {
			count(sub)
		}
	} else {
		for i := range n {
			count(nas.Random(cfg.Space, seed.Rand(cfg.Seed, "feasible", i)))
		}
	}
	if passed == 0 {
		return 0, fmt.Errorf("search: none of %d %s subnets of space %s passes the constraint; raise its limit, or count less of the network",
			tried, kind, cfg.Space.Name)
	}
	return float64(passed) / float64(tried), nil
}
