package native

/*
#include "ops.h"
*/
import "C"

// Tally is what tensors on the CPU have asked for since the program began, of blocks
// from 64 KiB on.
type Tally struct {
	Blocks uint64 // asked for
	Maps   uint64 // chunks of memory that Linux was asked for
	InUse  uint64 // bytes
	Idle   uint64 // bytes kept for the next
}

// PoolTally counts.
func PoolTally() Tally {
	var blocks, maps, used, idle C.uint64_t
	C.dn_pool_tally(&blocks, &maps, &used, &idle)
	return Tally{Blocks: uint64(blocks), Maps: uint64(maps), InUse: uint64(used), Idle: uint64(idle)}
}

// CountOperators counts libtorch's operators from its first call on, those that others
// call with them, and is how many there were.
func CountOperators() uint64 { return uint64(C.dn_count_operators()) }
