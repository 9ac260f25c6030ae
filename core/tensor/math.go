package tensor

import (
	"github.com/sugarme/gotch/libtch"

	"detnas/core/native"
)

// noDType asks libtorch to keep the element type.
const noDType = -1

// Add returns a + b, broadcast.
func (s *Scope) Add(a, b *Tensor) *Tensor { return s.binary("add", libtch.AtgAdd, a, b) }

// Sub returns a - b, broadcast.
func (s *Scope) Sub(a, b *Tensor) *Tensor { return s.binary("sub", libtch.AtgSub, a, b) }

// Mul returns a * b elementwise, broadcast.
func (s *Scope) Mul(a, b *Tensor) *Tensor { return s.binary("mul", libtch.AtgMul, a, b) }

// Matmul returns the matrix product of a [.., n, k] and b [.., k, m].
func (s *Scope) Matmul(a, b *Tensor) *Tensor { return s.binary("matmul", libtch.AtgMatmul, a, b) }

// Relu returns max(t, 0).
func (s *Scope) Relu(t *Tensor) *Tensor { return s.unary("relu", libtch.AtgRelu, t) }

// ReluInPlace overwrites t, which nothing else may need, with max(t, 0).
func (s *Scope) ReluInPlace(t *Tensor) *Tensor { return s.unary("relu_", libtch.AtgRelu_, t) }

// Sigmoid returns 1 / (1 + exp(-t)).
func (s *Scope) Sigmoid(t *Tensor) *Tensor { return s.unary("sigmoid", libtch.AtgSigmoid, t) }

// Exp returns e^t.
func (s *Scope) Exp(t *Tensor) *Tensor { return s.unary("exp", libtch.AtgExp, t) }

// Detach returns t without its history.
func (s *Scope) Detach(t *Tensor) *Tensor { return s.unary("detach", libtch.AtgDetach, t) }

// Contiguous returns t with its elements in row-major order.
func (s *Scope) Contiguous(t *Tensor) *Tensor { return s.unary("contiguous", libtch.AtgContiguous, t) }

// Scale returns t * by.
func (s *Scope) Scale(t *Tensor, by float64) *Tensor {
	if !s.ready("scale", t) {
		return &Tensor{}
	}
	h, err := native.Scale(t.h(), by)
	return s.adopt("scale", h, err, t)
}

// Shift returns t + by.
func (s *Scope) Shift(t *Tensor, by float64) *Tensor {
	if !s.ready("shift", t) {
		return &Tensor{}
	}
	h, err := native.Shift(t.h(), by)
	return s.adopt("shift", h, err, t)
}

// Clone returns a copy of t with memory of its own.
func (s *Scope) Clone(t *Tensor) *Tensor {
	if !s.ready("clone", t) {
		return &Tensor{}
	}
	h, err := native.Scale(t.h(), 1)
	return s.adopt("clone", h, err, t)
}

// To returns t on the device dev.
func (s *Scope) To(t *Tensor, dev Device) *Tensor {
	return s.unary("to", func(p *libtch.Ctensor, c libtch.Ctensor) { libtch.AtgTo(p, c, int32(dev)) }, t)
}

// ToType returns t with the element type dtype.
func (s *Scope) ToType(t *Tensor, dtype DType) *Tensor {
	return s.unary("to type", func(p *libtch.Ctensor, c libtch.Ctensor) {
		libtch.AtgToDtype(p, c, int32(dtype), 0, 0)
	}, t)
}

// Sum returns the sum of all elements as a scalar.
func (s *Scope) Sum(t *Tensor) *Tensor {
	return s.unary("sum", func(p *libtch.Ctensor, c libtch.Ctensor) { libtch.AtgSum(p, c, noDType) }, t)
}

// Mean returns the mean of all elements as a scalar.
func (s *Scope) Mean(t *Tensor) *Tensor {
	return s.unary("mean", func(p *libtch.Ctensor, c libtch.Ctensor) { libtch.AtgMean(p, c, noDType) }, t)
}

// MeanDims returns the mean over dims.
func (s *Scope) MeanDims(t *Tensor, dims []int64, keep bool) *Tensor {
	return s.unary("mean over dimensions", func(p *libtch.Ctensor, c libtch.Ctensor) {
		libtch.AtgMeanDim(p, c, dims, len(dims), flag(keep), noDType)
	}, t)
}

// Argmax returns the index of the largest element along dim, int64.
func (s *Scope) Argmax(t *Tensor, dim int64) *Tensor {
	return s.unary("argmax", func(p *libtch.Ctensor, c libtch.Ctensor) { libtch.AtgArgmax(p, c, dim, 0, 0) }, t)
}

// Softmax returns the softmax along dim.
func (s *Scope) Softmax(t *Tensor, dim int64) *Tensor {
	return s.unary("softmax", func(p *libtch.Ctensor, c libtch.Ctensor) { libtch.AtgSoftmax(p, c, dim, noDType) }, t)
}

// Cat joins tensors along dim.
func (s *Scope) Cat(ts []*Tensor, dim int64) *Tensor {
	if !s.ready("cat", ts...) || len(ts) == 0 {
		return &Tensor{}
	}
	cs := make([]libtch.Ctensor, len(ts))
	for i, t := range ts {
		cs[i] = t.c
	}
	var c libtch.Ctensor
	libtch.AtgCat(&c, cs, len(cs), dim)
	return s.made("cat", c, ts...)
}

// Narrow returns the view of length elements of dim from start on.
func (s *Scope) Narrow(t *Tensor, dim, start, length int64) *Tensor {
	return s.unary("narrow", func(p *libtch.Ctensor, c libtch.Ctensor) { libtch.AtgNarrow(p, c, dim, start, length) }, t)
}

// Reshape returns t in another shape; one size may be -1.
func (s *Scope) Reshape(t *Tensor, shape ...int64) *Tensor {
	return s.unary("reshape", func(p *libtch.Ctensor, c libtch.Ctensor) { libtch.AtgReshape(p, c, shape, len(shape)) }, t)
}

// Permute returns the view of t with its dimensions in the order dims.
func (s *Scope) Permute(t *Tensor, dims ...int64) *Tensor {
	return s.unary("permute", func(p *libtch.Ctensor, c libtch.Ctensor) { libtch.AtgPermute(p, c, dims, len(dims)) }, t)
}

// Transpose returns the view of t with two dimensions exchanged.
func (s *Scope) Transpose(t *Tensor, a, b int64) *Tensor {
	return s.unary("transpose", func(p *libtch.Ctensor, c libtch.Ctensor) { libtch.AtgTranspose(p, c, a, b) }, t)
}

// IndexSelect returns the slices of dim that index, int64 [n], names.
func (s *Scope) IndexSelect(t *Tensor, dim int64, index *Tensor) *Tensor {
	return s.binary("index select", func(p *libtch.Ctensor, a, b libtch.Ctensor) {
		libtch.AtgIndexSelect(p, a, dim, b)
	}, t, index)
}

// Gather picks elements of t along dim by index, int64 of t's rank.
func (s *Scope) Gather(t *Tensor, dim int64, index *Tensor) *Tensor {
	return s.binary("gather", func(p *libtch.Ctensor, a, b libtch.Ctensor) {
		libtch.AtgGather(p, a, dim, b, 0)
	}, t, index)
}

func (s *Scope) unary(op string, f func(p *libtch.Ctensor, c libtch.Ctensor), t *Tensor) *Tensor {
	if !s.ready(op, t) {
		return &Tensor{}
	}
	var c libtch.Ctensor
	f(&c, t.c)
	return s.made(op, c, t)
}

func (s *Scope) binary(op string, f func(p *libtch.Ctensor, a, b libtch.Ctensor), a, b *Tensor) *Tensor {
	if !s.ready(op, a, b) {
		return &Tensor{}
	}
	var c libtch.Ctensor
	f(&c, a.c, b.c)
	return s.made(op, c, a, b)
}

func flag(b bool) int32 {
	if b {
		return 1
	}
	return 0
}
