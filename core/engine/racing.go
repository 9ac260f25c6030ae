package engine

import (
	"context"
	"math"

	"detnas/core/run"
	"detnas/core/seed"
	"detnas/detector/cocoeval"
	"detnas/nas"
	"detnas/nas/race"
	"detnas/nas/search"
)

// racing stops candidates that will not be among the best. Of these it keeps what
// they found, image by image; of a search that is taken up it measures again who is
// raced against.
type racing struct {
	places []int64 // of the batches of the guide, in the order of the race
	looks  []int   // batches after which a candidate is looked at
	truth  *cocoeval.GroundTruth
	of     map[string]*racer // the best, by the subnet's key
}

// racer is one of the best.
type racer struct {
	matches *cocoeval.Matches
	figures map[int]race.Figures // by look, which are the same for all who are set against it
}

// at are the racer's figures at a look, false where there are none.
func (r *racer) at(look int, l race.Look) (race.Figures, bool) {
	f, ok := r.figures[look]
	if !ok {
		if f, ok = l.Figures(r.matches); ok {
			r.figures[look] = f
		}
	}
	return f, ok
}

func newRacing(root uint64, guide batches) *racing {
	r := &racing{looks: race.Looks(int(guide.count)), truth: cocoeval.FromSet(guide.set), of: map[string]*racer{}}
	for _, place := range seed.Rand(root, "race").Perm(int(guide.count)) {
		r.places = append(r.places, int64(place))
	}
	return r
}

// keep keeps what a candidate found on all images.
func (r *racing) keep(sub nas.Subnet, found []cocoeval.Detection) error {
	m, err := cocoeval.Match(r.truth, found, cocoeval.Options{})
	if err == nil {
		r.of[sub.Key()] = &racer{matches: m, figures: map[int]race.Figures{}}
	}
	return err //nolint:wrapcheck // it names the detection
}

// forget drops what is kept of candidates that are not among the best.
func (r *racing) forget(best []search.Candidate) {
	kept := r.of
	r.of = make(map[string]*racer, len(best))
	for _, c := range best {
		if one, ok := kept[c.Subnet.Key()]; ok {
			r.of[c.Subnet.Key()] = one
		}
	}
}

// raced is how many of the best the race is for: those that are bred from, and those
// that stand in the result.
func (s *scorer) raced() int { return max(bestKept, s.cfg.Search.Parents) }

// rivals are the best so far, which a candidate must not fall behind; none where it is
// to be measured whole.
func (s *scorer) rivals(c search.Candidate, ev *search.Search) []search.Candidate {
	if s.race == nil {
		return nil
	}
	steering := s.standing().steering
	if best := ev.Best(s.raced()); len(best) == s.raced() && !steering.Pinned(c.Subnet.Short(s.d.space)) {
		return best
	}
	return nil
}

// ready has what all rivals found at hand. Whoever has the score from a journal is
// measured again.
func (s *scorer) ready(ctx context.Context, rivals []search.Candidate) error {
	for _, c := range rivals {
		if s.race.of[c.Subnet.Key()] == nil {
			if _, err := s.measure(ctx, c.Subnet, nil); err != nil {
				return err
			}
		}
	}
	return nil
}

// behind reports whether a candidate is behind all of its rivals by what it found on
// the first batches of the race.
func (s *scorer) behind(parts []detected, rivals []search.Candidate, look int) (bool, error) {
	seen := s.race.looks[look]
	var (
		found   []cocoeval.Detection
		batches [][]int
	)
	for _, place := range s.race.places[:seen] {
		ids := []int{}
		for _, i := range parts[place].read {
			ids = append(ids, int(s.guide.set.Images[i].ID))
		}
		found, batches = append(found, parts[place].found...), append(batches, ids)
	}
	m, err := cocoeval.Match(s.race.truth, found, cocoeval.Options{})
	if err != nil {
		return false, err //nolint:wrapcheck // it names the detection
	}
	l := race.NewLook(batches, len(parts), m.Images(), s.cfg.Search.Score == "AP50")
	of, ok := l.Figures(m)
	if !ok {
		return false, nil
	}
	others, whole, worst := make([]race.Figures, len(rivals)), 0.0, math.Inf(1)
	for i, c := range rivals {
		figures, ok := s.race.of[c.Subnet.Key()].at(look, l)
		if !ok {
			return false, nil
		}
		others[i], whole, worst = figures, whole+c.Score/float64(len(rivals)), min(worst, c.Score)
	}
	return l.Estimate(of, race.Mean(others), whole).Below(worst, s.cfg.Search.RacingConfidence), nil
}

// stopped is the outcome of a candidate that was measured on some of the images.
func (s *scorer) stopped(parts []detected) (assessment, error) {
	found, read := s.guide.joined(parts)
	figures, err := s.figures(read, found)
	return assessment{
		status: run.CandidateStopped, score: math.NaN(), partial: figures[s.cfg.Search.Score], images: read.Len(), found: found,
	}, err
}

// raceFigures puts what racing has saved into the metrics of a search, and returns how
// many candidates it stopped, by origin.
func (e *engine) raceFigures(metrics run.Values) map[string]int {
	stopped := map[string]int{}
	if !e.cfg.Search.Racing {
		return stopped
	}
	images, whole, total := 0, 0, 0
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, c := range e.live.Candidates {
		switch c.Status {
		case run.CandidateStopped:
			stopped[c.Origin]++
			total++
		case run.CandidateNew:
		default:
			continue
		}
		images, whole = images+c.Images, whole+1
	}
	metrics["stopped"] = float64(total)
	if whole > 0 {
		metrics["images_share"] = float64(images) / float64(whole*e.guide().Len())
	}
	return stopped
}
