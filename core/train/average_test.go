package train

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"hash/crc32"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"detnas/core/config"
	"detnas/core/nn"
	"detnas/core/tensor"
)

func readReference(t *testing.T, name string, into any) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, into); err != nil {
		t.Fatal(err)
	}
}

// wave and the shifts of fill are those of bench/reference/shufflenet.py.
func wave(name string, n int64) []float32 {
	k := float64(crc32.ChecksumIEEE([]byte(name)) % 1000)
	out := make([]float32, n)
	for i := range out {
		x := float64(i)
		out[i] = float32(math.Sin(0.7*x + 0.013*x*x + k))
	}
	return out
}

func fill(s *tensor.Scope, name string, t *tensor.Tensor) error {
	scale, shift := math.Sqrt(3/(float64(t.Len())/float64(t.Dim(0)))), 0.0
	switch {
	case strings.HasSuffix(name, "running_mean"):
		scale = 0.1
	case strings.HasSuffix(name, "running_var"):
		scale, shift = 0.5, 1
	case strings.HasSuffix(name, "bn.weight"):
		scale, shift = 0.3, 1
	case strings.HasSuffix(name, "bias"):
		scale = 0.2
	}
	values := wave(name, t.Len())
	for i, v := range values {
		values[i] = float32(shift + scale*float64(v))
	}
	return t.Assign(s.FromFloats(values, t.Device(), t.Shape()...))
}

// branches are the two of bench/reference/training.py, of which "b" is on the path
// of every third iteration.
type branches struct {
	shape []int64
	conv  map[string]*nn.Conv2d
	norm  map[string]*nn.BatchNorm
}

func newBranches(st *nn.Store, shape []int64) *branches {
	b := &branches{shape: shape, conv: map[string]*nn.Conv2d{}, norm: map[string]*nn.BatchNorm{}}
	for _, name := range []string{"a", "b"} {
		at := st.Root().At("%s", name)
		b.conv[name] = nn.NewConv2d(at.At("conv"), nn.ConvSpec{In: 3, Out: 4, Kernel: 1, Init: nn.Const(0)})
		b.norm[name] = nn.NewBatchNorm(at.At("bn"), 4, 0)
	}
	return b
}

func (b *branches) Batch(_ context.Context, i int64) ([]float32, error) {
	return wave(fmt.Sprintf("input.%d", i), b.shape[0]*b.shape[1]*b.shape[2]*b.shape[3]), nil
}

func (b *branches) Parts(batch []float32, _ int) [][]float32 { return [][]float32{batch} }

func (b *branches) Loss(p *nn.Pass, batch []float32, iteration int64) (Losses, error) {
	x := p.FromFloats(batch, device, b.shape...)
	y := b.norm["a"].Forward(p, b.conv["a"].Forward(p, x))
	if iteration%3 == 0 {
		y = p.Add(y, b.norm["b"].Forward(p, b.conv["b"].Forward(p, x)))
	}
	if p.Err() != nil {
		return Losses{}, p.Err()
	}
	probe := p.FromFloats(wave("probe", y.Len()), device, y.Shape()...)
	return Losses{Total: p.Mean(p.Mul(y, probe)), Images: int(b.shape[0])}, nil
}

// averaged trains the branches with an average and hands both to f.
func averaged(t *testing.T, c *config.Train, shape []int64, lr float64, to int64, f func(st *nn.Store, a *Average) error) {
	t.Helper()
	err := tensor.OnThread(1, func() error {
		st := nn.NewStore(device, 1)
		defer st.Free()
		task := newBranches(st, shape)
		err := tensor.Run("fill", func(s *tensor.Scope) error {
			for _, p := range st.Params {
				if err := fill(s, p.Name, p.T); err != nil {
					return err
				}
			}
			for _, b := range st.Buffers {
				if err := fill(s, b.Name, b.T); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
		opt, err := NewSGD(st, c)
		if err != nil {
			return err
		}
		defer opt.Free()
		a, err := NewAverage(st, c)
		if err != nil {
			return err
		}
		defer a.Free()
		err = Train(context.Background(), Loop{
			Store: st, Optimizer: opt, Average: a, To: to,
			LR:    func(int64) float64 { return lr },
			After: func(Iteration) error { return nil },
		}, task)
		if err != nil {
			return err
		}
		return f(st, a)
	})
	if err != nil {
		t.Fatal(err)
	}
}

// The average is PyTorch's by mmdet's formula, and of a block that is not always on
// the path that of the iterations in which it is.
func TestAverageAgainstPyTorch(t *testing.T) {
	const tolerance = 1e-5
	var reference struct {
		LR         float64
		Momentum   float64
		Iterations int64
		Shape      []int64
		Cases      []struct {
			Decay   float64
			Warmup  int
			Average map[string][]float64
		}
	}
	readReference(t, "average.json", &reference)
	worst := 0.0
	for _, c := range reference.Cases {
		settings := &config.Train{Momentum: reference.Momentum, EMA: c.Decay, EMAWarmup: c.Warmup}
		averaged(t, settings, reference.Shape, reference.LR, reference.Iterations, func(st *nn.Store, a *Average) error {
			return a.Within(func() error {
				if len(c.Average) != len(st.Params)+len(st.Buffers) {
					t.Errorf("the reference has %d tensors, the network %d", len(c.Average), len(st.Params)+len(st.Buffers))
				}
				for name, want := range c.Average {
					got, err := st.Get(name).Floats()
					if err != nil {
						return err
					}
					largest, off := 0.0, 0.0
					for i, w := range want {
						largest, off = max(largest, math.Abs(w)), max(off, math.Abs(float64(got[i])-w))
					}
					worst = max(worst, off/largest)
					if ok := off/largest <= tolerance; !ok {
						t.Errorf("decay %v, warm-up %d: %s is off by %.2g of its largest value", c.Decay, c.Warmup, name, off/largest)
					}
				}
				return nil
			})
		})
	}
	t.Logf("an average differs by %.1e", worst)
}

// What a checkpoint holds of an average and of what is trained comes back to the
// bit, and the trained weights are the same as without an average.
func TestAverageIsSavedBesideTheTrained(t *testing.T) {
	shape := []int64{2, 3, 2, 2}
	settings := &config.Train{Momentum: .9, EMA: .9}
	values := func(st *nn.Store) map[string][]byte {
		arrays, err := st.Export()
		if err != nil {
			t.Fatal(err)
		}
		out := map[string][]byte{}
		for _, a := range arrays {
			out[a.Name] = a.Data
		}
		return out
	}
	var alone map[string][]byte
	averaged(t, &config.Train{Momentum: .9}, shape, .1, 4, func(st *nn.Store, a *Average) error {
		if a != nil {
			t.Error("there is an average that nobody asked for")
		}
		alone = values(st)
		return nil
	})
	averaged(t, settings, shape, .1, 4, func(st *nn.Store, a *Average) error {
		trained := values(st)
		if !cmp.Equal(trained, alone) {
			t.Error("the average changes what is trained")
		}
		arrays, err := a.Export()
		if err != nil {
			return err
		}
		if err := a.Swap(); err != nil {
			return err
		}
		average := values(st)
		for name, data := range average {
			if bytes.Equal(data, trained[name]) {
				t.Errorf("%s: the average is what is trained", name)
			}
		}
		averaged(t, settings, shape, .1, 0, func(other *nn.Store, b *Average) error {
			of, live, err := b.Match(arrays)
			if err != nil {
				return err
			}
			if err := of.Copy(); err != nil {
				return err
			}
			if err := live.Copy(); err != nil {
				return err
			}
			if !cmp.Equal(values(other), trained) {
				t.Error("what is trained has changed on its way")
			}
			if err := b.Swap(); err != nil {
				return err
			}
			if !cmp.Equal(values(other), average) {
				t.Error("the average has changed on its way")
			}
			if _, _, err := b.Match(arrays[1:]); err == nil || !strings.Contains(err.Error(), arrays[0].Name+" is missing") {
				t.Errorf("an average without one weight: %v", err)
			}
			return nil
		})
		return nil
	})
}

// The warm-ups are mmcv's, together with each schedule.
func TestWarmupAgainstPyTorch(t *testing.T) {
	const tolerance = 1e-9
	var reference struct {
		Length, Iterations int
		Ratio, Gamma       float64
		Milestones         []float64
		Cases              []struct {
			Schedule, Warmup string
			Rates            []float64
		}
	}
	readReference(t, "warmup.json", &reference)
	worst := 0.0
	for _, c := range reference.Cases {
		s := NewSchedule(&config.Train{
			LR: 1, Schedule: c.Schedule, Gamma: reference.Gamma, Milestones: reference.Milestones,
			Warmup: c.Warmup, WarmupIterations: reference.Iterations, WarmupRatio: reference.Ratio,
		}, reference.Length)
		for i, want := range c.Rates {
			off := math.Abs(s.At(int64(i)) - want)
			worst = max(worst, off)
			if ok := off <= tolerance; !ok {
				t.Errorf("%s after %s: the rate of iteration %d is %v, want %v", c.Schedule, c.Warmup, i, s.At(int64(i)), want)
			}
		}
	}
	t.Logf("a rate differs by %.1e", worst)
}
