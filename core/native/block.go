package native

/*
#include "ops.h"
*/
import "C"

import (
	"errors"
	"unsafe"
)

// Unit is a convolution without bias, its BN and, with ReLU, that. Weight is
// [out, in, 1, 1], or with Depthwise [c, 1, Kernel, Kernel]; with Kernel 0 there is no
// convolution and no Weight. The others are BN's, [out].
type Unit struct {
	Weight, Gamma, Beta Handle
	Mean, Variance      Handle // moved by Momentum where Batch has it normalise by the batch's own
	Momentum, Eps       float64
	Kernel, Stride      int
	Depthwise           bool
	ReLU                bool
	Batch               bool
}

// WidestKernel is that of a depthwise unit, in px.
const WidestKernel = C.DN_WIDEST_KERNEL

// Order is how the two halves of a block lie in what goes in and what comes out.
type Order int

// How halves lie; units on the side have the whole input, and only what comes out is in
// halves then.
const (
	Whole        = Order(C.DN_WHOLE)         // there is one path
	Concat       = Order(C.DN_CONCAT)        // one half after the other
	ShuffleLast  = Order(C.DN_SHUFFLE_LAST)  // in turn in what comes out
	ShuffleFirst = Order(C.DN_SHUFFLE_FIRST) // as a shuffle in two groups leaves them, in what goes in
	PairsFirst   = Order(C.DN_PAIRS_FIRST)   // in turn in what goes in
)

// Block runs x, float [n, c, h, w] on the CPU, through a block: without units on the
// side the first half of the channels passes by as it is, and the second goes through
// main; with them all go through both. The sums are the same to the bit on any number
// of threads. With a group BN of the batch goes by the statistics of all its ranks.
func Block(g *Group, x Handle, side, main []Unit, order Order) (Handle, error) {
	if len(main) == 0 {
		return nil, errors.New("a block without units")
	}
	var out Handle
	var ranks unsafe.Pointer
	if g != nil {
		ranks = g.p
	}
	sides, mains := cUnits(side), cUnits(main)
	err := failure(C.dn_block(&out, ranks, x, first(sides), C.int(len(sides)), first(mains), C.int(len(mains)), C.int(order))) //nolint:gocritic // in what cgo makes of it
	return out, err
}

func first(units []C.dn_unit) *C.dn_unit {
	if len(units) == 0 {
		return nil
	}
	return &units[0]
}

func cUnits(units []Unit) []C.dn_unit {
	out := make([]C.dn_unit, len(units))
	for i, u := range units {
		out[i] = C.dn_unit{
			weight: u.Weight, gamma: u.Gamma, beta: u.Beta, mean: u.Mean, variance: u.Variance,
			momentum: C.double(u.Momentum), eps: C.double(u.Eps),
			kernel: C.int32_t(u.Kernel), stride: C.int32_t(u.Stride),
			depthwise: boolean(u.Depthwise), relu: boolean(u.ReLU), batch: boolean(u.Batch),
		}
	}
	return out
}
