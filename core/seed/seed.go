// Package seed turns a run's root seed and a position (step, epoch, iteration,
// index, layer name) into a random generator. A draw made this way depends on
// where it is made and on nothing that happened before, so that a run that was
// killed and resumed draws what an undisturbed one would have drawn.
package seed

import (
	"fmt"
	"math/rand/v2"
)

// Rand returns a generator for the position that parts name under root. Parts
// are strings or integers; equal positions give equal streams, and a change of
// any part or of their order gives an unrelated one.
func Rand(root uint64, parts ...any) *rand.Rand {
	h := Derive(root, parts...)
	return rand.New(rand.NewPCG(h, mix(h^0x9e3779b97f4a7c15))) //nolint:gosec // reproducible draws are the point
}

// Derive returns the 64-bit seed of a position, for generators that are not
// Go's. It panics on a part that is neither a string nor an integer, which is a
// mistake in the calling code.
func Derive(root uint64, parts ...any) uint64 {
	h := mix(root + 0x9e3779b97f4a7c15)
	for _, p := range parts {
		switch v := p.(type) {
		case string:
			for i := range len(v) {
				h = mix(h ^ uint64(v[i]))
			}
			h = mix(h ^ 0x100 ^ uint64(len(v))<<9)
		case int:
			h = mix(h ^ mix(uint64(v)+0x2545f4914f6cdd1d))
		case int64:
			h = mix(h ^ mix(uint64(v)+0x2545f4914f6cdd1d))
		case uint64:
			h = mix(h ^ mix(v+0x2545f4914f6cdd1d))
		default:
			panic(fmt.Sprintf("seed: part of type %T; want string or integer", p))
		}
	}
	return h
}

// mix is the finaliser of SplitMix64 (Steele, Lea, Flood: Fast Splittable
// Pseudorandom Number Generators, 2014).
func mix(z uint64) uint64 {
	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9
	z = (z ^ (z >> 27)) * 0x94d049bb133111eb
	return z ^ (z >> 31)
}
