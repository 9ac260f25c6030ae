package history

import "time"

// newestWeight is the weight of the newest measurement in the time that an
// iteration takes.
const newestWeight = 0.3

// pace is how fast a step goes. It goes by the times that the iterations
// themselves report, so that a pause, or the time in which the run was stopped,
// does not count. To those it adds what evaluations and checkpoints take between
// iterations.
type pace struct {
	own     float64   // seconds of an iteration by itself, of late
	gaps    float64   // seconds between iterations, in all since the step was begun or taken up
	over    int       // iterations since then
	at      time.Time // of the last iteration; zero when what comes before the next one is no work
	between bool      // an evaluation or a checkpoint came since
}

// train takes in iterations that took seconds each, the last of them at a time,
// and returns what they and the gap before them took.
func (p *pace) train(done int, seconds float64, at time.Time) (spent float64) {
	p.one(seconds)
	if done > 0 && seconds > 0 {
		spent = float64(done) * seconds
		if gap := at.Sub(p.at).Seconds() - spent; p.between && !p.at.IsZero() && gap > 0 {
			p.gaps += gap
			spent += gap
		}
		p.over += done
	}
	p.at, p.between = at, false
	return spent
}

// one takes in the time of one iteration or candidate.
func (p *pace) one(seconds float64) {
	switch {
	case !(seconds > 0): // NaN too
	case p.own == 0:
		p.own = seconds
	default:
		p.own += newestWeight * (seconds - p.own)
	}
}

// project works out how fast the step goes and how long it will go on.
func (s *Step) project() {
	s.Rate, s.Left = 0, 0
	p := s.pace
	if p.own == 0 {
		return
	}
	s.Rate = 1 / p.own
	each := p.own + p.gaps/float64(max(p.over, 1))
	const century = 100 * 365 * 24 * 3600.0
	if left := float64(s.Iterations-s.Iteration) * each; left > 0 {
		s.Left = time.Duration(min(left, century) * float64(time.Second))
	}
}
