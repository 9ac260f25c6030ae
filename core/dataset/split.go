package dataset

import (
	"fmt"
	"math"
	"slices"

	"detnas/core/seed"
)

// splitIndices draws round(fraction*n) of the places 0..n-1 as held out, both
// parts sorted.
func splitIndices(root uint64, n int, fraction float64) (rest, held []int, err error) {
	if !(fraction > 0 && fraction < 1) {
		return nil, nil, fmt.Errorf("hold out a fraction of %v: it must be above 0 and below 1", fraction)
	}
	if n < 2 {
		return nil, nil, fmt.Errorf("hold out a part of %d images: at least 2 are needed", n)
	}
	count := min(max(int(math.Round(fraction*float64(n))), 1), n-1)
	perm := seed.Rand(root, "dataset", "split").Perm(n)
	held, rest = perm[:count:count], perm[count:]
	slices.Sort(held)
	slices.Sort(rest)
	return rest, held, nil
}
