package race

import "math"

// quantile is the value below which Student's t with df degrees of freedom falls
// with probability p, which is above 1/2.
func quantile(p float64, df int) float64 {
	lo, hi := 0.0, 1.0
	for below(hi, df) < p {
		hi *= 2
	}
	for range 100 {
		if mid := (lo + hi) / 2; below(mid, df) < p {
			lo = mid
		} else {
			hi = mid
		}
	}
	return hi
}

// below is the probability that Student's t falls below x, which is not negative
// (Abramowitz and Stegun, 26.7.3 and 26.7.4).
func below(x float64, df int) float64 {
	theta := math.Atan(x / math.Sqrt(float64(df)))
	sin, cos := math.Sincos(theta)
	sum, term := 0.0, 1.0
	first := 1
	if df%2 == 1 {
		first, term = 2, cos
	}
	for k := first; k < df; k += 2 { // cos^(k-1) times odd over even, or even over odd, up to k-1
		sum += term
		term *= cos * cos * float64(k) / float64(k+1)
	}
	within := sin * sum // the probability of -x to x
	if df%2 == 1 {
		within = 2 / math.Pi * (theta + within)
	}
	return (1 + within) / 2
}
