package native

/*
#include <stdlib.h>
#include "group.h"
*/
import "C"

import (
	"errors"
	"time"
	"unsafe"
)

// ErrGroup is wrapped by the error of a collective call that has failed, be it within a
// backward pass.
var ErrGroup = errors.New("a call over ranks")

// Store is a store of keys that several processes share, one of c10d's. It lives as
// long as the process. Its calls may come from any thread, one at a time.
type Store struct{ p unsafe.Pointer }

// OpenStore joins c10d's TCPStore at host:port, or holds it there for all with serve. Keys
// are below prefix; patience is how long it waits for who holds it.
func OpenStore(host string, port int, serve bool, prefix string, patience time.Duration) (*Store, error) {
	h, pre := C.CString(host), C.CString(prefix)
	defer C.free(unsafe.Pointer(h))
	defer C.free(unsafe.Pointer(pre))
	s := &Store{}
	err := failure(C.dn_store_open(&s.p, h, C.int(port), boolean(serve), pre, C.double(patience.Seconds())))
	return s, err
}

// OpenLocalStore joins the store at a Unix socket, which a process of this machine
// serves (package local); @ begins the name of one without a file.
func OpenLocalStore(address, prefix string, patience time.Duration) (*Store, error) {
	a, pre := C.CString(address), C.CString(prefix)
	defer C.free(unsafe.Pointer(a))
	defer C.free(unsafe.Pointer(pre))
	s := &Store{}
	err := failure(C.dn_store_open_local(&s.p, a, pre, C.double(patience.Seconds())))
	return s, err
}

// Set gives a key a value.
func (s *Store) Set(key string, value []byte) error {
	k, v := C.CString(key), C.CBytes(value)
	defer C.free(unsafe.Pointer(k))
	defer C.free(v)
	return failure(C.dn_store_set(s.p, k, v, C.size_t(len(value))))
}

// Get is the value of a key, and false where it has none.
func (s *Store) Get(key string) ([]byte, bool, error) {
	k := C.CString(key)
	defer C.free(unsafe.Pointer(k))
	var yes C.int
	if err := failure(C.dn_store_has(s.p, k, &yes)); err != nil || yes == 0 {
		return nil, false, err
	}
	var v unsafe.Pointer
	var n C.size_t
	if err := failure(C.dn_store_get(s.p, k, &v, &n)); err != nil {
		return nil, false, err
	}
	defer C.free(v)
	return C.GoBytes(v, C.int(n)), true, nil //nolint:gosec // small values
}

// Add adds to a key's number, which begins at 0, and returns what it comes to.
func (s *Store) Add(key string, by int64) (int64, error) {
	k := C.CString(key)
	defer C.free(unsafe.Pointer(k))
	var now C.int64_t
	err := failure(C.dn_store_add(s.p, k, C.int64_t(by), &now))
	return int64(now), err
}

// Remove takes a key away, if it is there.
func (s *Store) Remove(key string) error {
	k := C.CString(key)
	defer C.free(unsafe.Pointer(k))
	return failure(C.dn_store_remove(s.p, k))
}

// GroupKind is by what the groups of this build compute: "Gloo", on CPUs, or "NCCL", on
// GPUs; "" where it has none.
func GroupKind() string { return C.GoString(C.dn_group_kind()) }

// GroupReady is why no rank of a group may compute on a device (-1: CPU, n: CUDA n), or nil.
func GroupReady(device int32) error { return failure(C.dn_group_ready(C.int(device))) }

// Group is the ranks that compute together, by c10d's ProcessGroupGloo or by NCCL. It lives
// as long as the process. Every rank makes the same calls in the same order.
type Group struct{ p unsafe.Pointer }

// NewGroup is a group that is not open yet. Until then Fail alone may be called.
func NewGroup() (*Group, error) {
	g := &Group{}
	err := failure(C.dn_group_make(&g.p))
	return g, err
}

// Open joins a group of world processes as rank. name is another one for each group of a
// store; address is the one at which the others reach this process; device is what it
// computes on; patience is how long a call waits for them.
func (g *Group) Open(s *Store, name, address string, device int32, rank, world int, patience time.Duration) error {
	n, a := C.CString(name), C.CString(address)
	defer C.free(unsafe.Pointer(n))
	defer C.free(unsafe.Pointer(a))
	return failure(C.dn_group_open(g.p, s.p, n, a, C.int(device), C.int(rank), C.int(world), C.double(patience.Seconds())))
}

// ncclSays begins the errors of calls over NCCL that have failed.
const ncclSays = "NCCL: "

// Fail has the calls of an NCCL group fail, those under way too. It may come from any thread.
func (g *Group) Fail(why string) {
	w := C.CString(ncclSays + why)
	defer C.free(unsafe.Pointer(w))
	_ = failure(C.dn_group_fail(g.p, w)) // it only stores the text
}

// Reduce puts the sums over all ranks, or the greatest, in place of values.
func (g *Group) Reduce(values []float64, greatest bool) error {
	if len(values) == 0 {
		return nil
	}
	return failure(C.dn_group_reduce(g.p, (*C.double)(&values[0]), C.int(len(values)), boolean(greatest)))
}

// Broadcast copies the tensors of rank 0, of the same shapes, into those of the others.
func (g *Group) Broadcast(tensors []Handle) error {
	if len(tensors) == 0 {
		return nil
	}
	return failure(C.dn_group_broadcast(g.p, &tensors[0], C.int(len(tensors))))
}

// SumGrads puts the sum over all ranks in place of each gradient of params that some
// rank has.
func (g *Group) SumGrads(params []Handle) error {
	if len(params) == 0 {
		return nil
	}
	return failure(C.dn_group_sum_grads(g.p, &params[0], C.int(len(params))))
}

// Waited is the time that this rank has spent in collective calls so far. It may be asked
// for from any thread.
func (g *Group) Waited() (time.Duration, error) {
	var s C.double
	err := failure(C.dn_group_waited(g.p, &s))
	return time.Duration(float64(s) * float64(time.Second)), err
}

// BatchNorm normalises x [n, c, ...] by the statistics of all ranks' batches, towards
// which it moves mean and variance.
func (g *Group) BatchNorm(x, weight, bias, mean, variance Handle, momentum, eps float64) (Handle, error) {
	if g.p == nil {
		return nil, errors.New("batch norm over ranks: there is no group")
	}
	var out unsafe.Pointer
	err := failure(C.dn_group_norm(&out, g.p, x, weight, bias, mean, variance, C.double(momentum), C.double(eps)))
	return out, err
}
