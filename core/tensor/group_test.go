package tensor

import (
	"errors"
	"fmt"
	"math"
	"net"
	"os"
	"slices"
	"strings"
	"testing"
	"time"
)

// inRanks calls f on a thread for each rank of a group over the loopback.
func inRanks(t *testing.T, world int, f func(s *Scope, g *Group) error) {
	t.Helper()
	if GroupKind() != "Gloo" {
		t.Skip("ranks of this build need a GPU each (TestGroupOnCUDA)")
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port := l.Addr().(*net.TCPAddr).Port //nolint:forcetypeassert // of TCP
	_ = l.Close()
	done := make(chan error, world)
	for rank := range world {
		go func() {
			done <- OnThread(1, func() error {
				return Run(fmt.Sprintf("rank %d", rank), func(s *Scope) error {
					store, err := OpenStore("127.0.0.1", port, rank == 0, "test", time.Minute)
					if err != nil {
						return err
					}
					g, err := NewGroup(rank, world)
					if err != nil {
						return err
					}
					if err := g.Open(store, "group", "127.0.0.1", CPU, time.Minute); err != nil {
						return err
					}
					return f(s, g)
				})
			})
		}()
	}
	for range world {
		err = errors.Join(err, <-done)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// TestStore gives keys values, counts, and takes keys away.
func TestStore(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port := l.Addr().(*net.TCPAddr).Port //nolint:forcetypeassert // of TCP
	_ = l.Close()
	s, err := OpenStore("127.0.0.1", port, true, "test", time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	value := slices.Repeat([]byte{0, 255, 7}, 1<<20)
	if err := errors.Join(s.Set("large", value), s.Remove("never")); err != nil {
		t.Fatal(err)
	}
	if got, ok, err := s.Get("large"); !ok || err != nil || !slices.Equal(got, value) {
		t.Errorf("%d bytes, %v (%v); 3 MiB were given", len(got), ok, err)
	}
	if err := s.Remove("large"); err != nil {
		t.Fatal(err)
	}
	if _, ok, err := s.Get("large"); ok || err != nil {
		t.Errorf("it is there after it was taken away: %v", err)
	}
	for want := int64(1); want <= 2; want++ {
		if n, err := s.Add("count", 1); n != want || err != nil {
			t.Errorf("%d (%v), want %d", n, err, want)
		}
	}
}

func TestGroupSums(t *testing.T) {
	inRanks(t, 3, func(s *Scope, g *Group) error {
		r := float64(g.Rank)
		sums, most := []float64{1, r}, []float64{-r, r}
		if err := errors.Join(g.Sum(sums), g.Max(most)); err != nil {
			return err
		}
		if !slices.Equal(sums, []float64{3, 3}) || !slices.Equal(most, []float64{0, 2}) {
			return fmt.Errorf("sums %v, greatest %v", sums, most)
		}
		a, b := s.FromFloats([]float32{float32(r), 1}, CPU, 2), s.FromInts([]int64{int64(g.Rank) + 5}, CPU, 1)
		if err := g.Broadcast([]*Tensor{a, b}); err != nil {
			return err
		}
		floats, err := a.Floats()
		ints, ierr := b.Ints()
		if err := errors.Join(err, ierr); err != nil || !slices.Equal(floats, []float32{0, 1}) || ints[0] != 5 {
			return fmt.Errorf("rank 0 sent 0, 1 and 5, and here are %v and %v (%w)", floats, ints, err)
		}
		return nil
	})
}

// TestGroupSumsInTurn makes many small sums, and some that are too long for the memory
// that the ranks of a machine share. They have the same bits on all ranks.
func TestGroupSumsInTurn(t *testing.T) {
	inRanks(t, 3, func(_ *Scope, g *Group) error {
		for i := range 2000 {
			n := 1 + i%7
			if i%500 == 499 {
				n = 5000
			}
			values := make([]float64, n)
			for j := range values {
				values[j] = float64((g.Rank+1)*(i+j)) / 3
			}
			if err := g.Sum(values); err != nil {
				return err
			}
			for j, v := range values {
				one, two, three := float64(i+j)/3, float64(2*(i+j))/3, float64(3*(i+j))/3
				if math.Abs(v-(one+two+three)) > 1e-9 || n < 10 && v != one+two+three {
					return fmt.Errorf("sum %d, number %d: %v, want %v", i, j, v, one+two+three)
				}
			}
		}
		return nil
	})
	maps, err := os.ReadFile("/proc/self/maps")
	if err != nil {
		t.Fatal(err)
	}
	shared := 0
	for line := range strings.Lines(string(maps)) {
		if strings.Contains(line, "/dev/shm/detnas-") {
			shared++
			if !strings.HasSuffix(line, " (deleted)\n") {
				t.Errorf("there is a file still: %s", line)
			}
		}
	}
	if shared == 0 {
		t.Error("the ranks share no memory")
	}
}

// TestGroupThatHasFailed tells a group twice that it has: sums of the host then fail by the
// first reason, and wait for nobody.
func TestGroupThatHasFailed(t *testing.T) {
	inRanks(t, 2, func(_ *Scope, g *Group) error {
		if err := g.Sum([]float64{1}); err != nil {
			return err
		}
		g.Fail("rank 7 has ended")
		g.Fail("rank 8 has ended")
		if err := g.Sum([]float64{1}); !errors.Is(err, ErrGroup) || !strings.Contains(err.Error(), "rank 7 has ended") {
			return fmt.Errorf("a group that has failed says %w", err)
		}
		return nil
	})
}

// TestGroupSumsGradients has a parameter that all ranks reach, one that a single rank
// reaches, and one that none does.
func TestGroupSumsGradients(t *testing.T) {
	inRanks(t, 2, func(s *Scope, g *Group) error {
		params := make([]*Tensor, 3)
		for i := range params {
			params[i] = s.Full(1, CPU, 2)
			if err := params[i].RequireGrad(true); err != nil {
				return err
			}
		}
		loss := s.Sum(s.Scale(params[0], float64(g.Rank+1)))
		if g.Rank == 1 {
			loss = s.Add(loss, s.Sum(s.Scale(params[1], 5)))
		}
		s.Backward(loss)
		if err := g.SumGrads(params); err != nil {
			return err
		}
		for i, want := range []float32{3, 5} {
			grad, err := s.Grad(params[i]).Floats()
			if err != nil || !slices.Equal(grad, []float32{want, want}) {
				return fmt.Errorf("the gradient of parameter %d is %v (%w), want %v", i, grad, err, want)
			}
		}
		if s.Grad(params[2]) != nil {
			return errors.New("a parameter that no rank has reached has a gradient")
		}
		return nil
	})
}

// TestGroupSumsLongGradients sums gradients that fill what ranks share several times and
// do not end where it does, floats through shared memory and doubles through Gloo.
func TestGroupSumsLongGradients(t *testing.T) {
	sizes := []int64{3, 200_003, 1, 131_072, 77}
	for _, dtype := range []DType{Float, Double} {
		inRanks(t, 3, func(s *Scope, g *Group) error {
			params := make([]*Tensor, len(sizes))
			value := func(rank, i int) float32 { return float32((rank+1)*(i%1000)) / 3 }
			var loss *Tensor
			for k, n := range sizes {
				params[k] = s.ToType(s.Full(1, CPU, n), dtype)
				if err := params[k].RequireGrad(true); err != nil {
					return err
				}
				by := make([]float32, n)
				for i := range by {
					by[i] = value(g.Rank, i+k)
				}
				part := s.Sum(s.Mul(params[k], s.ToType(s.FromFloats(by, CPU, n), dtype)))
				if loss == nil {
					loss = part
				} else {
					loss = s.Add(loss, part)
				}
			}
			s.Backward(loss)
			for range 3 { // each sum is of what all ranks have the same of by then
				if err := g.SumGrads(params); err != nil {
					return err
				}
			}
			for k := range sizes {
				sums, err := s.ToType(s.Detach(s.Grad(params[k])), Float).Floats()
				if err != nil {
					return err
				}
				for i, v := range sums {
					one := value(0, i+k) + value(1, i+k) + value(2, i+k)
					if want := 9 * one; math.Abs(float64(v-want)) > 1e-6*float64(want) {
						return fmt.Errorf("number %d of gradient %d: %v, want %v", i, k, v, want)
					}
				}
			}
			return nil
		})
	}
}

// normed are what a batch normalisation gives and leaves: the output, the gradients of
// input, weight and bias, and the statistics.
func normed(s *Scope, dtype DType, x, dy []float32, n int64, norm func(x, w, b, mean, variance *Tensor) *Tensor, share func([]*Tensor) error) ([][]float32, error) {
	const c = 3
	typed := func(v []float32, shape ...int64) *Tensor {
		return s.Clone(s.ToType(s.FromFloats(v, CPU, shape...), dtype))
	}
	in, w, b := typed(x, n, c, 2, 5), typed([]float32{1, .5, -2}, c), typed([]float32{0, 1, 2}, c)
	mean, variance := typed([]float32{0, 0, 0}, c), typed([]float32{1, 1, 1}, c)
	for _, p := range []*Tensor{in, w, b} {
		if err := p.RequireGrad(true); err != nil {
			return nil, err
		}
	}
	y := norm(in, w, b, mean, variance)
	s.Backward(s.Sum(s.Mul(y, typed(dy, n, c, 2, 5))))
	if s.Err() != nil {
		return nil, s.Err()
	}
	if err := share([]*Tensor{w, b}); err != nil {
		return nil, err
	}
	var out [][]float32
	for _, v := range []*Tensor{y, s.Grad(in), s.Grad(w), s.Grad(b), mean, variance} {
		values, err := s.ToType(s.Detach(v), Float).Floats()
		if err != nil {
			return nil, err
		}
		out = append(out, values)
	}
	return out, nil
}

// TestGroupNorm normalises 5 images by two ranks, which have 2 and 3, in both forms of
// the code, and by one.
func TestGroupNorm(t *testing.T) {
	const size, images = 3 * 2 * 5, 5
	x, dy := make([]float32, images*size), make([]float32, images*size)
	for i := range x {
		x[i], dy[i] = float32(math.Sin(float64(i*i)))*3+10, float32(math.Cos(float64(7*i)))
	}
	var want [][]float32
	run(t, func(s *Scope) (err error) {
		want, err = normed(s, Float, x, dy, images, func(x, w, b, mean, variance *Tensor) *Tensor {
			return s.BatchNorm(x, w, b, mean, variance, true, .1, 1e-5)
		}, func([]*Tensor) error { return nil })
		return err
	})
	for _, dtype := range []DType{Float, Double} {
		inRanks(t, 2, func(s *Scope, g *Group) error {
			from, to := images*g.Rank/2, images*(g.Rank+1)/2
			got, err := normed(s, dtype, x[from*size:to*size], dy[from*size:to*size], int64(to-from), func(x, w, b, mean, variance *Tensor) *Tensor {
				return s.GroupNorm(g, x, w, b, mean, variance, .1, 1e-5)
			}, g.SumGrads)
			if err != nil {
				return err
			}
			for i, name := range []string{"output", "gradient of the input", "of the weight", "of the bias", "mean", "variance"} {
				expect := want[i]
				if i < 2 {
					expect = expect[from*size : to*size]
				}
				for k, v := range got[i] {
					if math.Abs(float64(v-expect[k])) > 2e-5 {
						return fmt.Errorf("type %d: %s [%d] is %v, want %v", dtype, name, k, v, expect[k])
					}
				}
			}
			return nil
		})
	}
}

// TestGroupTellsWhoWaits has rank 1 come late to a sum, and to one within a gradient.
func TestGroupTellsWhoWaits(t *testing.T) {
	const late = 300 * time.Millisecond
	waited := make([]time.Duration, 2)
	inRanks(t, 2, func(s *Scope, g *Group) error {
		x, w, b := s.Full(1, CPU, 2, 3, 2), s.Full(1, CPU, 3), s.Full(0, CPU, 3)
		mean, variance := s.Full(0, CPU, 3), s.Full(1, CPU, 3)
		if err := w.RequireGrad(true); err != nil {
			return err
		}
		if err := g.Sum([]float64{1}); err != nil { // so that both are here
			return err
		}
		before := g.Waited()
		if g.Rank == 1 {
			time.Sleep(late)
		}
		y := s.Sum(s.GroupNorm(g, x, w, b, mean, variance, .1, 1e-5))
		if g.Rank == 1 {
			time.Sleep(late)
		}
		s.Backward(y)
		if err := g.SumGrads([]*Tensor{w}); err != nil {
			return err
		}
		waited[g.Rank] = g.Waited() - before
		return s.Err()
	})
	if waited[0] < 2*late*9/10 {
		t.Errorf("rank 0 says that it waited for %v, and rank 1 came late by %v twice", waited[0], late)
	}
	if waited[1] >= waited[0] {
		t.Errorf("rank 1, which came late, waited for %v, and rank 0 for %v", waited[1], waited[0])
	}
}
