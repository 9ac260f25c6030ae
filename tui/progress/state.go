package progress

import (
	"fmt"
	"math"
	"strings"
	"time"

	"detnas/core/run"
)

const (
	steps      = 5
	searchStep = 3
)

// problemsShown is how many data problems are shown one by one; the log has all.
const problemsShown = 3

// newest is the weight of the newest measurement in the time of an iteration.
const newest = 0.3

// state is what is shown of a run: a fold over its events.
type state struct {
	step        int // 0 before the first
	name        string
	done, total int           // iterations or candidates
	each        time.Duration // of an iteration or a candidate, smoothed; 0 when unknown
	began, last time.Time     // of the step, of its last event
	shown       time.Time     // when a detail of the step was last put in a line
	waiting     string        // what goes on when nothing is counted; empty when something is
	cause       string        // why the run stands paused of its own accord; empty when it does not

	loss, rate, lr float64
	losses         bool // there is a loss to show

	generation int
	best       float64
	subnet     string // the best so far; empty before the first

	warnings, problems int
}

// begin takes over what a resumed run had found.
func (s *state) begin(before run.State) {
	for _, c := range before.Candidates {
		s.takeBest(c)
	}
}

func (s *state) takeBest(c run.Candidate) {
	if !math.IsNaN(c.Score) && (s.subnet == "" || c.Score > s.best) {
		s.best, s.subnet = c.Score, c.Subnet
	}
	s.generation = max(s.generation, c.Generation)
}

// apply takes in an event at a time and returns the lines that it makes.
func (s *state) apply(e run.Event, now time.Time) []line {
	say := func(w weight, m mark, format string, args ...any) []line {
		return []line{{at: now, text: fmt.Sprintf(format, args...), weight: w, mark: m}}
	}
	switch e := e.(type) {
	case run.RunStarted:
		s.waiting = "preparing data"
		return say(milestone, plain, "run %s: steps %d to %d on %s, %s, seed %d", e.Run, e.From, e.To, e.Device, count(e.Threads, "thread"), e.Seed)
	case run.RunResumed:
		s.waiting = "preparing data"
		return say(milestone, plain, "resumed: steps %d to %d", e.From, e.To)
	case run.Preparing:
		s.waiting = fmt.Sprintf("%s: %d%%", e.What, 100*e.Done/max(e.Total, 1))
		return nil
	case run.StepStarted:
		return say(detail, plain, "%s", s.startStep(e, now))
	case run.Train:
		s.train(e, now)
		return s.details(now)
	case run.Candidate:
		s.candidate(e, now)
		return s.details(now)
	case run.RankJoined:
		return say(detail, plain, "%s: rank %d (process %d on %s) measures candidates, %d at a time", s.title(), e.Rank, e.PID, e.Host, e.Scorers)
	case run.Feasible:
		return say(detail, plain, "%s: %d of %d random subnets pass the constraint (%s)", s.title(), e.Passed, e.Tried, e.What)
	case run.Generation:
		return say(detail, plain, "%s: generation %d done, best %s of %s: %.4f", s.title(), e.Generation+1, e.Best, count(e.Evaluated, "candidate"), e.Score)
	case run.Eval:
		return say(milestone, plain, "%s: at iteration %d %s", s.title(), e.Iteration, metrics(e.Metrics))
	case run.StepFinished:
		return say(milestone, good, "%s", s.finishStep(e))
	case run.Warning:
		s.warnings++
		return say(milestone, bad, "warning: %s", e.What)
	case run.DataProblem:
		return s.problem(e, now)
	case run.CheckpointWritten:
		return say(trace, plain, "checkpoint %s", e.Path)
	case run.Control:
		return s.control(e, now)
	case run.RunFinished:
		return say(trace, plain, "finished in %s", clock(seconds(e.Seconds)))
	case run.RunStopped:
		return say(trace, plain, "stopped: %s", e.Why)
	case run.RunFailed:
		return say(trace, bad, "failed: %s", e.Error)
	}
	return nil
}

// control says who did what, once: when it is done, or is not to be. A pause of
// the run's own accord is shown with its cause for as long as it lasts.
func (s *state) control(e run.Control, now time.Time) []line {
	if e.Phase == run.PhaseRequested || e.Phase == run.PhaseBegun {
		return nil
	}
	l := line{at: now, text: fmt.Sprintf("%s by %s", strings.TrimSpace(e.What+" "+e.Subnet), e.Who), weight: milestone}
	switch {
	case e.Phase == run.PhaseRefused:
		l.text, l.mark = l.text+" is refused: "+e.Why, bad
	case e.Phase == run.PhaseWithdrawn:
		l.text += " is taken back"
	case e.What == run.ActPause && e.Why != "":
		s.cause = "paused: " + e.Why
		l.text, l.mark = s.cause, bad
	case e.What == run.ActResume:
		s.cause, s.last = "", now
	}
	return []line{l}
}

func (s *state) startStep(e run.StepStarted, now time.Time) string {
	*s = state{
		step: e.Step, name: e.Name, done: e.Iteration, total: e.Iterations, began: now, last: now, shown: now,
		best: s.best, subnet: s.subnet, generation: s.generation, warnings: s.warnings, problems: s.problems,
	}
	if e.Step == searchStep && e.Iteration == 0 {
		s.best, s.subnet, s.generation = 0, "", 0
	}
	text := fmt.Sprintf("%s: %s", s.title(), count(s.total, s.unit()))
	if s.done > 0 {
		text += fmt.Sprintf(", of which %d are done", s.done)
	}
	if e.Sampling != "" {
		text += "; paths " + e.Sampling
	}
	return text
}

func (s *state) train(e run.Train, now time.Time) {
	s.advance(e.Iteration, now)
	s.loss, s.losses = e.Losses["loss"]
	s.rate, s.lr = e.ImagesPerS, e.LR
	if s.done >= s.total {
		s.waiting = "saving and evaluating"
	}
}

func (s *state) candidate(e run.Candidate, now time.Time) {
	s.advance(s.done+1, now)
	s.takeBest(e)
}

// advance moves the count on and measures how long one takes, by the clock, so
// that checkpoints and evaluations are in it.
func (s *state) advance(done int, now time.Time) {
	if n := done - s.done; n > 0 {
		took := now.Sub(s.last) / time.Duration(n)
		if s.each == 0 {
			s.each = took
		} else {
			s.each = time.Duration((1-newest)*float64(s.each) + newest*float64(took))
		}
	}
	s.done, s.last = done, now
}

// left is the time to the step's end, or 0 when it is not known.
func (s *state) left(now time.Time) time.Duration {
	if s.each == 0 || s.done >= s.total {
		return 0
	}
	return max(time.Duration(s.total-s.done)*s.each-now.Sub(s.last), 0)
}

// details is the plain form of the live line, every few seconds and at the end.
func (s *state) details(now time.Time) []line {
	if now.Sub(s.shown) < plainEvery && s.done < s.total {
		return nil
	}
	s.shown = now
	return []line{{at: now, text: s.plain(now), weight: detail}}
}

func (s *state) finishStep(e run.StepFinished) string {
	s.step, s.waiting = e.Step, "preparing the next step"
	if e.Step == steps {
		s.waiting = "finishing"
	}
	s.each, s.losses = 0, false
	text := fmt.Sprintf("%s: done in %s", s.title(), clock(seconds(e.Seconds)))
	if m := metrics(e.Metrics); m != "" {
		text += ", " + m
	}
	return text
}

func (s *state) problem(e run.DataProblem, now time.Time) []line {
	s.problems++
	w := milestone
	if s.problems > problemsShown {
		w = trace
	}
	lines := []line{{at: now, text: fmt.Sprintf("data problem: %s: %s", e.Where, e.What), weight: w, mark: bad}}
	if s.problems == problemsShown {
		lines = append(lines, line{at: now, text: "further data problems are in the run's log.txt", weight: milestone, mark: bad})
	}
	return lines
}

func (s *state) unit() string {
	if s.step == searchStep {
		return "candidate"
	}
	return "iteration"
}

// title is the step's number and name.
func (s *state) title() string { return fmt.Sprintf("%d/%d %s", s.step, steps, s.name) }
