package engine

import (
	"encoding/json"
	"fmt"
	"math"
	"strconv"

	"detnas/core/input"
	"detnas/core/run"
	"detnas/core/train"
)

// progress is what a training step carries from iteration to iteration besides
// weights and momenta; a checkpoint holds it too.
type progress struct {
	Iteration int64      `json:"iteration"` // done
	Averages  run.Values `json:"averages"`  // moving averages of the losses
	Seconds   float64    `json:"seconds"`   // spent on the step
	bearing
	measured
}

// averageWeight is the weight of the newest iteration in the moving averages.
const averageWeight = 0.02

// add takes in an iteration's losses.
func (p *progress) add(it train.Iteration) {
	if p.Averages == nil {
		p.Averages = run.Values{}
	}
	// A mean over the first iterations that turns into a moving average.
	w := max(averageWeight, 1/float64(it.Index+1-p.Skipped))
	for name, v := range it.Losses {
		p.Averages[name] += w * (v - p.Averages[name])
	}
	p.Iteration, p.InARow, p.atBest = it.Index+1, 0, false
}

// mostAverages is how many losses a step may have averages of.
const mostAverages = 64

// readProgress reads where a checkpoint stands within a step of so many iterations.
// What no step comes to is refused: training would go on from there at a rate, or
// with images, that are none.
func readProgress(c *run.Checkpoint, at run.Saved, length int) (progress, error) {
	var p progress
	if have := c.Meta["step"]; have != strconv.Itoa(at.Step) {
		return p, fmt.Errorf("it is one of step %s, and not of %d", input.Line(have), at.Step)
	}
	if err := json.Unmarshal([]byte(c.Meta["progress"]), &p); err != nil {
		return p, fmt.Errorf("its progress cannot be read: %w", input.Plain(err))
	}
	p.atBest = c.Meta[metricKey] != "" && p.Best != nil
	switch n := int64(length); {
	case p.Iteration < 0 || p.Iteration > n || at.Last && p.Iteration != n:
		return p, fmt.Errorf("it stands at iteration %d, and the step ends with %d; either the file or the data were changed", p.Iteration, n)
	case !at.Last && p.Iteration != int64(at.Iteration):
		return p, fmt.Errorf("it stands at iteration %d, and its name says %d", p.Iteration, at.Iteration)
	}
	if what := p.odd(at.Step, int64(length)); what != "" {
		return p, fmt.Errorf("its progress makes no sense: %s", what)
	}
	return p, nil
}

// odd is what of a progress no step comes to, or nothing.
func (p *progress) odd(step int, length int64) string {
	b := p.bearing
	switch {
	case !(p.Seconds >= 0 && p.Seconds < 1e10): // some three hundred years
		return fmt.Sprintf("it took %v seconds", p.Seconds)
	case len(p.Averages) > mostAverages:
		return fmt.Sprintf("it has averages of %d losses", len(p.Averages))
	case b.Skipped < 0 || b.Skipped > p.Iteration || b.InARow < 0 || b.InARow > mostSkipped || int64(b.InARow) > b.Skipped:
		return fmt.Sprintf("%d of %d iterations were left out, and %d in a row", b.Skipped, p.Iteration, b.InARow)
	case b.Backs < 0 || b.Backs > mostBacks || b.BackTo < 0 || b.BackTo > length:
		return fmt.Sprintf("it went back %d times, to iteration %d", b.Backs, b.BackTo)
	case !(b.LRScale >= 0 && b.LRScale <= 1):
		return fmt.Sprintf("its rate is multiplied by %v", b.LRScale)
	case p.Best != nil && (p.Best.Metric != headline(step) || !(p.Best.Value >= 0 && p.Best.Value <= math.MaxFloat32) ||
		p.Best.Iteration < 0 || p.Best.Iteration > length):
		return fmt.Sprintf("it was best with a %s of %v at iteration %d", input.Line(p.Best.Metric), p.Best.Value, p.Best.Iteration)
	}
	for name, v := range p.Averages {
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return fmt.Sprintf("its average of %s is %v", input.Line(name), v)
		}
	}
	return ""
}
