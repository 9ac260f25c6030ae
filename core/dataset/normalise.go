package dataset

import "fmt"

// Norm is the mean and standard deviation of each channel (red, green, blue) in
// 0..255; the network sees (value - mean) / std.
type Norm struct {
	Mean, Std [3]float32
}

// ImageNetNorm returns ImageNet's statistics, as the published recipes use them.
func ImageNetNorm() Norm {
	return Norm{
		Mean: [3]float32{123.675, 116.28, 103.53},
		Std:  [3]float32{58.395, 57.12, 57.375},
	}
}

// check refuses a deviation that would divide by nothing.
func (n Norm) check() error {
	for c, s := range n.Std {
		if !(s > 0) {
			return fmt.Errorf("standard deviation of channel %d is %v; it must be above 0", c, s)
		}
	}
	return nil
}

// table holds the normalised value of each byte of each channel.
type table [3][256]float32

func (n Norm) table() *table {
	var t table
	for c := range t {
		for v := range t[c] {
			t[c][v] = (float32(v) - n.Mean[c]) / n.Std[c]
		}
	}
	return &t
}

// write lays the image out as three planes of h by w floats in dst, normalised,
// in the top left corner; what it does not cover stays as it is. flip mirrors it.
func (t *table) write(dst []float32, w, h int, m Image, flip bool) {
	plane := w * h
	for y := range m.H {
		src := m.row(y)
		r := dst[y*w : y*w+m.W]
		g := dst[plane+y*w:][:m.W]
		b := dst[2*plane+y*w:][:m.W]
		if flip {
			for x, p := m.W-1, 0; x >= 0; x, p = x-1, p+3 {
				s := src[p : p+3 : p+3]
				r[x], g[x], b[x] = t[0][s[0]], t[1][s[1]], t[2][s[2]]
			}
			continue
		}
		for x := range r {
			s := src[x*3 : x*3+3 : x*3+3]
			r[x], g[x], b[x] = t[0][s[0]], t[1][s[1]], t[2][s[2]]
		}
	}
}
