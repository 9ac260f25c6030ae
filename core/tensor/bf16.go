package tensor

import (
	"fmt"

	"golang.org/x/sys/cpu"

	"detnas/core/native"
)

// BF16 returns what f, one operator of a layer, makes with libtorch's autocast: it
// computes on operands cast to bfloat16. The result is float again, so that all else
// goes on as without. A weight is cast once until ForgetCasts.
func (s *Scope) BF16(dev Device, f func() *Tensor) *Tensor {
	before := native.Autocast(true, dev != CPU)
	low := f()
	native.Autocast(before, dev != CPU)
	if s.err != nil || low.DType() == Float {
		return low
	}
	out := s.ToType(low, Float)
	s.Free(low) // autograd holds on to what it needs
	return out
}

// ForgetCasts forgets the weights that BF16 has cast. It has to be called before the
// weights move, and between passes with autograd and without.
func ForgetCasts() { native.ForgetCasts() }

// TryBF16 is the error of libtorch where it has no convolutions or products in
// bfloat16 on a device.
func TryBF16(dev Device) error {
	defer ForgetCasts()
	return Run("compute in bfloat16", func(s *Scope) error {
		x, w := s.Full(1, dev, 1, 8, 4, 4), s.Full(1, dev, 8, 8, 3, 3)
		y := s.BF16(dev, func() *Tensor { return s.Conv2d(x, w, nil, Conv{Pad: 1}) })
		z := s.BF16(dev, func() *Tensor { return s.Linear(s.Reshape(y, 8, 16), s.Full(1, dev, 16, 16), nil) })
		if v, err := s.Sum(z).Item(); err != nil || v != v {
			return fmt.Errorf("its sum is %v: %w", v, err)
		}
		return nil
	})
}

// FastBF16 reports whether this processor has instructions for bfloat16; without, it
// is slower than float. It cannot tell of those that are not x86, and says yes.
func FastBF16() bool {
	return !cpu.X86.HasSSE2 || cpu.X86.HasAVX512BF16 || cpu.X86.HasAMXBF16
}
