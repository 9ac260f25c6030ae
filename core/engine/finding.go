package engine

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"detnas/core/nn"
	"detnas/detector/cocoeval"
	"detnas/nas"
	"detnas/nas/race"
)

// reported is what a rank's scorer has found, as it travels.
func (t *attempt) reported(j *judge, shown map[int]bool) finding {
	f := finding{}
	switch {
	case t.err != nil:
		f.fail(t.err)
	case t.m == nil:
		f.Verdict = verdict{Status: t.o.status, Score: t.o.score}
	default:
		f.Begun = true
		f.take(t.m, j.scorer.race != nil, shown)
	}
	return f
}

func (f *finding) fail(err error) {
	f.Error, f.NotFinite = err.Error(), errors.Is(err, nn.ErrNotFinite)
}

// take takes over what was measured. In a race rank 0 decides anew by what was detected,
// else it wants the figures, and something to show.
func (f *finding) take(m *measuring, raced bool, shown map[int]bool) {
	f.Verdict = verdict{Status: m.last.status, Score: m.last.score, Partial: m.last.partial, Images: m.last.images}
	f.After, f.Seen = m.after, m.seen
	if m.err != nil {
		f.fail(m.err)
	}
	if !raced {
		f.Shown = slices.DeleteFunc(slices.Clone(m.last.found), func(d cocoeval.Detection) bool { return !shown[d.ImageID] || d.Score < previewScore })
		return
	}
	for _, place := range m.places[:m.seen] {
		f.Found, f.Read = append(f.Found, m.parts[place].Found), append(f.Read, m.parts[place].Read)
	}
}

// barsAt are those that an errand came with, nil for none.
func (er errand) barsAt() barAt {
	if len(er.Bars) == 0 {
		return nil
	}
	return func(look int, _ race.Look) (bar, bool) {
		if look >= len(er.Bars) || !er.Bars[look].Known {
			return bar{}, false
		}
		return er.Bars[look], true
	}
}

// remoteError is an error of another rank. It reads as it did there.
type remoteError struct{ text string }

// Error implements error.
func (e *remoteError) Error() string { return e.text }

// Unwrap tells what is known of it: that a candidate has no score.
func (e *remoteError) Unwrap() error { return nn.ErrNotFinite }

// receive takes in what another rank's scorer has found of the candidate, as if it had
// been measured here. What does not make sense is an error.
func (t *attempt) receive(j *judge, f finding) error {
	var failed error
	if f.NotFinite {
		failed = &remoteError{f.Error}
	} else if f.Error != "" {
		return errors.New(f.Error)
	}
	o := assessment{status: f.Verdict.Status, score: f.Verdict.Score, partial: f.Verdict.Partial, images: f.Verdict.Images, found: f.Shown}
	switch {
	case !f.Begun && failed != nil:
		t.err = failed
	case !f.Begun:
		t.o = o
	case j.scorer == nil:
		return errors.New("it has found boxes, and none were asked for")
	default:
		m, err := j.scorer.received(t.ctx, t.of.sub, f, o)
		if err != nil {
			return err
		}
		m.err, t.m = failed, m
	}
	return nil
}

// received is a candidate that was measured elsewhere: it goes on here from there, should
// its turn want that.
func (s *scorer) received(ctx context.Context, sub nas.Subnet, f finding, o assessment) (*measuring, error) {
	m := s.blank(sub)
	raced := s.race != nil
	if f.Seen < 0 || f.Seen > len(m.places) || f.After < 0 || f.After > f.Seen || raced && (len(f.Found) != f.Seen || len(f.Read) != f.Seen) {
		return nil, fmt.Errorf("it has %d batches of %d, and what was found on %d", f.Seen, len(m.places), len(f.Found))
	}
	m.detect = func(places []int64, parts []detected) error {
		here, err := s.begin(ctx, sub)
		if err != nil {
			return err
		}
		m.detect, m.free = here.detect, here.free
		return m.detect(places, parts)
	}
	m.seen, m.after, m.last = f.Seen, f.After, o
	if !raced {
		return m, nil
	}
	for i, place := range m.places[:f.Seen] {
		m.parts[place] = detected{f.Found[i], f.Read[i]}
	}
	m.last.found, _ = m.guide.joined(m.first(f.After))
	return m, nil
}
