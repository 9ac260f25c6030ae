package tensor

import (
	"fmt"
	"math"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// blockCase is a block in one operator beside the same of libtorch's.
type blockCase struct {
	name       string
	order      Order
	side, main []layer
	shape      []int64
}

// layer is a unit to make: a kernel of 0 is BN alone, one of 1 a pointwise convolution
// to so many channels, others are depthwise.
type layer struct{ kernel, stride, out int }

func blockCases() []blockCase {
	half := []layer{{1, 1, 20}, {5, 1, 20}, {1, 1, 6}}
	down := []layer{{1, 1, 9}, {3, 2, 9}, {1, 1, 14}}
	cases := []blockCase{
		{"bn", Whole, nil, []layer{{0, 1, 7}}, []int64{3, 7, 5, 9}},
		{"pointwise", Whole, nil, []layer{{1, 1, 37}}, []int64{3, 19, 7, 9}},
		{"pointwise, tiles within an image", Whole, nil, []layer{{1, 1, 5}}, []int64{2, 3, 41, 50}},
		{"xception", Concat, nil, []layer{{3, 1, 6}, {1, 1, 11}, {3, 1, 11}, {1, 1, 11}, {3, 1, 11}, {1, 1, 6}}, []int64{2, 12, 5, 6}},
		{"stride 2", Concat, []layer{{3, 2, 10}, {1, 1, 4}}, down, []int64{2, 10, 9, 8}},
		{"stride 2, shuffled", ShuffleLast, []layer{{7, 2, 10}, {1, 1, 14}}, down, []int64{2, 10, 8, 9}},
	}
	for order, name := range map[Order]string{Concat: "concat", ShuffleLast: "shuffle", ShuffleFirst: "shuffle before", PairsFirst: "pairs before"} {
		cases = append(cases, blockCase{name, order, nil, half, []int64{4, 12, 6, 7}})
	}
	for _, k := range []int{3, 5, 7} {
		for _, stride := range []int{1, 2} {
			for _, side := range []int64{1, 2, 3, 8} {
				cases = append(cases, blockCase{
					fmt.Sprintf("%dx%d, stride %d, %d px", k, k, stride, side), Whole, nil,
					[]layer{{k, stride, 5}},
					[]int64{3, 5, side, side + 2},
				})
			}
		}
	}
	for _, n := range []int64{16, 21, 70} { // in rows, by whole vectors and by parts of them
		for _, k := range []int{3, 5, 7} {
			for _, stride := range []int{1, 2} {
				for _, side := range []int64{1, 2, 3} {
					cases = append(cases, blockCase{
						fmt.Sprintf("%d images, %dx%d, stride %d, %d px", n, k, k, stride, side), Whole, nil,
						[]layer{{1, 1, 3}, {k, stride, 3}, {1, 1, 5}},
						[]int64{n, 4, side, side + 1},
					})
				}
			}
		}
	}
	for order, name := range map[Order]string{Concat: "concat", ShuffleLast: "shuffle", ShuffleFirst: "shuffle before", PairsFirst: "pairs before"} {
		cases = append(cases, blockCase{name + ", 18 images", order, nil, half, []int64{18, 12, 3, 4}})
	}
	cases = append(cases, blockCase{"stride 2, shuffled, 17 images", ShuffleLast, []layer{{7, 2, 10}, {1, 1, 14}}, down, []int64{17, 10, 8, 9}},
		blockCase{"bn, 20 images", Whole, nil, []layer{{0, 1, 7}}, []int64{20, 7, 5, 9}})
	slices.SortFunc(cases, func(a, b blockCase) int { return strings.Compare(a.name, b.name) })
	return cases
}

// wave fills in values of both signs without a period that a kernel has.
func wave(n int64, by, mean float64) []float32 {
	out := make([]float32, n)
	for i := range out {
		out[i] = float32(mean + by*math.Sin(float64(i)*1.7+float64(i*i%97)))
	}
	return out
}

// unitsOf makes layers for x channels, and lists their tensors.
func unitsOf(s *Scope, layers []layer, x int64, batch bool, dtype DType) (units []Unit, params, stats []*Tensor) {
	param := func(values []float32, shape ...int64) *Tensor {
		t := s.ToType(s.FromFloats(values, CPU, shape...), dtype)
		params = append(params, t)
		return t
	}
	for i, l := range layers {
		out := int64(l.out)
		u := Unit{Momentum: .1, Eps: 1e-5, Kernel: l.kernel, Stride: l.stride, ReLU: l.kernel < 2, Depthwise: l.kernel > 1, Batch: batch}
		k := int64(l.kernel)
		switch {
		case l.kernel == 1:
			u.Weight = param(wave(out*x, .3, .01), out, x, 1, 1)
		case l.kernel > 1:
			u.Weight = param(wave(out*k*k, .5, .1), out, 1, k, k)
		}
		u.Gamma, u.Beta = param(wave(out, .4, 1), out), param(wave(out, .3, .05*float64(i)), out)
		u.Mean = s.ToType(s.FromFloats(wave(out, .2, 0), CPU, out), dtype)
		u.Variance = s.ToType(s.FromFloats(wave(out, .3, 1), CPU, out), dtype)
		stats = append(stats, u.Mean, u.Variance)
		units, x = append(units, u), out
	}
	return units, params, stats
}

// plain is a block of libtorch's operators.
func (c blockCase) plain(s *Scope, x *Tensor, side, main []Unit) *Tensor {
	chain := func(y *Tensor, units []Unit) *Tensor {
		for _, u := range units {
			if u.Kernel > 0 {
				g := Conv{Stride: int64(u.Stride), Pad: int64(u.Kernel / 2)}
				if u.Depthwise {
					g.Groups = u.Weight.Dim(0)
				}
				y = s.Conv2d(y, u.Weight, nil, g)
			}
			y = s.BatchNorm(y, u.Gamma, u.Beta, u.Mean, u.Variance, u.Batch, u.Momentum, u.Eps)
			if u.ReLU {
				y = s.Relu(y)
			}
		}
		return y
	}
	if c.order == Whole {
		return chain(x, main)
	}
	half := x.Dim(1) / 2
	var left, right *Tensor
	switch {
	case len(side) > 0:
		left, right = chain(x, side), chain(x, main)
	default:
		if c.order == ShuffleFirst {
			x = s.ChannelShuffle(x, 2)
		}
		if c.order == PairsFirst {
			x = s.ChannelShuffle(x, half)
		}
		left, right = s.Narrow(x, 1, 0, half), chain(s.Narrow(x, 1, half, half), main)
	}
	y := s.Cat([]*Tensor{left, right}, 1)
	if c.order == ShuffleLast {
		y = s.ChannelShuffle(y, 2)
	}
	return y
}

// outcome is all that a block gives: its result, BN's statistics, the gradients of the
// input and of the parameters.
func (c blockCase) outcome(fused, batch bool, threads int, dtype DType) (out [][]float32, err error) {
	err = OnThread(threads, func() error {
		return Run("block", func(s *Scope) error {
			n := int64(1)
			for _, d := range c.shape {
				n *= d
			}
			x := s.ToType(s.FromFloats(wave(n, 1, .2), CPU, c.shape...), dtype)
			channels := c.shape[1]
			side, params, stats := unitsOf(s, c.side, channels, batch, dtype)
			if c.order != Whole && len(side) == 0 {
				channels /= 2
			}
			main, more, moved := unitsOf(s, c.main, channels, batch, dtype)
			params, stats = append(append([]*Tensor{x}, params...), more...), append(stats, moved...)
			for _, p := range params {
				if err := p.RequireGrad(true); err != nil {
					return err
				}
			}
			var y *Tensor
			if fused {
				y = s.Block(nil, x, side, main, c.order)
			} else {
				y = c.plain(s, x, side, main)
			}
			if s.Err() != nil {
				return nil
			}
			weights := s.ToType(s.FromFloats(wave(y.Len(), 1, .1), CPU, y.Shape()...), dtype)
			s.Backward(s.Sum(s.Mul(y, weights)))
			all := append([]*Tensor{y}, stats...)
			for _, p := range params {
				all = append(all, s.Grad(p))
			}
			for _, t := range all {
				values, err := s.ToType(t, Float).Floats()
				if err != nil {
					return err
				}
				out = append(out, values)
			}
			return nil
		})
	})
	return out, err
}

// What a block gives in one operator is what libtorch's operators give in float64, and
// the same to the bit on one thread and on three.
func TestBlockAgainstOperators(t *testing.T) {
	for _, c := range blockCases() {
		for _, batch := range []bool{true, false} {
			want, err := c.outcome(false, batch, 1, Double)
			if err != nil {
				t.Fatalf("%s: %v", c.name, err)
			}
			got, err := c.outcome(true, batch, 1, Float)
			if err != nil {
				t.Fatalf("%s: %v", c.name, err)
			}
			for i := range want {
				// A gradient that sums up to nothing is as wrong as what it is the sum of.
				if d := furthest(got[i], want[i]); d > 2e-5 {
					t.Errorf("%s, of the batch %v: tensor %d of %d is off by %.1e of its largest element", c.name, batch, i, len(want), d)
				}
			}
			if again, err := c.outcome(true, batch, 3, Float); err != nil || !cmp.Equal(got, again) {
				t.Errorf("%s: one thread and three differ (%v)", c.name, err)
			}
		}
	}
}

// furthest is the largest difference, relative to the largest element or 1.
func furthest(got, want []float32) float64 {
	if len(got) != len(want) {
		return math.Inf(1)
	}
	most, scale := 0.0, 1.0
	for i := range want {
		most = max(most, math.Abs(float64(got[i])-float64(want[i])))
		scale = max(scale, math.Abs(float64(want[i])))
		if math.IsNaN(float64(got[i])) {
			return math.Inf(1)
		}
	}
	return most / scale
}

// NaN goes through ReLU as it does in libtorch, so that training sees it.
func TestBlockKeepsNaN(t *testing.T) {
	run(t, func(s *Scope) error {
		one := func(v float64) *Tensor { return s.Full(v, CPU, 1) }
		x := s.FromFloats([]float32{1, float32(math.NaN()), -3, 2}, CPU, 1, 1, 2, 2)
		y, err := s.Block(nil, x, nil, []Unit{{Gamma: one(1), Beta: one(0), Mean: one(0), Variance: one(1), ReLU: true}}, Whole).Floats()
		if err == nil && (!math.IsNaN(float64(y[1])) || y[2] != 0) {
			t.Errorf("%v", y)
		}
		return err
	})
}

func TestBlockErrors(t *testing.T) {
	tests := []struct {
		name string
		c    blockCase
		want string
	}{
		{"no half", blockCase{order: Concat, main: []layer{{1, 1, 4}}, shape: []int64{1, 5, 2, 2}}, "5 channels have no half"},
		{"too wide", blockCase{order: ShuffleLast, main: []layer{{1, 1, 4}}, shape: []int64{1, 4, 2, 2}}, "halves have 2 and 4"},
		{"another BN", blockCase{order: Whole, main: []layer{{0, 1, 4}}, shape: []int64{1, 5, 2, 2}}, "BN of 4 channels for 5"},
		{"no image", blockCase{order: Whole, main: []layer{{1, 1, 4}}, shape: []int64{5, 5}}, "block of"},
	}
	for _, tt := range tests {
		_, err := tt.c.outcome(true, true, 1, Float)
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: error %v, want it to say %q", tt.name, err, tt.want)
		}
	}
}

// The loops for processors with less than this one give the same.
func TestBlockOnOtherProcessors(t *testing.T) {
	if os.Getenv("ATEN_CPU_CAPABILITY") != "" {
		t.Skip("is such a processor's already")
	}
	for _, have := range []string{"avx2", "default"} {
		cmd := exec.Command(os.Args[0], "-test.run=^TestBlockAgainstOperators$") //nolint:gosec // this test itself
		cmd.Env = append(os.Environ(), "ATEN_CPU_CAPABILITY="+have)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("%s: %v\n%s", have, err, out)
		}
	}
}
