package dataset

import "math"

// antialiasBits is the precision of an antialiased weight: 32 bits less the 8 of
// a sample and 2 for overshoot, as Pillow has it.
const antialiasBits = 22

// window is one output position of an antialiased resize: the first source
// position and the weights, in 1/2^22, from there on.
type window struct {
	first   int
	weights []int32
}

// windows spreads a triangle over each output sample's share of the source; it
// widens as the image shrinks, which is what keeps fine texture from aliasing.
func windows(src, dst int) []window {
	scale := float64(src) / float64(dst)
	support := max(scale, 1)
	out := make([]window, dst)
	most := int(math.Ceil(support))*2 + 1
	raw := make([]float64, 0, most)
	weights := make([]int32, 0, dst*most) // all of them in one piece
	for i := range out {
		centre := (float64(i) + 0.5) * scale
		first := max(int(centre-support+0.5), 0)
		last := min(int(centre+support+0.5), src)
		raw = raw[:0]
		sum := 0.0
		for x := first; x < last; x++ {
			v := max(1-math.Abs((float64(x)-centre+0.5)/support), 0)
			raw = append(raw, v)
			sum += v
		}
		begin := len(weights)
		for _, v := range raw {
			weights = append(weights, int32(v/sum*(1<<antialiasBits)+0.5))
		}
		out[i] = window{first: first, weights: weights[begin:]}
	}
	return out
}

// ResizeAntialias scales the part r of m, which must lie inside it, to w by h
// with a triangle filter as wide as the reduction, as Pillow's (and so
// torchvision's) BILINEAR does; classification recipes were trained with that.
// Nothing outside r is looked at. Enlarging is plain bilinear.
func ResizeAntialias(m Image, r Rect, w, h int) Image {
	if r == m.bounds() && r.W == w && r.H == h {
		return m
	}
	if w <= 0 || h <= 0 || r.W <= 0 || r.H <= 0 {
		return NewImage(max(w, 0), max(h, 0))
	}
	wide := NewImage(w, r.H)
	across := windows(r.W, w)
	for y := range r.H {
		narrowRow(wide.row(y), m.row(r.Y + y)[r.X*3:(r.X+r.W)*3], across)
	}
	if h == r.H {
		return wide
	}
	out := NewImage(w, h)
	sums := make([]int32, w*3)
	for y, win := range windows(r.H, h) {
		for i := range sums {
			sums[i] = 1 << (antialiasBits - 1)
		}
		for k, weight := range win.weights {
			for i, v := range wide.row(win.first + k) {
				sums[i] += int32(v) * weight
			}
		}
		dst := out.row(y)
		for i, s := range sums {
			dst[i] = clamp8(s >> antialiasBits)
		}
	}
	return out
}

// narrowRow filters one row along x.
func narrowRow(dst, src []uint8, across []window) {
	for i, win := range across {
		var r, g, b int32 = 1 << (antialiasBits - 1), 1 << (antialiasBits - 1), 1 << (antialiasBits - 1)
		p := src[win.first*3 : (win.first+len(win.weights))*3]
		for k, weight := range win.weights {
			s := p[k*3 : k*3+3 : k*3+3]
			r += int32(s[0]) * weight
			g += int32(s[1]) * weight
			b += int32(s[2]) * weight
		}
		d := dst[i*3 : i*3+3 : i*3+3]
		d[0], d[1], d[2] = clamp8(r>>antialiasBits), clamp8(g>>antialiasBits), clamp8(b>>antialiasBits)
	}
}
