package train

import (
	"context"
	"math"
	"testing"

	"detnas/core/config"
	"detnas/core/nn"
	"detnas/core/tensor"
)

// Convolutions and linear layers in bfloat16 give PyTorch's autocast's outputs and
// gradients; those of float are further away.
func TestBF16AgainstPyTorch(t *testing.T) {
	const tolerance = 2e-2 // bfloat16 has 8 bits; processors round sums in different places
	var reference struct {
		Shape     []int64
		Out       []float64
		InputGrad []float64 `json:"input_grad"`
		Grads     map[string][]float64
	}
	readReference(t, "bf16.json", &reference)
	off := func(got *tensor.Tensor, want []float64) float64 {
		if got == nil || got.DType() != tensor.Float {
			t.Fatal("there is none, or not in float")
		}
		values, err := got.Floats()
		if err != nil || len(values) != len(want) {
			t.Fatalf("%d values (%v), want %d", len(values), err, len(want))
		}
		largest, worst := 0.0, 0.0
		for i, w := range want {
			largest, worst = max(largest, math.Abs(w)), max(worst, math.Abs(float64(values[i])-w))
		}
		return worst / largest
	}
	// differences are those of the output and of the gradients, in bfloat16 or not.
	differences := func(low bool) (out, grads float64) {
		err := tensor.OnThread(1, func() error {
			st := nn.NewStore(device, 1)
			defer st.Free()
			conv := nn.NewConv2d(st.Root().At("a.conv"), nn.ConvSpec{In: 3, Out: 4, Kernel: 1, Init: nn.Const(0)})
			norm := nn.NewBatchNorm(st.Root().At("a.bn"), 4, 0)
			fc := nn.NewLinear(st.Root().At("fc"), 4, 3, nn.Const(0))
			return tensor.Run("bf16", func(s *tensor.Scope) error {
				defer tensor.ForgetCasts()
				for _, p := range st.Params {
					if err := fill(s, p.Name, p.T); err != nil {
						return err
					}
				}
				x := s.FromFloats(wave("input", 300), device, reference.Shape...)
				if err := x.RequireGrad(true); err != nil {
					return err
				}
				p := &nn.Pass{Scope: s, Mode: nn.Train, BF16: low}
				y := norm.Forward(p, conv.Forward(p, x))
				z := fc.Forward(p, s.MeanDims(s.Mul(y, y), []int64{2, 3}, false))
				s.Backward(s.Sum(s.Mul(z, s.FromFloats(wave("probe", 12), device, 4, 3))))
				out, grads = off(z, reference.Out), off(s.Grad(x), reference.InputGrad)
				for name, want := range reference.Grads {
					grads = max(grads, off(s.Grad(st.Get(name)), want))
				}
				return nil
			})
		})
		if err != nil {
			t.Fatal(err)
		}
		return out, grads
	}
	out, grads := differences(true)
	t.Logf("an output differs by %.1e", out)
	t.Logf("a gradient differs by %.1e", grads)
	if ok := out <= tolerance && grads <= tolerance; !ok {
		t.Errorf("outputs are off by %.2g and gradients by %.2g of the largest value", out, grads)
	}
	if float, _ := differences(false); float <= out {
		t.Errorf("the output of float is off by %.2g, that of bfloat16 by %.2g", float, out)
	}
}

// A weight that was cast moves: the next pass casts it anew.
func TestBF16FollowsTheWeights(t *testing.T) {
	err := tensor.OnThread(1, func() error {
		st := nn.NewStore(device, 1)
		defer st.Free()
		task := newBranches(st, []int64{2, 3, 2, 2})
		opt, err := NewSGD(st, &config.Train{})
		if err != nil {
			return err
		}
		defer opt.Free()
		var losses []float64
		for range 2 {
			for _, p := range st.Params {
				if err := tensor.Run("fill", func(s *tensor.Scope) error { return fill(s, p.Name, p.T) }); err != nil {
					return err
				}
			}
			if len(losses) > 0 {
				if err := st.Get("a.conv.weight").Fill(3); err != nil {
					return err
				}
			}
			err := Train(context.Background(), Loop{
				Store: st, Optimizer: opt, To: 1, BF16: true,
				LR:    func(int64) float64 { return 0 },
				After: func(it Iteration) error { losses = append(losses, it.Losses["loss"]); return nil },
			}, task)
			if err != nil {
				return err
			}
		}
		if losses[0] == losses[1] {
			t.Errorf("the loss is %v with either weight", losses[0])
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
