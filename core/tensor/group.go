package tensor

import (
	"errors"
	"fmt"
	"time"

	"detnas/core/native"
	"detnas/core/ranks/local"
)

// Store is a store of keys that several processes share: what they tell each other
// besides tensors.
type Store = native.Store

// OpenStore joins c10d's TCPStore at host:port, or holds it there for all with serve: it
// then listens on all addresses. Keys are below prefix; patience is how long it waits
// for who holds it.
func OpenStore(host string, port int, serve bool, prefix string, patience time.Duration) (*Store, error) {
	if err := native.Load(); err != nil {
		return nil, err
	}
	return native.OpenStore(host, port, serve, prefix, patience)
}

// OpenLocalStore joins the store that a process of this machine serves (local.Serve).
func OpenLocalStore(name, prefix string, patience time.Duration) (*Store, error) {
	if err := native.Load(); err != nil {
		return nil, err
	}
	return native.OpenLocalStore(local.Address(name), prefix, patience)
}

// GroupKind is by what ranks of this build compute together: "Gloo", on CPUs, or "NCCL",
// on GPUs; "" where they can't.
func GroupKind() string {
	if native.Load() != nil {
		return "" // the first operator says why
	}
	return native.GroupKind()
}

// GroupReady is why a rank that computes on this device can be in no group, or nil.
func GroupReady(d Device) error { return native.GroupReady(int32(d)) }

// Group is the processes that train one network together: collective calls over c10d's
// Gloo, or over NCCL. Every rank makes the same calls in the same order, on one thread. A
// call fails on all ranks soon after one of them has died, or when one keeps the others
// waiting for longer than the group's patience. NCCL does not always notice a rank's death:
// whoever does calls Fail.
type Group struct {
	Rank, World int

	g *native.Group
}

// NewGroup is a group of world processes, in which this is rank. It is not open yet.
func NewGroup(rank, world int) (*Group, error) {
	g, err := native.NewGroup()
	if err != nil {
		return nil, err
	}
	return &Group{Rank: rank, World: world, g: g}, nil
}

// Open connects the processes. name is another one for each group of a store; address is
// the one at which the others reach this process; d is the device that it computes on;
// patience is how long a call waits for the others.
func (g *Group) Open(s *Store, name, address string, d Device, patience time.Duration) error {
	return g.g.Open(s, name, address, int32(d), g.Rank, g.World, patience)
}

// Fail has the calls of a group over NCCL fail with why, those under way too. It may come
// from any thread. Gloo's connections tell of a rank's end by themselves.
func (g *Group) Fail(why string) { g.g.Fail(why) }

// ErrGroup is wrapped by the error of a collective call, be it within a backward pass:
// nothing more can be computed together.
var ErrGroup = native.ErrGroup

func grouped(what string, err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, ErrGroup):
		return fmt.Errorf("%s: %w", what, err)
	}
	return fmt.Errorf("%s: %w: %w", what, ErrGroup, err)
}

// Sum puts the sums over all ranks in place of values. The ranks give as many.
func (g *Group) Sum(values []float64) error { return grouped("sum", g.g.Reduce(values, false)) }

// Max puts the greatest over all ranks in place of values. The ranks give as many.
func (g *Group) Max(values []float64) error { return grouped("greatest", g.g.Reduce(values, true)) }

// Broadcast copies the tensors of rank 0 into those of the others, bit for bit.
func (g *Group) Broadcast(ts []*Tensor) error {
	for _, t := range ts {
		if t.Empty() {
			return fmt.Errorf("broadcast: a tensor is empty or was freed")
		}
	}
	return grouped("broadcast", g.g.Broadcast(handles(ts)))
}

// SumGrads puts the sum over all ranks in place of each gradient of params that the
// last backward pass of some rank has reached.
func (g *Group) SumGrads(params []*Tensor) error {
	return grouped("sum of gradients", g.g.SumGrads(handles(params)))
}

// Waited is the time that this rank has spent in collective calls so far, those within
// operators and their gradients too: waiting for ranks that come later, and sending. What
// comes last waits least. It may be asked for from any thread.
func (g *Group) Waited() time.Duration {
	waited, err := g.g.Waited()
	if err != nil {
		return 0 // a build without groups has none to ask
	}
	return waited
}

// GroupNorm is BatchNorm in training with the statistics of all ranks' batches
// together. The gradients that it leaves to weight and bias are this rank's share.
func (s *Scope) GroupNorm(g *Group, x, weight, bias, mean, variance *Tensor, momentum, eps float64) *Tensor {
	const op = "batch norm over ranks"
	if !s.ready(op, x, weight, bias, mean, variance) {
		return &Tensor{}
	}
	h, err := g.g.BatchNorm(x.h(), weight.h(), bias.h(), mean.h(), variance.h(), momentum, eps)
	return s.adopt(op, h, err, x, weight)
}
