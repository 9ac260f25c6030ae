package tensor

import (
	"errors"
	"math"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"detnas/core/native"
)

// run calls f in a scope on a thread of its own and fails the test on an error.
func run(t *testing.T, f func(s *Scope) error) {
	t.Helper()
	err := OnThread(2, func() error { return Run("test", f) })
	if err != nil {
		t.Fatal(err)
	}
}

func TestOperatorsAgainstHandWorkedValues(t *testing.T) {
	x := []float32{1, -2, 3, -4}
	tests := []struct {
		name  string
		f     func(s *Scope, x *Tensor) *Tensor
		want  []float32
		shape []int64
	}{
		{"add", func(s *Scope, x *Tensor) *Tensor { return s.Add(x, x) }, []float32{2, -4, 6, -8}, []int64{2, 2}},
		{"sub", func(s *Scope, x *Tensor) *Tensor { return s.Sub(x, x) }, []float32{0, 0, 0, 0}, []int64{2, 2}},
		{"mul", func(s *Scope, x *Tensor) *Tensor { return s.Mul(x, x) }, []float32{1, 4, 9, 16}, []int64{2, 2}},
		{"matmul", func(s *Scope, x *Tensor) *Tensor { return s.Matmul(x, x) }, []float32{-5, 6, -9, 10}, []int64{2, 2}},
		{"relu", func(s *Scope, x *Tensor) *Tensor { return s.Relu(x) }, []float32{1, 0, 3, 0}, []int64{2, 2}},
		{"scale", func(s *Scope, x *Tensor) *Tensor { return s.Scale(x, -2) }, []float32{-2, 4, -6, 8}, []int64{2, 2}},
		{"shift", func(s *Scope, x *Tensor) *Tensor { return s.Shift(x, 1) }, []float32{2, -1, 4, -3}, []int64{2, 2}},
		{"sum", func(s *Scope, x *Tensor) *Tensor { return s.Sum(x) }, []float32{-2}, []int64{}},
		{"mean", func(s *Scope, x *Tensor) *Tensor { return s.Mean(x) }, []float32{-.5}, []int64{}},
		{"mean over rows", func(s *Scope, x *Tensor) *Tensor { return s.MeanDims(x, []int64{0}, false) }, []float32{2, -3}, []int64{2}},
		{"transpose", func(s *Scope, x *Tensor) *Tensor { return s.Transpose(x, 0, 1) }, []float32{1, 3, -2, -4}, []int64{2, 2}},
		{"permute", func(s *Scope, x *Tensor) *Tensor { return s.Permute(x, 1, 0) }, []float32{1, 3, -2, -4}, []int64{2, 2}},
		{"narrow", func(s *Scope, x *Tensor) *Tensor { return s.Narrow(x, 1, 1, 1) }, []float32{-2, -4}, []int64{2, 1}},
		{"reshape", func(s *Scope, x *Tensor) *Tensor { return s.Reshape(x, 4, -1) }, x, []int64{4, 1}},
		{"cat", func(s *Scope, x *Tensor) *Tensor { return s.Cat([]*Tensor{x, x}, 1) }, []float32{1, -2, 1, -2, 3, -4, 3, -4}, []int64{2, 4}},
		{"clone", func(s *Scope, x *Tensor) *Tensor { return s.Clone(x) }, x, []int64{2, 2}},
		{
			"index select", func(s *Scope, x *Tensor) *Tensor { return s.IndexSelect(x, 0, s.FromInts([]int64{1, 1}, CPU, 2)) },
			[]float32{3, -4, 3, -4},
			[]int64{2, 2},
		},
		{
			"gather", func(s *Scope, x *Tensor) *Tensor { return s.Gather(x, 1, s.FromInts([]int64{1, 0}, CPU, 2, 1)) },
			[]float32{-2, 3},
			[]int64{2, 1},
		},
		{
			"softmax", func(s *Scope, x *Tensor) *Tensor { return s.Softmax(s.Scale(x, 0), 1) },
			[]float32{.5, .5, .5, .5},
			[]int64{2, 2},
		},
		{
			"max pool", func(s *Scope, x *Tensor) *Tensor { return s.MaxPool2d(s.Reshape(x, 1, 1, 2, 2), 2, 2, 0) },
			[]float32{3},
			[]int64{1, 1, 1, 1},
		},
		{
			"upsample", func(s *Scope, x *Tensor) *Tensor { return s.UpsampleNearest(s.Reshape(x, 1, 2, 1, 2), 1, 4) },
			[]float32{1, 1, -2, -2, 3, 3, -4, -4},
			[]int64{1, 2, 1, 4},
		},
		{
			"channel shuffle", func(s *Scope, x *Tensor) *Tensor { return s.ChannelShuffle(s.Reshape(x, 1, 4, 1, 1), 2) },
			[]float32{1, 3, -2, -4},
			[]int64{1, 4, 1, 1},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			run(t, func(s *Scope) error {
				y := tt.f(s, s.FromFloats(x, CPU, 2, 2))
				got, err := y.Floats()
				if err != nil {
					return err
				}
				if d := cmp.Diff(tt.want, got, cmpopts.EquateApprox(1e-6, 0)); d != "" {
					t.Errorf("values (-want +got):\n%s", d)
				}
				if d := cmp.Diff(tt.shape, y.Shape()); d != "" {
					t.Errorf("shape (-want +got):\n%s", d)
				}
				return nil
			})
		})
	}
}

func TestAFailedOperatorIsOneErrorThatNamesIt(t *testing.T) {
	var after *Tensor
	err := OnThread(1, func() error {
		return Run("forward", func(s *Scope) error {
			done := s.Layer("stage 2")
			defer done()
			a, b := s.Full(1, CPU, 2, 3), s.Full(1, CPU, 4, 5)
			bad := s.Matmul(a, b)
			after = s.Relu(bad)
			return errors.New("a consequence")
		})
	})
	var op *OpError
	if !errors.As(err, &op) || op.Op != "matmul" {
		t.Fatalf("error %v; want one of matmul", err)
	}
	for _, part := range []string{"forward: stage 2: matmul", "[2 3] [4 5]"} {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("error %q does not say %q", err, part)
		}
	}
	if !after.Empty() {
		t.Error("an operator ran after the failure")
	}
}

func TestMisuseIsAnErrorNotACrash(t *testing.T) {
	tests := map[string]func(s *Scope, x *Tensor) *Tensor{
		"nil operand":         func(s *Scope, x *Tensor) *Tensor { return s.Add(x, nil) },
		"freed operand":       func(s *Scope, x *Tensor) *Tensor { s.Free(x); return s.Relu(x) },
		"too little data":     func(s *Scope, _ *Tensor) *Tensor { return s.FromFloats([]float32{1}, CPU, 2) },
		"negative size":       func(s *Scope, _ *Tensor) *Tensor { return s.FromFloats(nil, CPU, -1) },
		"channels of a plane": func(s *Scope, x *Tensor) *Tensor { return s.ChannelShuffle(x, 2) },
		"index out of range":  func(s *Scope, x *Tensor) *Tensor { return s.IndexSelect(x, 0, s.FromInts([]int64{9}, CPU, 1)) },
		"wrong class": func(s *Scope, x *Tensor) *Tensor {
			return s.CrossEntropy(x, s.FromInts([]int64{0, 7}, CPU, 2), Average, 0)
		},
		"backward of a matrix": func(s *Scope, x *Tensor) *Tensor { s.Backward(x); return x },
	}
	for name, f := range tests {
		t.Run(name, func(t *testing.T) {
			err := OnThread(1, func() error {
				return Run("test", func(s *Scope) error {
					f(s, s.Full(1, CPU, 2, 2))
					return nil
				})
			})
			if err == nil {
				t.Error("no error")
			}
		})
	}
}

func TestScopeFreesWhatItOwns(t *testing.T) {
	run(t, func(s *Scope) error {
		var inner, kept *Tensor
		out := s.Within(func(in *Scope) []*Tensor {
			inner = in.Full(1, CPU, 2)
			kept = in.Keep(in.Full(2, CPU, 2))
			return []*Tensor{in.Full(3, CPU, 2)}
		})
		defer kept.Free()
		if !inner.Empty() || kept.Empty() || out[0].Empty() || s.Len() != 1 {
			t.Errorf("inner freed %v, kept there %v, result there %v, outer scope holds %d; want true true true 1",
				inner.Empty(), !kept.Empty(), !out[0].Empty(), s.Len())
		}
		return nil
	})
}

func TestLosses(t *testing.T) {
	run(t, func(s *Scope) error {
		logits := s.FromFloats([]float32{2, 0, 0, 3}, CPU, 2, 2)
		target := s.FromInts([]int64{0, 1}, CPU, 2)
		// -log softmax by hand; with smoothing e the target is 1-e/2, e/2.
		a, b := math.Log(1+math.Exp(-2)), math.Log(1+math.Exp(-3))
		check := func(name string, got *Tensor, want float64) {
			v, err := got.Item()
			if err != nil || math.Abs(v-want) > 1e-6 {
				t.Errorf("%s = %v (%v), want %v", name, v, err, want)
			}
		}
		check("cross entropy", s.CrossEntropy(logits, target, Average, 0), (a+b)/2)
		check("smoothed", s.CrossEntropy(logits, target, Average, .2), (a+b+.1*2+.1*3)/2)
		check("bce", s.BCE(s.FromFloats([]float32{2}, CPU, 1), s.Full(1, CPU, 1), Total), a)
		d := s.FromFloats([]float32{.5, 3}, CPU, 2)
		zero := s.Full(0, CPU, 2)
		check("l1", s.SmoothL1(d, zero, Total, 0), 3.5)
		check("smooth l1", s.SmoothL1(d, zero, Total, 1), .125+2.5)
		return nil
	})
}

func TestSGDSkipsWhatBackwardDidNotReach(t *testing.T) {
	run(t, func(s *Scope) error {
		a, b := s.Full(1, CPU, 1), s.Full(1, CPU, 1)
		ma, mb := s.Full(0, CPU, 1), s.Full(5, CPU, 1)
		for _, p := range []*Tensor{a, b} {
			if err := p.RequireGrad(true); err != nil {
				return err
			}
		}
		// Two steps on 3*a: gradient 3, decay .5, momentum .9, rate .1.
		want, m := 1.0, 0.0
		for range 2 {
			DropGrads([]*Tensor{a, b})
			s.Backward(s.Sum(s.Scale(a, 3)))
			moved := []bool{false, true}
			err := SGD([]*Tensor{a, b}, []*Tensor{ma, mb}, []float64{.5, .5}, .1, .9, moved)
			if err != nil || !slices.Equal(moved, []bool{true, false}) {
				t.Errorf("moved %v (%v), want the first", moved, err)
			}
			m = .9*m + 3 + .5*want
			want -= .1 * m
		}
		if v, _ := a.Item(); math.Abs(v-want) > 1e-6 {
			t.Errorf("a = %v, want %v", v, want)
		}
		if v, _ := b.Item(); v != 1 {
			t.Errorf("b moved to %v without a gradient", v)
		}
		if s.Grad(b) != nil {
			t.Error("b has a gradient")
		}
		return nil
	})
}

func TestClipGrads(t *testing.T) {
	run(t, func(s *Scope) error {
		a := s.Full(1, CPU, 2)
		if err := a.RequireGrad(true); err != nil {
			return err
		}
		s.Backward(s.Sum(s.Mul(a, s.FromFloats([]float32{3, 4}, CPU, 2))))
		norm, err := ClipGrads([]*Tensor{a}, 1)
		if err != nil || math.Abs(norm-5) > 1e-6 {
			t.Errorf("norm %v (%v), want 5", norm, err)
		}
		g, err := s.Grad(a).Floats()
		if d := cmp.Diff([]float32{.6, .8}, g, cmpopts.EquateApprox(0, 1e-5)); d != "" || err != nil {
			t.Errorf("clipped gradient %v (%v): %s", g, err, d)
		}
		return nil
	})
}

func TestNoGradLeavesNoHistory(t *testing.T) {
	run(t, func(s *Scope) error {
		a := s.Full(1, CPU, 1)
		if err := a.RequireGrad(true); err != nil {
			return err
		}
		var y *Tensor
		if err := NoGrad(func() error { y = s.Scale(a, 2); return nil }); err != nil {
			return err
		}
		in := NewScope()
		defer in.Close()
		in.Backward(in.Sum(y))
		if in.Err() == nil {
			t.Error("backward went through a tensor made without autograd")
		}
		s.Backward(s.Sum(s.Scale(a, 2)))
		if s.Grad(a) == nil {
			t.Error("autograd stayed off after NoGrad")
		}
		return nil
	})
}

// The form of RoIAlign for any device and the one for the CPU are two programs
// for one formula; they agree, gradients too.
func TestRoIAlignTwoWays(t *testing.T) {
	feature := func(n int) []float32 {
		out := make([]float32, n)
		for i := range out {
			out[i] = float32((i*7919)%101) / 50
		}
		return out
	}
	rois := []float32{
		0, 0, 0, 31, 31,
		1, 3.5, 2.25, 17, 29,
		0, -20, -9, 12, 8, // over the border
		1, 10, 10, 10, 10, // empty
		1, 100, 100, 140, 130, // outside
	}
	levels := []int32{0, 1, 0, 1, 0}
	for _, a := range []native.Align{{Pooled: 3, Aligned: true}, {Pooled: 2, Sampling: 2}, {Pooled: 7, Sampling: 2, Aligned: true}} {
		run(t, func(s *Scope) error {
			var outs, grads [2][]float32
			for way := range 2 {
				a.Gather = way == 1
				f := []*Tensor{s.FromFloats(feature(2*3*16*16), CPU, 2, 3, 16, 16), s.FromFloats(feature(2*3*8*8), CPU, 2, 3, 8, 8)}
				for _, x := range f {
					if err := x.RequireGrad(true); err != nil {
						return err
					}
				}
				y := s.RoIAlign(f, []float64{.5, .25}, rois, levels, a)
				s.Backward(s.Sum(s.Mul(y, y)))
				var err error
				if outs[way], err = y.Floats(); err != nil {
					return err
				}
				for _, x := range f {
					g, err := s.Grad(x).Floats()
					if err != nil {
						return err
					}
					grads[way] = append(grads[way], g...)
				}
			}
			near := cmpopts.EquateApprox(1e-5, 1e-5)
			if d := cmp.Diff(outs[0], outs[1], near); d != "" {
				t.Errorf("%+v: values differ:\n%s", a, d)
			}
			if d := cmp.Diff(grads[0], grads[1], near); d != "" {
				t.Errorf("%+v: gradients differ:\n%s", a, d)
			}
			return nil
		})
	}
}

// A box on a map without pixels is an error, in both forms; torchvision reads beside such a
// map. Without boxes there is nothing to pool.
func TestRoIAlignOnNoPixels(t *testing.T) {
	for _, dims := range [][]int64{{1, 3, 0, 4}, {1, 3, 4, 0}, {1, 3, 0, 0}} {
		for way := range 2 {
			align := native.Align{Pooled: 2, Gather: way == 1}
			run(t, func(s *Scope) error {
				y := s.RoIAlign([]*Tensor{s.FromFloats(nil, CPU, dims...)}, []float64{1}, nil, nil, align)
				if got := y.Shape(); !slices.Equal(got, []int64{0, 3, 2, 2}) {
					t.Errorf("%v: no boxes are pooled to %v", dims, got)
				}
				return nil
			})
			err := OnThread(1, func() error {
				return Run("test", func(s *Scope) error {
					s.RoIAlign([]*Tensor{s.FromFloats(nil, CPU, dims...)}, []float64{1}, []float32{0, 0, 0, 1, 1}, []int32{0}, align)
					return nil
				})
			})
			if err == nil || !strings.Contains(err.Error(), "has no pixels") {
				t.Errorf("%v: error %v", dims, err)
			}
		}
	}
}

// The focal loss has two forms as well. Its sum is the same to the bit on one
// thread and on two.
func TestFocalLossTwoWays(t *testing.T) {
	const rows, classes = 3000, 7
	x, labels := make([]float32, rows*classes), make([]int64, rows)
	for i := range x {
		x[i] = float32((i*7919)%1001)/25 - 20
	}
	for i := range labels {
		labels[i] = int64(i*31%(classes+2)) - 2 // some left out, some of no class
	}
	for _, f := range []native.Focus{{Alpha: .25, Gamma: 2}, {Alpha: .6, Gamma: 1.5}, {Alpha: .5}} {
		var losses, grads [3][]float32
		for way := range 3 {
			f.Plain = way == 1
			err := OnThread(1+way/2, func() error {
				return Run("test", func(s *Scope) error {
					logits := s.FromFloats(x, CPU, rows, classes)
					if err := logits.RequireGrad(true); err != nil {
						return err
					}
					loss := s.FocalLoss(logits, s.FromInts(labels, CPU, rows), f)
					s.Backward(s.Scale(loss, .5))
					var err error
					if losses[way], err = loss.Floats(); err != nil {
						return err
					}
					grads[way], err = s.Grad(logits).Floats()
					return err
				})
			})
			if err != nil {
				t.Fatal(err)
			}
		}
		if d := cmp.Diff(losses[0], losses[1], cmpopts.EquateApprox(1e-5, 0)); d != "" {
			t.Errorf("%+v: values differ:\n%s", f, d)
		}
		if d := cmp.Diff(grads[0], grads[1], cmpopts.EquateApprox(1e-4, 1e-6)); d != "" {
			t.Errorf("%+v: gradients differ:\n%s", f, d)
		}
		if !cmp.Equal(losses[0], losses[2]) || !cmp.Equal(grads[0], grads[2]) {
			t.Errorf("%+v: one thread and two differ: %v and %v", f, losses[0], losses[2])
		}
	}
}

func TestFocalLossOfAFewLogits(t *testing.T) {
	// Of the probability p of what is right: -alpha (1-p)^2 log p, and -0.75 for
	// classes that are not there. sigmoid(0) is 0.5, sigmoid(log 3) 0.75.
	log3 := float32(math.Log(3))
	tests := []struct {
		name   string
		logits []float32
		label  int64
		want   float64
	}{
		{"undecided", []float32{0, 0}, 0, .25*.25*math.Ln2 + .75*.25*math.Ln2},
		{"nothing there", []float32{-log3, log3}, -1, -.75 * (.0625*math.Log(.75) + .5625*math.Log(.25))},
		{"left out", []float32{5, float32(math.NaN())}, -2, 0},
		{"far off", []float32{-200, -200}, 1, .25 * 200},
		{"certain", []float32{-200, 200}, 1, 0},
	}
	for _, c := range tests {
		for _, plain := range []bool{false, true} {
			run(t, func(s *Scope) error {
				loss := s.FocalLoss(s.FromFloats(c.logits, CPU, 1, 2), s.FromInts([]int64{c.label}, CPU, 1),
					native.Focus{Alpha: .25, Gamma: 2, Plain: plain})
				got, err := loss.Item()
				if !(math.Abs(got-c.want) <= 1e-6*math.Max(1, c.want)) {
					t.Errorf("%s (plain %v): %v, want %v", c.name, plain, got, c.want)
				}
				return err
			})
		}
	}
	err := OnThread(1, func() error {
		return Run("test", func(s *Scope) error {
			s.FocalLoss(s.FromFloats(make([]float32, 6), CPU, 3, 2), s.FromInts([]int64{0}, CPU, 1), native.Focus{})
			return nil
		})
	})
	if err == nil || !strings.Contains(err.Error(), "focal loss of [3 2] [1]") {
		t.Errorf("3 rows and 1 label: %v", err)
	}
}

func TestBLASName(t *testing.T) {
	for path, want := range map[string]struct {
		name string
		slow bool
	}{
		"/usr/lib/x86_64-linux-gnu/openblas-pthread/libblas.so.3": {"OpenBLAS (openblas-pthread)", false},
		"/usr/lib/x86_64-linux-gnu/blas/libblas.so.3.11.0":        {"reference BLAS", true},
		"/opt/libtorch/lib/libtorch_cpu.so":                       {"MKL", false},
		"":                                                        {"unknown", false},
	} {
		if name, slow := blasName(path); name != want.name || slow != want.slow {
			t.Errorf("%q: %q, slow %v; want %+v", path, name, slow, want)
		}
	}
}

// A small net trained for 10,000 steps stays where it was in memory after 100.
func TestTrainingStaysFlatInMemory(t *testing.T) {
	steps := 10_000
	if testing.Short() {
		steps = 2_000
	}
	run(t, func(outer *Scope) error {
		w := outer.Scale(outer.Full(.01, CPU, 8, 3, 3, 3), 1)
		m := outer.Full(0, CPU, 8, 3, 3, 3)
		if err := w.RequireGrad(true); err != nil {
			return err
		}
		pixels := make([]float32, 2*3*32*32)
		var start int64
		for i := range steps {
			err := Run("step", func(s *Scope) error {
				x := s.FromFloats(pixels, CPU, 2, 3, 32, 32)
				DropGrads([]*Tensor{w})
				s.Backward(s.Mean(s.Relu(s.Conv2d(x, w, nil, Conv{Pad: 1}))))
				return SGD([]*Tensor{w}, []*Tensor{m}, []float64{0}, .1, .9, make([]bool, 1))
			})
			if err != nil {
				return err
			}
			if i == 99 {
				start = residentKiB(t)
			}
		}
		if grown := residentKiB(t) - start; grown > 4<<10 {
			t.Errorf("resident memory grew by %d KiB over %d steps", grown, steps-100)
		}
		return nil
	})
}

func residentKiB(t *testing.T) int64 {
	t.Helper()
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		t.Skip("no /proc/self/status to read the resident memory from")
	}
	for line := range strings.Lines(string(status)) {
		if f := strings.Fields(line); len(f) > 1 && f[0] == "VmRSS:" {
			n, err := strconv.ParseInt(f[1], 10, 64)
			if err != nil {
				t.Fatal(err)
			}
			return n
		}
	}
	t.Fatal("no VmRSS in /proc/self/status")
	return 0
}

func TestNotFinite(t *testing.T) {
	run(t, func(s *Scope) error {
		good := s.Full(math.MaxFloat32, CPU, 3, 100_000)
		for _, bad := range []float64{math.NaN(), math.Inf(1), math.Inf(-1)} {
			values := make([]float32, 70_000)
			values[69_999] = float32(bad)
			w := s.FromFloats(values, CPU, 70_000)
			for _, tt := range []struct {
				ts   []*Tensor
				want int
			}{{[]*Tensor{good, w}, 1}, {[]*Tensor{s.Transpose(s.Reshape(w, 7, 10_000), 0, 1)}, 0}, {[]*Tensor{good}, -1}, {nil, -1}} {
				if at, err := NotFinite(tt.ts); at != tt.want || err != nil {
					t.Errorf("%v of %d tensors is at %d (%v), want %d", bad, len(tt.ts), at, err, tt.want)
				}
			}
			if ok, err := w.AllFinite(); ok || err != nil {
				t.Errorf("%v is finite (%v)", bad, err)
			}
		}
		return nil
	})
}

func TestGradNotFinite(t *testing.T) {
	run(t, func(s *Scope) error {
		a, b := s.Full(1, CPU, 2), s.Full(1, CPU, 2)
		for _, p := range []*Tensor{a, b} {
			if err := p.RequireGrad(true); err != nil {
				return err
			}
		}
		params := []*Tensor{a, b}
		if at, err := GradNotFinite(params); at != -1 || err != nil {
			t.Errorf("without gradients: %d (%v)", at, err)
		}
		s.Backward(s.Sum(s.Mul(b, s.FromFloats([]float32{3, float32(math.Inf(1))}, CPU, 2))))
		if at, err := GradNotFinite(params); at != 1 || err != nil {
			t.Errorf("at %d (%v), want 1", at, err)
		}
		return nil
	})
}

// What no machine has memory for is an error of its own kind, whichever way it
// comes from libtorch.
func TestOutOfMemory(t *testing.T) {
	for name, ask := range map[string]func(*Scope){
		"core/native": func(s *Scope) { s.Full(0, CPU, 1<<45) },
		"gotch":       func(s *Scope) { s.UpsampleNearest(s.Full(0, CPU, 1, 1, 1, 1), 1<<23, 1<<22) },
	} {
		var op *OpError
		err := OnThread(1, func() error { return Run("test", func(s *Scope) error { ask(s); return nil }) })
		if !errors.Is(err, ErrOutOfMemory) || !errors.As(err, &op) || !strings.Contains(err.Error(), "134217728.0 MiB was asked for") {
			t.Errorf("%s: %v", name, err)
		}
	}
}
