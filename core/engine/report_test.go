package engine

import (
	"context"
	"errors"
	"net"
	"os"
	"testing"
	"time"

	"detnas/core/config"
	"detnas/core/nn"
	"detnas/core/ranks"
	"detnas/core/run"
	"detnas/core/tensor"
	"detnas/core/train"
)

// slow is a task of one weight whose loss takes its time.
type slow struct {
	w    *tensor.Tensor
	time time.Duration
}

func (s *slow) Batch(_ context.Context, i int64) (int64, error) { return i, nil }

func (s *slow) Parts(b int64, _ int) []int64 { return []int64{b} }

func (s *slow) Loss(p *nn.Pass, _, _ int64) (train.Losses, error) {
	time.Sleep(s.time)
	return train.Losses{Total: p.Mean(p.Mul(s.w, s.w)), Images: 3}, nil
}

// trainSlowly makes iterations with the other ranks of a crew, each of which takes this
// rank so long.
func trainSlowly(c *crew, iterations int64, each time.Duration) error {
	st := nn.NewStore(tensor.CPU, 1)
	defer st.Free()
	task := &slow{w: st.Root().Param("w", true, nn.Const(1), 2), time: each}
	opt, err := train.NewSGD(st, &config.Train{})
	if err != nil {
		return err
	}
	defer opt.Free()
	c.begins(1, 0, tensor.CPU)
	return train.Train(context.Background(), train.Loop{
		Store: st, Optimizer: opt, To: iterations, Group: c.group, LR: func(int64) float64 { return .1 },
		After: func(it train.Iteration) error { c.made(it); return nil },
	}, task)
}

// TestSlowestRankIsNamed trains by two ranks, of which one takes longer, over a store as
// a run has it.
func TestSlowestRankIsNamed(t *testing.T) {
	onCPUs(t)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port := l.Addr().(*net.TCPAddr).Port //nolint:forcetypeassert // of TCP
	_ = l.Close()
	const iterations, each, longer = 6, 10 * time.Millisecond, 150 * time.Millisecond
	rank := func(n int, do func(*crew) error) error {
		return tensor.OnThread(1, func() error {
			place := ranks.Place{Rank: n, World: 2, LocalRank: n, LocalWorld: 2, Addr: "127.0.0.1", Port: port, Attempt: "0"}
			c, err := join(t.Context(), place, "test", time.Minute)
			if err == nil {
				err = c.regroup(1, []person{{Came: 1}, {Came: 1}}, tensor.CPU)
			}
			if err != nil {
				return err
			}
			return do(c)
		})
	}
	logs := newFar(t)
	var told run.Ranks
	done := make(chan error, 1)
	go func() {
		done <- rank(1, func(c *crew) error {
			defer c.tellRank0()()
			_, _ = c.report.log.Write([]byte("a line of rank 1\n"))
			if err := trainSlowly(c, iterations, longer); err != nil {
				return err
			}
			_, err := c.next() // of which there is none but the end
			return err
		})
	}()
	err = rank(0, func(c *crew) error {
		m, err := newMeter()
		if err != nil {
			return err
		}
		all := newRoster(2, &logs.logs)
		defer c.hearRanks(all)()
		if err := trainSlowly(c, iterations, each); err != nil {
			return err
		}
		c.left(nil)
		all.hear(0, c.report.tell(m), time.Now())
		c.hearLast(all)
		told, _ = all.event(1, time.Now())
		c.part(t.Context(), nil)
		return nil
	})
	if err = errors.Join(err, <-done); err != nil {
		t.Fatal(err)
	}
	if text, err := os.ReadFile(run.RankLog(logs.logs.folder.Dir(), 1)); err != nil || string(text) != "a line of rank 1\n" {
		t.Errorf("the log of rank 1 in the run's folder is %q (%v)", text, err)
	}
	for n, r := range told.Ranks {
		if r.Rank != n || r.Made != iterations || r.Iteration != iterations || r.PID == 0 || r.Memory == 0 || r.Waits() <= 0 || r.Waits() >= 1 || r.ImagesPerS <= 0 {
			t.Errorf("rank %d tells %+v", n, r)
		}
	}
	if s, lag, ok := told.Slowest(); !ok || s.Rank != 1 {
		t.Errorf("the slowest is rank %d (%v, by %v) of %+v", s.Rank, ok, lag, told)
	}
	if r := told.Ranks[1]; r.ComputeS < longer.Seconds()*.99 || told.Ranks[0].WaitS <= r.WaitS {
		t.Errorf("an iteration of rank 1 takes %v, and it computes %v s and waits %v s; rank 0 waits %v s", longer, r.ComputeS, r.WaitS, told.Ranks[0].WaitS)
	}
}
