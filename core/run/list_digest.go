package run

import (
	"maps"
	"math"
	"slices"
)

const (
	recentLosses = 64 // of a step that a listing shows
	steps        = 5  // that there are
)

// digest is a fold of a journal that keeps little: of a candidate its score, and
// of the losses the last ones.
type digest struct {
	state    State
	from, to int       // steps that the run is to do
	scores   []float64 // of the candidates, by index
	loss     []float64 // of the step, the newest last
}

func newDigest(name string) digest {
	return digest{state: State{Name: name}, from: 1, to: steps}
}

// apply takes in the next entry of the journal.
func (d *digest) apply(entry Entry) {
	switch e := entry.Event.(type) {
	case Candidate:
		d.candidate(e, entry)
		return
	case RunStarted:
		d.from, d.to = e.From, e.To
	case RunResumed:
		d.from, d.to = e.From, e.To
	case StepStarted:
		d.startStep(e)
	case Train:
		d.lose(e.Losses)
	}
	d.state.Apply(entry)
	d.state.Warnings, d.state.Steering.Acts, d.state.Data, d.state.Saved, d.state.Ranks = nil, nil, nil, nil, nil // a list shows none of them
	if d.state.Step == searchStep && len(d.scores) > 0 {
		d.state.Iteration = len(d.scores)
	}
}

// startStep does with the scores what State does with the candidates.
func (d *digest) startStep(e StepStarted) {
	d.loss = d.loss[:0]
	switch {
	case e.Step < searchStep && e.Iteration == 0:
		d.scores = nil
	case e.Step == searchStep:
		d.scores = d.scores[:min(len(d.scores), max(e.Iteration, 0))]
	}
}

func (d *digest) candidate(c Candidate, entry Entry) {
	d.state.Seq, d.state.Updated = entry.Seq, entry.Time
	if c.Index >= 0 && c.Index < len(d.scores) { // evaluated again
		d.scores[c.Index] = c.Score
	} else {
		d.scores = append(d.scores, c.Score)
	}
	if d.state.Step == searchStep {
		d.state.Iteration = len(d.scores)
	}
	d.state.plan(c.Planned)
}

func (d *digest) lose(losses Values) {
	v, ok := losses["loss"]
	if !ok || math.IsNaN(v) || math.IsInf(v, 0) {
		return
	}
	if len(d.loss) == 2*recentLosses {
		d.loss = d.loss[:copy(d.loss, d.loss[recentLosses:])]
	}
	d.loss = append(d.loss, v)
}

// listed is what is shown of it. All of it is the caller's.
func (d *digest) listed() Listed {
	out := Listed{State: d.state, Score: math.NaN(), ScoreName: "best", Loss: slices.Clone(d.loss[max(0, len(d.loss)-recentLosses):])}
	out.State.Generation = nil
	out.State.Finished = maps.Clone(d.state.Finished)
	held := &d.state.Steering
	out.State.Steering = Steering{
		Requests: slices.Clone(held.Requests), Pins: slices.Clone(held.Pins), Locks: maps.Clone(held.Locks),
		Chosen: held.Chosen, Hashes: slices.Clone(held.Hashes),
	}
	for _, s := range d.scores {
		if math.IsNaN(out.Score) || s > out.Score {
			out.Score = s
		}
	}
	if ap, ok := d.state.Finished[steps].Metrics["AP"]; ok {
		out.Score, out.ScoreName = ap, "AP"
	}
	out.Progress = d.progress()
	return out
}

// progress is the share of the run's steps that is done, each counted alike.
func (d *digest) progress() float64 {
	if d.state.State == StateFinished {
		return 1
	}
	done := 0.0
	for step := d.from; step <= d.to; step++ {
		_, finished := d.state.Finished[step]
		switch {
		case finished || step < d.state.Step: // one before the present step was left out
			done++
		case step == d.state.Step && d.state.Iterations > 0:
			done += min(1, float64(d.state.Iteration)/float64(d.state.Iterations))
		}
	}
	return done / float64(max(1, d.to-d.from+1))
}
