package train

import (
	"context"
	"errors"
	"testing"

	"detnas/core/config"
	"detnas/core/nn"
	"detnas/core/tensor"
)

// failing is a parabola with a batch norm before it, whose batch, loss, backward
// pass or optimiser fails at iteration 2.
type failing struct {
	*parabola
	norm *nn.BatchNorm
	at   string
}

var errTask = errors.New("of the task")

func (f *failing) Batch(ctx context.Context, i int64) (int64, error) {
	if f.at == "batch" && i == 2 {
		return 0, errTask
	}
	return f.parabola.Batch(ctx, i)
}

func (f *failing) Loss(p *nn.Pass, batch, i int64) (Losses, error) {
	f.norm.Forward(p, p.Reshape(p.FromFloats([]float32{1, 2}, tensor.CPU, 2), 2, 1, 1, 1))
	l, err := f.parabola.Loss(p, batch, i)
	if err != nil || i != 2 {
		return l, err
	}
	switch f.at {
	case "loss":
		return l, errTask
	case "operator":
		p.Matmul(f.w, p.FromFloats([]float32{1, 2, 3}, tensor.CPU, 3))
	case "backward":
		l.Total = p.FromFloats([]float32{1}, tensor.CPU) // has no history
	}
	return l, nil
}

// Only an error between two iterations leaves a network that is worth keeping.
func TestWhatAnErrorLeavesBehind(t *testing.T) {
	for _, tt := range []struct {
		at   string
		torn bool
	}{
		{"batch", false},
		{"after", false},
		{"cancel", false},
		{"loss", true},
		{"operator", true},
		{"backward", true},
	} {
		t.Run(tt.at, func(t *testing.T) {
			err := tensor.OnThread(1, func() error {
				st, opt, task := setUp(t, func(int64) float64 { return 0 })
				f := &failing{parabola: task, norm: nn.NewBatchNorm(st.Root().At("bn"), 1, 0), at: tt.at}
				ctx, cancel := context.WithCancelCause(context.Background())
				defer cancel(nil)
				var mean float32 // of the running statistics, after the last whole iteration
				loop := Loop{Store: st, Optimizer: opt, To: 5, LR: NewSchedule(&config.Train{LR: .1}, 5).At, After: func(it Iteration) error {
					v, err := f.norm.Mean.Floats()
					if err != nil {
						return err
					}
					mean = v[0]
					switch {
					case it.Index == 1 && tt.at == "after":
						return errTask
					case it.Index == 1 && tt.at == "cancel":
						cancel(errTask)
					}
					return nil
				}}
				err := Train(ctx, loop, f)
				var torn *TornError
				if err == nil || errors.As(err, &torn) != tt.torn {
					t.Fatalf("%v; torn: want %v", err, tt.torn)
				}
				if tt.torn && torn.Iteration != 3 {
					t.Errorf("%v; want the third iteration", err)
				}
				now, err := f.norm.Mean.Floats()
				if err != nil {
					return err
				}
				if moved := now[0] != mean; moved != tt.torn {
					t.Errorf("the statistics moved since the last whole iteration: %v", moved)
				}
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
		})
	}
}
