package train

import (
	"bytes"
	"context"
	"errors"
	"math"
	"testing"

	"detnas/core/config"
	"detnas/core/input/inputtest"
	"detnas/core/nn"
	"detnas/core/tensor"
)

func TestSchedule(t *testing.T) {
	base := config.Train{LR: 1, Power: 2, Gamma: .1, Milestones: []float64{.5, 8}}
	tests := []struct {
		kind string
		want map[int64]float64 // of 10 iterations
	}{
		{config.ScheduleConstant, map[int64]float64{0: 1, 9: 1}},
		{config.ScheduleLinear, map[int64]float64{0: 1, 5: .5, 9: .1}},
		{config.SchedulePoly, map[int64]float64{0: 1, 5: .25, 9: .01}},
		{config.ScheduleCosine, map[int64]float64{0: 1, 5: .5}},
		{config.ScheduleStep, map[int64]float64{4: 1, 5: .1, 7: .1, 8: .01, 9: .01}},
	}
	for _, tt := range tests {
		c := base
		c.Schedule = tt.kind
		for i, want := range tt.want {
			if got := NewSchedule(&c, 10).At(i); math.Abs(got-want) > 1e-12 {
				t.Errorf("%s at %d = %v, want %v", tt.kind, i, got, want)
			}
		}
	}
	warm := config.Train{LR: 1, Schedule: config.ScheduleConstant, WarmupIterations: 4, WarmupRatio: .2}
	for i, want := range []float64{.2, .4, .6, .8, 1, 1} {
		if got := NewSchedule(&warm, 10).At(int64(i)); math.Abs(got-want) > 1e-12 {
			t.Errorf("warm-up at %d = %v, want %v", i, got, want)
		}
	}
}

// parabola is a task whose loss is the mean of (w - iteration's target)^2.
type parabola struct {
	w       *tensor.Tensor
	target  func(int64) float64
	batches []int64
}

func (p *parabola) Batch(_ context.Context, i int64) (int64, error) { return i, nil }

func (p *parabola) Parts(batch int64, _ int) []int64 { return []int64{batch} }

func (p *parabola) Loss(pass *nn.Pass, batch, i int64) (Losses, error) {
	if batch != i {
		return Losses{}, errors.New("a batch of another iteration")
	}
	p.batches = append(p.batches, batch)
	d := pass.Shift(p.w, -p.target(i))
	return Losses{Total: pass.Mean(pass.Mul(d, d)), Images: 1}, nil
}

// setUp makes a store of one weight and a task on it.
func setUp(t *testing.T, target func(int64) float64) (*nn.Store, *SGD, *parabola) {
	t.Helper()
	st := nn.NewStore(tensor.CPU, 1)
	t.Cleanup(st.Free)
	task := &parabola{w: st.Root().Param("w", true, nn.Const(1), 2), target: target}
	if st.Err() != nil {
		t.Fatal(st.Err())
	}
	opt, err := NewSGD(st, &config.Train{Momentum: .9})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(opt.Free)
	return st, opt, task
}

func TestTrainFollowsItsFormula(t *testing.T) {
	err := tensor.OnThread(1, func() error {
		st, opt, task := setUp(t, func(i int64) float64 { return float64(i) })
		var losses []float64
		loop := Loop{
			Store: st, Optimizer: opt, From: 2, To: 6,
			LR: NewSchedule(&config.Train{LR: .1, Schedule: config.ScheduleConstant}, 6).At,
			After: func(it Iteration) error {
				losses = append(losses, it.Losses["loss"])
				return nil
			},
		}
		if err := Train(context.Background(), loop, task); err != nil {
			return err
		}
		w, m := 1.0, 0.0
		for i := 2; i < 6; i++ {
			d := w - float64(i)
			if got := losses[i-2]; math.Abs(got-d*d) > 1e-5 {
				t.Errorf("loss at %d = %v, want %v", i, got, d*d)
			}
			m = .9*m + d // the gradient of each of two elements is 2d/2
			w -= .1 * m
		}
		got, err := task.w.Floats()
		if err != nil || math.Abs(float64(got[0])-w) > 1e-5 {
			t.Errorf("w = %v (%v), want %v", got, err, w)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestTrainStops(t *testing.T) {
	boom := errors.New("boom")
	tests := []struct {
		name   string
		target func(int64) float64
		after  func(cancel context.CancelCauseFunc) error
		want   error
		made   int
	}{
		{"on a loss that is not finite", func(i int64) float64 {
			if i == 2 {
				return math.NaN()
			}
			return 0
		}, nil, ErrNotFinite, 2},
		{"on an error of After", nil, func(context.CancelCauseFunc) error { return boom }, boom, 1},
		{"between iterations when cancelled", nil, func(c context.CancelCauseFunc) error { c(boom); return nil }, boom, 1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			err := tensor.OnThread(1, func() error {
				if tt.target == nil {
					tt.target = func(int64) float64 { return 0 }
				}
				st, opt, task := setUp(t, tt.target)
				ctx, cancel := context.WithCancelCause(context.Background())
				defer cancel(nil)
				made := 0
				err := Train(ctx, Loop{
					Store: st, Optimizer: opt, To: 5, LR: NewSchedule(&config.Train{LR: .1}, 5).At,
					After: func(Iteration) error {
						made++
						if tt.after != nil {
							return tt.after(cancel)
						}
						return nil
					},
				}, task)
				if !errors.Is(err, tt.want) || made != tt.made {
					t.Errorf("%d iterations, then %v; want %d and %v", made, err, tt.made, tt.want)
				}
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
		})
	}
}

// take copies a checkpoint's arrays into a network and its optimiser.
func take(st *nn.Store, opt *SGD, weights, momenta []nn.Array) error {
	w, err := st.Match(weights, nil)
	if err != nil {
		return err
	}
	m, err := opt.Match(momenta)
	if err != nil {
		return err
	}
	return errors.Join(w.Copy(), m.Copy())
}

func TestOptimiserStateComesBack(t *testing.T) {
	err := tensor.OnThread(1, func() error {
		st, opt, task := setUp(t, func(int64) float64 { return 3 })
		loop := Loop{Store: st, Optimizer: opt, To: 3, LR: NewSchedule(&config.Train{LR: .1}, 9).At, After: func(Iteration) error { return nil }}
		if err := Train(context.Background(), loop, task); err != nil {
			return err
		}
		state, err := opt.Export()
		if err != nil {
			return err
		}
		weights, err := st.Export()
		if err != nil {
			return err
		}
		st2, opt2, task2 := setUp(t, task.target)
		if err := take(st2, opt2, weights, state); err != nil {
			return err
		}
		for _, l := range []struct {
			st   *nn.Store
			opt  *SGD
			task *parabola
		}{{st, opt, task}, {st2, opt2, task2}} {
			loop.Store, loop.Optimizer, loop.From, loop.To = l.st, l.opt, 3, 6
			if err := Train(context.Background(), loop, l.task); err != nil {
				return err
			}
		}
		a, _ := task.w.Floats()
		b, err := task2.w.Floats()
		if err != nil || a[0] != b[0] {
			t.Errorf("%v after going on, %v after importing (%v)", a, b, err)
		}
		if _, err := opt2.Match(nil); err == nil {
			t.Error("an empty state was taken")
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestNoDecayOfNormsAndBiases(t *testing.T) {
	st := nn.NewStore(tensor.CPU, 1)
	defer st.Free()
	st.Root().Param("weight", true, nn.Const(1), 1)
	st.Root().Param("bias", false, nn.Const(1), 1)
	for _, spare := range []bool{false, true} {
		opt, err := NewSGD(st, &config.Train{WeightDecay: .5, NoDecayNormBias: spare})
		if err != nil {
			t.Fatal(err)
		}
		want := .5
		if spare {
			want = 0
		}
		if opt.decay[0] != .5 || opt.decay[1] != want {
			t.Errorf("spare %v: decays %v", spare, opt.decay)
		}
		opt.Free()
	}
}

func TestRankOf(t *testing.T) {
	for _, tt := range []struct {
		scores []float32
		label  int
		want   int
	}{
		{[]float32{1, 3, 2}, 1, 0},
		{[]float32{1, 3, 2}, 0, 2},
		{[]float32{2, 2, 2}, 0, 0},
		{[]float32{2, 2, 2}, 2, 2},
	} {
		if got := rankOf(tt.scores, tt.label); got != tt.want {
			t.Errorf("rank of %d in %v = %d, want %d", tt.label, tt.scores, got, tt.want)
		}
	}
}

// Settings taken over between two iterations act from the next one on and keep
// the momenta: the weights are those of an optimiser made for them that took
// over the state.
func TestSetActsFromTheNextIterationOn(t *testing.T) {
	err := tensor.OnThread(1, func() error {
		edited := &config.Train{LR: .1, Momentum: .5, WeightDecay: .2, ClipGrad: .3}
		st, opt, task := setUp(t, func(int64) float64 { return 3 })
		var weights, momenta []nn.Array
		loop := Loop{Store: st, Optimizer: opt, To: 5, LR: func(int64) float64 { return .1 }, After: func(it Iteration) (err error) {
			if it.Index == 2 {
				opt.Set(st, edited)
				if weights, err = st.Export(); err == nil {
					momenta, err = opt.Export()
				}
			}
			return err
		}}
		if err := Train(context.Background(), loop, task); err != nil {
			return err
		}
		st2, _, task2 := setUp(t, task.target)
		opt2, err := NewSGD(st2, edited)
		if err != nil {
			return err
		}
		defer opt2.Free()
		if err := take(st2, opt2, weights, momenta); err != nil {
			return err
		}
		before, err := task2.w.Floats()
		if err != nil {
			return err
		}
		loop.Store, loop.Optimizer, loop.From, loop.After = st2, opt2, 3, func(Iteration) error { return nil }
		if err := Train(context.Background(), loop, task2); err != nil {
			return err
		}
		a, _ := task.w.Floats()
		b, err := task2.w.Floats()
		if err != nil || a[0] != b[0] || a[0] == before[0] {
			t.Errorf("%v with settings taken over, %v with an optimiser made for them, from %v (%v)", a, b, before, err)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TestMatchOfMomentaRefuses has one momentum that fits none, and all of them stay.
func TestMatchOfMomentaRefuses(t *testing.T) {
	err := tensor.OnThread(1, func() error {
		_, opt, _ := setUp(t, func(int64) float64 { return 3 })
		good, err := opt.Export()
		if err != nil {
			return err
		}
		for i := range good[0].Data {
			good[0].Data[i] = 63 // nothing that an optimiser begins with
		}
		short := good[0]
		short.Shape, short.Data = []int64{0}, nil
		for want, state := range map[string][]nn.Array{
			"of 1 momenta are there": {{Name: "w"}},
			"has another shape":      {short},
			"are both for":           {good[0], good[0]},
			"another type":           {{Name: good[0].Name, DType: tensor.Int64, Shape: good[0].Shape, Data: good[0].Data}},
			"and none of":            nil,
			"0 of 1 momenta":         {{Name: "momentum.other"}},
			"0 of 1 momenta are":     {{Name: "momentum."}},
		} {
			_, err := opt.Match(state)
			inputtest.Clear(t, err, "the optimiser's state", want)
			now, err := opt.Export()
			if err != nil {
				return err
			}
			if bytes.Contains(now[0].Data, []byte{63}) {
				t.Errorf("%s: the momenta were touched", want)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
