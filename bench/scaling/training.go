package main

import (
	"math"

	"detnas/nas"
)

// network is how ranks reach each other: a message of n bytes takes latency +
// n/bandwidth. The latencies are assumed, with the software's part of them; the
// bandwidths are the links' rates.
type network struct {
	name      string
	latency   float64 // seconds
	bandwidth float64 // bytes a second, each way
}

// The networks of the tables.
var (
	ethernet = network{"10 Gbit/s", 30e-6, 1.25e9} //nolint:gochecknoglobals // constants
	fabric   = network{"100 Gbit/s", 5e-6, 12.5e9} //nolint:gochecknoglobals // constants
	nvlink   = network{"NVLink", 2e-6, 450e9}      //nolint:gochecknoglobals // constants: an H100's 900 GB/s are of both ways
	loopback = network{"one machine", 20e-6, 4e9}  //nolint:gochecknoglobals // constants
)

// ring is how long the sum of so many bytes over all ranks takes: each sends 1/ranks of
// them 2 (ranks-1) times (Patarasuk and Yuan, Journal of Parallel and Distributed
// Computing 69(2), 2009). It is what Gloo takes unless it is told otherwise.
func (n network) ring(bytes float64, ranks int) float64 {
	steps := 2 * float64(ranks-1)
	return steps*n.latency + steps/float64(ranks)*bytes/n.bandwidth
}

// tree is the same by a tree: up and down again. It is the better one for few bytes.
func (n network) tree(bytes float64, ranks int) float64 {
	return 2 * math.Ceil(math.Log2(float64(ranks))) * (n.latency + bytes/n.bandwidth)
}

// layer is a BN layer, and the probability that it is on a path sampled uniformly.
type layer struct{ channels, share float64 }

// layers are the BN layers of a backbone, the stem's first.
func layers(space nas.Space) []layer {
	out := []layer{{float64(space.Stem), 1}}
	for _, b := range space.Blocks() {
		for _, c := range space.Choices {
			for _, channels := range blockLayers(space.Branches(b), b, c) {
				out = append(out, layer{float64(channels), 1 / float64(len(space.Choices))})
			}
		}
	}
	return out
}

// blockLayers are the channels of the BN layers in a block (nas/supernet's block.go).
func blockLayers(w nas.Branches, b nas.BlockSpec, c nas.Choice) []int {
	out := []int{w.Mid, w.Mid, w.Main}
	if c == nas.Xception {
		out = []int{w.In, w.Mid, w.Mid, w.Mid, w.Mid, w.Main}
	}
	if b.Stride == 2 {
		out = append(out, b.In, w.Projection)
	}
	return out
}

// pathBytes are the bytes of a sampled path's gradients, in the mean over all paths.
func pathBytes(space nas.Space) float64 {
	params := float64(space.StemCost(nas.Square(224)).Params)
	for _, b := range space.Blocks() {
		for _, c := range space.Choices {
			params += float64(space.BlockCost(b, c, nas.Square(56)).Params) / float64(len(space.Choices))
		}
	}
	return 4 * params
}

// training is a training step as ranks do it.
type training struct {
	name   string
	batch  int     // images of an iteration, of all ranks together
	image  float64 // seconds that a rank computes for an image
	fixed  float64 // and for an iteration of however few
	norms  []layer
	grads  float64 // bytes
	source string  // of image and fixed
}

// classifying is a training of a space's classifier.
func classifying(space nas.Space) training {
	in := nas.Square(224)
	return training{
		norms: append(layers(space), layer{float64(space.Last), 1}),
		grads: pathBytes(space) + 4*float64(space.HeadCost(in).Params),
	}
}

// detecting is a training of a detector on a space's backbone.
func detecting(space nas.Space, d nas.DetectorSpec) (training, error) {
	t := training{norms: layers(space)}
	for range 2 * (len(space.Widths) - d.First) { // a lateral and an output of each stage
		t.norms = append(t.norms, layer{float64(d.NeckChannels), 1})
	}
	for range d.RoIConvs {
		t.norms = append(t.norms, layer{float64(d.RoIWidth), 1})
	}
	c, err := space.DetectorCost(make(nas.Subnet, space.Len()), d)
	t.grads = pathBytes(space) + 4*float64(c.Neck.Params+c.RPN.Params+c.Head.Params)
	return t, err
}

const (
	// bucket is core/native/group.cpp's bucket_bytes.
	bucket = 4 << 20
	// otherSums of an iteration: the word before it, what divides the losses, the losses,
	// and which parameters have a gradient; each of few bytes.
	otherSums     = 4
	otherSumBytes = 200
)

// sums is how many sums an iteration needs, but for those of the gradients: BN's are one
// forward and one backward for each layer (core/native/group_norm.cpp, units_run.h).
func (t training) sums() float64 {
	n := float64(otherSums)
	for _, l := range t.norms {
		n += 2 * l.share
	}
	return n
}

// iteration is where the time of an iteration goes, in seconds.
type iteration struct {
	share float64 // the images, were they shared evenly and nothing else there
	batch float64 // what comes on top of it by the largest share, and by what is fixed
	small float64 // the sums of BN and of the losses
	grads float64 // the gradients' sum, which follows backward and does not overlap it
}

func (i iteration) total() float64 { return i.share + i.batch + i.small + i.grads }

// cause is what costs most of what is not the images' share.
func (i iteration) cause() string {
	switch max(i.batch, i.small, i.grads) {
	case i.batch:
		return "batch's share"
	case i.small:
		return "BN's sums"
	}
	return "gradients"
}

// over is an iteration by so many ranks over a network, BN's sums by a ring or a tree;
// ok is false where a rank would have no image, which is refused.
func (t training) over(n network, ranks int, tree bool) (i iteration, ok bool) {
	if ranks > t.batch {
		return i, false
	}
	i.share = t.image * float64(t.batch) / float64(ranks)
	i.batch = t.fixed + t.image*math.Ceil(float64(t.batch)/float64(ranks)) - i.share
	if ranks == 1 {
		return i, true
	}
	sum := n.ring
	if tree {
		sum = n.tree
	}
	for _, l := range t.norms {
		i.small += l.share * (sum(8*(2*l.channels+1), ranks) + sum(8*2*l.channels, ranks))
	}
	i.small += otherSums * sum(otherSumBytes, ranks)
	i.grads = n.ring(t.grads, ranks) + (math.Ceil(t.grads/bucket)-1)*n.ring(0, ranks)
	return i, true
}

// speedup is how many times as fast so many ranks are as one; 0 where they are refused.
func (t training) speedup(n network, ranks int, tree bool) float64 {
	one, _ := t.over(n, 1, tree)
	i, ok := t.over(n, ranks, tree)
	if !ok {
		return 0
	}
	return one.total() / i.total()
}

// latency is that of a network, otherwise as it is, by which so many ranks are as many
// times as fast as one, in seconds; below 0 where they are faster than without any.
func (t training) latency(n network, ranks int, times float64) float64 {
	one, _ := t.over(n, 1, false)
	n.latency = 0
	none, _ := t.over(n, ranks, false)
	n.latency = 1
	much, _ := t.over(n, ranks, false)
	return (one.total()/times - none.total()) / (much.total() - none.total())
}
