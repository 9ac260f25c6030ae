package box

import (
	"fmt"
	"math"
)

// AnchorConfig says which anchors lie at each place of each feature map.
type AnchorConfig struct {
	// Strides holds the pixels between neighbouring places of each level, e.g.
	// 4, 8, 16, 32, 64.
	Strides []int
	// BaseSizes holds each level's side of the square, in pixels, that scales
	// and ratios are applied to. Empty means the strides, as in mmdet.
	BaseSizes []float32
	// Scales multiply the base size. mmdet's RPN has 8; see OctaveScales for
	// RetinaNet.
	Scales []float32
	// Ratios are height over width at equal area, e.g. 0.5, 1, 2.
	Ratios []float32
	// Round rounds the corners of the anchors around the origin to whole
	// pixels, half to even. torchvision does, mmdet does not.
	Round bool
}

// Size is the size of a feature map in places.
type Size struct{ H, W int }

// AnchorGenerator lays out anchors over feature maps as mmdet's AnchorGenerator
// with center_offset 0 does: the anchors of place (0, 0) are centred on the
// image's corner. It is safe for concurrent use.
type AnchorGenerator struct {
	strides []float32
	base    [][]Box
}

// Anchors are the anchors of one image size. Boxes runs over levels, then rows,
// columns and the anchors of a place, which is the order of a convolution's
// output [N, A, H, W] once permuted to [N, H, W, A].
type Anchors struct {
	Boxes []Box
	// Start has one entry more than there are levels: level l is
	// Boxes[Start[l]:Start[l+1]].
	Start []int
}

// OctaveScales returns the n scales base * 2^(i/n) that divide an octave:
// RetinaNet's are OctaveScales(4, 3).
func OctaveScales(base float32, n int) []float32 {
	scales := make([]float32, n)
	for i := range scales {
		scales[i] = float32(float64(base) * math.Pow(2, float64(i)/float64(n)))
	}
	return scales
}

// NewAnchorGenerator checks c and works out the anchors of one place per level.
func NewAnchorGenerator(c AnchorConfig) (*AnchorGenerator, error) {
	if err := c.check(); err != nil {
		return nil, err
	}
	g := &AnchorGenerator{}
	for l, s := range c.Strides {
		size := float32(s)
		if len(c.BaseSizes) > 0 {
			size = c.BaseSizes[l]
		}
		g.strides = append(g.strides, float32(s))
		g.base = append(g.base, c.baseAnchors(size))
	}
	return g, nil
}

// check names the first value of c that no anchors can be made from.
func (c AnchorConfig) check() error {
	if len(c.Strides) == 0 || len(c.Scales) == 0 || len(c.Ratios) == 0 {
		return fmt.Errorf("anchors: %d strides, %d scales and %d ratios; give at least one of each",
			len(c.Strides), len(c.Scales), len(c.Ratios))
	}
	if n := len(c.BaseSizes); n != 0 && n != len(c.Strides) {
		return fmt.Errorf("anchors: %d base sizes for %d strides; give one a level or none", n, len(c.Strides))
	}
	for i, s := range c.Strides {
		if s <= 0 {
			return fmt.Errorf("anchors: stride %d of level %d is not positive", s, i)
		}
	}
	if err := positive("base size", c.BaseSizes); err != nil {
		return err
	}
	if err := positive("scale", c.Scales); err != nil {
		return err
	}
	return positive("ratio", c.Ratios)
}

// positive names the first of values that is not a positive, finite number.
func positive(name string, values []float32) error {
	for i, v := range values {
		if !(v > 0) || math.IsInf(float64(v), 0) {
			return fmt.Errorf("anchors: %s %v at index %d is not a positive number", name, v, i)
		}
	}
	return nil
}

// baseAnchors are the anchors around the origin, ratio by ratio and within one
// by scale, worked out in float32 in the same order as mmdet does.
func (c AnchorConfig) baseAnchors(size float32) []Box {
	anchors := make([]Box, 0, len(c.Ratios)*len(c.Scales))
	for _, r := range c.Ratios {
		hr := float32(math.Sqrt(float64(r)))
		wr := 1 / hr
		for _, s := range c.Scales {
			w, h := float32(size*wr)*s/2, float32(size*hr)*s/2
			b := Box{-w, -h, w, h}
			if c.Round {
				for i := range b {
					b[i] = float32(math.RoundToEven(float64(b[i])))
				}
			}
			anchors = append(anchors, b)
		}
	}
	return anchors
}

// Levels is the number of feature maps.
func (g *AnchorGenerator) Levels() int { return len(g.base) }

// PerPlace is the number of anchors at each place, the same at every level.
func (g *AnchorGenerator) PerPlace() int { return len(g.base[0]) }

// Base is the anchors of place (0, 0) of each level.
func (g *AnchorGenerator) Base() [][]Box { return g.base }

// Grid returns the anchors of feature maps of the given sizes, one size a level.
// It is a function of the sizes alone.
func (g *AnchorGenerator) Grid(sizes []Size) (*Anchors, error) {
	n, err := g.count(sizes)
	if err != nil {
		return nil, err
	}
	a := &Anchors{Boxes: make([]Box, 0, n), Start: make([]int, 1, len(sizes)+1)}
	for l, size := range sizes {
		for y := range size.H {
			sy := float32(y) * g.strides[l]
			for x := range size.W {
				sx := float32(x) * g.strides[l]
				for _, b := range g.base[l] {
					a.Boxes = append(a.Boxes, Box{b[0] + sx, b[1] + sy, b[2] + sx, b[3] + sy})
				}
			}
		}
		a.Start = append(a.Start, len(a.Boxes))
	}
	return a, nil
}

// Valid tells, anchor by anchor in Grid's order, whether its place lies on the
// image of w by h pixels rather than on the padding that a batch's larger
// images gave it: mmdet's valid_flags, for Matcher.Match. w and h are the
// image's own size padded to the size divisor.
func (g *AnchorGenerator) Valid(sizes []Size, w, h int) ([]bool, error) {
	n, err := g.count(sizes)
	if err != nil {
		return nil, err
	}
	valid := make([]bool, 0, n)
	for l, size := range sizes {
		stride := int(g.strides[l])
		rows, cols := (h+stride-1)/stride, (w+stride-1)/stride
		for y := range size.H {
			for x := range size.W {
				ok := y < rows && x < cols
				for range g.base[l] {
					valid = append(valid, ok)
				}
			}
		}
	}
	return valid, nil
}

// count checks sizes against the levels and returns the number of anchors.
func (g *AnchorGenerator) count(sizes []Size) (int, error) {
	if len(sizes) != len(g.base) {
		return 0, fmt.Errorf("anchors: %d feature maps for %d levels", len(sizes), len(g.base))
	}
	n := 0
	for l, s := range sizes {
		if s.H < 0 || s.W < 0 {
			return 0, fmt.Errorf("anchors: feature map %d has size %dx%d", l, s.H, s.W)
		}
		n += s.H * s.W * len(g.base[l])
	}
	return n, nil
}
