// Package native is the little C++ that detnas has: operators that libtorch or
// gotch's binding of it lack, and the header with which gotch builds against
// Debian's libtorch (compat.h, toolchain.sh). Only core/tensor uses it. A
// Handle is the pointer to an at::Tensor that gotch's libtch hands out too.
package native

/*
#cgo CXXFLAGS: -std=c++17 -O3 -g0 -fopenmp -Wno-deprecated-declarations
#cgo LDFLAGS: -lstdc++ -ltorch -ltorch_cpu -lc10 -lgomp -ldl
#include <stdlib.h>
#include "ops.h"

// There where libtorch is loaded lazily (lazy/lazy.c).
const char *detnas_load_ops(void) __attribute__((weak));

static const char *load(void) { return detnas_load_ops ? detnas_load_ops() : NULL; }
*/
import "C"

import (
	"errors"
	"fmt"
	"strings"
	"unsafe"
)

// Handle is a pointer to an at::Tensor. Whoever gets one from this package
// frees it with libtch.AtFree.
type Handle = unsafe.Pointer

// Load loads libtorch, which else happens with the first operator and ends the
// program where it cannot be.
func Load() error {
	if why := C.load(); why != nil {
		text, cure := C.GoString(why), "install what this build was made with (apt-get install libtorch-dev libopenblas0)"
		if strings.Contains(text, "failed to map") || strings.Contains(text, "Cannot allocate memory") {
			cure = "there is no memory for it: free some, or raise the limit (ulimit -v)"
		}
		return fmt.Errorf("libtorch cannot be loaded: %s; %s", text, cure)
	}
	C.dn_use_pool()
	return nil
}

// failure turns a message from C++ into an error and frees it.
func failure(msg *C.char) error {
	if msg == nil {
		return nil
	}
	return TakeError(unsafe.Pointer(msg))
}

// TorchVersion is the version of the libtorch headers built against.
func TorchVersion() string { return C.GoString(C.dn_torch_version()) }

// BLAS is the path of the library that matrix products run in, or "".
func BLAS() string { return C.GoString(C.dn_blas()) }

// CUDADevices counts the CUDA devices that libtorch sees.
func CUDADevices() int { return int(C.dn_cuda_devices()) }

// Repeatable has CUDA devices take those algorithms that give the same bits each time,
// and compute float in full, not in TF32. It is for the process; that libtorch does not
// warn of what detnas knows to be repeatable is for the calling OS thread.
func Repeatable() error { return failure(C.dn_repeatable()) }

// Threads is the size of the calling OS thread's intra-op team.
func Threads() int { return int(C.dn_get_threads()) }

// SetThreads sizes the calling OS thread's intra-op team and BLAS's pool.
func SetThreads(n int) { C.dn_set_threads(C.int(n)) }

// ReserveBLAS has OpenBLAS map the buffers that it needs where n threads call it at
// once, so that it never looks for one when there is no memory: it would look for
// ever.
func ReserveBLAS(n int) error { return failure(C.dn_reserve_blas(C.int(n))) }

// FromData copies a tensor of the shape dims and the libtorch scalar type dtype
// from data to the device (-1: CPU, n: CUDA n).
func FromData(data unsafe.Pointer, dims []int64, dtype, device int32) (Handle, error) {
	var out unsafe.Pointer
	err := failure(C.dn_from_data(&out, data, ints(dims), C.int(len(dims)), C.int(dtype), C.int(device)))
	return out, err
}

// ToData copies the elements of t, in order, to data, which holds bytes bytes.
func ToData(t Handle, data unsafe.Pointer, bytes int) error {
	return failure(C.dn_to_data(t, data, C.size_t(bytes)))
}

// Scale returns t * by.
func Scale(t Handle, by float64) (Handle, error) {
	var out unsafe.Pointer
	err := failure(C.dn_scale(&out, t, C.double(by)))
	return out, err
}

// Shift returns t + by.
func Shift(t Handle, by float64) (Handle, error) {
	var out unsafe.Pointer
	err := failure(C.dn_shift(&out, t, C.double(by)))
	return out, err
}

// Full returns a tensor filled with value.
func Full(dims []int64, value float64, dtype, device int32) (Handle, error) {
	var out unsafe.Pointer
	err := failure(C.dn_full(&out, ints(dims), C.int(len(dims)), C.double(value), C.int(dtype), C.int(device)))
	return out, err
}

// Fill sets every element of t to value, outside of autograd.
func Fill(t Handle, value float64) error { return failure(C.dn_fill(t, C.double(value))) }

// Item reads a tensor of one element.
func Item(t Handle) (float64, error) {
	var v C.double
	err := failure(C.dn_item(t, &v))
	return float64(v), err
}

// AllFinite reports whether no element of t is NaN or infinite.
func AllFinite(t Handle) (bool, error) {
	var yes C.int
	err := failure(C.dn_all_finite(t, &yes))
	return yes != 0, err
}

// NotFinite is the place of the first tensor, or with grads the first gradient of
// one, that has an element which is NaN or infinite, and -1 where there is none.
func NotFinite(tensors []Handle, grads bool) (int, error) {
	if len(tensors) == 0 {
		return -1, nil
	}
	var at C.int
	err := failure(C.dn_not_finite(&tensors[0], C.int(len(tensors)), boolean(grads), &at))
	return int(at), err
}

// Assign copies src into dst, which has the same shape, outside of autograd.
func Assign(dst, src Handle) error { return failure(C.dn_assign(dst, src)) }

// Copy copies each of src into the tensor of the same shape at its place in dst,
// outside of autograd.
func Copy(dst, src []Handle) error {
	if len(dst) != len(src) {
		return fmt.Errorf("copy: %d tensors into %d", len(src), len(dst))
	}
	if len(dst) == 0 {
		return nil
	}
	return failure(C.dn_copy(&dst[0], &src[0], C.int(len(dst))))
}

// Parameter makes t a leaf that gathers gradients, or no longer one.
func Parameter(t Handle, requiresGrad bool) error {
	return failure(C.dn_parameter(t, boolean(requiresGrad)))
}

// Grad returns t's gradient, or nil when the last backward pass did not reach t.
func Grad(t Handle) (Handle, error) {
	var out unsafe.Pointer
	err := failure(C.dn_grad(&out, t))
	return out, err
}

// Backward runs the backward pass from the scalar loss.
func Backward(loss Handle) error { return failure(C.dn_backward(loss)) }

// GradMode switches autograd on or off for this OS thread and returns what it was.
func GradMode(on bool) bool { return C.dn_grad_mode(boolean(on)) != 0 }

// Autocast switches the casting to bfloat16 of what convolutions and matrix products
// of a kind of device take in on or off for this OS thread, and returns what it was.
func Autocast(on, cuda bool) bool { return C.dn_autocast(boolean(on), boolean(cuda)) != 0 }

// ForgetCasts forgets the weights that Autocast has cast.
func ForgetCasts() { C.dn_autocast_clear() }

// DropGrads forgets the gradients of params.
func DropGrads(params []Handle) {
	if len(params) > 0 {
		C.dn_drop_grads(&params[0], C.int(len(params)))
	}
}

// ClipGrads scales the gradients of params together so that their L2 norm is at
// most maxNorm (0: leaves them), and returns the norm before.
func ClipGrads(params []Handle, maxNorm float64) (float64, error) {
	if len(params) == 0 {
		return 0, nil
	}
	var norm C.double
	err := failure(C.dn_clip_grads(&params[0], C.int(len(params)), C.double(maxNorm), &norm))
	return float64(norm), err
}

// SGD makes one step of SGD with momentum on those params that have a gradient
// and sets moved to which those are. decay holds each one's weight decay.
func SGD(params, momenta []Handle, decay []float64, lr, momentum float64, moved []bool) error {
	if len(params) == 0 {
		return nil
	}
	return failure(C.dn_sgd(&params[0], &momenta[0], (*C.double)(&decay[0]), C.int(len(params)),
		C.double(lr), C.double(momentum), flags(moved)))
}

// Lerp moves each tensor of dst that which names by the share weight of the way to
// the tensor at its place in src, outside of autograd.
func Lerp(dst, src []Handle, which []bool, weight float64) error {
	if len(dst) != len(src) || len(dst) != len(which) {
		return fmt.Errorf("lerp: %d tensors to %d, %d flags", len(dst), len(src), len(which))
	}
	if len(dst) == 0 {
		return nil
	}
	return failure(C.dn_lerp(&dst[0], &src[0], flags(which), C.int(len(dst)), C.double(weight)))
}

// Swap exchanges the contents of each of a with those of the tensor of the same
// shape at its place in b, bit for bit, outside of autograd.
func Swap(a, b []Handle) error {
	if len(a) != len(b) {
		return fmt.Errorf("swap: %d tensors with %d", len(a), len(b))
	}
	if len(a) == 0 {
		return nil
	}
	return failure(C.dn_swap(&a[0], &b[0], C.int(len(a))))
}

// Align says how RoIAlign samples.
type Align struct {
	Pooled   int  // bins a side
	Sampling int  // points a side of a bin; 0: as many as pixels
	Aligned  bool // shift by half a pixel, as since detectron2
	Gather   bool // use the form that any device can run
}

// RoIAlign pools boxes from a pyramid: rois holds [image, x1, y1, x2, y2] a box in
// pixels of the input, level the pyramid level of each, scales the levels'
// 1/stride. The result has the shape [boxes, channels, pooled, pooled].
func RoIAlign(features []Handle, scales []float64, rois []float32, level []int32, a Align) (Handle, error) {
	if len(features) == 0 || len(scales) != len(features) || len(rois) != 5*len(level) {
		return nil, errors.New("roi_align: features, scales, rois and levels do not belong together")
	}
	var out unsafe.Pointer
	var boxes *C.float
	var levels *C.int32_t
	if len(level) > 0 {
		boxes, levels = (*C.float)(&rois[0]), (*C.int32_t)(&level[0])
	}
	err := failure(C.dn_roi_align(&out, &features[0], (*C.double)(&scales[0]), C.int(len(features)),
		boxes, levels, C.int64_t(len(level)), C.int(a.Pooled), C.int(a.Sampling),
		boolean(a.Aligned), boolean(a.Gather)))
	return out, err
}

// Focus shapes the focal loss.
type Focus struct {
	Alpha float64 // weight of a class that is there; 1-Alpha is that of the others
	Gamma float64 // how much less what is right already counts
	Plain bool    // use the form that any device can run
}

// FocalLoss is the sum of the sigmoid focal loss of logits [rows, classes] and
// labels, int64 [rows]: a class, or -1 for none of them; a row below that is left
// out.
func FocalLoss(logits, labels Handle, f Focus) (Handle, error) {
	var out unsafe.Pointer
	err := failure(C.dn_focal_loss(&out, logits, labels, C.double(f.Alpha), C.double(f.Gamma), boolean(f.Plain)))
	return out, err
}

func ints(dims []int64) *C.int64_t {
	if len(dims) == 0 {
		return nil
	}
	return (*C.int64_t)(&dims[0])
}

// flags are at least one bool as C sees them: a byte of 0 or 1 each.
func flags(b []bool) *C.uint8_t { return (*C.uint8_t)(unsafe.Pointer(&b[0])) }

func boolean(b bool) C.int {
	if b {
		return 1
	}
	return 0
}

// TakeError makes an error of the first line of a message from C++, which is freed.
func TakeError(msg unsafe.Pointer) error {
	defer C.free(msg)
	text, _, _ := strings.Cut(C.GoString((*C.char)(msg)), "\n")
	return errorOf(text)
}
