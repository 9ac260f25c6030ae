package engine

import (
	"context"
	"math"
	"sync"

	"detnas/core/run"
	"detnas/core/seed"
	"detnas/detector/cocoeval"
	"detnas/nas"
	"detnas/nas/race"
	"detnas/nas/search"
)

// racing stops candidates that will not be among the best. Of these it keeps what
// they found, image by image; of a search that is taken up it measures again who is
// raced against. It is safe for concurrent use.
type racing struct {
	places []int64 // of the batches of the guide, in the order of the race
	looks  []int   // batches after which a candidate is looked at
	truth  *cocoeval.GroundTruth
	mu     sync.Mutex
	of     map[string]*racer // the best, by the subnet's key
	seen   map[int]race.Look // what looks see, which is the same for all candidates
}

// racer is one of the best.
type racer struct {
	matches *cocoeval.Matches
	figures map[int]race.Figures // by look, which are the same for all who are set against it
}

// figures are those of one of the best at a look, false where there are none.
func (r *racing) figures(sub nas.Subnet, look int, l race.Look) (race.Figures, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	one := r.of[sub.Key()]
	if one == nil {
		return race.Figures{}, false
	}
	f, ok := one.figures[look]
	if !ok {
		if f, ok = l.Figures(one.matches); ok {
			one.figures[look] = f
		}
	}
	return f, ok
}

// saw keeps what a look sees.
func (r *racing) saw(look int, l race.Look) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.seen[look] = l
}

// bars are those that rivals set at all looks, as far as they are known; nil where there
// are none.
func (r *racing) bars(rivals []search.Candidate) []bar {
	against := r.against(rivals)
	if against == nil {
		return nil
	}
	out := make([]bar, len(r.looks))
	for look := range out {
		r.mu.Lock()
		l, ok := r.seen[look]
		r.mu.Unlock()
		if !ok {
			continue
		}
		if b, ok := against(look, l); ok {
			out[look] = b
		}
	}
	return out
}

// has reports whether there is what a candidate found.
func (r *racing) has(sub nas.Subnet) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.of[sub.Key()] != nil
}

func newRacing(root uint64, guide batches) *racing {
	r := &racing{looks: race.Looks(int(guide.count)), truth: cocoeval.FromSet(guide.set), of: map[string]*racer{}, seen: map[int]race.Look{}}
	for _, place := range seed.Rand(root, "race").Perm(int(guide.count)) {
		r.places = append(r.places, int64(place))
	}
	return r
}

// keep keeps what a candidate found on all images.
func (r *racing) keep(sub nas.Subnet, found []cocoeval.Detection) error {
	m, err := cocoeval.Match(r.truth, found, cocoeval.Options{})
	if err == nil {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.of[sub.Key()] = &racer{matches: m, figures: map[int]race.Figures{}}
	}
	return err //nolint:wrapcheck // it names the detection
}

// forget drops what is kept of candidates that are not among the best.
func (r *racing) forget(best []search.Candidate) {
	r.mu.Lock()
	defer r.mu.Unlock()
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
func (s *scorer) rivals(sub nas.Subnet, ev *search.Search) []search.Candidate {
	if s.race == nil {
		return nil
	}
	steering := s.standing().steering
	if best := ev.Best(s.raced()); len(best) == s.raced() && !steering.Pinned(sub.Short(s.d.space)) {
		return best
	}
	return nil
}

// ready has what all rivals found at hand. Whoever has the score from a journal is
// measured again.
func (s *scorer) ready(ctx context.Context, rivals []search.Candidate) error {
	for _, c := range rivals {
		if !s.race.has(c.Subnet) {
			if _, err := s.measure(ctx, c.Subnet, nil); err != nil {
				return err
			}
		}
	}
	return nil
}

// view is what is seen of a candidate at a look.
type view struct {
	look    race.Look
	figures race.Figures
	ok      bool // false where nothing is to be found on some part
}

// at is the view of the candidate at a look, whose batches were detected on.
func (m *measuring) at(look int) (*view, error) {
	if m.views[look] != nil {
		return m.views[look], nil
	}
	seen := m.race.looks[look]
	var (
		found   []cocoeval.Detection
		batches [][]int
	)
	for _, place := range m.places[:seen] {
		ids := []int{}
		for _, i := range m.parts[place].Read {
			ids = append(ids, int(m.guide.set.Images[i].ID))
		}
		found, batches = append(found, m.parts[place].Found...), append(batches, ids)
	}
	matches, err := cocoeval.Match(m.race.truth, found, cocoeval.Options{})
	if err != nil {
		return nil, err //nolint:wrapcheck // it names the detection
	}
	v := &view{look: race.NewLook(batches, len(m.parts), matches.Images(), m.cfg.Search.Score == "AP50")}
	v.figures, v.ok = v.look.Figures(matches)
	m.views[look] = v
	m.race.saw(look, v.look)
	return v, nil
}

// bar is what a candidate is set against at a look: the best so far.
type bar struct {
	Others race.Figures // the mean of theirs, on the images seen
	Whole  float64      // the mean of their scores
	Worst  float64      // the least of these
	Known  bool         // else the look decides nothing
}

// barAt is the bar of a look, false where there is none.
type barAt func(look int, l race.Look) (bar, bool)

// against gives the bars that rivals set, and is nil where there are none.
func (r *racing) against(rivals []search.Candidate) barAt {
	if len(rivals) == 0 {
		return nil
	}
	return func(look int, l race.Look) (bar, bool) {
		others, b := make([]race.Figures, len(rivals)), bar{Worst: math.Inf(1)}
		for i, c := range rivals {
			figures, ok := r.figures(c.Subnet, look, l)
			if !ok {
				return bar{}, false
			}
			others[i], b.Whole, b.Worst = figures, b.Whole+c.Score/float64(len(rivals)), min(b.Worst, c.Score)
		}
		b.Others, b.Known = race.Mean(others), true
		return b, true
	}
}

// behind reports whether a candidate is behind all that it is set against by what it
// found on the batches of a look.
func (m *measuring) behind(against barAt, look int) (bool, error) {
	v, err := m.at(look)
	if err != nil || !v.ok {
		return false, err
	}
	b, ok := against(look, v.look)
	if !ok {
		return false, nil
	}
	return v.look.Estimate(v.figures, b.Others, b.Whole).Below(b.Worst, m.cfg.Search.RacingConfidence), nil
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
