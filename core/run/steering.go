package run

import (
	"maps"
	"slices"
	"strconv"
)

// Steering is what people have asked of a run, and what holds because of it.
type Steering struct {
	Requests []Control   // asked for and not done yet, in order; the phase is requested or begun
	Pins     []string    // pinned subnets, in short form, in order
	Locks    map[int]int // choice by block, counted from 1, that the search keeps
	Chosen   string      // the subnet that steps 4 and 5 are to train; empty leaves it to the search
	Hashes   []string    // of the configs that the run had, the present one last
	Acts     []Act       // done to the search so far, in order, for a search that is taken up
}

// Bounds on what is kept of what people ask: at most so many requests that are
// not done yet, the newest, and pins. The desk and the engine take no more.
const (
	MostRequests = 256
	MostPins     = 1000
)

// Act is what was done to the search after At candidates were evaluated: a pin,
// an unpin, a lock or an unlock, or a change of the config.
type Act struct {
	At      int
	Control Control  // empty for a change of the config
	Changes []Change // of the config
}

// Fresh are the acts with which a search begins anew: what holds now.
func (s *Steering) Fresh() []Act {
	var acts []Act
	for _, p := range s.Pins {
		acts = append(acts, Act{Control: Control{What: ActPin, Phase: PhaseDone, Subnet: p}})
	}
	for _, block := range slices.Sorted(maps.Keys(s.Locks)) {
		acts = append(acts, Act{Control: Control{What: ActLock, Phase: PhaseDone, Block: block, Choice: strconv.Itoa(s.Locks[block])}})
	}
	return acts
}

// Request returns the pending request of an act.
func (s *Steering) Request(act string) (Control, bool) {
	for _, r := range s.Requests {
		if r.What == act {
			return r, true
		}
	}
	return Control{}, false
}

// Pinned reports whether a subnet in short form is pinned.
func (s *Steering) Pinned(subnet string) bool { return slices.Contains(s.Pins, subnet) }

func (s *Steering) hash(h string) {
	if h != "" && (len(s.Hashes) == 0 || s.Hashes[len(s.Hashes)-1] != h) {
		s.Hashes = append(s.Hashes, h)
	}
}

// apply takes in one phase of an act.
func (s *Steering) apply(c Control) {
	switch c.Phase {
	case PhaseRequested:
		if len(s.Requests) == MostRequests {
			s.Requests = s.Requests[1:]
		}
		s.Requests = append(s.Requests, c)
		return
	case PhaseBegun:
		if i := s.pending(c); i >= 0 {
			s.Requests[i] = c
		}
		return
	}
	if i := s.pending(c); i >= 0 {
		s.Requests = slices.Delete(s.Requests, i, i+1)
	}
	if c.Phase == PhaseDone {
		s.hold(c)
	}
}

// pending is the place of the first request of the same act on the same thing,
// or -1.
func (s *Steering) pending(c Control) int {
	return slices.IndexFunc(s.Requests, func(r Control) bool {
		return r.What == c.What && r.Subnet == c.Subnet && r.Block == c.Block && r.Choice == c.Choice
	})
}

// hold keeps what an act that is done has settled.
func (s *Steering) hold(c Control) {
	switch c.What {
	case ActPin, ActUnpin, ActLock, ActUnlock:
		at := 0 // before the search
		if c.Step == searchStep {
			at = c.Iteration
		}
		s.Acts = append(s.Acts, Act{At: at, Control: c})
	}
	switch c.What {
	case ActPin:
		if !s.Pinned(c.Subnet) && len(s.Pins) < MostPins {
			s.Pins = append(s.Pins, c.Subnet)
		}
	case ActUnpin:
		s.Pins = slices.DeleteFunc(s.Pins, func(p string) bool { return p == c.Subnet })
	case ActChoose:
		s.Chosen = c.Subnet
	case ActLock:
		if len(c.Choice) == 1 {
			if s.Locks == nil {
				s.Locks = map[int]int{}
			}
			s.Locks[c.Block] = int(c.Choice[0] - '0')
		}
	case ActUnlock:
		delete(s.Locks, c.Block)
	}
}
