package main

import (
	"fmt"

	"github.com/sugarme/gotch/ts"

	"detnas/core/tensor"
)

// opsPerStep calls make one step of the works below: multiplications of eight
// elements, the result freed.
const opsPerStep = 20_000

// scopedOps calls through core/tensor.
type scopedOps struct {
	scope *tensor.Scope
	a, b  *tensor.Tensor
}

func newScopedOps() (work, error) {
	s := tensor.NewScope()
	w := &scopedOps{scope: s, a: s.Full(2, tensor.CPU, 8), b: s.Full(3, tensor.CPU, 8)}
	return w, s.Err()
}

func (w *scopedOps) step() (float64, error) {
	for range opsPerStep {
		w.scope.Free(w.scope.Mul(w.a, w.b))
	}
	return opsPerStep, w.scope.Err()
}

// gotchOps calls through gotch's own tensors.
type gotchOps struct {
	a, b *ts.Tensor
}

func newGotchOps() (work, error) {
	values := []float32{2, 2, 2, 2, 2, 2, 2, 2}
	a, err := ts.OfSlice(values)
	if err != nil {
		return nil, fmt.Errorf("make a tensor with gotch: %w", err)
	}
	b, err := ts.OfSlice(values)
	if err != nil {
		return nil, fmt.Errorf("make a tensor with gotch: %w", err)
	}
	return &gotchOps{a: a, b: b}, nil
}

func (w *gotchOps) step() (float64, error) {
	for range opsPerStep {
		product, err := w.a.Mul(w.b, false)
		if err != nil {
			return 0, fmt.Errorf("multiply with gotch: %w", err)
		}
		if err := product.Drop(); err != nil {
			return 0, fmt.Errorf("free with gotch: %w", err)
		}
	}
	return opsPerStep, nil
}
