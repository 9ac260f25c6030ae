package nas

import "fmt"

// Constraint bounds what a searched subnet may cost. Which count and which part
// of the network it means is said in it, as that changes what share of the
// space is searched: of random 300m subnets 72% have at most 300M conv_macs in
// the body, but only 33% at most 300M conv_relu_bn.
type Constraint struct {
	Scope Scope
	Count Count
	Min   int64 // inclusive; 0 is no bound
	Max   int64 // inclusive; 0 is no bound
	Input Size  // of the image that is counted
}

// Check says what is wrong with the constraint, or returns nil.
func (c Constraint) Check() error {
	if least := min(c.Min, c.Max); least < 0 {
		return fmt.Errorf("constraint: a limit is %d; use positive counts, or 0 for none", least)
	}
	if !c.Bounds() {
		return nil
	}
	if _, err := ParseScope(string(c.Scope)); err != nil {
		return fmt.Errorf("constraint: %w", err)
	}
	if _, err := ParseCount(string(c.Count)); err != nil {
		return fmt.Errorf("constraint: %w", err)
	}
	if err := c.Input.Check(); err != nil {
		return fmt.Errorf("constraint: %w", err)
	}
	return nil
}

// Bounds reports whether there is a limit.
func (c Constraint) Bounds() bool { return c.Min > 0 || c.Max > 0 }

// Value returns what the constraint counts in a subnet.
func (c Constraint) Value(space Space, sub Subnet) (int64, error) {
	if _, err := ParseCount(string(c.Count)); err != nil {
		return 0, fmt.Errorf("constraint: %w", err)
	}
	cost, err := space.SubnetCost(sub, c.Scope, c.Input)
	if err != nil {
		return 0, err
	}
	return cost.By(c.Count), nil
}

// Allowed returns the test that a search applies to its candidates. A subnet
// that does not fit the space is not allowed.
func (c Constraint) Allowed(space Space) (func(Subnet) bool, error) {
	if err := c.Check(); err != nil {
		return nil, err
	}
	return func(sub Subnet) bool {
		if !c.Bounds() {
			return sub.Check(space) == nil
		}
		v, err := c.Value(space, sub)
		return err == nil && v >= c.Min && (c.Max == 0 || v <= c.Max)
	}, nil
}

// String says the constraint in words, for messages.
func (c Constraint) String() string {
	what := fmt.Sprintf("%s of the %s at %s", c.Count, c.Scope, c.Input)
	switch {
	case !c.Bounds():
		return "no constraint"
	case c.Min == 0:
		return fmt.Sprintf("%s at most %d", what, c.Max)
	case c.Max == 0:
		return fmt.Sprintf("%s at least %d", what, c.Min)
	}
	return fmt.Sprintf("%s from %d to %d", what, c.Min, c.Max)
}
