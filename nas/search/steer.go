package search

import (
	"errors"
	"fmt"
	"slices"

	"detnas/nas"
)

// ErrConstraint is wrapped by the error of a subnet that the constraint does not
// allow.
var ErrConstraint = errors.New("it breaks the constraint")

// steering is what people have asked of a search.
type steering struct {
	pinned  []nas.Subnet // in the order of pinning
	waiting []nas.Subnet // pinned, and not proposed by the search or evaluated yet
}

// Pin has a subnet evaluated next, after those pinned before it, and breeds from
// it as long as it stays pinned, whatever its score. One that was evaluated is
// not evaluated again unless it got no score (a race that it lost), and one that
// stands in the present generation is moved to its head. Locks do not bear on it; a subnet that is not of the space or breaks
// the constraint is refused.
func (s *Search) Pin(sub nas.Subnet) error {
	if err := sub.Check(s.cfg.Space); err != nil {
		return fmt.Errorf("pin %v: %w", sub, err)
	}
	if !s.cfg.allows(sub) {
		return fmt.Errorf("pin %s: %w", sub.Short(s.cfg.Space), ErrConstraint)
	}
	key := sub.Key()
	if indexOf(s.pinned, key) >= 0 {
		return nil
	}
	s.pinned = append(s.pinned, sub.Clone())
	at := slices.IndexFunc(s.pending, func(c Candidate) bool { return c.Subnet.Key() == key })
	switch {
	case at >= 0:
		s.raise(at)
	case !s.seen[key] || s.unscored(key):
		s.seen[key] = true
		s.waiting = append(s.waiting, sub.Clone())
	}
	return nil
}

// raise moves a pending candidate before those that are not pinned.
func (s *Search) raise(at int) {
	c := s.pending[at]
	s.pending = slices.Delete(s.pending, at, at+1)
	to := 0
	for to < len(s.pending) && indexOf(s.pinned, s.pending[to].Subnet.Key()) >= 0 {
		to++
	}
	s.pending = slices.Insert(s.pending, to, c)
}

// Unpin takes a pin back. A subnet that was pinned and not evaluated yet is then
// no candidate, unless the search itself proposed it. One that is not pinned is
// left as it is.
func (s *Search) Unpin(sub nas.Subnet) {
	key := sub.Key()
	at := indexOf(s.pinned, key)
	if at < 0 {
		return
	}
	s.pinned = slices.Delete(s.pinned, at, at+1)
	if at := indexOf(s.waiting, key); at >= 0 {
		s.waiting = slices.Delete(s.waiting, at, at+1)
		if indexOfCandidate(s.evaluated, key) < 0 {
			delete(s.seen, key)
			s.exhausted = false
		}
	}
}

// unscored reports whether a subnet was evaluated and has no score.
func (s *Search) unscored(key string) bool {
	at := indexOfCandidate(s.evaluated, key)
	return at >= 0 && !s.evaluated[at].Measured()
}

// nextPinned is the pinned subnet that is to be evaluated now. It belongs to the
// present generation, or, between two, to the one that is bred after it.
func (s *Search) nextPinned() (Candidate, bool) {
	if len(s.waiting) == 0 {
		return Candidate{}, false
	}
	g := s.next
	if s.within() || s.next >= s.cfg.Generations || s.exhausted {
		g = max(0, s.next-1)
	}
	return Candidate{Index: len(s.evaluated), Generation: g, Origin: Pinned, Subnet: s.waiting[0]}, true
}

// Lock has every subnet that is bred or drawn from now on take a choice in a
// block, which counts from 1. Those that stand before evaluation already, which are
// the rest of a generation but with the regularised evolution, stay as they are.
func (s *Search) Lock(block int, choice nas.Choice) error {
	locks := s.cfg.Locked(block, choice)
	if err := checkLocks(s.cfg.Space, locks); err != nil {
		return err
	}
	s.cfg.Locks, s.exhausted = locks, false
	return nil
}

// Unlock lets the search choose in a block again.
func (s *Search) Unlock(block int) {
	if _, ok := s.cfg.Locks[block]; ok {
		delete(s.cfg.Locks, block)
		s.exhausted = false
	}
}

// Locked reports whether any block is locked.
func (s *Search) Locked() bool { return len(s.cfg.Locks) > 0 }

// Resize takes the population, the generations, the numbers of parents,
// mutations and crossovers, the mutation probability and the tournament of another
// config, from the next generation on. Generations that were begun keep their size.
func (s *Search) Resize(cfg Config) error {
	to := s.cfg
	to.Population, to.Generations, to.Parents = cfg.Population, cfg.Generations, cfg.Parents
	to.Mutations, to.Crossovers, to.Mutation = cfg.Mutations, cfg.Crossovers, cfg.Mutation
	to.Tournament = cfg.Tournament
	if err := to.Check(); err != nil {
		return err
	}
	to.Generations = max(to.Generations, s.next)
	s.cfg = to
	return nil
}

func indexOf(subs []nas.Subnet, key string) int {
	return slices.IndexFunc(subs, func(s nas.Subnet) bool { return s.Key() == key })
}

func indexOfCandidate(all []Candidate, key string) int {
	for i, c := range slices.Backward(all) { // the last: one without a score may have been evaluated again
		if c.Subnet.Key() == key {
			return i
		}
	}
	return -1
}
