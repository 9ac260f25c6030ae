package tensor

import "detnas/core/native"

// Effort is what the program has asked of libtorch and of Linux since it began; what a
// piece of work takes is the difference between two. The figures depend on the work
// alone, so that a test can hold them, as it cannot hold seconds.
type Effort struct {
	Operators uint64 // of libtorch, those that others call with them; counted from the first call on
	Blocks    uint64 // of memory for tensors on the CPU, from 64 KiB on
	Maps      uint64 // chunks of memory from Linux
}

// CountEffort counts.
func CountEffort() Effort {
	t := native.PoolTally()
	return Effort{Operators: native.CountOperators(), Blocks: t.Blocks, Maps: t.Maps}
}

// Since is the effort between an earlier count and this.
func (e Effort) Since(before Effort) Effort {
	return Effort{e.Operators - before.Operators, e.Blocks - before.Blocks, e.Maps - before.Maps}
}
