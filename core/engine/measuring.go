package engine

import (
	"context"
	"fmt"
	"math"

	"detnas/core/run"
	"detnas/nas"
)

// measuring is a candidate as it is measured: what it has found so far, on so many
// batches. It goes on from there, so that what was found before the candidate's turn is
// not computed again. It belongs to one goroutine at a time.
type measuring struct {
	*scorer
	sub    nas.Subnet
	detect func(places []int64, parts []detected) error
	free   func()
	places []int64 // of the batches of the guide, in the order in which they are seen
	seen   int     // of places
	parts  []detected
	err    error      // of detecting, after which nothing more is computed
	views  []*view    // at the looks of a race, as far as they were made
	last   assessment // the outcome that was worked out last, and
	after  int        // the batches that it is of
}

// begin makes ready to measure a candidate. The caller frees it.
func (s *scorer) begin(ctx context.Context, sub nas.Subnet) (*measuring, error) {
	m := s.blank(sub)
	if s.record != nil {
		var err error
		m.detect, err = s.record.of(ctx, s, sub)
		return m, err
	}
	by, err := s.normalise(ctx, s.d, sub, s.calibration)
	if err != nil {
		return nil, err
	}
	m.free = by.free
	m.detect = func(places []int64, parts []detected) error {
		return s.detectOn(ctx, s.d, sub, by, s.guide, places, parts)
	}
	return m, nil
}

// blank is a candidate of which nothing is known yet.
func (s *scorer) blank(sub nas.Subnet) *measuring {
	m := &measuring{scorer: s, sub: sub, free: func() {}, places: s.guide.inOrder(), parts: make([]detected, s.guide.count)}
	if s.race != nil {
		m.places, m.views = s.race.places, make([]*view, len(s.race.looks))
	}
	return m
}

// first is what was found on the first batches alone.
func (m *measuring) first(batches int) []detected {
	parts := make([]detected, len(m.parts))
	for _, place := range m.places[:batches] {
		parts[place] = m.parts[place]
	}
	return parts
}

// until detects on the first batches, as far as that was not done.
func (m *measuring) until(batches int) error {
	if batches <= m.seen {
		return nil
	}
	if m.err == nil {
		m.err = m.detect(m.places[m.seen:batches], m.parts)
	}
	if m.err != nil {
		return m.onGuide(m.err)
	}
	m.seen = batches
	return nil
}

// outcome measures the candidate until it falls behind what it is set against, and whole
// where it does not or that is nil.
func (m *measuring) outcome(against barAt) (assessment, error) {
	if against != nil {
		for look, batches := range m.race.looks {
			if err := m.until(batches); err != nil {
				return assessment{}, err
			}
			behind, err := m.behind(against, look)
			if err != nil {
				return assessment{}, m.onGuide(err)
			}
			if behind {
				return m.assessed(batches)
			}
		}
	}
	if err := m.until(len(m.places)); err != nil {
		return assessment{}, err
	}
	return m.assessed(len(m.places))
}

// assessed is the outcome of the first batches, which were detected on: that of a
// candidate that was stopped, unless they are all there are.
func (m *measuring) assessed(batches int) (assessment, error) {
	if m.after == batches && batches > 0 {
		return m.last, nil
	}
	found, read := m.guide.joined(m.first(batches)) // what was seen beyond them has no part in it
	figures, err := m.figures(read, found)
	if err != nil {
		return assessment{}, err
	}
	score := figures[m.cfg.Search.Score]
	a := assessment{status: run.CandidateNew, score: score, images: read.Len(), found: found}
	switch {
	case batches < len(m.places):
		a.status, a.score, a.partial = run.CandidateStopped, math.NaN(), score
	case score < 0:
		return assessment{}, fmt.Errorf("%s is undefined on the guiding split: it has no boxes", m.cfg.Search.Score)
	}
	m.last, m.after = a, batches
	return a, nil
}
