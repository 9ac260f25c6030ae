package nn

import (
	"math"
	"testing"

	"github.com/google/go-cmp/cmp"

	"detnas/core/tensor"
)

func TestInitialValuesDependOnSeedAndNameAlone(t *testing.T) {
	values := func(seed uint64, names ...string) map[string][]float32 {
		st := NewStore(tensor.CPU, seed)
		defer st.Free()
		out := map[string][]float32{}
		for _, n := range names {
			v, err := st.Root().At("layer").Param(n, true, Normal(2), 1000).Floats()
			if err != nil {
				t.Fatal(err)
			}
			out[n] = v
		}
		return out
	}
	a, b, c := values(1, "x", "y"), values(1, "y"), values(2, "y")
	if !cmp.Equal(a["y"], b["y"]) {
		t.Error("a parameter's values depend on the others")
	}
	if cmp.Equal(a["y"], c["y"]) || cmp.Equal(a["y"], a["x"]) {
		t.Error("values do not depend on the seed and the name")
	}
	var sum, squares float64
	for _, v := range a["x"] {
		sum, squares = sum+float64(v), squares+float64(v)*float64(v)
	}
	if std := math.Sqrt(squares / 1000); math.Abs(sum/1000) > .2 || math.Abs(std-2) > .15 {
		t.Errorf("mean %v and deviation %v of Normal(2)", sum/1000, std)
	}
}

func TestXavierUniformStaysInItsBounds(t *testing.T) {
	st := NewStore(tensor.CPU, 1)
	defer st.Free()
	v, err := st.Root().Param("w", true, XavierUniform(10, 14), 2000).Floats()
	if err != nil {
		t.Fatal(err)
	}
	var squares float64
	for _, x := range v {
		if math.Abs(float64(x)) > .5 {
			t.Fatalf("%v is beyond sqrt(6/24)", x)
		}
		squares += float64(x) * float64(x)
	}
	if variance := squares / 2000; math.Abs(variance-.25/3) > .01 {
		t.Errorf("variance %v, want %v", variance, .25/3)
	}
}

func TestStoreRefuses(t *testing.T) {
	tests := map[string]func(p Path){
		"a name twice":     func(p Path) { p.Param("w", true, Const(0), 1); p.Buffer("w", 0, 1) },
		"an empty shape":   func(p Path) { p.Param("w", true, Const(0), 3, 0) },
		"a negative shape": func(p Path) { p.Buffer("w", 0, -1) },
	}
	for name, f := range tests {
		st := NewStore(tensor.CPU, 1)
		if f(st.Root()); st.Err() == nil {
			t.Errorf("%s: no error", name)
		}
		st.Free()
	}
}

// norm runs batches of one channel through a BatchNorm in a mode.
func norm(t *testing.T, l *BatchNorm, mode Mode, stats *Stats, batches ...[]float32) (out []float32) {
	t.Helper()
	for _, b := range batches {
		err := tensor.OnThread(1, func() error {
			return tensor.Run("norm", func(s *tensor.Scope) error {
				x := s.FromFloats(b, tensor.CPU, int64(len(b)), 1, 1, 1)
				var err error
				out, err = l.Forward(&Pass{Scope: s, Mode: mode, Stats: stats}, x).Floats()
				return err
			})
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return out
}

func item(t *testing.T, x *tensor.Tensor) float64 {
	t.Helper()
	v, err := x.Item()
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func TestBatchNormModes(t *testing.T) {
	st := NewStore(tensor.CPU, 1)
	defer st.Free()
	l := NewBatchNorm(st.Root(), 1, 0)
	first, second := []float32{1, 3}, []float32{6, 10} // means 2 and 8, unbiased variances 2 and 8

	stats := NewStats(0)
	defer stats.Free()
	norm(t, l, Calibrate, stats, first, second)
	if m, v := item(t, l.Mean), item(t, l.Variance); m != 0 || v != 1 {
		t.Errorf("calibrating moved the layer's own statistics to %v, %v", m, v)
	}
	// Calibrated to the mean 5 and the variance 5, the value 5 is 0.
	if got := norm(t, l, Eval, stats, []float32{5, 5 + float32(math.Sqrt(5+1e-5))}); math.Abs(float64(got[0])) > 1e-6 || math.Abs(float64(got[1])-1) > 1e-5 {
		t.Errorf("calibrated output %v, want 0 and 1", got)
	}
	if got := norm(t, l, Eval, nil, []float32{5}); math.Abs(float64(got[0])-5) > 1e-3 {
		t.Errorf("output %v by the layer's own statistics, want 5", got)
	}
	moving := NewStats(.5)
	defer moving.Free()
	norm(t, l, Calibrate, moving, first, second)
	if m, v := item(t, moving.of[l].mean), item(t, moving.of[l].variance); m != 4.5 || v != 4.75 {
		t.Errorf("moving averages %v and %v, want half way from 0 and 1 to 2 and 2, and from there to 8 and 8", m, v)
	}
	// By the batch's own mean 8 and biased variance 4.
	if got := norm(t, l, Batch, nil, second); math.Abs(float64(got[0])+1) > 1e-4 || math.Abs(float64(got[1])-1) > 1e-4 {
		t.Errorf("output %v by the batch's own statistics, want -1 and 1", got)
	}
	if m, v := item(t, l.Mean), item(t, l.Variance); m != 0 || v != 1 {
		t.Errorf("a batch that is measured moved the layer's own statistics to %v, %v", m, v)
	}
	norm(t, l, Train, nil, first)
	if m := item(t, l.Mean); math.Abs(m-.2) > 1e-6 {
		t.Errorf("training moved the mean to %v, want 0.1 of 2", m)
	}
}

// A layer whose statistics stay normalises by them in every pass, and its weight and
// bias have gradients unless they are frozen.
func TestNormModes(t *testing.T) {
	for _, mode := range []NormMode{NormEval, NormFrozen} {
		st := NewStore(tensor.CPU, 1)
		defer st.Free()
		l := NewBatchNorm(st.Root(), 1, 0)
		l.Mode = mode
		stats := NewStats(0)
		defer stats.Free()
		for name, got := range map[string][]float32{
			"training":    norm(t, l, Train, nil, []float32{1, 3}),
			"calibrating": norm(t, l, Calibrate, stats, []float32{1, 3}),
			"evaluating":  norm(t, l, Eval, stats, []float32{1, 3}),
		} {
			if math.Abs(float64(got[0])-1) > 1e-4 || math.Abs(float64(got[1])-3) > 1e-4 {
				t.Errorf("mode %d, %s: %v, want what went in", mode, name, got)
			}
		}
		if m, v := item(t, l.Mean), item(t, l.Variance); m != 0 || v != 1 || stats.Layers() != 0 {
			t.Errorf("mode %d: the statistics moved to %v and %v, or were calibrated", mode, m, v)
		}
		err := tensor.OnThread(1, func() error {
			return tensor.Run("norm", func(s *tensor.Scope) error {
				x := s.FromFloats([]float32{1, 3}, tensor.CPU, 2, 1, 1, 1)
				if err := x.RequireGrad(true); err != nil {
					return err
				}
				y := l.Forward(&Pass{Scope: s, Mode: Train}, x)
				s.Backward(s.Sum(s.Mul(y, y)))
				trained := mode == NormEval
				w, b := s.Grad(l.Weight), s.Grad(l.Bias)
				if (w != nil) != trained || (b != nil) != trained || s.Grad(x) == nil {
					t.Errorf("mode %d: gradients of weight %v, bias %v, input %v", mode, w, b, s.Grad(x))
				}
				if trained && math.Abs(item(t, w)-20) > 1e-2 { // 2y times x, of both
					t.Errorf("the weight's gradient is %v, want 20", item(t, w))
				}
				return nil
			})
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}

func TestCalibratingNeedsStats(t *testing.T) {
	st := NewStore(tensor.CPU, 1)
	defer st.Free()
	l := NewBatchNorm(st.Root(), 1, 0)
	err := tensor.Run("norm", func(s *tensor.Scope) error {
		l.Forward(&Pass{Scope: s, Mode: Calibrate}, s.Full(1, tensor.CPU, 1, 1, 1, 1))
		return nil
	})
	if err == nil {
		t.Error("no error without Stats")
	}
}
