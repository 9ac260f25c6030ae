package box

import (
	"math"
	"math/rand/v2"
	"testing"
)

func TestEncode(t *testing.T) {
	// Centre 15,15 to 20,10 with a side of 10 becoming 20 and 5.
	got := Coder{Stds: [4]float32{0.1, 0.1, 0.2, 0.2}}.Encode(Box{10, 10, 20, 20}, Box{10, 7.5, 30, 12.5})
	want := Delta{5, -5, float32(math.Ln2 / 0.2), float32(-math.Ln2 / 0.2)}
	if !near(got, want, 1e-6) {
		t.Errorf("Encode = %v, want %v", got, want)
	}
}

func TestDecodeUndoesEncode(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for _, stds := range [][4]float32{{1, 1, 1, 1}, {0.1, 0.1, 0.2, 0.2}} {
		c := Coder{Stds: stds}
		for range 1000 {
			ref, target := randomBox(r, 200), randomBox(r, 200)
			if got := c.Decode(ref, c.Encode(ref, target)); !near(got, target, 1e-4) {
				t.Fatalf("stds %v: %v came back from %v as %v", stds, target, ref, got)
			}
		}
	}
}

func TestDecodeBoundsTheSize(t *testing.T) {
	ref := Box{0, 0, 16, 16}
	tests := []struct {
		name   string
		coder  Coder
		dw     float32
		wantPx float32
	}{
		{"large", Coder{Stds: [4]float32{1, 1, 1, 1}}, 50, 1000},
		{"small", Coder{Stds: [4]float32{1, 1, 1, 1}}, -50, 16 * 16 / 1000.0},
		{"large, upper only", Coder{Stds: [4]float32{1, 1, 1, 1}, UpperOnly: true}, 50, 1000},
		{"small, upper only", Coder{Stds: [4]float32{1, 1, 1, 1}, UpperOnly: true}, -50, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			b := tt.coder.Decode(ref, Delta{0, 0, tt.dw, 0})
			if got := b[2] - b[0]; math.Abs(float64(got-tt.wantPx)) > 1e-3*float64(tt.wantPx)+1e-5 {
				t.Errorf("width %v px, want %v", got, tt.wantPx)
			}
		})
	}
}

// randomBox is a box of at least 2 px a side near an image of size px.
func randomBox(r *rand.Rand, size float32) Box {
	x, y := r.Float32()*size-size/10, r.Float32()*size-size/10
	return Box{x, y, x + 2 + r.Float32()*size/2, y + 2 + r.Float32()*size/2}
}
