package dataset

import (
	"fmt"
	"math"
	"slices"

	"detnas/core/seed"
)

// Shares parts a set into as many sets as there are shares, which come to 1: the
// images, sorted by their names, are drawn into an order by the seed, of which each
// part takes its share. A part keeps the set's order of images. Equal seeds, shares
// and names give equal parts, whatever the order of the set is. It fails where a
// share above 0 comes to no image.
func (d *Detection) Shares(root uint64, shares []float64) ([]*Detection, error) {
	byName := make([]int, d.Len())
	for i := range byName {
		byName[i] = i
	}
	slices.SortStableFunc(byName, func(a, b int) int {
		switch x, y := d.Images[a].Name, d.Images[b].Name; {
		case x < y:
			return -1
		case x > y:
			return 1
		}
		return 0
	})
	perm := seed.Rand(root, "dataset", "shares").Perm(d.Len())
	parts := make([]*Detection, len(shares))
	from, sum := 0, 0.0
	for k, share := range shares {
		sum += share
		to := min(int(math.Round(sum*float64(d.Len()))), d.Len())
		if to == from && share > 0 {
			return nil, fmt.Errorf("%s: a share of %v of its %d images is none; give more images, or other shares", d.Source, share, d.Len())
		}
		indices := make([]int, 0, to-from)
		for _, place := range perm[from:to] {
			indices = append(indices, byName[place])
		}
		slices.Sort(indices)
		parts[k] = d.Subset(indices)
		from = to
	}
	return parts, nil
}
