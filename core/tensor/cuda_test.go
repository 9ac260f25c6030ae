package tensor

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"os"
	"strings"
	"testing"
	"time"

	"detnas/core/native"
	"detnas/core/ranks/local"
)

// onCUDA calls f on a thread of its own with the first CUDA device.
func onCUDA(t *testing.T, f func(s *Scope, dev Device) error) {
	t.Helper()
	if Describe().CUDA == 0 {
		t.Skip("there is no CUDA device here")
	}
	const dev = Device(0)
	err := OnThread(1, func() error {
		if err := Repeatable(dev); err != nil {
			return err
		}
		return Run("test", func(s *Scope) error { return f(s, dev) })
	})
	if err != nil {
		t.Fatal(err)
	}
}

// Gradients that many rows flow into are the same to the bit each time, those of the
// rows of a table and those of the pixels under boxes that overlap.
func TestRepeatsOnCUDA(t *testing.T) {
	const rows, picks, boxes = 64, 50_000, 200
	values, index := make([]float32, rows*16), make([]int64, picks)
	for i := range values {
		values[i] = float32((i*7919)%1009)/1009 - .5
	}
	for i := range index {
		index[i] = int64(i*i) % rows
	}
	rois, levels := make([]float32, 0, 5*boxes), make([]int32, boxes)
	for i := range boxes {
		x := float32(i % 20)
		rois = append(rois, 0, x, x/2, x+40, x/2+33)
	}
	onCUDA(t, func(s *Scope, dev Device) error {
		leaf := func(x *Tensor) *Tensor {
			s.Fail(x.RequireGrad(true))
			return x
		}
		work := map[string]func() *Tensor{
			"index select": func() *Tensor {
				x := leaf(s.FromFloats(values, dev, rows, 16))
				y := s.IndexSelect(x, 0, s.FromInts(index, dev, picks))
				s.Backward(s.Sum(s.Mul(y, y)))
				return s.Grad(x)
			},
			"roi align": func() *Tensor {
				x := leaf(s.FromFloats(values, dev, 1, 1, 32, 32))
				y := s.RoIAlign([]*Tensor{x}, []float64{.5}, rois, levels, native.Align{Pooled: 7, Sampling: 2, Aligned: true})
				s.Backward(s.Sum(s.Mul(y, y)))
				return s.Grad(x)
			},
		}
		for name, f := range work {
			first, err := f().Bytes()
			if err != nil {
				return err
			}
			for range 5 {
				again, err := f().Bytes()
				if err != nil {
					return err
				}
				if !bytes.Equal(first, again) {
					t.Errorf("%s: the gradient is another one", name)
				}
			}
		}
		return nil
	})
}

// A group over NCCL of this process alone, which is what one GPU allows: BN by the group is
// BN, weights and gradients stay, and a group that is told to fail does so, be it within a
// gradient.
func TestGroupOnCUDA(t *testing.T) {
	if GroupKind() != "NCCL" {
		t.Skip("ranks of this build are on CPUs")
	}
	onCUDA(t, func(s *Scope, dev Device) error {
		name := fmt.Sprintf("cuda-%d", os.Getpid())
		if err := local.Serve(name); err != nil {
			return err
		}
		store, err := OpenLocalStore(name, "test", time.Minute)
		if err != nil {
			return err
		}
		g, err := NewGroup(0, 1)
		if err == nil {
			err = g.Open(store, "group", "127.0.0.1", dev, time.Minute)
		}
		if err != nil {
			return err
		}
		const images, size = 5, 3 * 2 * 5
		x, dy := make([]float32, images*size), make([]float32, images*size)
		for i := range x {
			x[i], dy[i] = float32(math.Sin(float64(i*i)))*3+10, float32(math.Cos(float64(7*i)))
		}
		at := func(v []float32, shape ...int64) *Tensor { return s.FromFloats(v, dev, shape...) }
		by := func(norm func(x, w, b, mean, variance *Tensor) *Tensor) [][]float32 {
			in, w, b := at(x, images, 3, 2, 5), at([]float32{1, .5, -2}, 3), at([]float32{0, 1, 2}, 3)
			mean, variance := at([]float32{0, 0, 0}, 3), at([]float32{1, 1, 1}, 3)
			for _, p := range []*Tensor{in, w, b} {
				s.Fail(p.RequireGrad(true))
			}
			y := norm(in, w, b, mean, variance)
			s.Backward(s.Sum(s.Mul(y, at(dy, images, 3, 2, 5))))
			s.Fail(g.SumGrads([]*Tensor{w, b}))
			s.Fail(g.Broadcast([]*Tensor{mean, s.FromInts([]int64{1}, dev, 1), variance}))
			var out [][]float32
			for _, v := range []*Tensor{y, s.Grad(in), s.Grad(w), s.Grad(b), mean, variance} {
				values, err := s.Detach(v).Floats()
				s.Fail(err)
				out = append(out, values)
			}
			return out
		}
		want := by(func(x, w, b, mean, variance *Tensor) *Tensor {
			return s.BatchNorm(x, w, b, mean, variance, true, .1, 1e-5)
		})
		together := func(x, w, b, mean, variance *Tensor) *Tensor {
			return s.GroupNorm(g, x, w, b, mean, variance, .1, 1e-5)
		}
		got, again := by(together), by(together)
		if s.Err() != nil {
			return s.Err()
		}
		for i := range want {
			for k, v := range got[i] {
				if math.Abs(float64(v-want[i][k])) > 2e-5 || v != again[i][k] {
					t.Errorf("value %d [%d] is %v, and again %v, want %v", i, k, v, again[i][k], want[i][k])
				}
			}
		}
		long := make([]float64, 5000) // more than ranks of a machine share in memory
		long[4999] = 3
		if err := g.Sum(long); err != nil || long[4999] != 3 || long[0] != 0 {
			t.Errorf("the sums end with %v (%v)", long[4999], err)
		}
		err = Run("lost", func(s *Scope) error {
			in, w, b := s.Full(1, dev, 4, 3, 2), s.Full(1, dev, 3), s.Full(0, dev, 3)
			s.Fail(in.RequireGrad(true))
			y := s.Sum(s.GroupNorm(g, in, w, b, s.Full(0, dev, 3), s.Full(1, dev, 3), .1, 1e-5))
			g.Fail("rank 7 has ended")
			s.Backward(y)
			return nil
		})
		if !errors.Is(err, ErrGroup) || !strings.Contains(err.Error(), "NCCL: rank 7 has ended") {
			t.Errorf("within a gradient: %v", err)
		}
		if err := g.Sum(long); !errors.Is(err, ErrGroup) || !strings.Contains(err.Error(), "rank 7") {
			t.Errorf("after that: %v", err)
		}
		return nil
	})
}

// What the device has no memory for is told as on the CPU.
func TestOutOfMemoryOnCUDA(t *testing.T) {
	var asked error
	onCUDA(t, func(_ *Scope, dev Device) error {
		asked = Run("test", func(s *Scope) error {
			s.Full(0, dev, 1<<40)
			return nil
		})
		return nil
	})
	if !errors.Is(asked, ErrOutOfMemory) || !strings.Contains(asked.Error(), "GiB was asked for") {
		t.Error(asked)
	}
	t.Log(asked)
}

// A device computes float in full: its products are the CPU's but for the order of sums.
func TestFloatInFullOnCUDA(t *testing.T) {
	const n = 256
	values := make([]float32, n*n)
	for i := range values {
		values[i] = float32((i*7919)%10007)/10007 - .5
	}
	onCUDA(t, func(s *Scope, dev Device) error {
		var got [2][]float32
		for i, at := range []Device{CPU, dev} {
			x := s.FromFloats(values, at, n, n)
			image := s.Reshape(x, 1, 16, 64, 64)
			kernel := s.Reshape(s.FromFloats(values[:16*16*9], at, 16*16*9), 16, 16, 3, 3)
			for _, y := range []*Tensor{s.Matmul(x, x), s.Conv2d(image, kernel, nil, Conv{Pad: 1})} {
				floats, err := y.Floats()
				if err != nil {
					return err
				}
				got[i] = append(got[i], floats...)
			}
		}
		worst, largest := 0.0, 0.0
		for i := range got[0] {
			worst = max(worst, abs(float64(got[0][i])-float64(got[1][i])))
			largest = max(largest, abs(float64(got[0][i])))
		}
		if off := worst / largest; off > 3e-6 { // TF32 keeps 10 bits, and is off by more than 1e-4
			t.Errorf("off by %.2g of the largest value", off)
		}
		return nil
	})
}

func abs(x float64) float64 { return max(x, -x) }
