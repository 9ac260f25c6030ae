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

// Group is the processes that train one network together: c10d's collective calls
// over Gloo. Every rank makes the same calls in the same order, on one thread. A call
// fails on all ranks soon after one of them has died, or when one keeps the others
// waiting for longer than the group's patience.
type Group struct {
	Rank, World int

	g *native.Group
}

// OpenGroup joins a group of world processes as rank. name is another one for each group
// of a store; address is the one at which the others reach this process; patience is how
// long a call waits for them.
func OpenGroup(s *Store, name, address string, rank, world int, patience time.Duration) (*Group, error) {
	g, err := native.OpenGroup(s, name, address, rank, world, patience)
	if err != nil {
		return nil, err
	}
	return &Group{Rank: rank, World: world, g: g}, nil
}

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
