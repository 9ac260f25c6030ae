package study

import (
	"cmp"
	"math"
	"slices"
)

// Correlation is a rank correlation, from -1 to 1, with its confidence interval
// of 95 %. NaN stands for what is not defined.
type Correlation struct {
	Value     float64
	Low, High float64
}

// normal95 bounds the middle 95 % of a standard normal variable on either side.
const normal95 = 1.959963984540054

// Kendall is Kendall's tau-b of pairs x[i], y[i], which allows for ties. The interval
// is that of Fisher's transform with the variance 0.437/(n-4) (Fieller, Hartley and
// Pearson, "Tests for rank correlation coefficients I", Biometrika 44, 1957); it
// needs five pairs, and is not defined where all of them agree or all disagree.
func Kendall(x, y []float64) Correlation {
	agree, tiedX, tiedY, pairs := 0, 0, 0, 0
	for i := range x {
		for j := range i {
			pairs++
			dx, dy := cmp.Compare(x[i], x[j]), cmp.Compare(y[i], y[j])
			agree += dx * dy
			if dx == 0 {
				tiedX++
			}
			if dy == 0 {
				tiedY++
			}
		}
	}
	tau := float64(agree) / math.Sqrt(float64(pairs-tiedX)*float64(pairs-tiedY))
	return fisher(tau, 0.437/float64(len(x)-4), len(x) > 4)
}

// Spearman is Spearman's rho of pairs x[i], y[i]: Pearson's correlation of their
// ranks, tied ones sharing the mean. The interval is that of Fisher's transform with
// the variance (1 + rho^2/2)/(n-3) (Bonett and Wright, "Sample size requirements for
// estimating Pearson, Kendall and Spearman correlations", Psychometrika 65, 2000); it
// needs four pairs, and is not defined at 1 and -1.
func Spearman(x, y []float64) Correlation {
	rx, ry := ranks(x), ranks(y)
	middle := float64(len(x)+1) / 2
	var xy, xx, yy float64
	for i := range rx {
		dx, dy := rx[i]-middle, ry[i]-middle
		xy, xx, yy = xy+dx*dy, xx+dx*dx, yy+dy*dy
	}
	rho := xy / math.Sqrt(xx*yy)
	return fisher(rho, (1+rho*rho/2)/float64(len(x)-3), len(x) > 3)
}

// fisher puts an interval around a correlation. known is false where there are too
// few pairs for the variance to be one.
func fisher(r, variance float64, known bool) Correlation {
	if !known || math.IsNaN(r) || math.Abs(r) >= 1 {
		return Correlation{Value: r, Low: math.NaN(), High: math.NaN()}
	}
	half := normal95 * math.Sqrt(variance)
	return Correlation{Value: r, Low: math.Tanh(math.Atanh(r) - half), High: math.Tanh(math.Atanh(r) + half)}
}

// ranks are the places of values in rising order, from 1, with the mean place for
// those that are equal.
func ranks(values []float64) []float64 {
	order := make([]int, len(values))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(values[a], values[b]) })
	out := make([]float64, len(values))
	for from := 0; from < len(order); {
		to := from + 1
		for to < len(order) && values[order[to]] == values[order[from]] {
			to++
		}
		for _, i := range order[from:to] {
			out[i] = float64(from+1+to) / 2
		}
		from = to
	}
	return out
}
