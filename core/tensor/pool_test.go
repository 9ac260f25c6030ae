package tensor

import (
	"testing"

	"detnas/core/native"
)

// What a peak took goes back to Linux when it has not been needed for a while, also
// where what is done since never comes by its chunks.
func TestMemoryGoesBackAfterPeak(t *testing.T) {
	run(t, func(s *Scope) error {
		full := func(count int, floats int64) error {
			return Run("tensors", func(s *Scope) error {
				for range count {
					s.Full(1, CPU, floats)
				}
				return nil
			})
		}
		s.Full(1, CPU, 1<<20) // stays, and with it the chunk that the small ones come from
		if err := full(64, 1<<20); err != nil {
			return err
		}
		peak := native.PoolTally()
		for range 3 << 10 { // three windows of memory_pool.cpp
			if err := full(16, 1<<14); err != nil {
				return err
			}
		}
		now := native.PoolTally()
		if peak.Idle < 192<<20 || now.Idle > 128<<20 {
			t.Errorf("idle after a peak of 256 MiB: %d MiB, and later %d MiB", peak.Idle>>20, now.Idle>>20)
		}
		return nil
	})
}
