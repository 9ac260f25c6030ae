package steer

import (
	"errors"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"detnas/core/run"
)

// counted counts the callers of a run's control socket, which it opens without a
// desk behind it.
func counted(t *testing.T) (f *run.Folder, callers *atomic.Int32) {
	t.Helper()
	f, err := run.Create(t.TempDir(), "r")
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("unix", f.Socket())
	if err != nil {
		t.Fatal(err)
	}
	callers = &atomic.Int32{}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			callers.Add(1)
			_ = conn.Close()
		}
	}()
	t.Cleanup(func() {
		_ = l.Close()
		<-done
		_ = f.Unlock()
	})
	return f, callers
}

// TestManyViewersCallOnce has many viewers ask for a while, who would each call
// the run by themselves.
func TestManyViewersCallOnce(t *testing.T) {
	f, callers := counted(t)
	lookout := NewLookout()
	const viewers = 50
	began := time.Now()
	var wait sync.WaitGroup
	for range viewers {
		folder, err := run.Find("", f.Dir())
		if err != nil {
			t.Fatal(err)
		}
		v := lookout.Watch(folder)
		wait.Go(func() {
			defer v.Close()
			for range 20 {
				if err := v.Steerable(); err != nil {
					t.Error(err)
				}
				time.Sleep(5 * time.Millisecond)
			}
		})
	}
	wait.Wait()
	most := 1 + int(time.Since(began)/lookEvery)
	if n := int(callers.Load()); n < 1 || n > most {
		t.Errorf("%d viewers called %d times in %s; want %d at most", viewers, n, time.Since(began), most)
	}
	if len(lookout.looks) > 0 {
		t.Errorf("%d looks are kept after their viewers", len(lookout.looks))
	}
}

func TestALookLastsAsLongAsAViewer(t *testing.T) {
	f, _ := counted(t)
	lookout := NewLookout()
	a, b := lookout.Watch(f), lookout.Watch(f)
	if err := errors.Join(a.Close(), a.Close()); err != nil {
		t.Error(err)
	}
	if len(lookout.looks) != 1 {
		t.Error("the look of a viewer that is open was forgotten")
	}
	if err := b.Close(); err != nil || len(lookout.looks) != 0 {
		t.Errorf("%v, %d looks", err, len(lookout.looks))
	}
}

func TestSpectatorsSteerNothing(t *testing.T) {
	d, v, events := listening(t, "r", allow)
	s := Spectate(v, "may only watch")
	var barred *Barred
	if err := s.Steerable(); !errors.As(err, &barred) || barred.Away != nil || err.Error() != "may only watch" {
		t.Errorf("of a run that listens: %v", err)
	}
	for _, act := range []string{run.ActPause, run.ActStop, ActConfigure, ActWithdraw} {
		if err := s.Do(Command{Act: act}); err == nil || err.Error() != "may only watch" {
			t.Errorf("%s: %v", act, err)
		}
	}
	if _, taken := d.Take(); taken || len(*events) > 0 {
		t.Errorf("something came through: %v", *events)
	}
	idle := Spectate(&fileViewer{look: &look{looked: time.Now(), last: ErrIdle}}, "may only watch")
	if err := idle.Steerable(); errors.Is(err, ErrIdle) || !errors.As(err, &barred) || !errors.Is(barred.Away, ErrIdle) {
		t.Errorf("of a run that nothing runs: %v", err)
	}
}
