package tensor

import (
	"fmt"
	"runtime"
	"unsafe"

	"github.com/sugarme/gotch/libtch"

	"detnas/core/native"
)

// DType is libtorch's scalar type.
type DType int32

// The element types detnas uses, by libtorch's codes (c10/core/ScalarType.h).
const (
	Uint8    DType = 0
	Int32    DType = 3
	Int64    DType = 4
	Float    DType = 6
	Double   DType = 7
	Bool     DType = 11
	BFloat16 DType = 15
)

// Size is the number of bytes of one element, 0 for a type detnas does not use.
func (d DType) Size() int {
	switch d {
	case Uint8, Bool:
		return 1
	case BFloat16:
		return 2
	case Int32, Float:
		return 4
	case Int64, Double:
		return 8
	}
	return 0
}

// Device is where a tensor lies: CPU, or a CUDA device's index.
type Device int32

// CPU is the host.
const CPU Device = -1

// String is the device as configs write it: "cpu" or "cuda:0".
func (d Device) String() string {
	if d < 0 {
		return "cpu"
	}
	return fmt.Sprintf("cuda:%d", int(d))
}

// Tensor is a handle to a libtorch tensor. It belongs to a scope or, once kept,
// to whoever frees it. A freed or failed tensor is empty: operators refuse it.
type Tensor struct {
	c libtch.Ctensor
}

func (t *Tensor) free() {
	if t.c != nil {
		libtch.AtFree(t.c)
		t.c = nil
	}
}

// Free frees a kept tensor. A tensor that a scope owns is freed with the scope.
func (t *Tensor) Free() {
	if t != nil {
		t.free()
	}
}

// Empty reports whether the tensor was freed or is the result of a failure.
func (t *Tensor) Empty() bool { return t == nil || t.c == nil }

// Shape is the tensor's dimensions, nil when it is empty.
func (t *Tensor) Shape() []int64 {
	if t.Empty() {
		return nil
	}
	n := libtch.AtDim(t.c)
	if n == 0 {
		return []int64{}
	}
	dims := make([]int64, n)
	libtch.AtShape(t.c, unsafe.Pointer(&dims[0]))
	return dims
}

// Dim is the size of dimension i, counted from the end when negative; 0 when
// there is no such dimension.
func (t *Tensor) Dim(i int) int64 {
	dims := t.Shape()
	if i < 0 {
		i += len(dims)
	}
	if i < 0 || i >= len(dims) {
		return 0
	}
	return dims[i]
}

// Len is the number of elements.
func (t *Tensor) Len() int64 {
	if t.Empty() {
		return 0
	}
	n := int64(1)
	for _, d := range t.Shape() {
		n *= d
	}
	return n
}

// DType is the element type.
func (t *Tensor) DType() DType {
	if t.Empty() {
		return Float
	}
	return DType(libtch.AtScalarType(t.c))
}

// Device is where the elements lie.
func (t *Tensor) Device() Device {
	if t.Empty() {
		return CPU
	}
	return Device(libtch.AtDevice(t.c))
}

// Floats copies the elements of a float tensor, in order.
func (t *Tensor) Floats() ([]float32, error) { return read[float32](t, Float) }

// Ints copies the elements of an int64 tensor, in order.
func (t *Tensor) Ints() ([]int64, error) { return read[int64](t, Int64) }

func read[E float32 | int64](t *Tensor, want DType) ([]E, error) {
	if t.Empty() {
		return nil, fmt.Errorf("read: the tensor is empty or was freed")
	}
	if got := t.DType(); got != want {
		return nil, fmt.Errorf("read: the tensor has the type %d, not %d", got, want)
	}
	out := make([]E, t.Len())
	if len(out) == 0 {
		return out, nil
	}
	if err := native.ToData(t.h(), unsafe.Pointer(&out[0]), len(out)*want.Size()); err != nil {
		return nil, fmt.Errorf("read a tensor of %v: %w", t.Shape(), err)
	}
	return out, nil
}

// Bytes copies the elements in order, little-endian as they lie in memory.
func (t *Tensor) Bytes() ([]byte, error) {
	if t.Empty() {
		return nil, fmt.Errorf("read: the tensor is empty or was freed")
	}
	out := make([]byte, t.Len()*int64(t.DType().Size()))
	if len(out) == 0 {
		return out, nil
	}
	if err := native.ToData(t.h(), unsafe.Pointer(&out[0]), len(out)); err != nil {
		return nil, fmt.Errorf("read a tensor of %v: %w", t.Shape(), err)
	}
	return out, nil
}

// Item reads a tensor of one element.
func (t *Tensor) Item() (float64, error) {
	if t.Empty() {
		return 0, fmt.Errorf("item: the tensor is empty or was freed")
	}
	v, err := native.Item(t.h())
	if err != nil {
		return 0, fmt.Errorf("item of a tensor of %v: %w", t.Shape(), err)
	}
	return v, nil
}

// AllFinite reports whether no element is NaN or infinite.
func (t *Tensor) AllFinite() (bool, error) {
	if t.Empty() {
		return false, fmt.Errorf("all finite: the tensor is empty or was freed")
	}
	return native.AllFinite(t.h())
}

// NotFinite is the place of the first of some tensors that holds a NaN or an
// infinity, and -1 where none does.
func NotFinite(ts []*Tensor) (int, error) {
	at, err := native.NotFinite(handles(ts), false)
	if err != nil {
		return -1, fmt.Errorf("look for NaN: %w", err)
	}
	return at, nil
}

// Assign copies src, of the same shape, into t, outside of autograd.
func (t *Tensor) Assign(src *Tensor) error {
	if t.Empty() || src.Empty() {
		return fmt.Errorf("assign: a tensor is empty or was freed")
	}
	return native.Assign(t.h(), src.h())
}

// Copy copies each of src into the tensor of the same shape at its place in dst,
// outside of autograd and in one call.
func Copy(dst, src []*Tensor) error {
	return inPairs("copy", dst, src, native.Copy)
}

// Swap exchanges the contents of each of a with those of the tensor of the same
// shape at its place in b, bit for bit, outside of autograd and in one call.
func Swap(a, b []*Tensor) error {
	return inPairs("swap", a, b, native.Swap)
}

// Lerp moves each tensor of dst that which names by the share weight of the way to
// the tensor at its place in src, outside of autograd and in one call.
func Lerp(dst, src []*Tensor, which []bool, weight float64) error {
	return inPairs("lerp", dst, src, func(d, s []native.Handle) error { return native.Lerp(d, s, which, weight) })
}

func inPairs(what string, a, b []*Tensor, f func(a, b []native.Handle) error) error {
	for _, t := range append(a[:len(a):len(a)], b...) {
		if t.Empty() {
			return fmt.Errorf("%s: a tensor is empty or was freed", what)
		}
	}
	if err := f(handles(a), handles(b)); err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	return nil
}

// Fill sets every element to value, outside of autograd.
func (t *Tensor) Fill(value float64) error {
	if t.Empty() {
		return fmt.Errorf("fill: the tensor is empty or was freed")
	}
	return native.Fill(t.h(), value)
}

// FromFloats makes a float tensor of the given shape from a copy of data.
func (s *Scope) FromFloats(data []float32, dev Device, shape ...int64) *Tensor {
	return from(s, data, Float, dev, shape)
}

// FromInts makes an int64 tensor of the given shape from a copy of data.
func (s *Scope) FromInts(data []int64, dev Device, shape ...int64) *Tensor {
	return from(s, data, Int64, dev, shape)
}

// FromBytes makes a tensor of any type from its elements' bytes, little-endian.
func (s *Scope) FromBytes(data []byte, dtype DType, dev Device, shape ...int64) *Tensor {
	return from(s, data, dtype, dev, shape)
}

func from[E float32 | int64 | byte](s *Scope, data []E, dtype DType, dev Device, shape []int64) *Tensor {
	const op = "from data"
	if !s.ready(op) {
		return &Tensor{}
	}
	n := int64(dtype.Size())
	for _, d := range shape {
		if d < 0 {
			s.Fail(&OpError{Op: op, Err: fmt.Errorf("the shape %v has a negative size", shape)})
			return &Tensor{}
		}
		n *= d
	}
	var e E
	if have := int64(len(data)) * int64(unsafe.Sizeof(e)); have != n {
		s.Fail(&OpError{Op: op, Err: fmt.Errorf("%d bytes for the shape %v, which takes %d", have, shape, n)})
		return &Tensor{}
	}
	var p unsafe.Pointer
	if len(data) > 0 {
		p = unsafe.Pointer(&data[0])
	}
	h, err := native.FromData(p, shape, int32(dtype), int32(dev))
	runtime.KeepAlive(data)
	return s.adopt(op, h, err)
}

// Full makes a float tensor filled with value.
func (s *Scope) Full(value float64, dev Device, shape ...int64) *Tensor {
	if !s.ready("full") {
		return &Tensor{}
	}
	h, err := native.Full(shape, value, int32(Float), int32(dev))
	return s.adopt("full", h, err)
}

// adopt takes over a result of core/native.
func (s *Scope) adopt(op string, h native.Handle, err error, operands ...*Tensor) *Tensor {
	t := &Tensor{}
	if err != nil {
		s.Fail(&OpError{Op: op, Shapes: shapesOf(operands), Err: err})
		return t
	}
	t.c = libtch.Ctensor(h)
	s.own(t)
	return t
}

func shapesOf(ts []*Tensor) [][]int64 {
	shapes := make([][]int64, 0, len(ts))
	for _, t := range ts {
		if !t.Empty() {
			shapes = append(shapes, t.Shape())
		}
	}
	return shapes
}

// h is the tensor's pointer as core/native takes it.
func (t *Tensor) h() native.Handle { return native.Handle(t.c) }
