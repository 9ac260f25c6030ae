package detector

import (
	"slices"
	"sync"

	"detnas/core/nn"
	"detnas/core/tensor"
	"detnas/detector/box"
)

// anchorCache keeps the anchors of the last few batch shapes: with aspect-ratio
// preserving images there are hundreds, with square ones one. It is safe for concurrent
// use; what it gives is only read.
type anchorCache struct {
	generator *box.AnchorGenerator
	strides   []int
	mu        sync.Mutex
	recent    []cachedAnchors
}

type cachedAnchors struct {
	sizes   []box.Size
	anchors *box.Anchors
}

// keptShapes bounds the cache; a COCO shape's anchors take 4 MB.
const keptShapes = 8

func newAnchorCache(c box.AnchorConfig) (*anchorCache, error) {
	g, err := box.NewAnchorGenerator(c)
	if err != nil {
		return nil, err
	}
	return &anchorCache{generator: g, strides: c.Strides}, nil
}

// at returns the anchors of feature maps of the given sizes.
func (c *anchorCache) at(sizes []box.Size) (*box.Anchors, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for i, r := range c.recent {
		if slices.Equal(r.sizes, sizes) {
			return c.recent[i].anchors, nil
		}
	}
	a, err := c.generator.Grid(sizes)
	if err != nil {
		return nil, err
	}
	if len(c.recent) == keptShapes {
		c.recent = slices.Delete(c.recent, 0, 1)
	}
	c.recent = append(c.recent, cachedAnchors{sizes: sizes, anchors: a})
	return a, nil
}

// valid marks the anchors that lie on the image and its own padding, or is nil
// when all do: mmdet's valid_flags by pad_shape, with allowed_border -1.
func (c *anchorCache) valid(sizes []box.Size, im Image, padTo int) ([]bool, error) {
	w, h := roundUp(im.W, padTo), roundUp(im.H, padTo)
	if sizes[0].W*c.strides[0] <= w && sizes[0].H*c.strides[0] <= h {
		return nil, nil
	}
	return c.generator.Valid(sizes, w, h)
}

func roundUp(v, to int) int { return (v + to - 1) / to * to }

// anchorOutput is what a head says of every anchor of a batch. Anchors run over
// levels, rows, columns and the anchors of a place.
type anchorOutput struct {
	logits *tensor.Tensor // [n * anchors], or [n * anchors, classes]
	deltas *tensor.Tensor // [n * anchors, 4]
	sizes  []box.Size     // of the levels
	// anchors are those of one image; all of a batch share them.
	anchors *box.Anchors
}

// over adds the anchors of the pyramid's levels.
func (out anchorOutput) over(levels []*tensor.Tensor, c *anchorCache) (anchorOutput, error) {
	for _, x := range levels {
		out.sizes = append(out.sizes, box.Size{H: int(x.Dim(2)), W: int(x.Dim(3))})
	}
	var err error
	out.anchors, err = c.at(out.sizes)
	return out, err
}

// byAnchor turns the output of a convolution [n, a*k, h, w] into [n, h*w*a, k].
func byAnchor(p *nn.Pass, x *tensor.Tensor, k int) *tensor.Tensor {
	return p.Reshape(p.Permute(x, 0, 2, 3, 1), x.Dim(0), -1, int64(k))
}

func toFloat32(values []float64) []float32 {
	out := make([]float32, len(values))
	for i, v := range values {
		out[i] = float32(v)
	}
	return out
}
