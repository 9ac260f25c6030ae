package supernet

import (
	"strings"
	"testing"

	"detnas/core/nn"
	"detnas/core/tensor"
	"detnas/nas"
)

// What a training step along a path of the 300m supernet takes, and the evaluation of a
// candidate by statistics of its own. More of it than here is slower on any machine:
// who adds an operator or a copy has to want it. Seconds say less, and other things.
func TestEffort(t *testing.T) {
	if v := tensor.Describe().LibTorch; !strings.HasPrefix(v, "1.13") {
		t.Skipf("libtorch %s makes other operators of the same", v)
	}
	space, err := nas.Preset("300m")
	if err != nil {
		t.Fatal(err)
	}
	space.Classes = 10
	subnet := parse(t, "0123-0123-01230123-0123", space)
	run(t, func(s *tensor.Scope) error {
		st := newStore(t)
		net := classifier(t, st, space, subnet)
		params := make([]*tensor.Tensor, len(st.Params))
		momenta, decay, moved := make([]*tensor.Tensor, len(params)), make([]float64, len(params)), make([]bool, len(params))
		for i, p := range st.Params {
			params[i], momenta[i] = p.T, s.Full(0, tensor.CPU, p.T.Shape()...)
		}
		pixels, labels := make([]float32, 8*3*64*64), make([]int64, 8)
		for i := range pixels {
			pixels[i] = float32(i%17) / 8
		}
		forward := func(s *tensor.Scope, mode nn.Mode, stats *nn.Stats) *tensor.Tensor {
			x := s.FromFloats(pixels, tensor.CPU, 8, 3, 64, 64)
			return net.Forward(&nn.Pass{Scope: s, Mode: mode, Stats: stats}, x, subnet)
		}
		train := func() error {
			return tensor.Run("train", func(s *tensor.Scope) error {
				tensor.DropGrads(params)
				y := forward(s, nn.Train, nil)
				s.Backward(s.CrossEntropy(y, s.FromInts(labels, tensor.CPU, 8), tensor.Average, 0))
				return tensor.SGD(params, momenta, decay, .01, .9, moved)
			})
		}
		score := func() error {
			return tensor.NoGrad(func() error {
				stats := nn.NewStats(0)
				defer stats.Free()
				for _, mode := range []nn.Mode{nn.Calibrate, nn.Eval} {
					if err := tensor.Run("score", func(s *tensor.Scope) error { forward(s, mode, stats); return nil }); err != nil {
						return err
					}
				}
				return nil
			})
		}
		for _, work := range []struct {
			name string
			do   func() error
			most tensor.Effort
		}{
			{"training step", train, tensor.Effort{Operators: 1589, Blocks: 225}},
			{"candidate", score, tensor.Effort{Operators: 948, Blocks: 186}},
		} {
			var took tensor.Effort
			for range 3 { // the first maps the memory
				before := tensor.CountEffort()
				if err := work.do(); err != nil {
					return err
				}
				took = tensor.CountEffort().Since(before)
			}
			t.Logf("%s: %d operators, %d blocks, %d chunks", work.name, took.Operators, took.Blocks, took.Maps)
			if took.Operators > work.most.Operators || took.Blocks > work.most.Blocks || took.Maps > work.most.Maps {
				t.Errorf("a %s took %+v, more than %+v", work.name, took, work.most)
			}
		}
		return nil
	})
}
