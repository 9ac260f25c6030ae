package engine

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"detnas/core/run"
	"detnas/core/steer"
)

// TestStorageThatIsAwayPausesTheRun takes the folder of checkpoints away in
// steps 1 and 2 and puts it back in the pause.
func TestStorageThatIsAwayPausesTheRun(t *testing.T) {
	images, runs := filepath.Join(t.TempDir(), "images"), t.TempDir()
	plain, err := do(t, context.Background(), tiny(t, images), runs, "plain", Options{From: 1, To: 2})
	if err != nil {
		t.Fatal(err)
	}
	result, weights := outcome(t, plain, runs, "plain")
	s := &steered{t: t, images: images, runs: runs, name: "away", sets: []string{"supernet-pretrain.checkpoint_every=5"}}
	checkpoints := filepath.Join(runs, "away", "checkpoints")
	var causes []string
	pauses := 0
	s.on = func(s *steered, e run.Event) {
		switch e := e.(type) {
		case run.Train:
			if e.Step == 1 && e.Iteration == 4 || e.Step == 2 && e.Iteration == 9 {
				if err := os.Rename(checkpoints, checkpoints+".away"); err != nil {
					t.Error(err)
				}
			}
		case run.Control:
			if e.What != run.ActPause || e.Phase != run.PhaseDone {
				return
			}
			causes = append(causes, e.Who+": "+e.Why)
			if st := s.state(); st.State != run.StatePaused || st.Cause != e.Why {
				t.Errorf("the run is %s by %q", st.State, st.Cause)
			}
			s.refused(steer.Command{Act: run.ActPause}, "paused already")
			if pauses++; pauses == 1 { // it is tried again before that is mended
				s.do(steer.Command{Act: run.ActResume})
				return
			}
			if err := os.Rename(checkpoints+".away", checkpoints); err != nil {
				t.Error(err)
			}
			s.do(steer.Command{Act: run.ActResume})
		}
	}
	r, err := s.run(2)
	if err != nil {
		t.Fatal(err)
	}
	compare(t, result, weights, r, runs, "away")
	if len(causes) != 3 {
		t.Fatalf("%d pauses: %q; want two in step 1 and one at the end of step 2", len(causes), causes)
	}
	for i, file := range []string{"step-1-5.safetensors", "step-1-5.safetensors", "step-2-last.safetensors"} {
		if want := "detnas: " + filepath.Join(checkpoints, file) + " cannot be written: " + checkpoints + " is not there any more"; !strings.HasPrefix(causes[i], want) {
			t.Errorf("pause %d is by %q; want %q", i, causes[i], want)
		}
	}
	if st := s.state(); st.State != run.StateFinished || st.Cause != "" {
		t.Errorf("the run is %s by %q", st.State, st.Cause)
	}
}

// TestStoppedInAPauseOfStorage goes on from the checkpoint before.
func TestStoppedInAPauseOfStorage(t *testing.T) {
	images, runs := filepath.Join(t.TempDir(), "images"), t.TempDir()
	plain, err := do(t, context.Background(), tiny(t, images), runs, "plain", Options{From: 1, To: 1})
	if err != nil {
		t.Fatal(err)
	}
	result, weights := outcome(t, plain, runs, "plain")
	s := &steered{t: t, images: images, runs: runs, name: "away", sets: []string{"supernet-pretrain.checkpoint_every=3"}}
	checkpoints := filepath.Join(runs, "away", "checkpoints")
	s.on = func(s *steered, e run.Event) {
		at(5, func(*steered) {
			if err := os.Rename(checkpoints, checkpoints+".away"); err != nil {
				t.Error(err)
			}
		})(s, e)
		if c, ok := e.(run.Control); ok && c.What == run.ActPause && c.Phase == run.PhaseDone {
			s.do(steer.Command{Act: run.ActStop})
		}
	}
	if _, err := s.run(1); !errors.Is(err, ErrStopped) || !errors.Is(err, errNotSaved) || !strings.Contains(err.Error(), "checkpoint before") {
		t.Errorf("error %v", err)
	}
	if st := s.state(); st.State != run.StateStopped || st.Cause != "" {
		t.Errorf("the run is %s by %q", st.State, st.Cause)
	}
	if err := os.Rename(checkpoints+".away", checkpoints); err != nil {
		t.Fatal(err)
	}
	s.on = nil
	r, err := s.run(1)
	if err != nil {
		t.Fatal(err)
	}
	compare(t, result, weights, r, runs, "away")
	if last := s.events[len(s.events)-1]; last.Kind() != "run_finished" {
		t.Errorf("the last event is %#v", last)
	}
}

// TestStorageWithoutAnybodyToResume ends the run.
func TestStorageWithoutAnybodyToResume(t *testing.T) {
	images, runs := filepath.Join(t.TempDir(), "images"), t.TempDir()
	_, err := do(t, context.Background(), tiny(t, images), runs, "alone", Options{From: 1, To: 1, Watch: func(e run.Event) {
		if tr, ok := e.(run.Train); ok && tr.Iteration == 4 {
			if err := os.RemoveAll(filepath.Join(runs, "alone", "checkpoints")); err != nil {
				t.Error(err)
			}
		}
	}})
	if err == nil || !strings.Contains(err.Error(), "step-1-last.safetensors") || errors.Is(err, ErrStopped) {
		t.Errorf("error %v", err)
	}
}

// TestStallHearsNothingButAResume steers a search whose candidate cannot be
// written down: what is asked for then waits for the next boundary.
func TestStallHearsNothingButAResume(t *testing.T) {
	f := folder(t, t.TempDir(), "r")
	defer f.Unlock() //nolint:errcheck // the test ends here
	cfg := tiny(t, "images")
	e := &engine{cfg: cfg, folder: f, opts: Options{Desk: steer.NewDesk(f)}}
	var err error
	if e.journal, err = f.OpenJournal(func(run.Entry) error { return nil }); err != nil {
		t.Fatal(err)
	}
	defer e.journal.Close()
	if err := errors.Join(e.emit(run.RunStarted{Run: "r"}), e.emit(run.StepStarted{Step: 3, Iterations: 8})); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancelCause(context.Background())
	e.open(stop)
	v := e.opts.Desk.Viewer()
	defer v.Close()
	fails := &run.WriteError{Path: f.JournalPath(), Err: os.ErrPermission}
	broken := errors.New("broken")
	if err := e.keep(ctx, e.here(), func() error { return broken }); !errors.Is(err, broken) {
		t.Errorf("another error: %v", err)
	}
	if err := e.keep(ctx, e.here(), func() error { return fails }); !errors.Is(err, fails) {
		t.Errorf("an error that only looks like one of the storage: %v", err)
	}
	fails.Err = syscall.ENOSPC
	tries := 0
	e.opts.Watch = func(ev run.Event) {
		if c, ok := ev.(run.Control); !ok || c.What != run.ActPause || c.Phase != run.PhaseDone {
			return
		}
		for _, c := range []steer.Command{{Act: run.ActPin, Who: "ann", Subnet: "0-0-00-0"}, {Act: run.ActResume, Who: "ann"}} {
			if err := v.Do(c); err != nil {
				t.Error(err)
			}
		}
	}
	err = e.keep(ctx, e.here(), func() error {
		if tries++; tries == 1 {
			return fails
		}
		return nil
	})
	if err != nil || tries != 2 {
		t.Errorf("%v after %d tries", err, tries)
	}
	if c, ok := e.opts.Desk.Take(); !ok || c.Act != run.ActPin {
		t.Errorf("at the next boundary there is %+v; want the pin", c)
	}
	var acts []string
	if err := run.ReadJournal(f.JournalPath(), func(entry run.Entry) error {
		if c, ok := entry.Event.(run.Control); ok {
			acts = append(acts, c.What+" "+c.Phase)
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	want := []string{"pause done", "pin requested", "resume requested", "resume begun", "resume done"}
	if d := cmp.Diff(want, acts); d != "" {
		t.Error(d)
	}
	if err := e.journal.Close(); err != nil {
		t.Fatal(err)
	}
	if err := e.keep(ctx, e.here(), func() error { return fails }); !errors.Is(err, fails) || !strings.Contains(err.Error(), "nor could the run be paused") {
		t.Errorf("a pause that cannot be noted: %v", err)
	}
}
