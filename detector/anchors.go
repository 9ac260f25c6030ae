package detector

import (
	"fmt"
	"slices"

	"detnas/detector/box"
)

// anchorCache keeps the anchors of the last few batch shapes: with aspect-ratio
// preserving images there are hundreds, with square ones one.
type anchorCache struct {
	generator *box.AnchorGenerator
	strides   []int
	recent    []cachedAnchors
}

type cachedAnchors struct {
	sizes   []box.Size
	anchors *box.Anchors
}

// keptShapes bounds the cache; a COCO shape's anchors take 4 MB.
const keptShapes = 8

func newAnchorCache(strides []int, c RPNConfig) (*anchorCache, error) {
	g, err := box.NewAnchorGenerator(box.AnchorConfig{
		Strides: strides, Scales: toFloat32(c.Scales), Ratios: toFloat32(c.Ratios),
	})
	if err != nil {
		return nil, fmt.Errorf("rpn: %w", err)
	}
	return &anchorCache{generator: g, strides: strides}, nil
}

// at returns the anchors of feature maps of the given sizes.
func (c *anchorCache) at(sizes []box.Size) (*box.Anchors, error) {
	for i, r := range c.recent {
		if slices.Equal(r.sizes, sizes) {
			return c.recent[i].anchors, nil
		}
	}
	a, err := c.generator.Grid(sizes)
	if err != nil {
		return nil, fmt.Errorf("rpn: %w", err)
	}
	if len(c.recent) == keptShapes {
		c.recent = slices.Delete(c.recent, 0, 1)
	}
	c.recent = append(c.recent, cachedAnchors{sizes: sizes, anchors: a})
	return a, nil
}

func toFloat32(values []float64) []float32 {
	out := make([]float32, len(values))
	for i, v := range values {
		out[i] = float32(v)
	}
	return out
}
