package tensor

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"detnas/core/native"
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
