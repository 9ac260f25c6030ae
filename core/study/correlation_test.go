package study

import (
	"encoding/json"
	"math"
	"os"
	"testing"
)

// TestCorrelationsAreSciPys wants tau-b and rho equal to SciPy's, with ties and
// without, to 1e-12 (bench/reference/correlation.py).
func TestCorrelationsAreSciPys(t *testing.T) {
	text, err := os.ReadFile("testdata/correlation.json")
	if err != nil {
		t.Fatal(err)
	}
	var reference struct {
		Cases []struct {
			X, Y     []float64
			Tau, Rho float64
		}
	}
	if err := json.Unmarshal(text, &reference); err != nil {
		t.Fatal(err)
	}
	if len(reference.Cases) == 0 {
		t.Fatal("no cases")
	}
	for i, c := range reference.Cases {
		if got := Kendall(c.X, c.Y).Value; !(math.Abs(got-c.Tau) < 1e-12) {
			t.Errorf("case %d: tau %v, want %v", i, got, c.Tau)
		}
		if got := Spearman(c.X, c.Y).Value; !(math.Abs(got-c.Rho) < 1e-12) {
			t.Errorf("case %d: rho %v, want %v", i, got, c.Rho)
		}
	}
}

// TestIntervals wants those of the formulas, worked out by hand, and none where they
// have no meaning.
func TestIntervals(t *testing.T) {
	x := []float64{1, 2, 3, 4, 5, 6, 7, 8}
	y := []float64{2, 1, 4, 3, 6, 5, 8, 7}
	tau, rho := Kendall(x, y), Spearman(x, y)
	// tau = 20/28, rho = 1 - 6*8/(8*63).
	if math.Abs(tau.Value-5.0/7) > 1e-15 || math.Abs(rho.Value-(1-48.0/504)) > 1e-15 {
		t.Errorf("tau %v, rho %v", tau.Value, rho.Value)
	}
	half := 1.959964 * math.Sqrt(0.437/4)
	if z := math.Atanh(5.0 / 7); math.Abs(tau.Low-math.Tanh(z-half)) > 1e-6 || math.Abs(tau.High-math.Tanh(z+half)) > 1e-6 {
		t.Errorf("tau from %v to %v", tau.Low, tau.High)
	}
	r := 1 - 48.0/504
	half = 1.959964 * math.Sqrt((1+r*r/2)/5)
	if z := math.Atanh(r); math.Abs(rho.Low-math.Tanh(z-half)) > 1e-6 || math.Abs(rho.High-math.Tanh(z+half)) > 1e-6 {
		t.Errorf("rho from %v to %v", rho.Low, rho.High)
	}
	for name, c := range map[string]Correlation{
		"agreement": Kendall(x, x), "few": Kendall(x[:4], y[:4]), "few ranks": Spearman(x[:3], y[:3]),
		"constant": Kendall(x, make([]float64, 8)), "one": Kendall(x[:1], y[:1]), "none": Spearman(nil, nil),
	} {
		if !math.IsNaN(c.Low) || !math.IsNaN(c.High) {
			t.Errorf("%s: from %v to %v", name, c.Low, c.High)
		}
	}
	if c := Kendall(x, make([]float64, 8)); !math.IsNaN(c.Value) {
		t.Errorf("tau of a constant is %v", c.Value)
	}
}
