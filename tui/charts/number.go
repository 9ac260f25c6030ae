package charts

import (
	"math"
	"strconv"
	"strings"
)

// suffixes are of thousands, from 10³ on.
var suffixes = []string{"k", "M", "G", "T"}

// Number writes a value in at most seven columns: 0.5123, 12.34, 1234, 12.3k,
// 1.2e-5; "-" for what is no number.
func Number(v float64) string {
	switch a := math.Abs(v); {
	case math.IsNaN(v), math.IsInf(v, 0):
		return "-"
	case a == 0:
		return "0"
	case a < 1e-3 || a >= 9.995e14:
		return short(v, 1)
	case a < 9999.5:
		decimals := min(max(3-int(math.Floor(math.Log10(a))), 0), 4)
		return strconv.FormatFloat(v, 'f', decimals, 64)
	default:
		unit, scale := thousands(a * 1.0005) // what is rounded up to 1000k is 1M
		decimals := min(max(2-int(math.Floor(math.Log10(a/scale))), 0), 2)
		return strconv.FormatFloat(v/scale, 'f', decimals, 64) + unit
	}
}

// thousands is the suffix for values of a size, and what it stands for.
func thousands(a float64) (unit string, scale float64) {
	scale = 1
	for _, s := range suffixes {
		if a < scale*1000 {
			break
		}
		unit, scale = s, scale*1000
	}
	return unit, scale
}

// short writes with an exponent, without the plus and zeros that FormatFloat
// puts in it.
func short(v float64, decimals int) string {
	mantissa, exponent, ok := strings.Cut(strconv.FormatFloat(v, 'e', decimals, 64), "e")
	if !ok {
		return mantissa
	}
	if strings.Contains(mantissa, ".") {
		mantissa = strings.TrimRight(strings.TrimRight(mantissa, "0"), ".")
	}
	sign := ""
	if exponent[0] == '-' {
		sign = "-"
	}
	exponent = strings.TrimLeft(exponent[1:], "0")
	if exponent == "" {
		return mantissa
	}
	return mantissa + "e" + sign + exponent
}

// tickLabels writes ticks alike: with the decimals that their step needs, and
// one suffix for all.
func tickLabels(values []float64, step float64) []string {
	most := 0.0
	for _, v := range values {
		most = max(most, math.Abs(v))
	}
	unit, scale := "", 1.0
	if most >= 1e4 {
		unit, scale = thousands(most)
	}
	exponent := math.Floor(math.Log10(step/scale) + 1e-9)
	out := make([]string, len(values))
	for i, v := range values {
		switch {
		case v == 0 || math.Abs(v) < step*1e-6:
			out[i] = "0"
		case exponent < -4 || most >= 1e15:
			out[i] = short(v, int(min(max(math.Floor(math.Log10(most))-math.Floor(math.Log10(step)), 0), 9)))
		default:
			out[i] = strconv.FormatFloat(v/scale, 'f', int(max(-exponent, 0)), 64) + unit
		}
	}
	return out
}

// whole writes a number without decimals.
func whole(v float64) string { return strconv.FormatFloat(v, 'f', 0, 64) }
