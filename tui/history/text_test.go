package history

import (
	"math"
	"strings"
	"testing"

	"detnas/core/run"
)

func TestText(t *testing.T) {
	for _, tc := range []struct {
		event run.Event
		want  string
		bad   bool
	}{
		{run.RunStarted{Version: "1.2", Seed: 7, From: 1, To: 5, Device: "cpu", Threads: 2}, "run started: steps 1 to 5 on cpu, 2 threads, seed 7, detnas 1.2", false},
		{run.RunResumed{From: 2, To: 5, Healed: 3}, "run resumed: steps 2 to 5; 3 bytes of a torn line were cut off the journal", false},
		{run.Preparing{What: "drawing images", Done: 1, Total: 3}, "drawing images: 1 of 3", false},
		{run.StepStarted{Step: 3, Name: "search", Iterations: 40}, "step 3 (search) started; 40 candidates", false},
		{run.StepStarted{Step: 1, Name: "supernet-pretrain", Iteration: 50, Iterations: 100}, "step 1 (supernet-pretrain) taken up at 50; 100 iterations", false},
		{
			run.Train{Step: 2, Iteration: 5, LR: 0.02, Losses: run.Values{"cls": 0.25, "loss": 1.23456, "box": math.NaN()}, ImagesPerS: 31.5},
			"step 2, iteration 5: loss 1.235, box NaN, cls 0.25, lr 0.02, 31.5 images/s", false,
		},
		{run.Eval{Step: 2, Iteration: 5, Metrics: run.Values{"AP": 0.5}}, "step 2, iteration 5 evaluated: AP 0.5", false},
		{
			run.Candidate{Index: 7, Generation: 1, Origin: "mutation", Subnet: "01-10", Score: 0.34567, Seconds: 2.25},
			"candidate 7, generation 1 (mutation): 01-10 scores 0.3457 in 2.2 s", false,
		},
		{
			run.Candidate{Index: 7, Generation: 1, Origin: "random", Subnet: "01-10", Score: math.NaN(), Seconds: 2.25},
			"candidate 7, generation 1 (random): 01-10 has no score", true,
		},
		{run.Generation{Generation: 1, Evaluated: 20, Best: "01-10", Score: 0.5}, "generation 1 done: 20 candidates so far, best 01-10 with 0.5000", false},
		{run.CheckpointWritten{Path: "checkpoints/step-1-50.safetensors"}, "checkpoint checkpoints/step-1-50.safetensors", false},
		{run.StepFinished{Step: 3, Seconds: 2.5, Metrics: run.Values{"best": 0.5}}, "step 3 (search) finished in 2.5 s: best 0.5", false},
		{run.Warning{What: "a\nb\x1b[31m\u202e\x00c"}, "warning: a b [31m  c", true},
		{run.DataProblem{Split: "train", Fault: "broken-image", Where: "a.jpg", What: "truncated"}, "data problem in train: a.jpg: truncated (broken-image)", true},
		{run.Usage{CPU: 1.5, Memory: 3 << 20}, "1.50 cores, 3 MiB", false},
		{run.Control{What: run.ActPause, Who: "ann", Phase: run.PhaseRequested, Step: 1, Iteration: 40}, "pause requested by ann at step 1, iteration 40", false},
		{
			run.Control{What: run.ActLock, Who: "ann", Phase: run.PhaseDone, Step: 3, Iteration: 27, Block: 2, Choice: "1"},
			"lock block 2 at choice 1 done by ann at step 3, candidate 27", false,
		},
		{run.Control{What: run.ActPin, Who: "ann", Phase: run.PhaseRefused, Subnet: "01", Why: "too large"}, "pin 01 refused by ann: too large", true},
		{
			run.ConfigChanged{Who: "ann", Changes: []run.Change{{Key: "seed", Old: "1", New: "2", Effect: "next start"}, {Key: "a", Old: "0", New: "3", Effect: "now"}}},
			"config changed by ann: seed 1 to 2 (next start), a 0 to 3 (now)", false,
		},
		{run.RunFinished{Seconds: 9}, "run finished in 9.0 s", false},
		{run.RunFailed{Error: "boom"}, "run failed: boom", true},
		{run.RunStopped{Why: "interrupt"}, "run stopped: interrupt", false},
		{run.Unknown{Type: "telepathy"}, "telepathy", false},
	} {
		text, bad := Text(run.Entry{Header: run.Header{Type: tc.event.Kind()}, Event: tc.event})
		if text != tc.want || bad != tc.bad {
			t.Errorf("%T: %q, bad %v; want %q", tc.event, text, bad, tc.want)
		}
	}
}

func TestActs(t *testing.T) {
	w := begin(run.RunStarted{}, run.StepStarted{Step: 1}, train(1, 1, 1, 1), run.Usage{}, run.Eval{}, run.Preparing{}, run.CheckpointWritten{})
	w.add(1, run.Control{What: run.ActStop, Who: "ann", Phase: run.PhaseBegun}, run.RunFailed{Error: strings.Repeat("ü", mostText)})
	var got []string
	for _, a := range w.Acts {
		got = append(got, a.Text[:min(len(a.Text), 20)])
	}
	if s := strings.Join(got, "|"); s != "run started: steps 0|step 1 () started; 0|stop begun by ann|run failed: üüüü" || !w.Acts[3].Bad || !w.Acts[3].Time.Equal(w.at) {
		t.Errorf("%s", s)
	}
	if text := w.Acts[3].Text; len(text) > mostText || !strings.HasSuffix(text, "ü") {
		t.Errorf("%d bytes, ending with %q", len(text), text[len(text)-4:])
	}
}
