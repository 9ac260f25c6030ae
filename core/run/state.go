package run

import (
	"cmp"
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
	Updated    time.Time `json:"updated"`         // of the last event
	Cause      string    `json:"cause,omitempty"` // of a pause that the run has made of its own accord
	Ranks      *Ranks    `json:"ranks,omitempty"` // what the processes that train together told last; nil for one alone

	Seq        int64                `json:"-"` // of the last event
	Started    *RunStarted          `json:"-"`
	Train      *Train               `json:"-"` // the last
	Evaluated  int                  `json:"-"` // iteration of the step at which it was evaluated last
	Eval       *Eval                `json:"-"` // that, where the step has not been taken up before it
	Candidates []Candidate          `json:"-"` // of the search, by index
	Generation *Generation          `json:"-"` // of the search, the last that ended
	Latencies  map[string]Latency   `json:"-"` // of subnets, by short form
	Finished   map[int]StepFinished `json:"-"` // steps that are done

	Saved    map[int]CheckpointWritten    `json:"-"` // the last of each step that stands
	Data     map[int]map[string]DataPrint `json:"-"` // what each step was begun with; none of older programs
	Warnings []string                     `json:"-"` // the newest ones, 1000 at least
	Warned   int                          `json:"-"` // warnings in all
	Error    string                       `json:"-"` // of a failed run
	Cure     []string                     `json:"-"` // key=value to resume it with
	Steering Steering                     `json:"-"` // what people asked of it
	Changed  *ConfigChanged               `json:"-"` // the last edit of its config
}

// Apply takes in the next entry of the journal.
func (s *State) Apply(entry Entry) {
	s.Seq, s.Updated = entry.Seq, entry.Time
	switch e := entry.Event.(type) {
	case RunStarted:
		s.State, s.Cause, s.Started = StateRunning, "", &e
		s.Steering.hash(e.ConfigHash)
		if s.Name == "" {
			s.Name = e.Run
		}
	case RunResumed:
		s.State, s.Error, s.Cause, s.Cure = StateRunning, "", "", nil
		s.Ranks = nil
		s.Steering.Requests = nil // the process that they were made to is gone
	case StepStarted:
		s.startStep(e)
	case Train:
		s.Iteration, s.Train = e.Iteration, &e
	case Eval:
		s.Evaluated, s.Eval = e.Iteration, &e
	case Candidate:
		s.addCandidate(e)
	case Generation:
		s.Generation = &e
	case Latency:
		if s.Latencies == nil {
			s.Latencies = map[string]Latency{}
		}
		s.Latencies[e.Subnet] = e
	case CheckpointWritten:
		if s.Saved == nil {
			s.Saved = map[int]CheckpointWritten{}
		}
		s.Saved[e.Step] = e
	case StepFinished:
		s.finishStep(e)
	case Warning:
		s.warn(e.What)
	case Control:
		s.control(e)
	case ConfigChanged:
		s.Changed = &e
		s.Steering.hash(e.ConfigHash)
		s.plan(e.Planned)
		if e.Step == searchStep {
			s.Steering.Acts = append(s.Steering.Acts, Act{At: e.Iteration, Changes: e.Changes})
		}
	case Ranks:
		s.Ranks = &e
	case RunFinished:
		s.end(StateFinished)
	case RunFailed:
		s.end(StateFailed)
		s.Error, s.Cure = e.Error, e.Cure
	case RunStopped:
		s.end(StateStopped)
	}
}

// end takes in that the run has ended.
func (s *State) end(state string) { s.State, s.Cause, s.Steering.Requests = state, "", nil }

// searchStep is the number of the step whose iterations are candidates.
const searchStep = 3

func (s *State) startStep(e StepStarted) {
	if s.Evaluated = min(s.Evaluated, e.Iteration); s.Step != e.Step {
		s.Evaluated = 0
	}
	if s.Eval != nil && (s.Eval.Step != e.Step || s.Eval.Iteration > e.Iteration) {
		s.Eval = nil
	}
	s.Step, s.Iteration, s.Iterations, s.Train = e.Step, e.Iteration, e.Iterations, nil
	if s.Data == nil {
		s.Data = map[int]map[string]DataPrint{}
	}
	s.Data[e.Step] = e.Data
	for step, c := range s.Saved { // a step that begins anew, or goes back, and later ones leave theirs
		if step > e.Step && e.Iteration == 0 || step == e.Step && c.Iteration > e.Iteration {
			delete(s.Saved, step)
		}
	}
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
	if e.Step <= searchStep && len(s.Candidates) == 0 {
		s.Generation = nil
		s.Steering.Acts = s.Steering.Fresh()
	}
}

// mostWarnings is how many of a journal's warnings are kept; up to twice as many
// stand for a while.
const mostWarnings = 1000

func (s *State) warn(what string) {
	s.Warned++
	if len(s.Warnings) == 2*mostWarnings {
		s.Warnings = slices.Clone(s.Warnings[mostWarnings:])
	}
	s.Warnings = append(s.Warnings, what)
}

// plan takes over how many candidates the search is to evaluate now.
func (s *State) plan(candidates int) {
	if candidates > 0 && s.Step == searchStep {
		s.Iterations = candidates
	}
}

func (s *State) finishStep(e StepFinished) {
	if s.Finished == nil {
		s.Finished = map[int]StepFinished{}
	}
	if e.Step >= 1 && e.Step <= steps {
		s.Finished[e.Step] = e
	}
	s.Iteration = s.Iterations
	if e.Step == searchStep {
		s.Iteration = len(s.Candidates) // fewer than planned in a small space
	}
}

// addCandidate puts a candidate at its index; one that was evaluated again
// replaces the older. They come in the order of their indices.
func (s *State) addCandidate(c Candidate) {
	i, found := slices.BinarySearchFunc(s.Candidates, c.Index, func(x Candidate, index int) int { return cmp.Compare(x.Index, index) })
	switch {
	case found:
		s.Candidates[i] = c
	case i == len(s.Candidates):
		s.Candidates = append(s.Candidates, c)
	}
	if s.Step == searchStep {
		s.Iteration = len(s.Candidates)
	}
	s.plan(c.Planned)
}

func (s *State) control(c Control) {
	s.Steering.apply(c)
	s.plan(c.Planned)
	if c.Phase != PhaseDone {
		return
	}
	switch {
	case c.What == ActPause && s.State == StateRunning:
		s.State, s.Cause = StatePaused, c.Why
	case c.What == ActResume && s.State == StatePaused:
		s.State, s.Cause = StateRunning, ""
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
	s.settle(locked)
	return s, nil
}

// settle puts the lock beside the journal: without it a run that says that it is
// running was interrupted.
func (s *State) settle(locked bool) {
	alive := s.State == "" || s.State == StateRunning || s.State == StatePaused
	switch {
	case alive && !locked:
		s.State = StateInterrupted
	case s.State == "":
		s.State = StateRunning
	}
}
