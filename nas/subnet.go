package nas

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
)

// Subnet is one architecture of a space: the choice of every block, in the
// order of Space.Blocks.
type Subnet []Choice

// Random draws a subnet whose blocks are independent and uniform over the
// space's choices, as DetNAS samples paths.
func Random(space Space, rng *rand.Rand) Subnet {
	s := make(Subnet, space.Len())
	for i := range s {
		s[i] = space.Choices[rng.IntN(len(space.Choices))]
	}
	return s
}

// ParseSubnet reads the short form: one digit a block, stages parted by "-",
// such as 1000-3032-22330213-2221. The name of a choice alone, such as 3x3, is the
// subnet whose blocks all have it. The error names the stage and the block, both
// counted from 0, that do not fit the space.
func ParseSubnet(text string, space Space) (Subnet, error) {
	if c, err := ParseChoice(text); err == nil {
		if !space.allows(c) {
			return nil, fmt.Errorf("subnet %s is no choice of space %s (%s)", c, space.Name, space.choiceList())
		}
		return slices.Repeat(Subnet{c}, space.Len()), nil
	}
	s, err := parseShort(strings.TrimSpace(text), space)
	if err != nil {
		return nil, fmt.Errorf("subnet %s: %w", abridge(text), err)
	}
	return s, nil
}

func parseShort(text string, space Space) (Subnet, error) {
	stages := strings.Split(text, "-")
	if len(stages) != len(space.Depths) {
		return nil, fmt.Errorf("it has %d stages and space %s has %d; write one digit a block and part the stages by \"-\", such as %s",
			len(stages), space.Name, len(space.Depths), example(space))
	}
	s := make(Subnet, 0, space.Len())
	for i, digits := range stages {
		if len(digits) != space.Depths[i] {
			return nil, fmt.Errorf("stage %d has %d blocks and space %s has %d there; write one digit a block, such as %s",
				i, len(digits), space.Name, space.Depths[i], example(space))
		}
		for j := range len(digits) {
			c := Choice(digits[j]) - '0'
			if !space.allows(c) {
				return nil, fmt.Errorf("stage %d block %d: %q is no choice of space %s (%s)", i, j, digits[j], space.Name, space.choiceList())
			}
			s = append(s, c)
		}
	}
	return s, nil
}

// example returns a subnet of the space in short form, for messages.
func example(space Space) string {
	s := make(Subnet, space.Len())
	for i := range s {
		s[i] = space.Choices[0]
	}
	return abridge(s.Short(space))
}

// abridge quotes text that goes into a message, cut to a readable length.
func abridge(text string) string {
	const most = 80
	if len(text) > most {
		return fmt.Sprintf("%q...", text[:most])
	}
	return fmt.Sprintf("%q", text)
}

// Check returns an error that names the first stage and block, counted from 0,
// at which the subnet does not fit the space.
func (s Subnet) Check(space Space) error {
	if len(s) != space.Len() {
		return fmt.Errorf("subnet %s has %d blocks and space %s has %d; pick the space that it was made for",
			abridge(s.Key()), len(s), space.Name, space.Len())
	}
	for i, b := range space.Blocks() {
		if !space.allows(s[i]) {
			return fmt.Errorf("subnet %s: stage %d block %d: %s is no choice of space %s (%s)",
				abridge(s.Short(space)), b.Stage, b.Index, s[i], space.Name, space.choiceList())
		}
	}
	return nil
}

// Short returns the short form, such as 1000-3032-22330213-2221. Blocks that
// the space lacks are appended to the last stage, so that a subnet which does
// not fit can still be shown.
func (s Subnet) Short(space Space) string {
	var b strings.Builder
	rest := s
	for i, depth := range space.Depths {
		if i > 0 {
			b.WriteByte('-')
		}
		n := min(depth, len(rest))
		b.WriteString(rest[:n].Key())
		rest = rest[n:]
	}
	b.WriteString(rest.Key())
	return b.String()
}

// Key returns the digits of the subnet without separators. Two subnets of one
// space are the same if their keys are.
func (s Subnet) Key() string {
	digits := make([]byte, len(s))
	for i, c := range s {
		digits[i] = '?'
		if c.Valid() {
			digits[i] = '0' + byte(c)
		}
	}
	return string(digits)
}

// Clone returns a copy that shares no memory with s.
func (s Subnet) Clone() Subnet { return slices.Clone(s) }
