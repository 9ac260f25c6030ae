package box

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// mmdet's RPN at stride 4: 32 px at equal area, not rounded.
func TestBaseAnchorsOfTheRPN(t *testing.T) {
	a := pyramid(t, 4, 4)
	want := []Box{
		{-22.627417, -11.3137085, 22.627417, 11.3137085},
		{-16, -16, 16, 16},
		{-11.3137085, -22.627417, 11.3137085, 22.627417},
	}
	for i, w := range want {
		if !near(a[i], w, 1e-6) {
			t.Errorf("anchor %d = %v, want %v", i, a[i], w)
		}
	}
}

func TestGridLaysAnchorsByRowColumnRatioScale(t *testing.T) {
	g, err := NewAnchorGenerator(AnchorConfig{Strides: []int{4, 8}, Scales: []float32{2, 4}, Ratios: []float32{0.25, 1}})
	if err != nil {
		t.Fatal(err)
	}
	if g.Levels() != 2 || g.PerPlace() != 4 {
		t.Fatalf("%d levels of %d anchors, want 2 of 4", g.Levels(), g.PerPlace())
	}
	a, err := g.Grid([]Size{{H: 2, W: 3}, {H: 1, W: 1}})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]int{0, 24, 28}, a.Start); diff != "" {
		t.Fatalf("Start (-want +got):\n%s", diff)
	}
	// Ratio 0.25 is twice as wide as the square and half as high.
	first := []Box{{-8, -2, 8, 2}, {-16, -4, 16, 4}, {-4, -4, 4, 4}, {-8, -8, 8, 8}}
	if diff := cmp.Diff(first, a.Boxes[:4]); diff != "" {
		t.Errorf("place (0, 0) (-want +got):\n%s", diff)
	}
	for i, b := range first {
		right := Box{b[0] + 4, b[1], b[2] + 4, b[3]}
		below := Box{b[0], b[1] + 4, b[2], b[3] + 4}
		coarse := Box{2 * b[0], 2 * b[1], 2 * b[2], 2 * b[3]}
		if a.Boxes[4+i] != right || a.Boxes[12+i] != below || a.Boxes[24+i] != coarse {
			t.Errorf("anchor %d: right %v, below %v, next level %v; want %v, %v, %v",
				i, a.Boxes[4+i], a.Boxes[12+i], a.Boxes[24+i], right, below, coarse)
		}
	}
}

func TestOctaveScales(t *testing.T) {
	want := []float32{4, 5.0396843, 6.3496041}
	if diff := cmp.Diff(want, OctaveScales(4, 3)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestValidLeavesOutThePadding(t *testing.T) {
	g, err := NewAnchorGenerator(AnchorConfig{Strides: []int{4}, Scales: []float32{8}, Ratios: []float32{1}})
	if err != nil {
		t.Fatal(err)
	}
	got, err := g.Valid([]Size{{H: 2, W: 3}}, 5, 4) // 5 px reach into the second column
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]bool{true, true, false, false, false, false}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestAnchorConfigIsChecked(t *testing.T) {
	one := []float32{1}
	tests := []struct {
		name   string
		config AnchorConfig
		want   string
	}{
		{"empty", AnchorConfig{}, "at least one"},
		{"stride", AnchorConfig{Strides: []int{0}, Scales: one, Ratios: one}, "stride 0"},
		{"base sizes", AnchorConfig{Strides: []int{4, 8}, BaseSizes: one, Scales: one, Ratios: one}, "1 base sizes for 2"},
		{"ratio", AnchorConfig{Strides: []int{4}, Scales: one, Ratios: []float32{1, -1}}, "ratio -1 at index 1"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if _, err := NewAnchorGenerator(tt.config); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error %v, want one with %q", err, tt.want)
			}
		})
	}
	g, err := NewAnchorGenerator(AnchorConfig{Strides: []int{4}, Scales: one, Ratios: one})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := g.Grid([]Size{{1, 1}, {1, 1}}); err == nil {
		t.Error("Grid took two maps for one level")
	}
	if _, err := g.Valid([]Size{{-1, 1}}, 4, 4); err == nil {
		t.Error("Valid took a map of negative height")
	}
}

// pyramid gives the anchors of mmdet's RPN on an image of w by h pixels.
func pyramid(tb testing.TB, w, h int) []Box {
	tb.Helper()
	strides := []int{4, 8, 16, 32, 64}
	g, err := NewAnchorGenerator(AnchorConfig{Strides: strides, Scales: []float32{8}, Ratios: []float32{0.5, 1, 2}})
	if err != nil {
		tb.Fatal(err)
	}
	var sizes []Size
	for _, s := range strides {
		sizes = append(sizes, Size{H: (h + s - 1) / s, W: (w + s - 1) / s})
	}
	a, err := g.Grid(sizes)
	if err != nil {
		tb.Fatal(err)
	}
	return a.Boxes
}

func BenchmarkGrid(b *testing.B) {
	for b.Loop() {
		pyramid(b, 1216, 800)
	}
}
