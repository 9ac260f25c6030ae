package supernet

import (
	"slices"

	"detnas/core/seed"
	"detnas/nas"
)

// SamplePath draws the subnet that iteration of step trains: uniform over the
// space's choices, each block by itself (DetNAS, section 3.1). The same space,
// root seed, step and iteration give the same path, whatever was drawn before.
func SamplePath(space nas.Space, root uint64, step string, iteration int) nas.Subnet {
	return nas.Random(space, seed.Rand(root, "path", step, iteration))
}

// FairPath is the subnet that iteration of step trains under strict fairness
// (FairNAS, Chu et al., 2019): in each round of as many iterations as the space has
// choices, a block takes each of its choices once, in an order that is drawn for the
// block and the round. FairNAS goes one step with the summed gradients of a round on
// one batch; here each iteration is a step on a batch of its own, as of any path, so
// that a round moves each choice once, and the stem and the heads as often as it has
// iterations.
func FairPath(space nas.Space, root uint64, step string, iteration int) nas.Subnet {
	n := len(space.Choices)
	rng := seed.Rand(root, "fair path", step, iteration/n)
	path := make(nas.Subnet, space.Len())
	for i := range path {
		path[i] = space.Choices[rng.Perm(n)[iteration%n]]
	}
	return path
}

// Bins are equal bins of a cost, from Min (inclusive) to Max (exclusive), from which
// paths are drawn: a bin uniformly, and then a path of it. Uniform paths crowd around
// the middle of a space's costs; these have all of the bins alike.
type Bins struct {
	Min, Max int64
	N        int
	Cost     func(nas.Subnet) int64
}

// binTries is how many paths are drawn for a bin, the last of which is taken whatever
// it costs, as in the official code (Supernet-ImageNet).
const binTries = 500

// Path draws the subnet that iteration of step trains.
func (b Bins) Path(space nas.Space, root uint64, step string, iteration int) nas.Subnet {
	rng := seed.Rand(root, "path", step, iteration)
	from, to := b.edges(rng.IntN(b.N))
	var path nas.Subnet
	for range binTries {
		path = nas.Random(space, rng)
		if cost := b.Cost(path); from <= cost && cost < to {
			break
		}
	}
	return path
}

// edges are the least cost of a bin and that of the next.
func (b Bins) edges(bin int) (from, to int64) {
	width := b.Max - b.Min
	at := func(i int) int64 { return b.Min + int64(i)*width/int64(b.N) }
	return at(bin), at(bin + 1)
}

// Empty lists, as costs from and to, the bins that hold none of the paths that
// CostRange looks at: an iteration that draws one of them will hardly find a path of it.
func (b Bins) Empty(space nas.Space, root uint64) (empty [][2]int64) {
	costs := sampleCosts(space, root, b.Cost)
	for bin := range b.N {
		from, to := b.edges(bin)
		if at, _ := slices.BinarySearch(costs, from); at == len(costs) || costs[at] >= to {
			empty = append(empty, [2]int64{from, to})
		}
	}
	return empty
}

// The costs between which bins lie where nobody says so are those of all but the
// outer hundredths of so many uniform paths: almost no path lies beyond them, and a
// bin there would be tried for in vain.
const (
	rangePaths = 1000
	rangeOuter = rangePaths / 100
)

// CostRange is where the costs of a space's paths lie, but for the outer ones.
func CostRange(space nas.Space, root uint64, cost func(nas.Subnet) int64) (least, most int64) {
	costs := sampleCosts(space, root, cost)
	return costs[rangeOuter], costs[rangePaths-1-rangeOuter]
}

// sampleCosts are the costs of so many uniform paths, sorted.
func sampleCosts(space nas.Space, root uint64, cost func(nas.Subnet) int64) []int64 {
	costs := make([]int64, rangePaths)
	for i := range costs {
		costs[i] = cost(nas.Random(space, seed.Rand(root, "cost range", i)))
	}
	slices.Sort(costs)
	return costs
}

// CostBounds are the least and the greatest cost of a path, for a cost that is a sum
// over blocks.
func CostBounds(space nas.Space, cost func(nas.Subnet) int64) (least, most int64) {
	extreme := func(beyond func(a, b int64) bool) int64 {
		path := slices.Repeat(nas.Subnet{space.Choices[0]}, space.Len())
		for i := range path {
			for _, c := range space.Choices {
				other := slices.Clone(path)
				if other[i] = c; beyond(cost(other), cost(path)) {
					path = other
				}
			}
		}
		return cost(path)
	}
	return extreme(func(a, b int64) bool { return a < b }), extreme(func(a, b int64) bool { return a > b })
}
