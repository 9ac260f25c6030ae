package figure

import (
	"bytes"
	"image/png"
	"math"
	"testing"
)

// TestFiguresShowWhatTheyAreGiven wants each kind of picture to be a PNG that is the
// same for the same values, and another one for others, and numbers that are none to
// be left out.
func TestFiguresShowWhatTheyAreGiven(t *testing.T) {
	axes := Axes{Title: "title", X: "x", Y: "y"}
	kinds := map[string]func(v float64) ([]byte, error){
		"curves": func(v float64) ([]byte, error) {
			return Curves(axes, []Line{{Text: "one", Values: []float64{1, v, math.NaN()}}, {Text: "none", Values: []float64{math.NaN()}}, {Text: "empty"}})
		},
		"scatter": func(v float64) ([]byte, error) {
			return Scatter(axes, []Point{{0.1, 0.2}, {0.3, v}, {math.NaN(), 1}, {1, math.Inf(1)}})
		},
		"doublings": func(v float64) ([]byte, error) {
			return Doublings(axes, []Curve{
				{Text: "line", Points: []Point{{1, 1}, {2, 8 * v}, {0, 3}, {4, -1}, {4, math.NaN()}}},
				{Text: "dots", Points: []Point{{2, 5 * v}}, Dots: true},
				{Text: "nothing", Points: []Point{{0, 0}}},
			})
		},
		"groups": func(v float64) ([]byte, error) {
			return Groups(axes, []Group{{"a", []float64{0.1, v}}, {"b", []float64{math.NaN()}}, {"c", nil}})
		},
	}
	for name, draw := range kinds {
		one, err := draw(0.25)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		again, err := draw(0.25)
		if err != nil || !bytes.Equal(one, again) {
			t.Errorf("%s: the same values give another picture (%v)", name, err)
		}
		other, err := draw(0.75)
		if err != nil || bytes.Equal(one, other) {
			t.Errorf("%s: other values give the same picture (%v)", name, err)
		}
		m, err := png.Decode(bytes.NewReader(one))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if b := m.Bounds(); b.Dx() != 624 || b.Dy() != 456 {
			t.Errorf("%s is %v", name, b)
		}
	}
	for name, draw := range map[string]func() ([]byte, error){
		"scatter":   func() ([]byte, error) { return Scatter(axes, nil) },
		"curves":    func() ([]byte, error) { return Curves(axes, nil) },
		"groups":    func() ([]byte, error) { return Groups(axes, nil) },
		"doublings": func() ([]byte, error) { return Doublings(axes, nil) },
	} {
		if _, err := draw(); err != nil {
			t.Errorf("%s of nothing: %v", name, err)
		}
	}
}
