package charts

import (
	"math"
	"sort"

	"detnas/tui/series"
)

// lineData is a curve and its moving average. The average begins at the curve's
// beginning, so that a window does not change it.
type lineData struct {
	bins   []series.Bin
	smooth []float64
}

func (c Curves) load(l Line) lineData {
	if l.Series == nil {
		return lineData{}
	}
	bins := l.Series.Bins(math.Inf(-1), math.Inf(1), math.MaxInt)
	return lineData{bins, series.Smooth(bins, c.Smooth)}
}

// at is what the curve has at x: the bin that holds it or the one before, unless
// the curve has ended well before x.
func (d lineData) at(x float64) Value {
	i := sort.Search(len(d.bins), func(i int) bool { return d.bins[i].X0 > x }) - 1
	if i < 0 {
		return Value{Mean: math.NaN()}
	}
	n := len(d.bins)
	if apart := (d.bins[n-1].X1 - d.bins[0].X0) / float64(max(n-1, 1)); i == n-1 && x > d.bins[i].X1+apart {
		return Value{Mean: math.NaN()}
	}
	return Value{Bin: d.bins[i], Mean: d.smooth[i], Ok: true}
}

// last is the newest value of the average.
func (d lineData) last() float64 {
	for i := len(d.smooth) - 1; i >= 0; i-- {
		if !math.IsNaN(d.smooth[i]) {
			return d.smooth[i]
		}
	}
	return math.NaN()
}

// stretch is what a curve has in one column of dots, or a gap.
type stretch struct {
	at                    int // column of dots; outside of the plot for the neighbours
	gap                   bool
	first, last, min, max float64 // of the average
	in, out, lo, hi       float64 // of the values: first and last mean, and the bounds
}

// columns gathers a curve by columns of dots. Of what lies left and right of
// the plot it keeps the nearest.
func (d lineData) columns(x axis, n int, logY bool, nan func(place float64)) []stretch {
	out := make([]stretch, 0, min(len(d.bins), n)+8)
	at, edge := 0, math.Inf(-1) // the last bin's column, and the x where it ends
	for i := range d.bins {
		b := &d.bins[i]
		if middle := b.X0 + (b.X1-b.X0)/2; middle >= edge || b.NaN > 0 {
			place, ok := x.place(middle)
			if !ok {
				continue
			}
			if at = columnOf(place, n); at >= 0 {
				edge = x.value(float64(at+1) / float64(n))
			}
			if b.NaN > 0 && at >= 0 && at < n {
				nan(place)
			}
		}
		k := len(out) - 1
		if v := d.smooth[i]; math.IsNaN(v) || logY && v <= 0 {
			if k >= 0 && !out[k].gap {
				out = append(out, stretch{at: at, gap: true})
			}
			continue
		}
		switch {
		case k >= 0 && !out[k].gap && out[k].at == at:
			out[k].add(b, d.smooth[i])
		case k >= 0 && at < 0:
			out[k] = begin(at, b, d.smooth[i])
		default:
			out = append(out, begin(at, b, d.smooth[i]))
		}
		if at >= n {
			break
		}
	}
	return out
}

// columnOf is the column of dots of a place; outside of the plot too.
func columnOf(place float64, n int) int {
	if place == 1 { // the axis ends on it
		return n - 1
	}
	return int(math.Floor(place * float64(n)))
}

func begin(at int, b *series.Bin, v float64) stretch {
	return stretch{at: at, first: v, last: v, min: v, max: v, in: b.Mean, out: b.Mean, lo: b.Min, hi: b.Max}
}

func (s *stretch) add(b *series.Bin, v float64) {
	s.last, s.min, s.max = v, min(s.min, v), max(s.max, v)
	s.out, s.lo, s.hi = b.Mean, min(s.lo, b.Min), max(s.hi, b.Max)
}
