package config

import (
	"cmp"
	"fmt"
	"strings"

	"detnas/nas"
)

// counted is a count over what it is counted in, without limits.
func (s *Search) counted(count string) nas.Constraint {
	c := nas.Constraint{Scope: nas.ScopeBody, Count: nas.Count(count), Input: nas.Square(s.InputSize)}
	if c.Count == nas.CountMMCV { // of ImageNet's classifier, as published
		c.Scope = nas.ScopeClassifier
	}
	return c
}

// over is the space that a count is taken over.
func over(c nas.Constraint, space nas.Space) nas.Space {
	if c.Scope == nas.ScopeClassifier {
		space.Classes = 1000
	}
	return space
}

// Counted is what the constraint counts in a subnet of the space, bounded or not.
func (s *Search) Counted(space nas.Space, sub nas.Subnet) (int64, error) {
	c := s.counted(s.Constraint.Count)
	n, err := c.Value(over(c, space), sub)
	if err != nil {
		return 0, fmt.Errorf("counting a subnet: %w", err)
	}
	return n, nil
}

// Limits are the constraints on a candidate's counts: those that bound something.
func (s *Search) Limits() []nas.Constraint {
	c := s.counted(s.Constraint.Count)
	c.Min, c.Max = s.Constraint.Min, s.Constraint.Max
	var out []nas.Constraint
	params := s.counted(string(nas.CountParams))
	params.Min, params.Max = s.Constraint.ParamsMin, s.Constraint.ParamsMax
	for _, c := range []nas.Constraint{c, params} {
		if c.Bounds() {
			out = append(out, c)
		}
	}
	return out
}

// LimitWords says all that bounds a candidate.
func (s *Search) LimitWords() string {
	var words []string
	for _, c := range s.Limits() {
		words = append(words, c.String())
	}
	if c := &s.Constraint; c.BoundsLatency() {
		words = append(words, fmt.Sprintf("latency of the %s from %g to %g ms, 0 is no bound", c.LatencyOf, c.LatencyMin, c.LatencyMax))
	}
	return strings.Join(words, "; ")
}

// Timed reports whether the search goes by measured latency.
func (s *Search) Timed() bool {
	return s.Constraint.BoundsLatency() || s.Method == MethodNSGA2 && s.CostName() == CostLatency
}

// BoundsLatency reports whether there is a bound on the latency.
func (c *Constraint) BoundsLatency() bool { return c.LatencyMin > 0 || c.LatencyMax > 0 }

// InTime reports whether a latency in ms is within the bounds.
func (c *Constraint) InTime(ms float64) bool {
	return ms >= c.LatencyMin && (c.LatencyMax == 0 || ms <= c.LatencyMax)
}

// Allowed returns the test that the constraint makes on the counts of a subnet of the
// space. Latency has to be measured.
func (s *Search) Allowed(space nas.Space) (func(nas.Subnet) bool, error) {
	tests := []func(nas.Subnet) bool{func(sub nas.Subnet) bool { return sub.Check(space) == nil }}
	for _, c := range s.Limits() {
		test, err := c.Allowed(over(c, space))
		if err != nil {
			return nil, fmt.Errorf("search.constraint: %w", err)
		}
		tests = append(tests, test)
	}
	return func(sub nas.Subnet) bool {
		for _, test := range tests {
			if !test(sub) {
				return false
			}
		}
		return true
	}, nil
}

// CostName is the count that the method "nsga2" weighs scores against.
func (s *Search) CostName() string { return cmp.Or(s.Cost, s.Constraint.Count) }

// CostOf returns that count of a subnet of the space.
func (s *Search) CostOf(space nas.Space) func(nas.Subnet) float64 {
	c := s.counted(s.CostName())
	return func(sub nas.Subnet) float64 {
		n, err := c.Value(over(c, space), sub)
		if err != nil {
			return 0 // of a subnet that is not of the space
		}
		return float64(n)
	}
}

// TournamentSize is Tournament, or what stands for 0.
func (s *Search) TournamentSize() int { return cmp.Or(s.Tournament, max(1, s.Population/4)) }
