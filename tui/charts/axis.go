package charts

import "math"

// Values that are farther out than huge, or nearer to zero than tiny, are drawn
// as huge and as zero, so that no difference of two overflows.
const (
	huge = 1e300
	tiny = 1e-300
	far  = 1e6 // places beyond are drawn as there
)

// axis maps values to places from 0 to 1.
type axis struct {
	lo, hi float64
	log    bool
	l0, l1 float64 // logarithms of lo and hi, of a log axis
}

// tick is a labelled place on an axis.
type tick struct {
	place float64
	label string
}

// newAxis makes an axis of a range. What has no extent is given some.
func newAxis(lo, hi float64, log bool) axis {
	lo, hi = tame(lo), tame(hi)
	if hi < lo {
		lo, hi = hi, lo
	}
	if log {
		if hi <= 0 {
			hi = 1
		}
		if lo <= 0 {
			lo = min(1, hi/10)
		}
		if hi/lo < 1+1e-9 {
			lo, hi = max(lo/2, tiny), hi*2
		}
		return logAxis(lo, hi)
	}
	if span := hi - lo; span < tiny || span < 1e-9*max(math.Abs(lo), math.Abs(hi)) {
		room := max(math.Abs(lo), math.Abs(hi)) / 10
		if room < tiny {
			room = 1
		}
		lo, hi = lo-room, hi+room
	}
	return axis{lo: lo, hi: hi}
}

func logAxis(lo, hi float64) axis {
	return axis{lo: lo, hi: hi, log: true, l0: math.Log(lo), l1: math.Log(hi)}
}

// tame brings any number into what can be drawn.
func tame(v float64) float64 {
	switch {
	case math.IsNaN(v), math.Abs(v) < tiny:
		return 0
	case v > huge:
		return huge
	case v < -huge:
		return -huge
	}
	return v
}

// place is where a value lies; ok is false for what the axis cannot have. It may
// lie outside of 0 to 1.
func (a axis) place(v float64) (place float64, ok bool) {
	if math.IsNaN(v) || math.IsInf(v, 0) || a.log && v <= 0 {
		return 0, false
	}
	if a.log {
		place = (math.Log(max(v, tiny)) - a.l0) / (a.l1 - a.l0)
	} else {
		place = (min(max(v, -10*huge), 10*huge) - a.lo) / (a.hi - a.lo)
	}
	return min(max(place, -far), far), true
}

// value is what lies at a place.
func (a axis) value(place float64) float64 {
	if a.log {
		return math.Exp(a.l0 + place*(a.l1-a.l0))
	}
	return a.lo + place*(a.hi-a.lo)
}

// nice is the axis with its ends moved out to half steps of its ticks, so that
// it changes seldom while points come in.
func (a axis) nice(most int) axis {
	if a.log {
		return logAxis(below(a.lo), above(a.hi))
	}
	half := step(a.hi-a.lo, max(most, 4)) / 2 // few ticks need not make it much longer
	return axis{lo: math.Floor(a.lo/half+1e-9) * half, hi: math.Ceil(a.hi/half-1e-9) * half}
}

// below and above are the next of 1, 2 and 5 times a power of ten.
func below(v float64) float64 {
	p := math.Pow(10, math.Floor(math.Log10(v)))
	for _, m := range []float64{5, 2} {
		if m*p <= v*(1+1e-9) {
			return m * p
		}
	}
	return p
}

func above(v float64) float64 {
	p := math.Pow(10, math.Floor(math.Log10(v)))
	for _, m := range []float64{1, 2, 5} {
		if m*p >= v*(1-1e-9) {
			return m * p
		}
	}
	return 10 * p
}

// step is the distance of at most that many ticks over a span: 1, 2 or 5 times a
// power of ten.
func step(span float64, most int) float64 {
	raw := span / float64(max(most, 1))
	p := math.Pow(10, math.Floor(math.Log10(raw)))
	for _, m := range []float64{1, 2, 5} {
		if m*p >= raw*(1-1e-9) {
			return m * p
		}
	}
	return 10 * p
}

// ticks are at most about that many, from low to high. A format writes their
// labels; without one they are numbers.
func (a axis) ticks(most int, format func(float64) string) []tick {
	if most < 1 {
		return nil
	}
	var values []float64
	var labels []string
	if a.log {
		values = a.logTicks(most)
		for _, v := range values {
			labels = append(labels, power(v))
		}
	}
	for n := most; len(values) < 2 && n < most+4; n++ {
		values, labels = a.linearTicks(n)
	}
	out := make([]tick, 0, len(values))
	for i, v := range values {
		place, ok := a.place(v)
		if !ok {
			continue
		}
		label := labels[i]
		if format != nil {
			label = format(v)
		}
		out = append(out, tick{place, label})
	}
	return out
}

func (a axis) linearTicks(most int) (values []float64, labels []string) {
	d := step(a.hi-a.lo, most)
	first := math.Ceil(a.lo/d - 1e-9)
	for i := range most + 2 {
		v := (first + float64(i)) * d
		if v > a.hi+d*1e-6 {
			break
		}
		values = append(values, v)
	}
	return values, tickLabels(values, d)
}

// logTicks are the powers of ten, each n-th where there are too many, and 2 and
// 5 times them where there is room.
func (a axis) logTicks(most int) []float64 {
	lo, hi := math.Ceil(math.Log10(a.lo)-1e-9), math.Floor(math.Log10(a.hi)+1e-9)
	every := max(1, math.Ceil((hi-lo+1)/float64(most)))
	times := []float64{1}
	if every == 1 && 3*(hi-lo+1) <= float64(most)+1 {
		times = []float64{1, 2, 5}
	}
	var out []float64
	for e := math.Floor((lo-1)/every) * every; e <= hi; e += every {
		for _, m := range times {
			if v := m * math.Pow(10, e); v >= a.lo*(1-1e-9) && v <= a.hi*(1+1e-9) {
				out = append(out, v)
			}
		}
	}
	return out
}

// power writes a tick of a log axis.
func power(v float64) string {
	switch {
	case v < 0.9e-3 || v >= 0.9e15:
		return short(v, 0)
	case v < 0.9e4:
		return tickLabels([]float64{v}, v)[0]
	}
	unit, scale := thousands(v * 1.0001)
	return tickLabels([]float64{v / scale}, v/scale)[0] + unit
}
