package shapes

import (
	"math"
	"testing"

	"detnas/core/seed"
)

// Every outline lies in the unit disc, has an inside, and changes by no more
// than the way walked, which anti-aliasing relies on.
func TestOutlines(t *testing.T) {
	for _, c := range classes {
		t.Run(c.name, func(t *testing.T) {
			r := seed.Rand(3, c.name)
			for range 20 {
				d := c.draw(r)
				inside := 0
				for range 2000 {
					x, y := between(r, -1.3, 1.3), between(r, -1.3, 1.3)
					v := d(x, y)
					if v <= 0 {
						inside++
						if math.Hypot(x, y) > 1+1e-9 {
							t.Fatalf("(%g, %g) is inside and beyond the unit disc", x, y)
						}
					}
					qx, qy := x+between(r, -0.1, 0.1), y+between(r, -0.1, 0.1)
					if change, way := math.Abs(d(qx, qy)-v), math.Hypot(qx-x, qy-y); change > way+1e-9 {
						t.Fatalf("distance changes by %g over a way of %g", change, way)
					}
				}
				if inside < 100 {
					t.Fatalf("%d of 2000 points are inside", inside)
				}
			}
		})
	}
}

func TestPolygonDistance(t *testing.T) {
	unit := polygon([][2]float64{{0, 0}, {2, 0}, {2, 2}, {0, 2}})
	for _, tt := range []struct{ x, y, want float64 }{
		{1, 1, -1},
		{0.25, 1, -0.25},
		{3, 1, 1},
		{5, 6, 5},
		{-3, -4, 5},
		{2, 1, 0},
	} {
		if got := unit(tt.x, tt.y); math.Abs(got-tt.want) > 1e-12 {
			t.Errorf("distance at (%g, %g) = %g, want %g", tt.x, tt.y, got, tt.want)
		}
	}
}

// The measured area leads sizes: check it where a formula is known.
func TestArea(t *testing.T) {
	for class, want := range map[int]float64{0: math.Pi, 1: 2, 2: 3 * math.Sqrt(3) / 4} {
		got := drawForm(seed.Rand(1), class).area()
		if math.Abs(got-want) > 0.03*want {
			t.Errorf("%s: area %g, want %g", classes[class].name, got, want)
		}
	}
}
