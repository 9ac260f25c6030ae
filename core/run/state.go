package run

import (
	"slices"
	"time"
)

// The states of a run. It is interrupted when its process died before it could
// say how the run ended.
const (
	StateRunning     = "running"
	StatePaused      = "paused"
	StateStopped     = "stopped"
	StateFinished    = "finished"
	StateFailed      = "failed"
	StateInterrupted = "interrupted"
)

// State is where a run stands, folded from its journal. Its JSON is what
// detnas status prints.
type State struct {
	Name       string    `json:"name"`
	State      string    `json:"state"`
	Step       int       `json:"step"`      // 1 to 5; 0 before the first
	Iteration  int       `json:"iteration"` // of the step
	Iterations int       `json:"iterations"`
	Updated    time.Time `json:"updated"` // of the last event

	Seq        int64                `json:"-"` // of the last event
	Started    *RunStarted          `json:"-"`
	Train      *Train               `json:"-"` // the last
	Candidates []Candidate          `json:"-"` // of the search, by index
	Finished   map[int]StepFinished `json:"-"` // steps that are done
	Warnings   []string             `json:"-"`
	Error      string               `json:"-"` // of a failed run
}

// Apply takes in the next entry of the journal.
func (s *State) Apply(entry Entry) {
	s.Seq, s.Updated = entry.Seq, entry.Time
	switch e := entry.Event.(type) {
	case RunStarted:
		s.State, s.Started = StateRunning, &e
		if s.Name == "" {
			s.Name = e.Run
		}
	case RunResumed:
		s.State, s.Error = StateRunning, ""
	case StepStarted:
		s.startStep(e)
	case Train:
		s.Iteration, s.Train = e.Iteration, &e
	case Candidate:
		s.addCandidate(e)
	case StepFinished:
		s.finishStep(e)
	case Warning:
		s.Warnings = append(s.Warnings, e.What)
	case Control:
		s.control(e.What)
	case RunFinished:
		s.State = StateFinished
	case RunFailed:
		s.State, s.Error = StateFailed, e.Error
	case RunStopped:
		s.State = StateStopped
	}
}

// searchStep is the number of the step whose iterations are candidates.
const searchStep = 3

func (s *State) startStep(e StepStarted) {
	s.Step, s.Iteration, s.Iterations, s.Train = e.Step, e.Iteration, e.Iterations, nil
	for step := range s.Finished { // later ones rest on what this one was before
		if step >= e.Step {
			delete(s.Finished, step)
		}
	}
	if e.Step < searchStep && e.Iteration == 0 {
		s.Candidates = nil // they were candidates of another supernet
	}
	if e.Step == searchStep {
		s.Candidates = s.Candidates[:min(len(s.Candidates), max(e.Iteration, 0))]
	}
}

func (s *State) finishStep(e StepFinished) {
	if s.Finished == nil {
		s.Finished = map[int]StepFinished{}
	}
	s.Finished[e.Step] = e
	s.Iteration = s.Iterations
	if e.Step == searchStep {
		s.Iteration = len(s.Candidates) // fewer than planned in a small space
	}
}

// addCandidate puts a candidate at its index; one that was evaluated again
// replaces the older.
func (s *State) addCandidate(c Candidate) {
	i, found := slices.BinarySearchFunc(s.Candidates, c.Index, func(x Candidate, index int) int { return x.Index - index })
	if found {
		s.Candidates[i] = c
	} else {
		s.Candidates = slices.Insert(s.Candidates, i, c)
	}
	if s.Step == searchStep {
		s.Iteration = len(s.Candidates)
	}
}

func (s *State) control(what string) {
	switch {
	case what == "pause" && s.State == StateRunning:
		s.State = StatePaused
	case what == "resume" && s.State == StatePaused:
		s.State = StateRunning
	}
}

// Status reads where the run stands: by its journal, and by its lock, without
// which a run that says it is running was interrupted.
func (f *Folder) Status() (State, error) {
	locked, err := f.Locked() // before the journal: a run that ends between the two has ended
	if err != nil {
		return State{}, err
	}
	s := State{Name: f.Name()}
	if err := ReadJournal(f.JournalPath(), func(e Entry) error { s.Apply(e); return nil }); err != nil {
		return State{}, err
	}
	alive := s.State == "" || s.State == StateRunning || s.State == StatePaused
	switch {
	case alive && !locked:
		s.State = StateInterrupted
	case s.State == "":
		s.State = StateRunning
	}
	return s, nil
}
