package dataset

import (
	"fmt"
	"slices"
	"sync"

	"detnas/core/seed"
)

// Order says which images make up which batch. It is a pure function of its
// fields and the iteration. Set the fields before first use; it is safe for
// concurrent use from then on and must not be copied.
type Order struct {
	// Seed and Step name the stream of draws.
	Seed uint64
	Step string
	// N is the number of images, Batch that of one iteration over all ranks.
	N, Batch int
	// Rank of World takes its share of every batch; a World of 0 is 1.
	Rank, World int
	// Parts is how many parts of one size a batch is computed in, one after the other
	// (0 is 1): a rank takes its share of each, so that a part is of the same images
	// whatever the World.
	Parts int
	// Groups, when given, holds a group for each image, and every batch is of one
	// group, as mmdet's GroupSampler keeps wide and tall images apart to save
	// padding. A group's last batch is filled up from the group's start.
	Groups []int

	mu    sync.Mutex
	cache [2]epochOrder // workers straddle two epochs at a border
}

// epochOrder is the permutation of one epoch.
type epochOrder struct {
	epoch   int64
	indices []int
}

// Check refuses fields that make no order.
func (o *Order) Check() error {
	world := max(o.World, 1)
	switch {
	case o.N < 1:
		return fmt.Errorf("order of %d images: there is nothing to train on", o.N)
	case o.Batch < 1:
		return fmt.Errorf("batch of %d images: it must be at least 1", o.Batch)
	case o.Rank < 0 || o.Rank >= world:
		return fmt.Errorf("rank %d of %d: it must be from 0 to %d", o.Rank, world, world-1)
	case world > 1 && o.Batch/max(o.Parts, 1) < world:
		return fmt.Errorf("%d images are computed at a time (batch %d, in %d parts), too few for %d ranks: each needs one; start fewer ranks, raise batch or lower accumulate",
			o.Batch/max(o.Parts, 1), o.Batch, max(o.Parts, 1), world)
	case o.Groups != nil && len(o.Groups) != o.N:
		return fmt.Errorf("%d groups for %d images: there must be one each", len(o.Groups), o.N)
	}
	return nil
}

// Iterations returns the number of iterations in an epoch: whole batches only,
// and 1 where the images do not fill one.
func (o *Order) Iterations() int64 {
	if o.Groups == nil {
		return int64(max(o.N/o.Batch, 1))
	}
	count := map[int]int{}
	for _, g := range o.Groups {
		count[g]++
	}
	n := 0
	for _, c := range count {
		n += (c + o.Batch - 1) / o.Batch
	}
	return int64(n)
}

// places are the places in a batch that this rank has: of each part a stretch. The
// stretches of the ranks differ by one image at most where they cannot be equal.
func (o *Order) places() []int {
	parts, world := max(o.Parts, 1), max(o.World, 1)
	if world == 1 {
		parts = 1
	}
	var out []int
	for p := range parts {
		from, to := p*o.Batch/parts, (p+1)*o.Batch/parts
		for at := from + (to-from)*o.Rank/world; at < from+(to-from)*(o.Rank+1)/world; at++ {
			out = append(out, at)
		}
	}
	return out
}

// Indices returns the images of this rank's share of iteration iter, which counts
// from 0. Every epoch is a fresh permutation, less the images that do not fill
// its last batch; with fewer images than a batch it goes round.
func (o *Order) Indices(iter int64) []int {
	out := o.places()
	if o.Groups == nil && o.N < o.Batch {
		for k, place := range out {
			at := iter*int64(o.Batch) + int64(place)
			out[k] = o.epoch(at / int64(o.N))[at%int64(o.N)]
		}
		return out
	}
	n := o.Iterations()
	batch := o.epoch(iter / n)[int(iter%n)*o.Batch:]
	for k, place := range out {
		out[k] = batch[place]
	}
	return out
}

// epoch returns the order of an epoch, from the cache where it can.
func (o *Order) epoch(e int64) []int {
	o.mu.Lock()
	defer o.mu.Unlock()
	c := &o.cache[e%2]
	if c.indices == nil || c.epoch != e {
		*c = epochOrder{epoch: e, indices: o.permute(e)}
	}
	return c.indices
}

func (o *Order) permute(e int64) []int {
	rng := seed.Rand(o.Seed, o.Step, "order", e)
	perm := rng.Perm(o.N)
	if o.Groups == nil {
		return perm
	}
	byGroup := map[int][]int{}
	for _, i := range perm {
		byGroup[o.Groups[i]] = append(byGroup[o.Groups[i]], i)
	}
	names := make([]int, 0, len(byGroup))
	for g := range byGroup {
		names = append(names, g)
	}
	slices.Sort(names) // map order must not leak into the run
	var batches [][]int
	for _, g := range names {
		members := byGroup[g]
		for at := 0; at < len(members); at += o.Batch {
			batch := make([]int, o.Batch)
			for k := range batch {
				batch[k] = members[(at+k)%len(members)]
			}
			batches = append(batches, batch)
		}
	}
	rng.Shuffle(len(batches), func(i, j int) { batches[i], batches[j] = batches[j], batches[i] })
	return slices.Concat(batches...)
}

// AspectGroups returns 1 for each image that is wider than tall and 0 for the
// others, for Order.Groups.
func AspectGroups(images []ImageInfo) []int {
	groups := make([]int, len(images))
	for i, m := range images {
		if m.W > m.H {
			groups[i] = 1
		}
	}
	return groups
}
