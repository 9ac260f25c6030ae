// Package series keeps one curve of a run, of any length, in bounded memory.
package series

import (
	"math"
	"slices"
	"sort"
)

// most bounds the bins that a curve keeps unless it says otherwise. When they are full, neighbours are
// merged two and two, so that a curve always has at least half as many.
const most = 8192

// Bin is a stretch of a curve: one point, or several merged.
type Bin struct {
	X0, X1         float64 // first and last x
	Min, Max, Mean float64 // of the finite values; NaN where there is none
	Last           float64 // the newest finite value
	N              int     // finite values
	NaN            int     // values that are no number, or infinite
}

// Series is a curve. X never falls. The zero value is empty and ready.
type Series struct {
	Most   int // bins that it keeps; 0 is as many as a chart can use
	bins   []Bin
	points int // that a bin takes in before the next one begins
}

// Append adds a point. An x that is not above the last one takes the curve back
// to there: a run that was resumed repeats what came after its checkpoint. Only a
// point at the last x of a bin of several joins them.
func (s *Series) Append(x, y float64) {
	if math.IsNaN(x) || math.IsInf(x, 0) {
		return
	}
	if n := len(s.bins); n > 0 && x <= s.bins[n-1].X1 {
		if last := &s.bins[n-1]; x == last.X1 && last.N+last.NaN > 1 {
			last.add(x, y)
			return
		}
		s.back(x)
	}
	if n := len(s.bins); n > 0 && s.bins[n-1].N+s.bins[n-1].NaN < s.points {
		s.bins[n-1].add(x, y)
		return
	}
	if len(s.bins) >= s.most() {
		s.halve()
	}
	s.bins = append(s.bins, point(x, y))
}

func (s *Series) most() int {
	if s.Most > 0 {
		return s.Most
	}
	return most
}

// add takes a point after those of the bin into it.
func (b *Bin) add(x, y float64) {
	b.X1 = x
	switch {
	case math.IsNaN(y) || math.IsInf(y, 0):
		b.NaN++
	case b.N == 0:
		b.Min, b.Max, b.Mean, b.Last, b.N = y, y, y, y, 1
	default:
		b.N++
		b.Min, b.Max, b.Last = min(b.Min, y), max(b.Max, y), y
		share := 1 / float64(b.N)
		b.Mean = b.Mean*(1-share) + y*share // which does not overflow
	}
}

// Cut drops what lies after x: a run that goes back to there has undone it. A
// merged bin that reaches past x goes whole.
func (s *Series) Cut(x float64) {
	n := sort.Search(len(s.bins), func(i int) bool { return s.bins[i].X1 > x })
	s.bins = s.bins[:n]
}

// back drops what lies at x and after it. A merged bin that reaches past x goes
// whole: its points can no longer be told apart.
func (s *Series) back(x float64) {
	n := sort.Search(len(s.bins), func(i int) bool { return s.bins[i].X1 >= x })
	s.bins = s.bins[:n]
}

// halve merges neighbours.
func (s *Series) halve() {
	for i := 0; i+1 < len(s.bins); i += 2 {
		s.bins[i/2] = merge(s.bins[i], s.bins[i+1])
	}
	s.bins = s.bins[:len(s.bins)/2]
	s.points = 2 * max(s.points, 1)
}

func point(x, y float64) Bin {
	if math.IsNaN(y) || math.IsInf(y, 0) {
		nan := math.NaN()
		return Bin{X0: x, X1: x, Min: nan, Max: nan, Mean: nan, Last: nan, NaN: 1}
	}
	return Bin{X0: x, X1: x, Min: y, Max: y, Mean: y, Last: y, N: 1}
}

// merge joins a bin and the one after it.
func merge(a, b Bin) Bin {
	out := Bin{X0: a.X0, X1: b.X1, N: a.N + b.N, NaN: a.NaN + b.NaN}
	switch {
	case b.N == 0:
		out.Min, out.Max, out.Mean, out.Last = a.Min, a.Max, a.Mean, a.Last
	case a.N == 0:
		out.Min, out.Max, out.Mean, out.Last = b.Min, b.Max, b.Mean, b.Last
	default:
		out.Min, out.Max, out.Last = min(a.Min, b.Min), max(a.Max, b.Max), b.Last
		share := float64(b.N) / float64(out.N)
		out.Mean = a.Mean*(1-share) + b.Mean*share
	}
	return out
}

// Len is the number of points that stand.
func (s *Series) Len() int {
	n := 0
	for _, b := range s.bins {
		n += b.N + b.NaN
	}
	return n
}

// Bins returns the curve between x0 and x1, both included, in at most limit
// bins. The result is the caller's.
func (s *Series) Bins(x0, x1 float64, limit int) []Bin {
	from := sort.Search(len(s.bins), func(i int) bool { return s.bins[i].X1 >= x0 })
	to := sort.Search(len(s.bins), func(i int) bool { return s.bins[i].X0 > x1 })
	if from >= to || limit <= 0 {
		return nil
	}
	part := s.bins[from:to]
	if len(part) <= limit {
		return slices.Clone(part)
	}
	out := make([]Bin, limit)
	for i := range out {
		lo, hi := i*len(part)/limit, (i+1)*len(part)/limit
		out[i] = part[lo]
		for _, b := range part[lo+1 : hi] {
			out[i] = merge(out[i], b)
		}
	}
	return out
}

// Bounds returns the first and the last x, and false for an empty curve.
func (s *Series) Bounds() (x0, x1 float64, ok bool) {
	if len(s.bins) == 0 {
		return 0, 0, false
	}
	return s.bins[0].X0, s.bins[len(s.bins)-1].X1, true
}

// At returns the bin that holds x, or the nearest one before it.
func (s *Series) At(x float64) (Bin, bool) {
	i := sort.Search(len(s.bins), func(i int) bool { return s.bins[i].X0 > x })
	if i == 0 {
		return Bin{}, false
	}
	return s.bins[i-1], true
}

// Last returns the newest finite value; NaN where there is none.
func (s *Series) Last() float64 {
	for i := len(s.bins) - 1; i >= 0; i-- {
		if s.bins[i].N > 0 {
			return s.bins[i].Last
		}
	}
	return math.NaN()
}

// Smooth is the debiased exponential moving average of bins, one value for each:
// weight is what a point keeps after one more (0 is no smoothing, 0.98 much), as
// in TensorBoard; a bin of n points counts n times. Bins without a number give
// NaN and leave the average as it is.
func Smooth(bins []Bin, weight float64) []float64 {
	weight = min(max(weight, 0), 0.9999)
	out := make([]float64, len(bins))
	average, bias := 0.0, 1.0
	for i, b := range bins {
		if b.N == 0 {
			out[i] = math.NaN()
			continue
		}
		keep := math.Pow(weight, float64(b.N))
		average = keep*average + (1-keep)*b.Mean
		bias *= keep
		out[i] = average / (1 - bias)
	}
	return out
}
