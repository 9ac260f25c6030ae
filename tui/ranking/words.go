package ranking

import (
	"math"
	"strconv"
)

// Count writes a large count in at most six columns: 950, 162k, 21.7M, 3.42G.
func Count(n int64) string {
	v, unit := math.Abs(float64(n)), ""
	for _, u := range []string{"k", "M", "G", "T", "P"} {
		if v < 999.5 {
			break
		}
		v, unit = v/1000, u
	}
	decimals := 0
	switch {
	case unit == "" || v >= 99.95:
	case v >= 9.995:
		decimals = 1
	default:
		decimals = 2
	}
	text := strconv.FormatFloat(v, 'f', decimals, 64) + unit
	if n < 0 {
		return "-" + text
	}
	return text
}

// Change writes a difference of counts with its sign.
func Change(n int64) string {
	if n > 0 {
		return "+" + Count(n)
	}
	return Count(n)
}

// Score writes a score to four places; a dash for what is no number.
func Score(v float64) string {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return "-"
	}
	return strconv.FormatFloat(v, 'f', 4, 64)
}
