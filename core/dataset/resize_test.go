package dataset

import (
	"math"
	"slices"
	"testing"
)

func TestResizeAntialiasEqualsPillow(t *testing.T) {
	for _, ref := range loadReference(t).Antialias {
		r := Rect{X: ref.Box[0], Y: ref.Box[1], W: ref.Box[2] - ref.Box[0], H: ref.Box[3] - ref.Box[1]}
		got := ResizeAntialias(pattern(ref.W, ref.H), r, ref.NW, ref.NH)
		if d := furthest(t, got.Pix, ref.Pix); d != 0 {
			t.Errorf("%v of %dx%d to %dx%d: a pixel differs by %d levels", r, ref.W, ref.H, ref.NW, ref.NH, d)
		}
	}
}

func TestResizeBilinearMatchesPyTorch(t *testing.T) {
	worst := 0.0
	for _, ref := range loadReference(t).Bilinear {
		got := ResizeBilinear(pattern(ref.W, ref.H), ref.NW, ref.NH)
		for i, want := range ref.Pix {
			d := math.Abs(float64(got.Pix[i]) - want)
			if d > 0.65 { // half for rounding, the rest for 11-bit weights
				t.Errorf("%dx%d to %dx%d: byte %d is %d, want %.3f", ref.W, ref.H, ref.NW, ref.NH, i, got.Pix[i], want)
			}
			worst = max(worst, d)
		}
	}
	t.Logf("levels of 255: it differs by %.2f", worst)
}

func TestResizeKeepsFlatColour(t *testing.T) {
	for _, level := range []uint8{0, 1, 127, 254, 255} {
		m := NewImage(17, 11)
		for i := range m.Pix {
			m.Pix[i] = level
		}
		for _, size := range [][2]int{{5, 3}, {17, 22}, {40, 40}, {1, 1}} {
			for _, out := range []Image{ResizeBilinear(m, size[0], size[1]), ResizeAntialias(m, m.bounds(), size[0], size[1])} {
				if i := slices.IndexFunc(out.Pix, func(v uint8) bool { return v != level }); i >= 0 {
					t.Errorf("level %d to %v: byte %d became %d", level, size, i, out.Pix[i])
				}
			}
		}
	}
}

func TestJitterEqualsPillow(t *testing.T) {
	for _, ref := range loadReference(t).Jitter {
		m := pattern(13, 9)
		switch ref.Op {
		case 0:
			towards(m.Pix, 0, ref.Factor)
		case 1:
			towards(m.Pix, meanGray(m.Pix), ref.Factor)
		case 2:
			saturate(m.Pix, ref.Factor)
		}
		if d := furthest(t, m.Pix, ref.Pix); d != 0 {
			t.Errorf("operation %d by %v: a pixel differs by %d levels", ref.Op, ref.Factor, d)
		}
	}
}
