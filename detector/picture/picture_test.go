package picture

import (
	"image"
	"image/color"
	"math"
	"testing"
)

// at is the colour of a pixel.
func at(m *image.RGBA, x, y int) color.RGBA { return m.RGBAAt(x, y) }

func TestDrawPutsTheBoxWhereItIs(t *testing.T) {
	m := image.NewRGBA(image.Rect(0, 0, 200, 100))
	Draw(m, []Box{{X: 20, Y: 40, W: 60, H: 30, Class: 1, Text: "cell 0.91"}})
	ink := Colour(1)
	for _, p := range []image.Point{{20, 40}, {79, 40}, {20, 69}, {79, 69}, {21, 55}, {50, 68}} {
		if at(m, p.X, p.Y) != ink {
			t.Errorf("%v is %v, want the box's colour", p, at(m, p.X, p.Y))
		}
	}
	for _, p := range []image.Point{{50, 55}, {19, 55}, {80, 55}, {50, 70}} {
		if at(m, p.X, p.Y) != (color.RGBA{}) {
			t.Errorf("%v is %v, want it untouched", p, at(m, p.X, p.Y))
		}
	}
	dark := 0
	for y := 25; y < 40; y++ {
		for x := 20; x < 87; x++ {
			if c := at(m, x, y); c == (color.RGBA{A: 255}) || c == (color.RGBA{R: 255, G: 255, B: 255, A: 255}) {
				dark++
			}
		}
	}
	if dark < 60 {
		t.Errorf("the label has %d pixels of letters", dark)
	}
}

// Whatever a box is, nothing is drawn beside the image.
func TestDrawStaysWithinTheImage(t *testing.T) {
	big := image.NewRGBA(image.Rect(0, 0, 300, 300))
	part, ok := big.SubImage(image.Rect(100, 100, 200, 200)).(*image.RGBA)
	if !ok {
		t.Fatal("no RGBA")
	}
	inf := math.Inf(1)
	Draw(part, []Box{
		{X: -50, Y: -50, W: 1000, H: 1000, Text: "a label that is far longer than the image is wide, and \x1b[2J \u202e too"},
		{X: 90, Y: 2, W: 0, H: 0, Text: "empty"},
		{X: math.NaN(), Y: 1, W: 2, H: 2},
		{X: -inf, Y: inf, W: inf, H: -inf, Text: "x"},
	})
	for y := range 300 {
		for x := range 300 {
			if !image.Pt(x, y).In(part.Bounds()) && at(big, x, y) != (color.RGBA{}) {
				t.Fatalf("%d,%d was drawn on", x, y)
			}
		}
	}
}

func TestTheFirstIsOnTop(t *testing.T) {
	m := image.NewRGBA(image.Rect(0, 0, 50, 50))
	Draw(m, []Box{{X: 10, Y: 10, W: 20, H: 20, Class: 0}, {X: 10, Y: 10, W: 20, H: 20, Class: 3}})
	if at(m, 10, 20) != Colour(0) {
		t.Errorf("the border is %v, want that of the first box", at(m, 10, 20))
	}
}

func TestNeighbouringClassesDiffer(t *testing.T) {
	for i := range 200 {
		a, b := Colour(i), Colour(i+1)
		d := math.Abs(float64(a.R)-float64(b.R)) + math.Abs(float64(a.G)-float64(b.G)) + math.Abs(float64(a.B)-float64(b.B))
		if d < 100 || a.A != 255 {
			t.Errorf("classes %d and %d: %v and %v", i, i+1, a, b)
		}
	}
}
