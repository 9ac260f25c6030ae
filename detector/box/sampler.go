package box

import (
	"math/rand/v2"
	"slices"
)

// Sampler draws the boxes that take part in a loss, as mmdet's RandomSampler
// does. Ground truth that is to count as proposals is added by the caller
// before the match.
type Sampler struct {
	// Num is how many boxes are drawn: 256 in the RPN, 512 in the box head.
	Num int
	// PosFraction is the largest share of positives; negatives fill the rest.
	PosFraction float64
	// NegPosUB, where positive, bounds the negatives to this many a positive
	// (counting at least one); mmdet's neg_pos_ub, off by default.
	NegPosUB float64
}

// Sample returns the indices of the drawn positives and negatives of a match,
// each in ascending order. Draws are made only where there are more candidates
// than places: positives first, by a partial Fisher-Yates shuffle.
func (s Sampler) Sample(r *rand.Rand, assigned []int32) (pos, neg []int32) {
	nPos, nNeg := 0, 0
	for _, a := range assigned {
		switch {
		case a >= 0:
			nPos++
		case a == Negative:
			nNeg++
		}
	}
	pos = collect(assigned, draw(r, nPos, int(float64(s.Num)*s.PosFraction)), func(a int32) bool { return a >= 0 })
	room := s.Num - len(pos)
	if s.NegPosUB > 0 {
		room = min(room, int(s.NegPosUB*float64(max(len(pos), 1))))
	}
	neg = collect(assigned, draw(r, nNeg, room), func(a int32) bool { return a == Negative })
	return pos, neg
}

// draw picks k of the ranks 0..n-1, all where n <= k, and returns them in
// ascending order. The shuffle's array is kept as the few entries that differ
// from their index, since n may be 200,000 and k 256.
func draw(r *rand.Rand, n, k int) []int32 {
	k = max(k, 0)
	picked := make([]int32, 0, min(n, k))
	if n <= k {
		for i := range n {
			picked = append(picked, int32(i))
		}
		return picked
	}
	moved := make(map[int]int, 2*k)
	at := func(i int) int {
		if v, ok := moved[i]; ok {
			return v
		}
		return i
	}
	for i := range k {
		j := i + r.IntN(n-i)
		picked = append(picked, int32(at(j)))
		moved[j] = at(i)
	}
	slices.Sort(picked)
	return picked
}

// collect turns ascending ranks among the boxes that want accepts into their
// indices.
func collect(assigned, ranks []int32, want func(int32) bool) []int32 {
	picked, rank := ranks[:0], int32(0)
	for i, a := range assigned {
		if len(ranks) == 0 {
			break
		}
		if !want(a) {
			continue
		}
		if ranks[0] == rank {
			picked, ranks = append(picked, int32(i)), ranks[1:]
		}
		rank++
	}
	return picked
}
