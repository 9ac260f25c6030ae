package tensor

import "detnas/core/native"

// Unit is a convolution without bias, its BN and, with ReLU, that; see native.Unit.
// Weight is nil where there is no convolution.
type Unit struct {
	Weight, Gamma, Beta, Mean, Variance *Tensor
	Momentum, Eps                       float64
	Kernel, Stride                      int
	Depthwise, ReLU, Batch              bool
}

// WidestKernel is that of a depthwise unit, in px.
const WidestKernel = native.WidestKernel

// Order is how the two halves of a block lie in what goes in and what comes out.
type Order = native.Order

// The orders; see package native.
const (
	Whole        = native.Whole
	Concat       = native.Concat
	ShuffleLast  = native.ShuffleLast
	ShuffleFirst = native.ShuffleFirst
	PairsFirst   = native.PairsFirst
)

// Block runs x, float [n, c, h, w] on the CPU, through a block in one operator; see
// native.Block. With a group BN of the batch goes by the statistics of all its ranks.
func (s *Scope) Block(g *Group, x *Tensor, side, main []Unit, order Order) *Tensor {
	const op = "block"
	halves := [2][]native.Unit{}
	for i, units := range [][]Unit{side, main} {
		for _, u := range units {
			if !s.ready(op, x, u.Gamma, u.Beta, u.Mean, u.Variance) || u.Kernel > 0 && !s.ready(op, u.Weight) {
				return &Tensor{}
			}
			halves[i] = append(halves[i], u.native())
		}
	}
	if s.err != nil {
		return &Tensor{}
	}
	var ranks *native.Group
	if g != nil {
		ranks = g.g
	}
	h, err := native.Block(ranks, x.h(), halves[0], halves[1], order)
	return s.adopt(op, h, err, x)
}

func (u Unit) native() native.Unit {
	n := native.Unit{
		Gamma: u.Gamma.h(), Beta: u.Beta.h(), Mean: u.Mean.h(), Variance: u.Variance.h(),
		Momentum: u.Momentum, Eps: u.Eps, Kernel: u.Kernel, Stride: u.Stride,
		Depthwise: u.Depthwise, ReLU: u.ReLU, Batch: u.Batch,
	}
	if u.Kernel > 0 {
		n.Weight = u.Weight.h()
	}
	return n
}
