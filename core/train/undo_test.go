package train

import (
	"context"
	"errors"
	"math"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"detnas/core/config"
	"detnas/core/nn"
	"detnas/core/tensor"
)

// spoilt is a parabola beside a batch norm, some iterations of which are not
// finite in one way or another.
type spoilt struct {
	*parabola
	norm *nn.BatchNorm
	way  string
	at   []int64
}

func (s *spoilt) Loss(p *nn.Pass, batch, i int64) (Losses, error) {
	bad := slices.Contains(s.at, i)
	x := []float32{float32(i), 2}
	if bad && s.way == "statistics" {
		x = []float32{1e30, -1e30}
	}
	s.norm.Forward(p, p.FromFloats(x, tensor.CPU, 2, 1, 1, 1))
	l, err := s.parabola.Loss(p, batch, i)
	switch {
	case !bad:
	case s.way == "loss":
		l.Total = p.Scale(l.Total, math.NaN())
	case s.way == "gradient": // of a term that is 0
		zero := p.Sub(s.w, p.Detach(s.w))
		l.Total = p.Add(l.Total, p.Sum(p.Scale(p.Scale(zero, 1e30), 1e30)))
	}
	return l, err
}

// everything is what a step carries from iteration to iteration.
func everything(t *testing.T, st *nn.Store, opt *SGD) []nn.Array {
	t.Helper()
	weights, err := st.Export()
	if err != nil {
		t.Fatal(err)
	}
	momenta, err := opt.Export()
	if err != nil {
		t.Fatal(err)
	}
	return append(weights, momenta...)
}

// An iteration that is not finite, in whatever way and with or without clipping,
// leaves no trace: neither in the weights nor in the momenta nor in BN's
// statistics, nor in what comes after it.
func TestAnIterationLeftOutLeavesNoTrace(t *testing.T) {
	for _, way := range []string{"loss", "gradient", "statistics"} {
		for _, clip := range []float64{0, 10} {
			err := tensor.OnThread(1, func() error {
				c := &config.Train{Momentum: .9, ClipGrad: clip, OnNaN: config.OnNaNSkip}
				set := func() (*nn.Store, *SGD, *spoilt) {
					st, _, task := setUp(t, func(int64) float64 { return 3 })
					s := &spoilt{parabola: task, norm: nn.NewBatchNorm(st.Root().At("bn"), 1, 0), way: way, at: []int64{2, 3}}
					opt, err := NewSGD(st, c)
					if err != nil {
						t.Fatal(err)
					}
					t.Cleanup(opt.Free)
					return st, opt, s
				}
				st, opt, task := set()
				loop := Loop{Store: st, Optimizer: opt, To: 6, LR: func(int64) float64 { return .1 }, Skip: func() bool { return true }}
				var before []nn.Array
				loop.After = func(it Iteration) error {
					left := it.Index == 2 || it.Index == 3
					if left != (it.Skipped != nil) || left != (it.Losses == nil) || left && !errors.Is(it.Skipped, ErrNotFinite) {
						t.Errorf("%s, clip %v: iteration %d was left out: %v; losses %v", way, clip, it.Index, it.Skipped, it.Losses)
					}
					now := everything(t, st, opt)
					if left != cmp.Equal(before, now) {
						t.Errorf("%s, clip %v: iteration %d left things as they were: %v", way, clip, it.Index, !left)
					}
					before = now
					return nil
				}
				if err := Train(context.Background(), loop, task); err != nil {
					return err
				}
				st2, opt2, other := set()
				loop.Store, loop.Optimizer, loop.After, loop.Skip = st2, opt2, func(Iteration) error { return nil }, nil
				for _, part := range [][2]int64{{0, 2}, {4, 6}} { // those iterations never were
					loop.From, loop.To = part[0], part[1]
					if err := Train(context.Background(), loop, other); err != nil {
						return err
					}
				}
				if d := cmp.Diff(before, everything(t, st2, opt2)); d != "" {
					t.Errorf("%s, clip %v: %s", way, clip, d)
				}
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
		}
	}
}

// Without Skip the same is an error, of a loss at any rate and of the rest where
// the settings ask for a look.
func TestNotFiniteIsAnError(t *testing.T) {
	for _, way := range []string{"loss", "gradient", "statistics"} {
		for onNaN, want := range map[string]bool{config.OnNaNStop: way == "loss", config.OnNaNBack: true} {
			err := tensor.OnThread(1, func() error {
				st, _, task := setUp(t, func(int64) float64 { return 3 })
				s := &spoilt{parabola: task, norm: nn.NewBatchNorm(st.Root().At("bn"), 1, 0), way: way, at: []int64{2}}
				opt, err := NewSGD(st, &config.Train{Momentum: .9, OnNaN: onNaN})
				if err != nil {
					return err
				}
				defer opt.Free()
				err = Train(context.Background(), Loop{
					Store: st, Optimizer: opt, To: 3, LR: func(int64) float64 { return .1 }, After: func(Iteration) error { return nil },
				}, s)
				if errors.Is(err, ErrNotFinite) != want {
					t.Errorf("%s, %s: %v", onNaN, way, err)
				}
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
		}
	}
}
