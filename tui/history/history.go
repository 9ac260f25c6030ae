// Package history is what a screen knows of a run: a fold over its journal, in
// memory that does not grow with the length of the run.
package history

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"detnas/core/config"
	"detnas/core/run"
	"detnas/tui/series"
)

// What is kept of what there can be any number of.
const (
	mostActs        = 1000
	mostCheckpoints = 100
	mostCurves      = 64   // losses or metrics of a step
	mostText        = 2000 // bytes of an act's text
)

// History is the fold. It is not safe for concurrent use: it belongs to the
// screen's event loop once it has been read.
type History struct {
	State       run.State
	Steps       [6]Step // by number; 0 is not used
	Generations []run.Generation
	Checkpoints []run.CheckpointWritten // the newest last
	Acts        []Act                   // what people did and what befell the run, the newest last
	CPU, Memory series.Series           // over seconds since the run began: cores, bytes
	GPU, GPUMem series.Series           // share, bytes
	Usage       *run.Usage              // the last
	RanksAt     time.Time               // of what State has of the ranks
	Preparing   *run.Preparing          // what is being prepared now, or nil
	Problems    int                     // data problems that were met
	Began       time.Time
	Events      int64 // applied

	bins int // that a curve keeps; 0 is as many as a chart can use
}

// Step is what is known of one of the five steps.
type Step struct {
	Number                int
	Name                  string
	Started, Done         bool
	Iteration, Iterations int // candidates in the search
	Began, Updated        time.Time
	Seconds               float64                   // spent: of a finished step as it says, else by its iterations
	Rate                  float64                   // iterations (or candidates) a second of late, by themselves; 0 unknown
	Left                  time.Duration             // to its end by Rate, evaluations and checkpoints included; 0 unknown
	Losses                map[string]*series.Series // by name; "loss" is the sum
	LR, Images, Data      series.Series             // rate; images a second; share of the time spent waiting for data
	Metrics               map[string]*series.Series // of evaluations within the step
	Result                run.Values                // metrics at its end
	Best                  *run.CheckpointWritten    // at which it was measured best so far; nil before the first

	pace pace
}

// Act is something that a person did, or that befell the run, at a time.
type Act struct {
	Time time.Time
	Text string // "pause requested by ann at step 1, iteration 40"
	Bad  bool
}

// New begins the history of a run.
func New(name string) *History {
	h := &History{State: run.State{Name: name}}
	for step := 1; step < len(h.Steps); step++ {
		h.Steps[step] = h.fresh(step)
	}
	return h
}

// Coarse bounds the bins that each curve keeps, for a process that has many
// histories. It comes before the first entry; 0 changes nothing.
func (h *History) Coarse(bins int) *History {
	h.bins = bins
	for _, c := range []*series.Series{&h.CPU, &h.Memory, &h.GPU, &h.GPUMem} {
		c.Most = bins
	}
	for step := 1; step < len(h.Steps); step++ {
		h.Steps[step] = h.fresh(step)
	}
	return h
}

// fresh is a step of which nothing is known yet.
func (h *History) fresh(step int) Step {
	curve := series.Series{Most: h.bins}
	return Step{Number: step, Name: config.StepName(step), LR: curve, Images: curve, Data: curve}
}

// Apply takes in the next entry of the journal. The first one begins anew.
func (h *History) Apply(e run.Entry) {
	if e.Seq == 1 && h.Events > 0 {
		*h = *New(h.State.Name).Coarse(h.bins)
	}
	if h.Began.IsZero() {
		h.Began = e.Time
	}
	h.Events++
	h.State.Apply(e)
	if search := &h.Steps[config.StepSearch]; h.State.Step == search.Number && search.Started {
		search.Iterations = h.State.Iterations // steering may change them
	}
	if _, ok := e.Event.(run.Preparing); !ok {
		h.Preparing = nil
	}
	switch ev := e.Event.(type) {
	case run.Preparing:
		h.Preparing = &ev
		if ev.Done >= ev.Total {
			h.Preparing = nil
		}
	case run.StepStarted:
		h.startStep(ev, e.Time)
	case run.Train:
		h.train(ev, e.Time)
	case run.Eval:
		h.eval(ev, e.Time)
	case run.Candidate:
		h.candidate(ev, e.Time)
	case run.Generation:
		h.generation(ev)
	case run.CheckpointWritten:
		h.checkpoint(ev, e.Time)
	case run.StepFinished:
		h.finishStep(ev, e.Time)
	case run.DataProblem:
		h.Problems++
	case run.Usage:
		h.usage(ev, e.Time)
	case run.Ranks:
		h.RanksAt = e.Time
	case run.Control:
		if ev.What == run.ActPause && ev.Phase == run.PhaseDone {
			h.step(ev.Step).pace.at = time.Time{} // what comes until the next iteration is no work
		}
	}
	if text, bad, worth := act(e); worth {
		h.Acts = capped(append(h.Acts, Act{Time: e.Time, Text: clip(text), Bad: bad}), mostActs)
	}
}

// checkpoint takes in a checkpoint, or that one was written anew.
func (h *History) checkpoint(e run.CheckpointWritten, at time.Time) {
	if n := len(h.Checkpoints); n > 0 && h.Checkpoints[n-1].Path == e.Path {
		h.Checkpoints = h.Checkpoints[:n-1]
	}
	h.Checkpoints = capped(append(h.Checkpoints, e), mostCheckpoints)
	s := h.step(e.Step)
	s.pace.between, s.Updated = true, at
	if e.Best != "" {
		s.Best = &e
	}
}

// capped drops the oldest of a list that has grown to twice what is kept.
func capped[T any](list []T, most int) []T {
	if len(list) < 2*most {
		return list
	}
	return slices.Clone(list[len(list)-most:])
}

func (h *History) step(n int) *Step {
	if n < 1 || n >= len(h.Steps) {
		return &Step{} // of a newer program; nobody sees it
	}
	return &h.Steps[n]
}

// startStep begins a step, or takes it up again. What later steps had is void.
func (h *History) startStep(e run.StepStarted, at time.Time) {
	for n := e.Step; n >= 1 && n < len(h.Steps); n++ {
		if n > e.Step || e.Iteration == 0 {
			h.Steps[n] = h.fresh(n)
		}
	}
	if e.Step <= config.StepSearch && e.Iteration == 0 {
		h.Generations = nil
	}
	if e.Step == config.StepSearch { // those after the checkpoint come again
		h.Generations = slices.DeleteFunc(h.Generations, func(g run.Generation) bool { return g.Evaluated > e.Iteration })
	}
	s := h.step(e.Step)
	s.Started, s.Done, s.Result = true, false, nil
	s.Iteration, s.Iterations, s.Rate, s.Left = e.Iteration, e.Iterations, 0, 0
	s.pace, s.Updated = pace{}, at
	if s.Began.IsZero() {
		s.Began = at
	}
	s.cut(float64(e.Iteration))
}

// cut drops what curves have of iterations after one that the step goes on from:
// they have been undone, or come again.
func (s *Step) cut(x float64) {
	for _, curves := range []map[string]*series.Series{s.Losses, s.Metrics} {
		for _, c := range curves {
			c.Cut(x)
		}
	}
	for _, c := range []*series.Series{&s.LR, &s.Images, &s.Data} {
		c.Cut(x)
	}
}

func (h *History) train(e run.Train, at time.Time) {
	s := h.step(e.Step)
	done := e.Iteration - s.Iteration
	s.Iteration, s.Updated = e.Iteration, at
	x := float64(e.Iteration)
	if s.Losses == nil {
		s.Losses = map[string]*series.Series{}
	}
	for name, v := range e.Losses {
		h.add(s.Losses, name, x, v)
	}
	s.LR.Append(x, e.LR)
	s.Images.Append(x, e.ImagesPerS)
	if e.StepS > 0 {
		s.Data.Append(x, e.DataS/e.StepS)
	}
	s.Seconds += s.pace.train(done, e.StepS, at)
	s.project()
}

func (h *History) add(to map[string]*series.Series, name string, x, y float64) {
	curve := to[name]
	if curve == nil {
		if len(to) == mostCurves {
			return
		}
		curve = &series.Series{Most: h.bins}
		to[name] = curve
	}
	curve.Append(x, y)
}

func (h *History) eval(e run.Eval, at time.Time) {
	s := h.step(e.Step)
	s.pace.between, s.Updated = true, at
	if s.Metrics == nil {
		s.Metrics = map[string]*series.Series{}
	}
	for name, v := range e.Metrics {
		h.add(s.Metrics, name, float64(e.Iteration), v)
	}
}

func (h *History) candidate(e run.Candidate, at time.Time) {
	s := h.step(config.StepSearch)
	s.Iteration, s.Updated = len(h.State.Candidates), at
	s.Iterations = max(s.Iterations, s.Iteration)
	s.Seconds += e.Seconds
	s.pace.one(e.Seconds)
	s.project()
}

// generation keeps one entry for each generation, in their order: a search that was
// taken up again may end one twice.
func (h *History) generation(e run.Generation) {
	i, found := slices.BinarySearchFunc(h.Generations, e.Generation, func(g run.Generation, n int) int { return cmp.Compare(g.Generation, n) })
	switch {
	case found:
		h.Generations[i] = e
	case i == len(h.Generations):
		h.Generations = append(h.Generations, e)
	}
}

func (h *History) finishStep(e run.StepFinished, at time.Time) {
	s := h.step(e.Step)
	s.Started, s.Done, s.Result, s.Seconds, s.Left, s.Updated = true, true, e.Metrics, e.Seconds, 0, at
	if e.Step == config.StepSearch {
		s.Iteration = len(h.State.Candidates)
	} else {
		s.Iteration = s.Iterations
	}
}

func (h *History) usage(e run.Usage, at time.Time) {
	x := at.Sub(h.Began).Seconds()
	h.Usage = &e
	h.CPU.Append(x, e.CPU)
	h.Memory.Append(x, float64(e.Memory))
	if e.GPUBytes > 0 || e.GPU > 0 {
		h.GPU.Append(x, e.GPU)
		h.GPUMem.Append(x, float64(e.GPUBytes))
	}
}

// LossNames are the losses of a step: "loss" first, then by name.
func (s *Step) LossNames() []string {
	names := slices.Sorted(maps.Keys(s.Losses))
	if i := slices.Index(names, "loss"); i > 0 {
		names = append([]string{"loss"}, slices.Delete(names, i, i+1)...)
	}
	return names
}
