package picture

import (
	"image"
	"math"
	"testing"
)

// A curve passes through its values and leaves the rest of the field alone.
func TestPlotDrawsTheCurve(t *testing.T) {
	values := make([]float64, 101)
	for i := range values {
		values[i] = 0.5
	}
	values[0] = math.NaN()
	m := Plot("cell", "recall", "precision", []Line{{Text: "one", Values: values}})
	x := 2 * (left + (plotW-left-right)/2)
	middle := 2 * (top + (plotH-top-bottom)/2)
	if got := m.RGBAAt(x, middle); got != lineColour(0) {
		t.Errorf("the middle is %v, want the curve's colour", got)
	}
	for y := range m.Bounds().Dy() {
		if d := y - middle; d > 6 || d < -6 {
			if m.RGBAAt(x+3, y) == lineColour(0) {
				t.Fatalf("the curve is at %d, too", y)
			}
		}
	}
	if empty := Plot("", "", "", nil); empty.Bounds() != image.Rect(0, 0, 2*plotW, 2*plotH) {
		t.Errorf("%v", empty.Bounds())
	}
}
