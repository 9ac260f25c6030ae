package pth

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"

	"detnas/core/run"
)

// kind is the type of a storage's elements.
type kind int

const (
	float kind = iota
	double
	half
	bfloat16
	long
	integer
	short
	char
	unsigned
	boolean
)

func kinds() []kind {
	return []kind{float, double, half, bfloat16, long, integer, short, char, unsigned, boolean}
}

// storage is PyTorch's name for a storage of the kind.
func (k kind) storage() string {
	return [...]string{
		"FloatStorage", "DoubleStorage", "HalfStorage", "BFloat16Storage", "LongStorage",
		"IntStorage", "ShortStorage", "CharStorage", "ByteStorage", "BoolStorage",
	}[k]
}

// size is the bytes of an element.
func (k kind) size() int64 { return [...]int64{4, 8, 2, 2, 8, 4, 2, 1, 1, 1}[k] }

// dtype is what elements of the kind become: half precision single, and integers of
// fewer than 64 bits 64, so that no value changes.
func (k kind) dtype() run.DType {
	return [...]run.DType{run.F32, run.F64, run.F32, run.BF16, run.I64, run.I64, run.I64, run.I64, run.U8, run.U8}[k]
}

// The most dimensions and elements of a tensor.
const (
	maxRank     = 64
	maxElements = math.MaxInt64 / 64
)

// check refuses a tensor that reaches out of its storage, or has more elements than
// that, as an expanded one has.
func (v *view) check() error {
	if len(v.shape) != len(v.strides) || len(v.shape) > maxRank {
		return fmt.Errorf("a tensor of %d dimensions with %d strides", len(v.shape), len(v.strides))
	}
	elements, last := int64(1), v.offset
	for i, d := range v.shape {
		if d < 0 || v.strides[i] < 0 || d > 0 && elements > maxElements/d {
			return fmt.Errorf("a tensor of shape %v with strides %v", v.shape, v.strides)
		}
		if elements *= d; d > 0 {
			step := v.strides[i]
			if step > 0 && d-1 > (maxElements-last)/step {
				return fmt.Errorf("a tensor of shape %v with strides %v", v.shape, v.strides)
			}
			last += (d - 1) * step
		}
	}
	switch {
	case v.offset < 0:
		return fmt.Errorf("a tensor at offset %d", v.offset)
	case elements > 0 && last >= v.of.count:
		return fmt.Errorf("a tensor of shape %v at offset %d with strides %v reaches out of its storage %s of %d elements",
			v.shape, v.offset, v.strides, v.of.key, v.of.count)
	case elements > v.of.count:
		return fmt.Errorf("a tensor of shape %v has %d elements, and its storage %d", v.shape, elements, v.of.count)
	}
	return nil
}

// elements is how many a tensor has.
func (v *view) elements() int64 {
	n := int64(1)
	for _, d := range v.shape {
		n *= d
	}
	return n
}

// array takes a tensor out of its storage's bytes, row-major.
func (v *view) array(as string, bytes []byte) (run.NamedArray, error) {
	k := v.of.kind
	if int64(len(bytes)) != v.of.count*k.size() {
		return run.NamedArray{}, errors.New("its storage is not of its size") // the readers see to it
	}
	n, out := v.elements(), run.NamedArray{Name: as, DType: k.dtype(), Shape: v.shape}
	data := make([]byte, 0, n*int64(out.DType.Size()))
	index := make([]int64, len(v.shape))
	at := v.offset
	for range n {
		data = k.widen(data, bytes[at*k.size():])
		for d := len(index) - 1; d >= 0; d-- { // on to the next element
			index[d]++
			at += v.strides[d]
			if index[d] < v.shape[d] {
				break
			}
			at -= v.shape[d] * v.strides[d]
			index[d] = 0
		}
	}
	out.Data = data
	return out, nil
}

// widen appends the first element of bytes as one of the kind's dtype.
func (k kind) widen(to, bytes []byte) []byte {
	le := binary.LittleEndian
	switch k {
	case half:
		return le.AppendUint32(to, math.Float32bits(fromHalf(le.Uint16(bytes))))
	case integer:
		return le.AppendUint64(to, uint64(int64(int32(le.Uint32(bytes))))) //nolint:gosec // two's complement
	case short:
		return le.AppendUint64(to, uint64(int64(int16(le.Uint16(bytes))))) //nolint:gosec // as above
	case char:
		return le.AppendUint64(to, uint64(int64(int8(bytes[0])))) //nolint:gosec // as above
	}
	return append(to, bytes[:k.size()]...)
}

// fromHalf reads a number of IEEE 754's binary16.
func fromHalf(h uint16) float32 {
	sign, exponent, fraction := uint32(h>>15)<<31, uint32(h>>10)&31, uint32(h)&1023
	switch exponent {
	case 0: // zero, or below the least normal one: fraction times 2^-24
		return math.Float32frombits(sign | math.Float32bits(float32(fraction)*(1.0/(1<<24))))
	case 31:
		return math.Float32frombits(sign | 0xff<<23 | fraction<<13)
	}
	return math.Float32frombits(sign | (exponent+112)<<23 | fraction<<13)
}
