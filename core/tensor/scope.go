// Package tensor is a typed, scoped layer over gotch's libtch, and the only
// place besides core/native that touches libtorch.
//
// Every operator is a method of a Scope and makes its result in it; closing the
// scope frees all of them at once. Nothing depends on finalizers, which know
// nothing of memory outside Go. A scope also holds the first error: once an
// operator has failed, the ones after it do nothing and return an empty tensor,
// so that a model reads like its formula and is checked once, at the end:
//
//	err := tensor.Run("forward", func(s *tensor.Scope) error {
//		y := s.Relu(s.Conv2d(x, w, nil, tensor.Conv{Stride: 2, Pad: 1}))
//		...
//		return nil // an operator's error is returned by Run
//	})
//
// A scope belongs to one goroutine, which holds its OS thread (OnThread):
// autograd's mode, libtorch's thread team and gotch's last error are per thread.
package tensor

import (
	"errors"
	"fmt"
	"strings"

	"github.com/sugarme/gotch/libtch"

	"detnas/core/native"
)

// Scope owns the tensors made in it. The zero value is not usable; see Run and
// NewScope.
type Scope struct {
	tensors []*Tensor
	layers  []string
	err     error
	closed  bool
}

// NewScope opens a scope that the caller closes.
func NewScope() *Scope { return &Scope{} }

// Run calls f with a new scope and frees what was made in it. It returns f's
// error, or the first error of an operator in the scope, with what prepended.
func Run(what string, f func(s *Scope) error) (err error) {
	s := NewScope()
	defer s.Close()
	defer func() {
		// After a failed operator, code that trusts its result may index past
		// an end. The operator's error is the cause to report.
		if r := recover(); r != nil {
			if s.err == nil {
				panic(r)
			}
			err = fmt.Errorf("%s: %w", what, s.err)
		}
	}()
	err = f(s)
	if s.err != nil {
		err = s.err // it came first
	}
	if err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	return nil
}

// Err is the first error of an operator in this scope, or nil.
func (s *Scope) Err() error { return s.err }

// Fail records err as the scope's error if it is the first; nil is ignored.
func (s *Scope) Fail(err error) {
	if err != nil && s.err == nil {
		if len(s.layers) > 0 {
			err = fmt.Errorf("%s: %w", strings.Join(s.layers, "."), err)
		}
		s.err = err
	}
}

// Layer names what follows in errors until the function it returns is called.
func (s *Scope) Layer(name string) (done func()) {
	s.layers = append(s.layers, name)
	n := len(s.layers) - 1
	return func() { s.layers = s.layers[:n] }
}

// Close frees every tensor of the scope. Closing twice does nothing.
func (s *Scope) Close() {
	for i := len(s.tensors) - 1; i >= 0; i-- {
		s.tensors[i].free()
	}
	s.tensors, s.closed = nil, true
}

// Len is the number of tensors that the scope holds.
func (s *Scope) Len() int { return len(s.tensors) }

// Within runs f in a scope inside s: what f makes is freed when it returns, except
// the tensors it returns, which move to s. An error in it becomes s's.
func (s *Scope) Within(f func(in *Scope) []*Tensor) []*Tensor {
	in := &Scope{layers: s.layers, err: s.err}
	defer in.Close()
	out := f(in)
	if in.err != nil && s.err == nil {
		s.err = in.err
	}
	for _, t := range out {
		in.Move(t, s)
	}
	return out
}

// Move hands t from s to another scope.
func (s *Scope) Move(t *Tensor, to *Scope) {
	if s.release(t) {
		to.own(t)
	}
}

// Keep takes t out of the scope: it lives until the caller calls t.Free.
func (s *Scope) Keep(t *Tensor) *Tensor {
	s.release(t)
	return t
}

// Free frees t now, ahead of the scope, to keep the peak of memory low.
func (s *Scope) Free(t *Tensor) {
	if s.release(t) {
		t.free()
	}
}

func (s *Scope) own(t *Tensor) {
	if s.closed {
		t.free()
		s.Fail(errors.New("the scope is closed"))
		return
	}
	s.tensors = append(s.tensors, t)
}

// release forgets t. What is released was mostly made last, so it looks from
// the end.
func (s *Scope) release(t *Tensor) bool {
	for i := len(s.tensors) - 1; i >= 0; i-- {
		if s.tensors[i] == t {
			s.tensors = append(s.tensors[:i], s.tensors[i+1:]...)
			return true
		}
	}
	return false
}

// made takes over a result of libtch, or the error it left behind.
func (s *Scope) made(op string, c libtch.Ctensor, operands ...*Tensor) *Tensor {
	t := &Tensor{}
	if err := lastError(); err != nil {
		s.Fail(&OpError{Op: op, Shapes: shapesOf(operands), Err: err})
		return t
	}
	t.c = c
	s.own(t)
	return t
}

// ready reports whether an operator may run: no error so far, and every operand
// there. It records what is wrong.
func (s *Scope) ready(op string, operands ...*Tensor) bool {
	if s.err != nil {
		return false
	}
	for i, t := range operands {
		if t == nil || t.c == nil {
			s.Fail(&OpError{Op: op, Err: fmt.Errorf("operand %d is empty or was freed", i+1)})
			return false
		}
	}
	return true
}

// ErrOutOfMemory is wrapped by the error of an operator, or of copying a tensor,
// that could not have the memory that it asked for.
var ErrOutOfMemory = native.ErrOutOfMemory

// OpError is the failure of one operator.
type OpError struct {
	Op     string    // the operator's name
	Shapes [][]int64 // of its tensor operands
	Err    error     // what libtorch said
}

// Error names the operator, the shapes it was given and the cause.
func (e *OpError) Error() string {
	if len(e.Shapes) == 0 {
		return fmt.Sprintf("%s: %v", e.Op, e.Err)
	}
	shapes := fmt.Sprint(e.Shapes)
	return fmt.Sprintf("%s of %s: %v", e.Op, shapes[1:len(shapes)-1], e.Err)
}

// Unwrap returns the cause.
func (e *OpError) Unwrap() error { return e.Err }
