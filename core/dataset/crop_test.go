package dataset

import (
	"math"
	"slices"
	"testing"

	"detnas/core/input/inputtest"
	"detnas/core/seed"
)

func TestRandomPartStaysInRange(t *testing.T) {
	rng := seed.Rand(1, "crop")
	small, wide, sum := 0.0, 0.0, 0.0
	const draws = 20000
	for range draws {
		r := randomPart(rng, 500, 375, cropMinShare)
		if r.X < 0 || r.Y < 0 || r.X+r.W > 500 || r.Y+r.H > 375 || r.W < 1 || r.H < 1 {
			t.Fatalf("%+v is not inside", r)
		}
		share, shape := float64(r.W*r.H)/(500*375), float64(r.W)/float64(r.H)
		if share < 0.075 || shape < 0.72 || shape > 1.36 {
			t.Fatalf("%+v: share %.3f, shape %.3f", r, share, shape)
		}
		sum += share
		if share < 0.5 {
			small++
		}
		if r.W > r.H {
			wide++
		}
	}
	// What torchvision 0.14's RandomResizedCrop.get_params gave in 40,000 draws.
	// Large tall parts do not fit and are drawn anew, hence more than half each.
	for _, tt := range []struct {
		name      string
		got, want float64
	}{{"shares under a half", small, 0.6122}, {"wide parts", wide, 0.5815}, {"mean share", sum, 0.4342}} {
		if got := tt.got / draws; math.Abs(got-tt.want) > 0.012 {
			t.Errorf("%s: %.4f, want %.4f", tt.name, got, tt.want)
		}
	}
}

func TestRandomPartFallsBackToTheCentre(t *testing.T) {
	rng := seed.Rand(1, "crop")
	for _, tt := range []struct {
		w, h int
		want Rect
	}{
		{1000, 4, Rect{X: 497, Y: 0, W: 5, H: 4}}, // round(4 * 4/3) = 5
		{3, 900, Rect{X: 0, Y: 448, W: 3, H: 4}},  // round(3 / (3/4)) = 4
	} {
		// No share of 99% of so long an image has a shape that is allowed.
		if got := randomPart(rng, tt.w, tt.h, 0.99); got != tt.want {
			t.Errorf("%dx%d: %+v, want %+v", tt.w, tt.h, got, tt.want)
		}
	}
}

func TestPaddedCropReachesEveryOffset(t *testing.T) {
	m := NewImage(4, 4)
	m.Pix[(1*4+1)*3] = 200 // the mark, at 1,1
	seen := map[[2]int]bool{}
	rng := seed.Rand(3, "crop")
	for range 500 {
		c := paddedCrop(rng, m, 4, 2)
		if c.W != 4 || c.H != 4 {
			t.Fatalf("%dx%d", c.W, c.H)
		}
		i := slices.Index(c.Pix, 200)
		if i < 0 {
			seen[[2]int{-1, -1}] = true
			continue
		}
		seen[[2]int{i / 3 % 4, i / 12}] = true
	}
	// Offsets -2..2 put the mark at 3..-1; -1 is off the crop on either axis.
	if len(seen) != 4*4+1 {
		t.Errorf("%d places of the mark, want 17", len(seen))
	}
}

func TestShortSideAndCentre(t *testing.T) {
	for _, tt := range []struct{ w, h, short, wantW, wantH int }{
		{640, 480, 256, 341, 256}, {480, 640, 256, 256, 341}, {100, 100, 36, 36, 36}, {3, 900, 2, 2, 600},
	} {
		m, err := shortSide(NewImage(tt.w, tt.h), tt.short, DefaultMaxPixels)
		if err != nil || m.W != tt.wantW || m.H != tt.wantH {
			t.Errorf("%dx%d to a short side of %d: %dx%d, %v; want %dx%d", tt.w, tt.h, tt.short, m.W, m.H, err, tt.wantW, tt.wantH)
		}
	}
	for _, side := range [][2]int{{1, maxSide}, {maxSide, 1}} {
		var err error
		took := inputtest.Allocated(func() { _, err = shortSide(NewImage(side[0], side[1]), 256, DefaultMaxPixels) })
		inputtest.Clear(t, err, "over the limit of 100000000 pixels")
		if took > 1<<20 {
			t.Errorf("%d bytes were allocated", took)
		}
	}
	m := pattern(10, 7)
	c := centre(m, 5) // rows 1..5, columns round(2.5) = 2..6
	if !slices.Equal(c.row(0), m.row(1)[2*3:7*3]) {
		t.Error("the centre is not where torchvision has it")
	}
}

func TestScaleFit(t *testing.T) {
	published := PublishedScale()
	for _, tt := range []struct {
		s            Scale
		w, h, nw, nh int
	}{
		{published, 640, 480, 1067, 800},
		{published, 640, 427, 1199, 800},
		{published, 1000, 300, 1333, 400},
		{published, 480, 640, 800, 1067},
		{Scale{Short: 240, Max: 320}, 640, 480, 320, 240},
		{Scale{Short: 1, Max: 1}, 1000, 1, 1, 1},
	} {
		if nw, nh := tt.s.Fit(tt.w, tt.h); nw != tt.nw || nh != tt.nh {
			t.Errorf("%+v of %dx%d: %dx%d, want %dx%d", tt.s, tt.w, tt.h, nw, nh, tt.nw, tt.nh)
		}
	}
}

func TestMoveBox(t *testing.T) {
	b := [4]float32{10, 20, 30, 44}
	if got, want := moveBox(b, 0.5, 2, 50, 100, false), ([4]float32{5, 40, 15, 88}); got != want {
		t.Errorf("scaled %v, want %v", got, want)
	}
	if got, want := moveBox(b, 0.5, 2, 50, 100, true), ([4]float32{35, 40, 45, 88}); got != want {
		t.Errorf("mirrored %v, want %v", got, want)
	}
	if got, want := moveBox(b, 1, 1, 25, 40, true), ([4]float32{0, 20, 15, 40}); got != want {
		t.Errorf("bounded %v, want %v", got, want)
	}
}

func TestJitterLeavesItsInputAlone(t *testing.T) {
	m := pattern(8, 8)
	keep := m.clone()
	out := PublishedJitter().apply(m, seed.Rand(1, "jitter"))
	if !slices.Equal(m.Pix, keep.Pix) {
		t.Error("the image was changed; a cache may hold it")
	}
	if slices.Equal(out.Pix, m.Pix) {
		t.Error("nothing was changed")
	}
	again := PublishedJitter().apply(m, seed.Rand(1, "jitter"))
	if !slices.Equal(out.Pix, again.Pix) {
		t.Error("equal draws give another picture")
	}
}

func TestTableWrites(t *testing.T) {
	m := Image{W: 2, H: 1, Pix: []uint8{1, 2, 3, 4, 5, 6}}
	table := Norm{Mean: [3]float32{1, 2, 3}, Std: [3]float32{1, 0.5, 0.25}}.table()
	for _, tt := range []struct {
		flip bool
		want []float32
	}{
		{false, []float32{0, 3, 9, 9, 9, 9, 0, 6, 9, 9, 9, 9, 0, 12, 9, 9, 9, 9}},
		{true, []float32{3, 0, 9, 9, 9, 9, 6, 0, 9, 9, 9, 9, 12, 0, 9, 9, 9, 9}},
	} {
		dst := slices.Repeat([]float32{9}, 18)
		table.write(dst, 3, 2, m, tt.flip)
		if !slices.Equal(dst, tt.want) {
			t.Errorf("flip %v: %v, want %v", tt.flip, dst, tt.want)
		}
	}
}
