package history

import (
	"bufio"
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"detnas/core/run"
	"detnas/core/steer"
)

// longRun is the folder of a run with n events: of five steps' training mostly,
// with usage and a search in between.
func longRun(t testing.TB, n int) *run.Folder {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "long")
	if err := os.Mkdir(dir, 0o750); err != nil {
		t.Fatal(err)
	}
	file, err := os.Create(filepath.Join(dir, "events.jsonl")) //nolint:gosec // of this test
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	w := bufio.NewWriterSize(file, 1<<20)
	at := time.Date(2026, 1, 2, 3, 4, 5, 6, time.UTC)
	for seq := 1; seq <= n; seq++ {
		at = at.Add(126 * time.Millisecond)
		e := longEvent(seq-1, n)
		body, err := json.Marshal(e)
		if err != nil {
			t.Fatal(err)
		}
		head := fmt.Sprintf(`{"v":1,"seq":%d,"time":"%s","type":"%s",`, seq, at.Format(time.RFC3339Nano), e.Kind())
		if _, err := w.WriteString(head + string(body[1:]) + "\n"); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	f, err := run.Find("", dir)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// longEvent is event i of n: the first half is of step 1, a tenth of the search,
// and the rest of step 5. Lines are as long as those of real runs.
func longEvent(i, n int) run.Event {
	r := rand.New(rand.NewPCG(uint64(i), 1)) //nolint:gosec // from 0 on
	step, from := 1, 0
	if i >= n*6/10 {
		step, from = 5, n*6/10
	}
	searching := i >= n/2 && i < n*6/10
	switch {
	case i == 0:
		return run.RunStarted{From: 1, To: 5}
	case i == 1 || i == n/2 || i == n*6/10:
		if searching {
			step = 3
		}
		return run.StepStarted{Step: step, Iterations: n}
	case i%50 == 0:
		return run.Usage{CPU: 2 * r.Float64(), Memory: r.Int64N(1 << 32)}
	case searching && i%10 == 0:
		return run.Candidate{
			Index: (i - n/2) / 10, Generation: (i - n/2) / 500, Origin: "mutation", Parents: []int{1, 2}, Subnet: "2120-2112-33130031-3132",
			Params: r.Int64N(1e7), MACs: r.Int64N(1e9), Score: r.Float64(), Seconds: 20 * r.Float64(), Status: "new",
		}
	}
	losses := run.Values{"acc": r.Float64(), "loss": r.Float64()}
	if step == 5 {
		for _, name := range []string{"loss_bbox", "loss_cls", "loss_rpn_bbox", "loss_rpn_cls"} {
			losses[name] = r.Float64()
		}
	}
	seconds := func(most int64) float64 { return time.Duration(r.Int64N(most)).Seconds() }
	return run.Train{
		Step: step, Iteration: i - from, LR: math.Round(2e6*r.Float64()) / 1e8, Losses: losses,
		ImagesPerS: 30 + r.Float64(), DataS: seconds(1e6), StepS: 0.1 + seconds(1e8),
	}
}

// open reads a run as the screen does.
func open(t testing.TB, f *run.Folder) *History {
	t.Helper()
	v, err := steer.Watch(f)
	if err != nil {
		t.Fatal(err)
	}
	defer v.Close()
	h := New(f.Name())
	for {
		entries, err := v.Next(2000)
		if err != nil {
			t.Fatal(err)
		}
		if len(entries) == 0 {
			return h
		}
		for _, e := range entries {
			h.Apply(e)
		}
	}
}

// TestALongJournal wants the whole of a long journal in the history, and no more
// memory for it than for its curves and candidates.
func TestALongJournal(t *testing.T) {
	const n = 30_000
	f := longRun(t, n)
	before := heap()
	h := open(t, f)
	one, five := &h.Steps[1], &h.Steps[5]
	if h.Events != n || one.Losses["loss"].Len() == 0 || five.Iteration != n-n*6/10-1 || len(h.State.Candidates) != n/100-n/500 {
		t.Errorf("%d events, step 5 at %d, %d candidates", h.Events, five.Iteration, len(h.State.Candidates))
	}
	if points := one.Losses["loss"].Len() + five.Losses["loss"].Len(); points != one.LR.Len()+five.LR.Len() || points < n*9/10-n/50 {
		t.Errorf("%d points of the loss", points)
	}
	if grown := heap() - before; grown > 24<<20 {
		t.Errorf("the history holds %d MiB", grown>>20)
	}
}

// BenchmarkMillion opens a journal of a million events.
func BenchmarkMillion(b *testing.B) {
	f := longRun(b, 1_000_000)
	info, err := os.Stat(f.JournalPath())
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(info.Size())
	before := heap()
	var h *History
	var from, to syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &from); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		h = open(b, f)
	}
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &to); err != nil {
		b.Fatal(err)
	}
	cpu := time.Duration(to.Utime.Nano() + to.Stime.Nano() - from.Utime.Nano() - from.Stime.Nano())
	b.ReportMetric(cpu.Seconds()/float64(b.N), "cpu-s/op") // of all cores: others may want them too
	b.ReportMetric(float64(heap()-before)/(1<<20), "MiB-held")
	if h.Events != 1_000_000 {
		b.Errorf("%d events", h.Events)
	}
}
