package tensor

import (
	"errors"
	"fmt"

	"github.com/sugarme/gotch/libtch"

	"detnas/core/native"
)

// RequireGrad makes a tensor that no operator has made (a parameter) gather
// gradients, or stop doing so.
func (t *Tensor) RequireGrad(on bool) error {
	if t.Empty() {
		return errors.New("require grad: the tensor is empty or was freed")
	}
	return native.Parameter(t.h(), on)
}

// Backward runs the backward pass from a scalar loss.
func (s *Scope) Backward(loss *Tensor) {
	if !s.ready("backward", loss) {
		return
	}
	if err := native.Backward(loss.h()); err != nil {
		s.Fail(&OpError{Op: "backward", Err: err})
	}
}

// Grad is the gradient of t, which shares its memory, or nil when the last
// backward pass did not reach t.
func (s *Scope) Grad(t *Tensor) *Tensor {
	if !s.ready("grad", t) {
		return nil
	}
	h, err := native.Grad(t.h())
	if err == nil && h == nil {
		return nil
	}
	return s.adopt("grad", h, err, t)
}

// NoGrad runs f with autograd off on this OS thread.
func NoGrad(f func() error) error {
	before := native.GradMode(false)
	defer native.GradMode(before)
	return f()
}

// DropGrads forgets the gradients of params. A parameter that the next backward
// pass does not reach then has none, rather than one of zeros.
func DropGrads(params []*Tensor) { native.DropGrads(handles(params)) }

// GradNotFinite is the place of the first of params whose gradient holds a NaN or
// an infinity, and -1 where none does.
func GradNotFinite(params []*Tensor) (int, error) {
	at, err := native.NotFinite(handles(params), true)
	if err != nil {
		return -1, fmt.Errorf("look for NaN among the gradients: %w", err)
	}
	return at, nil
}

// ClipGrads scales the gradients of params together to an L2 norm of at most
// maxNorm (0: leaves them as they are) and returns the norm before.
func ClipGrads(params []*Tensor, maxNorm float64) (float64, error) {
	norm, err := native.ClipGrads(handles(params), maxNorm)
	if err != nil {
		return 0, fmt.Errorf("clip gradients: %w", err)
	}
	return norm, nil
}

// SGD makes one step of SGD with momentum on the params that have a gradient and
// sets moved to which those are. momenta has a tensor of the same shape for each,
// decay its weight decay. A parameter without a gradient is not touched, and
// neither is its momentum.
func SGD(params, momenta []*Tensor, decay []float64, lr, momentum float64, moved []bool) error {
	if len(momenta) != len(params) || len(decay) != len(params) || len(moved) != len(params) {
		return fmt.Errorf("sgd: %d parameters, %d momenta, %d decays, %d flags", len(params), len(momenta), len(decay), len(moved))
	}
	if err := native.SGD(handles(params), handles(momenta), decay, lr, momentum, moved); err != nil {
		return fmt.Errorf("sgd: %w", err)
	}
	return nil
}

// lastError fetches and clears what libtch's last failing call left on this thread.
func lastError() error {
	msg := libtch.GetAndResetLastErr()
	if msg == nil {
		return nil
	}
	return native.TakeError(native.Handle(msg))
}
