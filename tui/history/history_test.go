package history

import (
	"fmt"
	"math"
	"runtime"
	"testing"
	"time"

	"detnas/core/config"
	"detnas/core/run"
	"detnas/tui/series"
	"detnas/tui/uitest"
)

// writer applies events at times of its own to a history.
type writer struct {
	*History
	at  time.Time
	seq int64
}

func begin(events ...run.Event) *writer {
	w := &writer{History: New("r"), at: time.Unix(1000, 0).UTC()}
	w.add(0, events...)
	return w
}

// add applies events, each some seconds after the one before.
func (w *writer) add(seconds float64, events ...run.Event) {
	for _, e := range events {
		w.at = w.at.Add(time.Duration(seconds * float64(time.Second)))
		w.seq++
		w.Apply(run.Entry{Header: run.Header{V: 1, Seq: w.seq, Time: w.at, Type: e.Kind()}, Event: e})
	}
}

func train(step, iteration int, seconds, loss float64) run.Train {
	return run.Train{
		Step: step, Iteration: iteration, LR: 0.1, Losses: run.Values{"loss": loss, "a": loss / 2},
		ImagesPerS: 8 / seconds, DataS: seconds / 4, StepS: seconds,
	}
}

func TestHistoryBeginsAnewWithTheFirstEvent(t *testing.T) {
	w := begin(run.RunStarted{Run: "r"}, run.StepStarted{Step: 1, Iterations: 10}, train(1, 1, 1, 2), run.RunFinished{})
	w.seq = 0
	w.add(1, run.RunStarted{Run: "r"}, run.StepStarted{Step: 1, Iterations: 10})
	if s := &w.Steps[1]; w.State.State != run.StateRunning || w.State.Name != "r" || w.Events != 2 || s.Iteration != 0 || len(s.Losses) > 0 {
		t.Errorf("%+v after %d events, step 1 %+v", w.State, w.Events, s)
	}
}

func TestHistoryKnowsTheBestCheckpoint(t *testing.T) {
	w := begin(run.RunStarted{Run: "r"}, run.StepStarted{Step: 1, Iterations: 10})
	file := func(i int, best string) run.CheckpointWritten {
		return run.CheckpointWritten{Step: 1, Iteration: i, Path: fmt.Sprint("c-", i), Best: best}
	}
	w.add(1, file(3, ""), file(3, "best"), file(6, ""), file(6, ""), file(9, ""))
	if s := &w.Steps[1]; s.Best == nil || s.Best.Iteration != 3 || len(w.Checkpoints) != 3 {
		t.Errorf("the best is %+v of %+v", s.Best, w.Checkpoints)
	}
	w.add(1, run.StepStarted{Step: 1, Iterations: 10})
	if s := &w.Steps[1]; s.Best != nil {
		t.Errorf("begun anew, the best is %+v", s.Best)
	}
}

func TestHistoryOfAFinishedRun(t *testing.T) {
	h := New("r")
	entries := uitest.SampleEntries(uitest.Finished)
	for _, e := range entries {
		h.Apply(e)
	}
	if h.State.State != run.StateFinished || h.Events != int64(len(entries)) || !h.Began.Equal(entries[0].Time) || h.Usage == nil || h.Preparing != nil {
		t.Errorf("%+v", h.State)
	}
	for n := 1; n <= 5; n++ {
		s := &h.Steps[n]
		if s.Number != n || s.Name != config.StepName(n) || !s.Started || !s.Done || s.Iteration != s.Iterations || s.Left != 0 || s.Seconds == 0 {
			t.Errorf("step %d: %+v", n, s)
		}
	}
	five := &h.Steps[5]
	if five.Result["AP"] != 0.462 || five.Losses["loss"].Len() != 50 || five.LR.Len() != 50 || five.Data.Last() != 0.04 {
		t.Errorf("step 5: %+v", five.Result)
	}
	if names := fmt.Sprint(five.LossNames()); names != "[loss roi_box roi_cls rpn_box rpn_cls]" {
		t.Error(names)
	}
	if len(h.Generations) != 4 || len(h.State.Candidates) != 40 || h.CPU.Len() == 0 || h.Memory.Last() < 1<<20 || h.GPU.Len() != 0 {
		t.Errorf("%d generations, %d candidates, %d of CPU", len(h.Generations), len(h.State.Candidates), h.CPU.Len())
	}
}

// TestRateAndTimeLeft has iterations of half a second by themselves.
func TestRateAndTimeLeft(t *testing.T) {
	half := func(from, to int) (events []run.Event) {
		for i := from; i <= to; i += 10 {
			events = append(events, train(1, i, 0.5, 1))
		}
		return events
	}
	start := func() *writer { return begin(run.RunStarted{}, run.StepStarted{Step: 1, Iterations: 1000}) }
	tests := map[string]struct {
		events func(*writer)
		done   int
		spent  float64 // s
		each   float64 // s an iteration, by which the time left goes
	}{
		"no pause":                          {func(w *writer) { w.add(5, half(10, 100)...) }, 100, 50, 0.5},
		"a slow writer of events is no gap": {func(w *writer) { w.add(50, half(10, 100)...) }, 100, 50, 0.5},
		"an evaluation of 20 s": {func(w *writer) {
			w.add(5, half(10, 50)...)
			w.add(20, run.Eval{Step: 1, Iteration: 50, Metrics: run.Values{"top1": 0.5}})
			w.add(5, half(60, 100)...)
		}, 100, 70, 0.7},
		"a checkpoint of 10 s": {func(w *writer) {
			w.add(5, half(10, 50)...)
			w.add(10, run.CheckpointWritten{Step: 1, Iteration: 50})
			w.add(5, half(60, 100)...)
		}, 100, 60, 0.6},
		"a pause with its checkpoint": {func(w *writer) {
			w.add(5, half(10, 50)...)
			w.add(1, run.Control{What: run.ActPause, Phase: run.PhaseRequested, Step: 1}, run.CheckpointWritten{Step: 1, Iteration: 50},
				run.Control{What: run.ActPause, Phase: run.PhaseDone, Step: 1})
			w.add(3600, run.Control{What: run.ActResume, Phase: run.PhaseDone, Step: 1})
			w.add(5, half(60, 100)...)
		}, 100, 50, 0.5},
		"stopped for a day": {func(w *writer) {
			w.add(5, half(10, 50)...)
			w.add(1, run.CheckpointWritten{Step: 1, Iteration: 50}, run.RunStopped{})
			w.add(86400, run.RunResumed{}, run.StepStarted{Step: 1, Iteration: 50, Iterations: 1000})
			w.add(5, half(60, 100)...)
		}, 100, 50, 0.5},
	}
	for name, tc := range tests {
		w := start()
		tc.events(w)
		s := &w.Steps[1]
		left := time.Duration(float64(1000-tc.done) * tc.each * float64(time.Second))
		if s.Iteration != tc.done || math.Abs(s.Rate-2) > 1e-9 || math.Abs(s.Seconds-tc.spent) > 1e-6 || (s.Left-left).Abs() > time.Millisecond {
			t.Errorf("%s: at %d, %v a second, %v s spent, %v left; want %d, 2, %v, %v", name, s.Iteration, s.Rate, s.Seconds, s.Left, tc.done, tc.spent, left)
		}
	}
}

func TestRateFollowsWhatIsOfLate(t *testing.T) {
	w := begin(run.StepStarted{Step: 1, Iterations: 100})
	for i := range 40 {
		w.add(1, train(1, i+1, 1, 1))
	}
	for i := range 20 {
		w.add(1, train(1, i+41, 0.1, 1))
	}
	if s := &w.Steps[1]; s.Rate < 9.9 || s.Rate > 10 || s.Left > 4100*time.Millisecond {
		t.Errorf("%v a second, %v left", s.Rate, s.Left)
	}
	for _, odd := range []float64{0, -1, math.NaN(), math.Inf(1)} {
		w.add(1, train(1, 61, odd, 1))
	}
	if s := &w.Steps[1]; s.Left < 0 {
		t.Errorf("%v left", s.Left)
	}
}

func TestResumeGoesOnFromTheCheckpoint(t *testing.T) {
	w := begin(run.RunStarted{}, run.StepStarted{Step: 1, Iterations: 100})
	for i := 1; i <= 60; i++ {
		w.add(1, train(1, i, 1, 1))
	}
	w.add(1, run.RunResumed{}, run.StepStarted{Step: 1, Iteration: 50, Iterations: 100}, train(1, 51, 1, 2))
	s := &w.Steps[1]
	if bins := s.Losses["loss"].Bins(0, 100, 1000); len(bins) != 51 || bins[50].Last != 2 || s.Iteration != 51 || s.Began != time.Unix(1000, 0).UTC() {
		t.Errorf("%d bins at %d, began %v", len(bins), s.Iteration, s.Began)
	}
}

// A step that goes back shows nothing of what it undid, from that moment on.
func TestGoingBackDropsWhatWasUndone(t *testing.T) {
	w := begin(run.RunStarted{}, run.StepStarted{Step: 1, Iterations: 100})
	for i := 1; i <= 60; i++ {
		w.add(1, train(1, i, 1, 1))
	}
	w.add(1, run.Eval{Step: 1, Iteration: 30, Metrics: run.Values{"top1": 0.5}}, run.Eval{Step: 1, Iteration: 60, Metrics: run.Values{"top1": 0.1}},
		run.Warning{What: "back"}, run.StepStarted{Step: 1, Iteration: 40, Iterations: 100})
	s := &w.Steps[1]
	for name, c := range map[string]*series.Series{"loss": s.Losses["loss"], "rate": &s.LR, "images": &s.Images, "data": &s.Data, "top-1": s.Metrics["top1"]} {
		if _, end, ok := c.Bounds(); !ok || end > 40 {
			t.Errorf("the %s goes on to %v", name, end)
		}
	}
	if s.Iteration != 40 || s.Losses["loss"].Len() != 40 || s.Metrics["top1"].Last() != 0.5 {
		t.Errorf("at %d with %d losses and a top-1 of %v", s.Iteration, s.Losses["loss"].Len(), s.Metrics["top1"].Last())
	}
}

func TestAStepBegunAnewVoidsTheLaterOnes(t *testing.T) {
	w := begin(
		run.StepStarted{Step: 1, Iterations: 10}, train(1, 10, 1, 1), run.StepFinished{Step: 1, Seconds: 7},
		run.StepStarted{Step: 2, Iterations: 10}, train(2, 10, 1, 1), run.StepFinished{Step: 2},
		run.StepStarted{Step: 3, Iterations: 2}, run.Candidate{Seconds: 2}, run.Candidate{Index: 1, Seconds: 4}, run.Generation{Evaluated: 2},
		run.StepFinished{Step: 3}, run.StepStarted{Step: 4, Iterations: 10}, train(4, 3, 1, 1), run.RunStopped{},
		run.RunResumed{}, run.StepStarted{Step: 2, Iterations: 20}, train(2, 5, 1, 3),
	)
	if one := &w.Steps[1]; !one.Done || one.Seconds != 7 || one.Losses["loss"].Len() != 1 {
		t.Errorf("step 1: %+v", one)
	}
	if two := &w.Steps[2]; two.Done || !two.Started || two.Iterations != 20 || two.Losses["loss"].Len() != 1 || two.Losses["loss"].Last() != 3 {
		t.Errorf("step 2: %+v", two)
	}
	for n := 3; n <= 5; n++ {
		if s := &w.Steps[n]; s.Started || s.Done || s.Iteration != 0 || len(s.Losses) != 0 || s.Name != config.StepName(n) {
			t.Errorf("step %d: %+v", n, s)
		}
	}
	if len(w.Generations) != 0 {
		t.Error("generations of another supernet are kept")
	}
}

func TestSearch(t *testing.T) {
	w := begin(run.StepStarted{Step: 3, Iterations: 40})
	for i := range 20 {
		w.add(2, run.Candidate{Index: i, Generation: i / 10, Seconds: 2, Score: 0.1})
		if i%10 == 9 {
			w.add(0, run.Generation{Generation: i / 10, Evaluated: i + 1})
		}
	}
	s := &w.Steps[3]
	if s.Iteration != 20 || s.Rate != 0.5 || s.Left != 40*time.Second || s.Seconds != 40 || len(w.Generations) != 2 {
		t.Errorf("%+v, %d generations", s, len(w.Generations))
	}
	w.add(1, run.Candidate{Index: 20, Generation: 2, Seconds: 2, Planned: 30})
	if s.Iterations != 30 || s.Left != 18*time.Second {
		t.Errorf("with a smaller budget: %+v", s)
	}
	w.add(1, run.ConfigChanged{Step: 3, Planned: 50})
	if s.Iterations != 50 {
		t.Errorf("with a larger budget: %+v", s)
	}
	w.add(1, run.RunResumed{}, run.StepStarted{Step: 3, Iteration: 12, Iterations: 50}, run.Candidate{Index: 12, Generation: 1, Seconds: 2})
	if s.Iteration != 13 || s.Iterations != 50 || len(w.Generations) != 1 {
		t.Errorf("taken up at 12: %+v, %d generations", s, len(w.Generations))
	}
	w.add(1, run.StepFinished{Step: 3, Metrics: run.Values{"best": 0.5}})
	if !s.Done || s.Left != 0 || s.Result["best"] != 0.5 {
		t.Errorf("finished: %+v", s)
	}
}

func TestPreparing(t *testing.T) {
	w := begin(run.RunStarted{}, run.Preparing{What: "drawing", Done: 1, Total: 3})
	if w.Preparing == nil || w.Preparing.Done != 1 {
		t.Errorf("%+v", w.Preparing)
	}
	w.add(1, run.Preparing{What: "drawing", Done: 3, Total: 3})
	if w.Preparing != nil {
		t.Error("what is ready is still being prepared")
	}
	w.add(1, run.Preparing{What: "drawing", Done: 1, Total: 3}, run.StepStarted{Step: 1})
	if w.Preparing != nil {
		t.Error("it is prepared while a step runs")
	}
}

func TestUsageIsOverTime(t *testing.T) {
	w := begin(run.RunStarted{})
	w.add(10, run.Usage{CPU: 1.5, Memory: 100}, run.Usage{CPU: 2, Memory: 200, GPU: 0.5, GPUBytes: 7})
	if _, last, ok := w.CPU.Bounds(); !ok || last != 20 || w.Memory.Last() != 200 || w.GPU.Len() != 1 || w.GPUMem.Last() != 7 || w.Usage.CPU != 2 {
		t.Errorf("%v, %v", last, w.Usage)
	}
}

// TestMemoryIsBounded applies far more of everything than is kept.
func TestMemoryIsBounded(t *testing.T) {
	before := heap()
	w := begin(run.RunStarted{}, run.StepStarted{Step: 1, Iterations: 1 << 30})
	for i := range 6_000 {
		losses := run.Values{"loss": 1, fmt.Sprint("loss ", i): 1}
		w.add(1, run.Warning{What: fmt.Sprintf("%01000d", i)}, run.CheckpointWritten{Step: 1, Iteration: i, Path: fmt.Sprintf("%0500d", i)},
			run.DataProblem{Where: fmt.Sprintf("%05000d", i)}, run.Eval{Step: 1, Iteration: i, Metrics: losses},
			run.Train{Step: 1, Iteration: i, Losses: losses, StepS: 1}, run.Usage{CPU: 1})
	}
	if len(w.Acts) > 2*mostActs || len(w.Checkpoints) > 2*mostCheckpoints || len(w.State.Warnings) > 2*mostActs || w.State.Warned != 6_000 ||
		len(w.Steps[1].Losses) > mostCurves || len(w.Steps[1].Metrics) > mostCurves || w.Problems != 6_000 {
		t.Errorf("%d acts, %d checkpoints, %d warnings of %d, %d losses", len(w.Acts), len(w.Checkpoints), len(w.State.Warnings), w.State.Warned, len(w.Steps[1].Losses))
	}
	if w.Acts[len(w.Acts)-2].Text != fmt.Sprintf("warning: %01000d", 5_999) || len(w.Acts[len(w.Acts)-1].Text) > mostText {
		t.Errorf("the last acts are %v", w.Acts[len(w.Acts)-2:])
	}
	if grown := heap() - before; grown > 16<<20 {
		t.Errorf("the history holds %d MiB", grown>>20)
	}
	runtime.KeepAlive(w)
}

func heap() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc) //nolint:gosec // far below
}

// TestGenerationsComeInOrder applies generations as no search ends them.
func TestGenerationsComeInOrder(t *testing.T) {
	w := begin(run.StepStarted{Step: 3, Iterations: 10})
	for i := range 10_000 {
		w.add(1, run.Generation{Generation: 10_000 - i}, run.Generation{Generation: 10_000, Evaluated: i})
	}
	if len(w.Generations) != 1 || w.Generations[0].Evaluated != 9_999 {
		t.Errorf("%d generations, the first %+v", len(w.Generations), w.Generations[0])
	}
}

// TestOddEventsDoNoHarm applies events of steps that there are none of.
func TestOddEventsDoNoHarm(t *testing.T) {
	w := begin()
	for _, step := range []int{-1, 0, 6, 1 << 40} {
		w.add(1, run.StepStarted{Step: step}, train(step, 1, 1, 1), run.Eval{Step: step, Metrics: run.Values{"AP": 1}},
			run.CheckpointWritten{Step: step}, run.StepFinished{Step: step}, run.Control{What: run.ActPause, Phase: run.PhaseDone, Step: step},
			run.Unknown{Type: "telepathy"})
	}
	for n := 1; n <= 5; n++ {
		if s := &w.Steps[n]; s.Started || s.Done || s.Losses != nil {
			t.Errorf("step %d: %+v", n, s)
		}
	}
}

// TestCoarseHistoriesKeepLess wants every curve to be bounded, also after the
// journal has begun anew.
func TestCoarseHistoriesKeepLess(t *testing.T) {
	const bins = 16
	h := New("a").Coarse(bins)
	seq := int64(0)
	add := func(e run.Event) {
		seq++
		h.Apply(run.Entry{Header: run.Header{Seq: seq, Time: time.Unix(seq, 0), Type: e.Kind()}, Event: e})
	}
	for range 2 {
		seq = 0
		add(run.RunStarted{Run: "a", From: 1, To: 5})
		add(run.StepStarted{Step: 1, Iterations: 1000})
		for i := range 100 {
			add(run.Train{Step: 1, Iteration: i + 1, LR: 1, ImagesPerS: 2, StepS: 1, Losses: run.Values{"loss": 1}})
			add(run.Eval{Step: 1, Iteration: i + 1, Metrics: run.Values{"top1": 1}})
			add(run.Usage{CPU: 1, Memory: 2})
		}
		s := &h.Steps[1]
		for name, c := range map[string]*series.Series{
			"loss": s.Losses["loss"], "rate": &s.LR, "images": &s.Images, "data": &s.Data, "top-1": s.Metrics["top1"], "cpu": &h.CPU, "memory": &h.Memory,
		} {
			if n := len(c.Bins(0, 1e9, 1e6)); n > bins || n < bins/2 || c.Len() != 100 {
				t.Errorf("%s keeps %d bins of %d points", name, n, c.Len())
			}
		}
	}
}
