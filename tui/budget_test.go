package tui

import (
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	"detnas/configs"
	"detnas/core/run"
	"detnas/core/steer"
	"detnas/tui/uitest"
)

// The bytes a second that may go to a terminal of 160x50.
const (
	idleBudget  = 1000
	trainBudget = 3000
)

// rate is the bytes a second that a screen writes over some seconds.
func rate(d *uitest.Driver, seconds float64) float64 {
	before, began := d.Written(), time.Now()
	time.Sleep(time.Duration(seconds * float64(time.Second)))
	return float64(d.Written()-before) / time.Since(began).Seconds()
}

// watched are the options of a screen that shows one run, with the real clock.
func watched(t *testing.T, dir string) Options {
	t.Helper()
	f, err := run.Find("", dir)
	if err != nil {
		t.Fatal(err)
	}
	open := func() (steer.Viewer, error) { return steer.Watch(f) }
	return Options{Runs: filepath.Dir(dir), Who: "ann", Looks: colourful, Watch: watch, Open: open, Delete: os.RemoveAll}
}

// TestNothingIsWrittenWhenNothingChanges counts on every page of a run that is
// over.
func TestNothingIsWrittenWhenNothingChanges(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "runs", "finished")
	uitest.WriteSample(t, dir, uitest.Finished)
	d := uitest.Drive(t, New(watched(t, dir)), 160, 50)
	d.See("finished")
	for _, page := range []string{"2", "3", "4", "5", "1"} {
		d.Press(page)
		time.Sleep(time.Second) // the page itself
		if got := rate(d, 2); got > idleBudget {
			t.Errorf("page %s writes %.0f bytes a second while nothing changes; %d are allowed", page, got, idleBudget)
		}
	}
}

// TestTrainingStaysWithinItsBytes counts while a run writes a line twice a
// second, as a detector's training does.
func TestTrainingStaysWithinItsBytes(t *testing.T) {
	f, err := run.Create(t.TempDir(), "live")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Unlock() //nolint:errcheck // a test
	text, err := configs.Files.ReadFile("demo.toml")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(f.Config(), text, 0o600); err != nil {
		t.Fatal(err)
	}
	j, err := f.OpenJournal(func(run.Entry) error { return nil })
	if err != nil {
		t.Fatal(err)
	}
	stop, stopped := make(chan struct{}), make(chan struct{})
	go train(t, j, stop, stopped)
	defer func() { close(stop); <-stopped }()
	d := uitest.Drive(t, New(watched(t, f.Dir())), 160, 50)
	d.See("running")
	for _, page := range []string{"2", "1", "5"} {
		d.Press(page)
		time.Sleep(time.Second)
		if got := rate(d, 5); got > trainBudget {
			t.Errorf("page %s writes %.0f bytes a second while training; %d are allowed", page, got, trainBudget)
		} else {
			t.Logf("page %s writes %.0f bytes a second while training", page, got)
		}
	}
}

// train writes what a training step of a detector writes.
func train(t *testing.T, j *run.Journal, stop, stopped chan struct{}) {
	defer close(stopped)
	defer j.Close()
	rng := rand.New(rand.NewPCG(1, 2))
	write := func(e run.Event) {
		if err := j.Append(e); err != nil {
			t.Error(err)
		}
	}
	write(run.RunStarted{Run: "live", From: 1, To: 5, Device: "cpu", Threads: 2})
	write(run.StepStarted{Step: 2, Name: "supernet-finetune", Iterations: 90000})
	for i := 1; ; i++ {
		// Most of a long step lies behind: that is how people watch it.
		done := 40000 + 20*i
		if i < 2000 {
			done = 20 * i
		}
		loss := 1 + math.Exp(-float64(done)/20000)
		write(run.Train{Step: 2, Iteration: done, LR: 0.02, ImagesPerS: 30 + rng.NormFloat64(), DataS: 0.01, StepS: 0.5, Losses: run.Values{
			"loss": loss + 0.1*rng.NormFloat64(), "loss_cls": loss/2 + 0.05*rng.NormFloat64(), "loss_bbox": loss/4 + 0.03*rng.NormFloat64(),
			"loss_rpn_cls": loss/6 + 0.02*rng.NormFloat64(), "loss_rpn_bbox": loss/8 + 0.01*rng.NormFloat64(), "acc": 0.9 + 0.02*rng.NormFloat64(),
		}})
		if i%20 == 0 {
			write(run.Usage{CPU: 1.9 + 0.05*rng.NormFloat64(), Memory: 900<<20 + int64(rng.IntN(1<<20))})
		}
		if i < 2000 {
			continue // what was before the screen was opened
		}
		select {
		case <-stop:
			return
		case <-time.After(500 * time.Millisecond):
		}
	}
}
