package train

import (
	"context"
	"errors"
	"math"
	"slices"
	"testing"

	"detnas/core/config"
	"detnas/core/dataset"
	"detnas/core/nn"
	"detnas/core/tensor"
	"detnas/detector"
	"detnas/nas"
)

// mean is the training of one weight towards the mean of batches of twelve numbers.
type mean struct {
	w     *tensor.Tensor
	sizes []int // of the parts
	bad   int   // place of the part that is not finite, from 1; 0: none
}

func (m *mean) Batch(_ context.Context, i int64) ([]float32, error) {
	out := make([]float32, 12)
	for k := range out {
		out[k] = float32(i) + float32(k*k)/8
	}
	return out, nil
}

func (m *mean) Parts(b []float32, n int) [][]float32 {
	return cut(len(b), n, func(from, to int) []float32 { return b[from:to] })
}

func (m *mean) Loss(p *nn.Pass, b []float32, _ int64) (Losses, error) {
	m.sizes = append(m.sizes, len(b))
	d := p.Sub(m.w, p.FromFloats(b, tensor.CPU, int64(len(b))))
	total := p.Mean(p.Mul(d, d))
	if len(m.sizes) == m.bad {
		total = p.Scale(total, math.NaN())
	}
	return Losses{Total: total, Images: len(b), Others: map[string]float64{"first": float64(b[0])}}, nil
}

// trainMean trains for some iterations and returns them with the weight.
func trainMean(t *testing.T, parts, bad int, skip bool) (its []Iteration, w float32, sizes []int, err error) {
	t.Helper()
	threadErr := tensor.OnThread(1, func() error {
		st := nn.NewStore(tensor.CPU, 1)
		t.Cleanup(st.Free)
		task := &mean{w: st.Root().Param("w", true, nn.Const(1), 1), bad: bad}
		opt, oerr := NewSGD(st, &config.Train{Momentum: .9, OnNaN: config.OnNaNSkip})
		if oerr != nil {
			return oerr
		}
		t.Cleanup(opt.Free)
		err = Train(context.Background(), Loop{
			Store: st, Optimizer: opt, To: 3, Accumulate: parts, Skip: func() bool { return skip },
			LR:    func(int64) float64 { return .1 },
			After: func(it Iteration) error { its = append(its, it); return nil },
		}, task)
		values, verr := task.w.Floats()
		if verr == nil {
			w = values[0]
		}
		sizes = task.sizes
		return verr
	})
	if threadErr != nil {
		t.Fatal(threadErr)
	}
	return its, w, sizes, err
}

// A batch in parts moves the weights as the whole does, and is told of as the whole.
func TestAccumulatedPartsAreTheWhole(t *testing.T) {
	whole, want, _, err := trainMean(t, 1, 0, false)
	if err != nil {
		t.Fatal(err)
	}
	for parts, sizes := range map[int][]int{0: {12}, 3: {4, 4, 4}, 12: slices.Repeat([]int{1}, 12), 100: slices.Repeat([]int{1}, 12)} {
		its, w, got, err := trainMean(t, parts, 0, false)
		if err != nil {
			t.Fatal(err)
		}
		if math.Abs(float64(w-want)) > 1e-5 || len(its) != 3 {
			t.Errorf("%d parts: w = %v after %d iterations, want %v", parts, w, len(its), want)
		}
		if !slices.Equal(got, slices.Repeat(sizes, 3)) {
			t.Errorf("%d parts: they have %v images, want %v", parts, got, sizes)
		}
		for i, it := range its {
			if it.Images != 12 || math.Abs(it.Losses["loss"]-whole[i].Losses["loss"]) > 1e-5 {
				t.Errorf("%d parts: iteration %d has %d images and loss %v, want 12 and %v", parts, i, it.Images, it.Losses["loss"], whole[i].Losses["loss"])
			}
		}
	}
}

// A part that is not finite makes the whole iteration so, and the gradients of the
// parts before it are forgotten.
func TestAPartThatIsNotFinite(t *testing.T) {
	_, _, _, err := trainMean(t, 4, 6, false)
	var torn *TornError
	if !errors.As(err, &torn) || torn.Iteration != 2 || !errors.Is(err, ErrNotFinite) {
		t.Errorf("it ended with %v, want iteration 2 torn", err)
	}
	its, got, sizes, err := trainMean(t, 4, 6, true)
	if err != nil || len(its) != 3 || its[1].Skipped == nil || len(sizes) != 10 {
		t.Fatalf("%d iterations, %d parts, %v", len(its), len(sizes), err)
	}
	// The same without the second iteration, by hand.
	w, m := 1.0, 0.0
	for _, i := range []float64{0, 2} {
		m = .9*m + 2*(w-(i+506.0/8/12)) // 0 + 1 + 4 + ... 121 is 506
		w -= .1 * m
	}
	if math.Abs(float64(got)-w) > 1e-5 {
		t.Errorf("w = %v, want %v", got, w)
	}
}

// asking is a detector that asks for the generators of its images.
type asking struct {
	detector.Detector
	asked []uint64
}

func (a *asking) Loss(_ *nn.Pass, b detector.Batch, _ nas.Subnet, rng detector.RNG) (detector.Losses, error) {
	for i := range b.Images {
		a.asked = append(a.asked, rng(i, "rpn").Uint64())
	}
	return detector.Losses{}, nil
}

// An image's draws are the same in whichever part it is.
func TestPartsKeepTheirDraws(t *testing.T) {
	batch := dataset.DetBatch{X: make([]float32, 6*3*2*2), N: 6, C: 3, H: 2, W: 2, Images: make([]dataset.DetTarget, 6)}
	for i := range batch.Images {
		batch.Images[i].Place = i
	}
	ask := func(parts int) []uint64 {
		a := &asking{}
		d := &Detect{Net: a, Path: func(int64) nas.Subnet { return nil }, Seed: 1, Step: "s", Device: tensor.CPU}
		err := tensor.OnThread(1, func() error {
			return tensor.Run("test", func(s *tensor.Scope) error {
				for _, part := range d.Parts(batch, parts) {
					if _, err := d.Loss(&nn.Pass{Scope: s}, part, 5); err != nil {
						return err
					}
				}
				return nil
			})
		})
		if err != nil {
			t.Fatal(err)
		}
		return a.asked
	}
	whole := ask(1)
	if got := ask(3); !slices.Equal(got, whole) {
		t.Errorf("the draws are %v, want %v", got, whole)
	}
	if slices.Equal(whole[:1], whole[1:2]) {
		t.Error("two images draw the same")
	}
}
