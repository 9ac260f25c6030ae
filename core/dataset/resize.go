package dataset

import "math"

// bilinearBits is the precision of a bilinear weight; two of them and a byte
// stay inside 32 bits.
const bilinearBits = 11

// tap is one output position of a bilinear resize: the two source positions and
// the weight of the second in 1/2048.
type tap struct {
	a, b   int
	weight int32
}

// bilinearTaps places dst samples over src ones with half-pixel centres, clamped
// at the edges.
func bilinearTaps(src, dst int) []tap {
	taps := make([]tap, dst)
	scale := float64(src) / float64(dst)
	for i := range taps {
		pos := (float64(i)+0.5)*scale - 0.5
		a := int(math.Floor(pos))
		w := int32(math.RoundToEven((pos - float64(a)) * (1 << bilinearBits)))
		if a < 0 {
			a, w = 0, 0
		}
		if a >= src-1 {
			a, w = src-1, 0
		}
		taps[i] = tap{a: a, b: min(a+1, src-1), weight: w}
	}
	return taps
}

// ResizeBilinear scales m to w by h by two-tap bilinear interpolation with
// half-pixel centres and no antialiasing, as cv2.resize with INTER_LINEAR does,
// which the published detection recipes were trained with. Two integer passes
// are within one level of the exact value. An image of that size already is
// returned as it is, not copied.
func ResizeBilinear(m Image, w, h int) Image {
	if m.W == w && m.H == h {
		return m
	}
	out := NewImage(w, h)
	if w <= 0 || h <= 0 || m.W <= 0 || m.H <= 0 {
		return out
	}
	xs, ys := bilinearTaps(m.W, w), bilinearTaps(m.H, h)
	// Each source row is stretched once and serves the output rows about it.
	upper, lower := make([]int32, w*3), make([]int32, w*3)
	haveUpper, haveLower := -1, -1
	for y, t := range ys {
		if t.a == haveLower {
			upper, lower = lower, upper
			haveUpper, haveLower = haveLower, haveUpper
		}
		if t.a != haveUpper {
			stretchRow(upper, m.row(t.a), xs)
			haveUpper = t.a
		}
		if t.b != haveLower {
			stretchRow(lower, m.row(t.b), xs)
			haveLower = t.b
		}
		blendRows(out.row(y), upper, lower, t.weight)
	}
	return out
}

// stretchRow interpolates one row of pixels along x, scaled by 1<<bilinearBits.
func stretchRow(dst []int32, src []uint8, xs []tap) {
	for i, t := range xs {
		a, b := src[t.a*3:t.a*3+3:t.a*3+3], src[t.b*3:t.b*3+3:t.b*3+3]
		d := dst[i*3 : i*3+3 : i*3+3]
		for c := range 3 {
			p := int32(a[c])
			d[c] = p<<bilinearBits + (int32(b[c])-p)*t.weight
		}
	}
}

// blendRows interpolates between two stretched rows and rounds to bytes.
func blendRows(dst []uint8, upper, lower []int32, weight int32) {
	upper, lower = upper[:len(dst)], lower[:len(dst)]
	rest := int32(1)<<bilinearBits - weight
	for i := range dst {
		// 255 << 22 stays below 2^31, and so does the half that rounds it.
		dst[i] = uint8((upper[i]*rest + lower[i]*weight + 1<<(2*bilinearBits-1)) >> (2 * bilinearBits))
	}
}
