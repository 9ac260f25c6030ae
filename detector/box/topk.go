package box

import (
	"fmt"
	"math"
	"slices"
)

// TopK returns the indices of the k highest scores, or of all where there are
// fewer, from the highest down; equal scores come in the order of their index.
// A NaN is an error, since it has no place in the order.
func TopK(scores []float32, k int) ([]int32, error) {
	if k <= 0 {
		return nil, nil
	}
	keys, err := rankKeys(scores)
	if err != nil {
		return nil, err
	}
	if k < len(keys) {
		keys = headKeys(keys, k)
	}
	slices.Sort(keys)
	return indices(keys[:min(k, len(keys))]), nil
}

// rankKeys maps each score to a number that sorts ascending where scores sort
// descending, with the index in the lower half to break ties.
func rankKeys(scores []float32) ([]uint64, error) {
	keys := make([]uint64, len(scores))
	for i, s := range scores {
		if s != s {
			return nil, fmt.Errorf("score %d of %d is NaN; look for a diverged loss or a broken checkpoint", i, len(scores))
		}
		bits := math.Float32bits(s + 0) // the sum turns -0 into 0, its equal
		if bits>>31 == 0 {
			bits = ^bits &^ (1 << 31)
		}
		keys[i] = uint64(bits)<<32 | uint64(i)
	}
	return keys, nil
}

// headKeys keeps, in place, the k smallest keys and those that share the upper
// 16 bits of the last of them: few enough to sort, found in linear time.
func headKeys(keys []uint64, k int) []uint64 {
	var histogram [1 << 16]int32
	for _, key := range keys {
		histogram[key>>48]++
	}
	last, seen := uint64(0), int(histogram[0])
	for seen < k {
		last++
		seen += int(histogram[last])
	}
	head := keys[:0]
	for _, key := range keys {
		if key>>48 <= last {
			head = append(head, key)
		}
	}
	return head
}

// indices reads the indices back from keys.
func indices(keys []uint64) []int32 {
	out := make([]int32, len(keys))
	for i, key := range keys {
		out[i] = int32(uint32(key))
	}
	return out
}
