package nn

import "detnas/core/tensor"

// Unit is a convolution without bias, its BatchNorm and, with ReLU, that.
type Unit struct {
	Conv *Conv2d
	Norm *BatchNorm
	ReLU bool
}

// Forward maps x [n, in, h, w] to [n, out, h', w'].
func (u *Unit) Forward(p *Pass, x *tensor.Tensor) *tensor.Tensor {
	if fuses(p, x) && u.fusible() {
		return p.Block(p.ranks(), x, nil, []tensor.Unit{u.now(p)}, tensor.Whole)
	}
	y := u.Conv.Forward(p, x)
	z := u.normalise(p, y)
	p.Free(y) // autograd holds on to what it needs
	return z
}

// normalise is BN and ReLU.
func (u *Unit) normalise(p *Pass, y *tensor.Tensor) *tensor.Tensor {
	if fuses(p, y) {
		norm := u.Norm.now(p)
		norm.ReLU = u.ReLU
		return p.Block(p.ranks(), y, nil, []tensor.Unit{norm}, tensor.Whole)
	}
	z := u.Norm.Forward(p, y)
	if !u.ReLU {
		return z
	}
	out := p.ReluInPlace(z)
	p.Free(z) // the same memory under another handle
	return out
}

// Fused runs x through a block of units in one operator, if the pass and the units are
// such that core/native has it: in float, on the CPU, of pointwise and depthwise
// convolutions. ok is false if not, and nothing has been done.
func Fused(p *Pass, x *tensor.Tensor, side, main []*Unit, order tensor.Order) (y *tensor.Tensor, ok bool) {
	if !fuses(p, x) {
		return nil, false
	}
	units := make([]tensor.Unit, 0, len(side)+len(main))
	for _, half := range [][]*Unit{side, main} {
		for _, u := range half {
			if !u.fusible() {
				return nil, false
			}
		}
	}
	for _, half := range [][]*Unit{side, main} {
		for _, u := range half {
			units = append(units, u.now(p))
		}
	}
	return p.Block(p.ranks(), x, units[:len(side)], units[len(side):], order), true
}

// fuses reports whether a pass over x can be core/native's. In bfloat16 it can as well:
// what it does is quicker in float than libtorch's in bfloat16, and no less exact.
func fuses(p *Pass, x *tensor.Tensor) bool {
	return p.Err() == nil && !x.Empty() && x.Device() == tensor.CPU && x.DType() == tensor.Float
}

// fusible reports whether the convolution is one that core/native has.
func (u *Unit) fusible() bool {
	g, shape := u.Conv.Geometry, u.Conv.Weight.Shape()
	k := shape[2]
	if u.Conv.Bias != nil || shape[3] != k || g.Pad != k/2 {
		return false
	}
	if g.Groups == 1 {
		return k == 1 && g.Stride == 1
	}
	return g.Groups == shape[0] && shape[1] == 1 && k%2 == 1 && k <= tensor.WidestKernel && g.Stride <= 2
}

// now is the unit as it is in a pass.
func (u *Unit) now(p *Pass) tensor.Unit {
	n := u.Norm.now(p)
	n.Weight, n.ReLU = u.Conv.Weight, u.ReLU
	n.Kernel, n.Stride = int(u.Conv.Weight.Dim(2)), int(u.Conv.Geometry.Stride)
	n.Depthwise = u.Conv.Geometry.Groups > 1
	return n
}
