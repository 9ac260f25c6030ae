package dataset

import (
	"context"
	"errors"
	"io"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

func TestPrefetchKeepsTheOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		odd := errors.New("odd")
		s := Prefetch(t.Context(), 3, 40, 4, 6, func(_ context.Context, pos int64) (int64, error) {
			time.Sleep(time.Duration(pos*7%5) * time.Second) // later positions are done first
			if pos%10 == 5 {
				return 0, odd
			}
			return pos * pos, nil
		})
		defer s.Close()
		for pos := int64(3); pos < 40; pos++ {
			v, err := s.Next()
			if pos%10 == 5 {
				if !errors.Is(err, odd) {
					t.Errorf("position %d: error %v, want odd", pos, err)
				}
			} else if v != pos*pos || err != nil {
				t.Errorf("position %d: %d, %v", pos, v, err)
			}
		}
		if _, err := s.Next(); !errors.Is(err, io.EOF) {
			t.Errorf("after the end: %v, want EOF", err)
		}
	})
}

func TestPrefetchBoundsWhatIsMade(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var begun atomic.Int64
		s := Prefetch(t.Context(), 0, 100, 3, 5, func(_ context.Context, pos int64) (int64, error) {
			begun.Add(1)
			return pos, nil
		})
		defer s.Close()
		for taken := range int64(10) {
			synctest.Wait() // until no worker can go on
			if n := begun.Load() - taken; n != 5 {
				t.Errorf("%d ahead after %d were taken, want 5", n, taken)
			}
			if _, err := s.Next(); err != nil {
				t.Fatal(err)
			}
		}
	})
}

func TestPrefetchCloseLeavesNothingBehind(t *testing.T) {
	before := runtime.NumGoroutine()
	for _, take := range []int{0, 1, 7} {
		s := Prefetch(t.Context(), 0, 1000, 4, 8, func(ctx context.Context, pos int64) (int64, error) {
			if pos%3 == 2 {
				<-ctx.Done() // hangs until it is told to stop
				return 0, ctx.Err()
			}
			return pos, nil
		})
		for range min(take, 2) {
			if _, err := s.Next(); err != nil {
				t.Fatal(err)
			}
		}
		s.Close()
		s.Close()
		if _, err := s.Next(); !errors.Is(err, context.Canceled) {
			t.Errorf("after Close: %v, want cancelled", err)
		}
	}
	for range 100 { // goroutines that have ended are counted a moment longer
		runtime.Gosched()
	}
	if after := runtime.NumGoroutine(); after > before {
		t.Errorf("%d goroutines, %d before", after, before)
	}
}

func TestPrefetchCancelled(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	why := errors.New("told to stop")
	s := Prefetch(ctx, 0, 10, 2, 2, func(ctx context.Context, _ int64) (int, error) {
		<-ctx.Done()
		return 0, ctx.Err()
	})
	defer s.Close()
	cancel(why)
	if _, err := s.Next(); !errors.Is(err, why) {
		t.Errorf("error %v, want %v", err, why)
	}
}

func TestPrefetchTurnsPanicsIntoErrors(t *testing.T) {
	s := Prefetch(t.Context(), 0, 1, 1, 1, func(context.Context, int64) (int, error) { panic("boom") })
	defer s.Close()
	if _, err := s.Next(); err == nil || !strings.Contains(err.Error(), "boom") {
		t.Errorf("error %v, want boom", err)
	}
}
