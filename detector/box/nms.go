package box

import (
	"cmp"
	"fmt"
	"slices"
)

// NMS is greedy non-maximum suppression: from the highest score down (of equal
// scores the lower index first), a box is kept unless a kept one overlaps it by
// more than iouThr. It returns the indices of the kept boxes in that order, at
// most limit of them (0: no limit). A NaN score is an error.
//
// The threshold is float64 because torchvision compares the float32 overlap
// with a double, which decides at, say, 0.3.
func NMS(boxes []Box, scores []float32, iouThr float64, limit int) ([]int32, error) {
	if len(boxes) != len(scores) {
		return nil, fmt.Errorf("NMS: %d boxes and %d scores", len(boxes), len(scores))
	}
	keys, err := rankKeys(scores)
	if err != nil {
		return nil, fmt.Errorf("NMS: %w", err)
	}
	slices.Sort(keys)
	return suppress(boxes, indices(keys), iouThr, limit, nil), nil
}

// BatchedNMS is NMS among the boxes of each group (a class, a feature level)
// apart: boxes of different groups do not suppress each other. The kept boxes
// of all groups come together from the highest score down, at most limit of
// them (0: no limit).
func BatchedNMS(boxes []Box, scores []float32, groups []int32, iouThr float64, limit int) ([]int32, error) {
	if len(boxes) != len(scores) || len(boxes) != len(groups) {
		return nil, fmt.Errorf("batched NMS: %d boxes, %d scores and %d groups", len(boxes), len(scores), len(groups))
	}
	keys, err := rankKeys(scores)
	if err != nil {
		return nil, fmt.Errorf("batched NMS: %w", err)
	}
	slices.Sort(keys)
	order := indices(keys)
	rank := make([]int32, len(order))
	for r, i := range order {
		rank[i] = int32(r)
	}
	slices.SortStableFunc(order, func(a, b int32) int { return cmp.Compare(groups[a], groups[b]) })

	var kept []int32
	for lo := 0; lo < len(order); {
		hi := lo + 1
		for hi < len(order) && groups[order[hi]] == groups[order[lo]] {
			hi++
		}
		kept = suppress(boxes, order[lo:hi], iouThr, limit, kept)
		lo = hi
	}
	slices.SortFunc(kept, func(a, b int32) int { return cmp.Compare(rank[a], rank[b]) })
	if limit > 0 && len(kept) > limit {
		kept = kept[:limit]
	}
	return kept, nil
}
