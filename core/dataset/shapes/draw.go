package shapes

import (
	"math"
	"math/rand/v2"
)

// between draws uniformly from [lo, hi).
func between(r *rand.Rand, lo, hi float64) float64 {
	return lo + (hi-lo)*r.Float64()
}

// logBetween draws from [lo, hi) so that the logarithm is uniform.
func logBetween(r *rand.Rand, lo, hi float64) float64 {
	return lo * math.Exp(r.Float64()*math.Log(hi/lo))
}

// chance is true with probability p.
func chance(r *rand.Rand, p float64) bool { return r.Float64() < p }

// turn draws an angle in radians.
func turn(r *rand.Rand) float64 { return between(r, 0, 2*math.Pi) }
