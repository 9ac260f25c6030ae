package run

import (
	"encoding/json"
	"strconv"
	"testing"
	"time"
)

func fold(events ...Event) State {
	var s State
	for i, e := range events {
		s.Apply(Entry{Header: Header{Seq: int64(i) + 1, Time: time.Unix(int64(i), 0).UTC()}, Event: e})
	}
	return s
}

func TestStateOfARun(t *testing.T) {
	start := []Event{RunStarted{Run: "r"}, StepStarted{Step: 1, Iterations: 10}, Train{Step: 1, Iteration: 4}}
	tests := map[string]struct {
		more      []Event
		state     string
		iteration int
	}{
		"running":  {nil, StateRunning, 4},
		"paused":   {[]Event{Control{What: ActPause, Phase: PhaseDone}}, StatePaused, 4},
		"resumed":  {[]Event{Control{What: ActPause, Phase: PhaseDone}, Control{What: ActResume, Phase: PhaseDone}}, StateRunning, 4},
		"stopped":  {[]Event{RunStopped{}}, StateStopped, 4},
		"failed":   {[]Event{RunFailed{Error: "e"}}, StateFailed, 4},
		"revived":  {[]Event{RunFailed{Error: "e"}, RunResumed{}, StepStarted{Step: 1, Iteration: 3, Iterations: 10}}, StateRunning, 3},
		"step end": {[]Event{StepFinished{Step: 1}}, StateRunning, 10},
		"finished": {[]Event{StepFinished{Step: 1}, RunFinished{}}, StateFinished, 10},
		"no pause": {[]Event{RunFinished{}, Control{What: ActPause, Phase: PhaseDone}}, StateFinished, 4},
	}
	for name, tc := range tests {
		s := fold(append(start, tc.more...)...)
		if s.State != tc.state || s.Iteration != tc.iteration || s.Name != "r" || s.Step != 1 || s.Iterations != 10 {
			t.Errorf("%s: %+v", name, s)
		}
	}
}

func TestStateOfASearch(t *testing.T) {
	c := func(i int, score float64) Candidate { return Candidate{Index: i, Score: score} }
	s := fold(RunStarted{}, StepStarted{Step: 3, Iterations: 6}, c(0, 1), c(1, 2), c(2, 3))
	if s.Iteration != 3 || len(s.Candidates) != 3 {
		t.Errorf("after three: %+v", s)
	}
	s.Apply(Entry{Event: RunResumed{}})
	s.Apply(Entry{Event: StepStarted{Step: 3, Iteration: 2, Iterations: 6}})
	s.Apply(Entry{Event: c(2, 4)})
	s.Apply(Entry{Event: c(2, 5)})
	equal(t, s.Candidates, []Candidate{c(0, 1), c(1, 2), c(2, 5)})
	s.Apply(Entry{Event: StepStarted{Step: 3, Iterations: 6}})
	if len(s.Candidates) != 0 {
		t.Error("a search begun anew kept candidates")
	}
}

// The last checkpoint of a step stands until the step begins anew or goes back
// before it, or an earlier one begins anew.
func TestStateOfCheckpoints(t *testing.T) {
	saved := func(step, iteration int) CheckpointWritten {
		return CheckpointWritten{Step: step, Iteration: iteration}
	}
	s := fold(StepStarted{Step: 1}, saved(1, 3), saved(1, 6), StepStarted{Step: 2}, saved(2, 4), StepStarted{Step: 2, Iteration: 4})
	equal(t, s.Saved, map[int]CheckpointWritten{1: saved(1, 6), 2: saved(2, 4)})
	s.Apply(Entry{Event: StepStarted{Step: 2, Iteration: 2}})
	equal(t, s.Saved, map[int]CheckpointWritten{1: saved(1, 6)})
	s.Apply(Entry{Event: saved(2, 2)})
	s.Apply(Entry{Event: StepStarted{Step: 1, Iteration: 6}})
	equal(t, s.Saved, map[int]CheckpointWritten{1: saved(1, 6), 2: saved(2, 2)})
	s.Apply(Entry{Event: StepStarted{Step: 1}})
	equal(t, s.Saved, map[int]CheckpointWritten{})
}

func TestStateOfEvaluations(t *testing.T) {
	s := fold(RunStarted{}, StepStarted{Step: 1, Iterations: 9}, Eval{Step: 1, Iteration: 3}, Eval{Step: 1, Iteration: 6})
	s.Apply(Entry{Event: StepStarted{Step: 1, Iteration: 5, Iterations: 9}})
	if s.Eval != nil {
		t.Errorf("resumed at 5, there is the evaluation of %d", s.Eval.Iteration)
	}
	if s.Evaluated != 5 { // what is done again after that is evaluated again
		t.Errorf("resumed at 5, evaluated at %d", s.Evaluated)
	}
	s.Apply(Entry{Event: StepStarted{Step: 2, Iteration: 8, Iterations: 9}})
	if s.Evaluated != 0 {
		t.Errorf("another step, evaluated at %d", s.Evaluated)
	}
}

func TestStateJSON(t *testing.T) {
	text, err := json.Marshal(fold(RunStarted{Run: "r"}, StepStarted{Step: 2, Iterations: 9}))
	if err != nil {
		t.Fatal(err)
	}
	want := `{"name":"r","state":"running","step":2,"iteration":0,"iterations":9,"updated":"1970-01-01T00:00:01Z"}`
	if string(text) != want {
		t.Errorf("%s\nwant\n%s", text, want)
	}
}

func TestStatusOfAFolder(t *testing.T) {
	f := create(t)
	status := func(want string) {
		t.Helper()
		s, err := f.Status()
		if err != nil || s.State != want || s.Name != "r" {
			t.Errorf("%+v, %v; want %s", s, err, want)
		}
	}
	status(StateRunning)
	j, _ := open(t, f)
	write(t, j, RunStarted{Run: "moved since"}, StepStarted{Step: 1})
	status(StateRunning)
	if err := f.Unlock(); err != nil {
		t.Fatal(err)
	}
	status(StateInterrupted)
	write(t, j, RunFinished{})
	status(StateFinished)
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
}

// TestFoldsStaySmall folds far more of everything than people ask of a run, or a
// search has, in orders that no run writes: what is kept is looked through for
// each event.
func TestFoldsStaySmall(t *testing.T) {
	const n = 20_000
	var events []Event
	for i := range n {
		events = append(events,
			Candidate{Index: n - i}, Candidate{Index: -i}, StepFinished{Step: i},
			Control{What: ActCheckpoint, Phase: PhaseRequested, Block: i}, Control{What: ActPause, Phase: PhaseBegun, Block: i},
			Control{What: ActPin, Phase: PhaseDone, Subnet: strconv.Itoa(i)},
		)
	}
	s := fold(events...)
	if len(s.Candidates) != 1 || len(s.Finished) != steps || len(s.Steering.Requests) != MostRequests || len(s.Steering.Pins) != MostPins {
		t.Errorf("%d candidates, %d finished steps, %d requests, %d pins", len(s.Candidates), len(s.Finished), len(s.Steering.Requests), len(s.Steering.Pins))
	}
	if last := s.Steering.Requests[MostRequests-1]; last.Block != n-1 {
		t.Errorf("the newest request is %+v", last)
	}
}
