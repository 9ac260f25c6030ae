package nas

import "fmt"

// Scope names the part of a network that is counted.
type Scope string

const (
	// ScopeBody is the stem and the stages: what a detector uses.
	ScopeBody Scope = "body"
	// ScopeClassifier is the body with the last 1x1 convolution, the global
	// pooling and the fully connected layer on top.
	ScopeClassifier Scope = "classifier"
)

// ParseScope reads the name of a scope.
func ParseScope(text string) (Scope, error) {
	switch s := Scope(text); s {
	case ScopeBody, ScopeClassifier:
		return s, nil
	}
	return "", fmt.Errorf("%q is no scope; use body or classifier", text)
}

// BlockCost returns the cost of block b with choice c on a feature map of size
// in, which is the size before the block.
func (s Space) BlockCost(b BlockSpec, c Choice, in Size) Cost {
	br, out, k := s.Branches(b), in.down(b.Stride), c.Kernel()
	var n Cost
	if c == Xception {
		// The stride sits on the first depthwise convolution.
		n.depthwise(br.In, k, out)
		n.pointwise(br.In, br.Mid, out)
		n.depthwise(br.Mid, k, out)
		n.pointwise(br.Mid, br.Mid, out)
		n.depthwise(br.Mid, k, out)
	} else {
		n.pointwise(br.In, br.Mid, in)
		n.depthwise(br.Mid, k, out)
	}
	n.pointwise(br.Mid, br.Main, out)
	if b.Stride == 2 {
		n.depthwise(b.In, k, out)
		n.pointwise(b.In, br.Projection, out)
	}
	return n
}

// StemCost returns the cost of the stem on an image of size in.
func (s Space) StemCost(in Size) Cost {
	var n Cost
	out := in.down(2)
	n.conv(3, s.Stem, 3, 1, out)
	n.norm(s.Stem, out)
	n.relu(s.Stem, out)
	return n
}

// HeadCost returns the cost of the classifier's last convolution, global
// pooling and fully connected layer on an image of size in.
func (s Space) HeadCost(in Size) Cost {
	var n Cost
	sizes := s.stageSizes(in)
	out := sizes[len(sizes)-1]
	n.pointwise(s.Widths[len(s.Widths)-1], s.Last, out)
	n.Pool += int64(s.Last) * out.area()
	n.linear(s.Last, s.Classes)
	return n
}

// PerBlock returns the cost of each block of a subnet on an image of size in.
func (s Space) PerBlock(sub Subnet, in Size) ([]Cost, error) {
	if err := s.checkCount(sub, in); err != nil {
		return nil, err
	}
	costs := make([]Cost, 0, len(sub))
	s.walkBlocks(in, func(i int, b BlockSpec, size Size) {
		costs = append(costs, s.BlockCost(b, sub[i], size))
	})
	return costs, nil
}

// SubnetCost returns the cost of a subnet alone on an image of size in.
func (s Space) SubnetCost(sub Subnet, scope Scope, in Size) (Cost, error) {
	if err := s.checkCount(sub, in); err != nil {
		return Cost{}, err
	}
	return s.networkCost(scope, in, func(i int) []Choice { return sub[i : i+1] })
}

// SupernetCost returns the cost of the supernet with all of its choices run
// side by side, which is how MMRazor counts a detector without a subnet. Its
// Params are those that the supernet holds; one path through it costs what its
// subnet does.
func (s Space) SupernetCost(scope Scope, in Size) (Cost, error) {
	if err := in.Check(); err != nil {
		return Cost{}, err
	}
	return s.networkCost(scope, in, func(int) []Choice { return s.Choices })
}

// networkCost adds up the stem, the given choices of every block and, in the
// scope of a classifier, the head.
func (s Space) networkCost(scope Scope, in Size, choices func(block int) []Choice) (Cost, error) {
	if _, err := ParseScope(string(scope)); err != nil {
		return Cost{}, err
	}
	total := s.StemCost(in)
	s.walkBlocks(in, func(i int, b BlockSpec, size Size) {
		for _, c := range choices(i) {
			total = total.Plus(s.BlockCost(b, c, size))
		}
	})
	if scope == ScopeClassifier {
		total = total.Plus(s.HeadCost(in))
	}
	return total, nil
}

func (s Space) checkCount(sub Subnet, in Size) error {
	if err := in.Check(); err != nil {
		return err
	}
	return sub.Check(s)
}

// walkBlocks calls f with each block and the size of its input, for an image of
// size in.
func (s Space) walkBlocks(in Size, f func(i int, b BlockSpec, size Size)) {
	size := in.down(2)
	for i, b := range s.Blocks() {
		f(i, b, size)
		size = size.down(b.Stride)
	}
}

// stageSizes returns the size of each stage's output for an image of size in.
func (s Space) stageSizes(in Size) []Size {
	sizes := make([]Size, len(s.Depths))
	size := in.down(2)
	for i := range sizes {
		size = size.down(2)
		sizes[i] = size
	}
	return sizes
}
