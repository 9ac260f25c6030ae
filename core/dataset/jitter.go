package dataset

import (
	"fmt"
	"math/rand/v2"
)

// Jitter is how far colours are changed: each factor is drawn uniformly from
// [max(0, 1-v), 1+v], where v is the field's value; 0 leaves it alone.
type Jitter struct {
	Brightness, Contrast, Saturation float64
}

// PublishedJitter returns the ColorJitter of MMRazor's classification recipe.
func PublishedJitter() Jitter {
	return Jitter{Brightness: 0.4, Contrast: 0.4, Saturation: 0.4}
}

// on reports whether anything is changed at all.
func (j Jitter) on() bool { return j != Jitter{} }

func (j Jitter) check() error {
	for _, v := range []float64{j.Brightness, j.Contrast, j.Saturation} {
		if !(v >= 0 && v <= 10) {
			return fmt.Errorf("colour jitter of %v; it must be from 0 to 10", v)
		}
	}
	return nil
}

// apply changes brightness, contrast and saturation in an order drawn at random,
// as torchvision's ColorJitter does, with Pillow's arithmetic. The image it gets
// is not changed.
func (j Jitter) apply(m Image, rng *rand.Rand) Image {
	if !j.on() {
		return m
	}
	out := m.clone()
	order := rng.Perm(3)
	strength := [3]float64{j.Brightness, j.Contrast, j.Saturation}
	var factor [3]float32
	for i, v := range strength {
		factor[i] = float32(uniform(rng, max(0, 1-v), 1+v))
	}
	for _, op := range order {
		if strength[op] == 0 {
			continue
		}
		switch op {
		case 0:
			towards(out.Pix, 0, factor[op])
		case 1:
			towards(out.Pix, meanGray(out.Pix), factor[op])
		case 2:
			saturate(out.Pix, factor[op])
		}
	}
	return out
}

// uniform draws from [low, high).
func uniform(rng *rand.Rand, low, high float64) float64 {
	return low + (high-low)*rng.Float64()
}

// gray is the luma of ITU-R 601-2, rounded, as Pillow converts to L.
func gray(r, g, b uint8) uint8 {
	return uint8((uint32(r)*19595 + uint32(g)*38470 + uint32(b)*7471 + 0x8000) >> 16)
}

// meanGray is the rounded mean of the image's luma.
func meanGray(pix []uint8) uint8 {
	if len(pix) == 0 {
		return 0
	}
	sum := uint64(0)
	for i := 0; i+2 < len(pix); i += 3 {
		sum += uint64(gray(pix[i], pix[i+1], pix[i+2]))
	}
	return uint8(float64(sum)/float64(len(pix)/3) + 0.5)
}

// mix goes factor of the way from base to v, and beyond it above 1; the fraction
// is cut off, as Pillow's blend does.
func mix(base, v uint8, factor float32) uint8 {
	return clamp8(int32(float32(base) + factor*(float32(v)-float32(base))))
}

// towards mixes every byte with one level.
func towards(pix []uint8, base uint8, factor float32) {
	var lut [256]uint8
	for v := range lut {
		lut[v] = mix(base, uint8(v), factor)
	}
	for i, v := range pix {
		pix[i] = lut[v]
	}
}

// saturate mixes every pixel with its own grey.
func saturate(pix []uint8, factor float32) {
	for i := 0; i+2 < len(pix); i += 3 {
		p := pix[i : i+3 : i+3]
		base := gray(p[0], p[1], p[2])
		p[0], p[1], p[2] = mix(base, p[0], factor), mix(base, p[1], factor), mix(base, p[2], factor)
	}
}
