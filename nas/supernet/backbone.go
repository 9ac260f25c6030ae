package supernet

import (
	"fmt"
	"slices"
	"strings"

	"detnas/core/nn"
	"detnas/core/onnx"
	"detnas/core/tensor"
	"detnas/nas"
)

// Backbone is the stem and the stages of a space, with all of the space's choices
// in every block (a supernet) or with one (a subnet alone).
type Backbone struct {
	space     nas.Space
	stem      *unit
	positions []position
	frozen    int // stages that training leaves alone, with the stem
}

// position is a block's place and the choices that were built there.
type position struct {
	spec    nas.BlockSpec
	choices map[nas.Choice]*block
	order   []nas.Choice // of the map's keys
}

// NewSupernet builds every choice of every block of space.
func NewSupernet(path nn.Path, space nas.Space) (*Backbone, error) {
	if err := space.Validate(); err != nil {
		return nil, fmt.Errorf("build the supernet: %w", err)
	}
	return newBackbone(path, space, func(int) []nas.Choice { return space.Choices }), nil
}

// NewSubnet builds the choices of one subnet of space.
func NewSubnet(path nn.Path, space nas.Space, subnet nas.Subnet) (*Backbone, error) {
	if err := space.Validate(); err != nil {
		return nil, fmt.Errorf("build a subnet: %w", err)
	}
	if err := subnet.Check(space); err != nil {
		return nil, fmt.Errorf("build a subnet: %w", err)
	}
	return newBackbone(path, space, func(i int) []nas.Choice { return subnet[i : i+1] }), nil
}

func newBackbone(path nn.Path, space nas.Space, choices func(position int) []nas.Choice) *Backbone {
	b := &Backbone{
		space: space,
		stem: newUnit(path.At("conv1"), nn.ConvSpec{
			In: 3, Out: space.Stem, Kernel: 3, Stride: 2, Init: nn.Normal(stemStd),
		}, true),
	}
	for i, spec := range space.Blocks() {
		at := position{spec: spec, choices: map[nas.Choice]*block{}, order: slices.Clone(choices(i))}
		for _, c := range at.order {
			at.choices[c] = newBlock(path.At("layers.%d.%d", spec.Stage, spec.Index), space, spec, c)
		}
		b.positions = append(b.positions, at)
	}
	return b
}

// Space is the space that the network was built for.
func (b *Backbone) Space() nas.Space { return b.space }

// Channels is the number of channels of each of Forward's results.
func (b *Backbone) Channels() []int { return slices.Clone(b.space.Widths) }

// Strides is the stride in pixels of each of Forward's results: 4, 8, 16, 32 for
// four stages.
func (b *Backbone) Strides() []int { return b.space.StageStrides() }

// Forward runs images x [n, 3, h, w] along the path that subnet names and returns
// the output of each stage, C2, C3 and so on: [n, Channels()[i], h/s, w/s] for a
// stride s of Strides()[i], sides rounded up. subnet may be nil for a network that
// has but one path. What else the pass makes is freed before Forward returns; what
// autograd needs, it holds itself.
func (b *Backbone) Forward(p *nn.Pass, x *tensor.Tensor, subnet nas.Subnet) []*tensor.Tensor {
	stages := make([]*tensor.Tensor, len(b.space.Depths))
	for i := range stages {
		stages[i] = &tensor.Tensor{}
	}
	path, err := b.path(subnet)
	if err != nil {
		p.Fail(err)
		return stages
	}
	frozen := 0 // blocks
	var y *tensor.Tensor
	if b.frozen > 0 && p.Mode != nn.Eval { // nor calibrated for a candidate: what comes after was trained with them
		frozen = b.blocksBefore(b.frozen)
		err = tensor.NoGrad(func() error {
			still := *p
			still.Mode = nn.Eval
			y = b.walk(&still, b.start(&still, x), path, 0, frozen, stages)
			return nil
		})
		p.Fail(err)
	} else {
		y = b.start(p, x)
	}
	stages[len(stages)-1] = b.walk(p, y, path, frozen, len(path), stages)
	return stages
}

// start returns what the stem makes of images.
func (b *Backbone) start(p *nn.Pass, x *tensor.Tensor) *tensor.Tensor {
	defer p.Layer("conv1")()
	return b.stem.Forward(p, x)
}

// walk runs y through the blocks from to to-1 of a path, fills in the outputs of the
// stages that end before one of them, and returns its own.
func (b *Backbone) walk(p *nn.Pass, y *tensor.Tensor, path []*block, from, to int, stages []*tensor.Tensor) *tensor.Tensor {
	for i := from; i < to; i++ {
		next := path[i].forward(p, y)
		if spec := b.positions[i].spec; spec.Index == 0 && spec.Stage > 0 {
			stages[spec.Stage-1] = y
		} else {
			p.Free(y)
		}
		y = next
	}
	return y
}

// Draw draws what Forward computes in evaluation of x [n, 3, h, w]; the values are its
// results.
func (b *Backbone) Draw(d *nn.Drawing, x onnx.Value, subnet nas.Subnet) []onnx.Value {
	path, err := b.path(subnet)
	if err != nil {
		d.Fail(err)
		return make([]onnx.Value, len(b.space.Depths))
	}
	y := b.stem.draw(d, x)
	var stages []onnx.Value
	for i, block := range path {
		if spec := b.positions[i].spec; spec.Index == 0 && spec.Stage > 0 {
			stages = append(stages, y)
		}
		y = block.draw(d, y)
	}
	return append(stages, y)
}

// blocksBefore is how many blocks the first stages have.
func (b *Backbone) blocksBefore(stages int) int {
	n := 0
	for _, depth := range b.space.Depths[:stages] {
		n += depth
	}
	return n
}

// Freeze has training leave alone the stem and so many stages; 0 is none. Their BN uses
// its statistics in training and in every other pass.
func (b *Backbone) Freeze(stages int) { b.frozen = max(0, min(stages, len(b.space.Depths))) }

// path is the blocks that subnet names.
func (b *Backbone) path(subnet nas.Subnet) ([]*block, error) {
	if subnet == nil {
		return b.onlyPath()
	}
	if len(subnet) != len(b.positions) {
		return nil, fmt.Errorf("subnet %s has %d blocks and the network %d; pick the space that it was made for",
			subnet.Short(b.space), len(subnet), len(b.positions))
	}
	path := make([]*block, len(subnet))
	for i, at := range b.positions {
		block, ok := at.choices[subnet[i]]
		if !ok {
			return nil, fmt.Errorf("subnet %s: stage %d block %d: the network was built without the choice %s there (it has %s); use the supernet, or the subnet that the network was built for",
				subnet.Short(b.space), at.spec.Stage, at.spec.Index, subnet[i], at.list())
		}
		path[i] = block
	}
	return path, nil
}

func (b *Backbone) onlyPath() ([]*block, error) {
	path := make([]*block, len(b.positions))
	for i, at := range b.positions {
		if len(at.order) != 1 {
			return nil, fmt.Errorf("stage %d block %d has the choices %s; name a subnet, as only a subnet alone has a single path",
				at.spec.Stage, at.spec.Index, at.list())
		}
		path[i] = at.choices[at.order[0]]
	}
	return path, nil
}

// list names the choices built at the position.
func (at position) list() string {
	names := make([]string, len(at.order))
	for i, c := range at.order {
		names[i] = c.String()
	}
	return strings.Join(names, ", ")
}

// Norms lists every BatchNorm: the stem's, then block after block, choice after
// choice, in the order of the checkpoint.
func (b *Backbone) Norms() []*nn.BatchNorm {
	norms := []*nn.BatchNorm{b.stem.Norm}
	for _, at := range b.positions {
		for _, c := range at.order {
			norms = append(norms, at.choices[c].norms()...)
		}
	}
	return norms
}

// PathNorms lists the BatchNorms that Forward passes with the same subnet, in the
// order of Norms.
func (b *Backbone) PathNorms(subnet nas.Subnet) ([]*nn.BatchNorm, error) {
	path, err := b.path(subnet)
	if err != nil {
		return nil, err
	}
	norms := []*nn.BatchNorm{b.stem.Norm}
	for _, block := range path {
		norms = append(norms, block.norms()...)
	}
	return norms, nil
}

// SetBNMomentum sets the momentum of every BatchNorm: the weight of a new batch in
// the running statistics. PyTorch's default is 0.1.
func (b *Backbone) SetBNMomentum(momentum float64) { setMomentum(b.Norms(), momentum) }

func setMomentum(norms []*nn.BatchNorm, momentum float64) {
	for _, n := range norms {
		n.Momentum = momentum
	}
}

// SetBNMode sets what training does with every BatchNorm. The stages of Freeze use
// their statistics whatever it says.
func (b *Backbone) SetBNMode(mode nn.NormMode) {
	for _, n := range b.Norms() {
		n.Mode = mode
	}
}
