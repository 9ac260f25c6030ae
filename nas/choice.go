package nas

import (
	"fmt"
	"strings"
)

// Choice is one of the four candidate blocks that a position of the search
// space can take. Its value is the digit that the short form of a subnet uses.
type Choice int

// The four choices, in the order of MMRazor and of the official code.
const (
	Shuffle3x3 Choice = iota // ShuffleNetV2 unit, 3x3 depthwise kernel
	Shuffle5x5               // ShuffleNetV2 unit, 5x5 depthwise kernel
	Shuffle7x7               // ShuffleNetV2 unit, 7x7 depthwise kernel
	Xception                 // three depthwise separable 3x3 convolutions
)

// choiceNames holds for every choice its name here, in MMRazor and in the
// official DetNAS code.
var choiceNames = [...][3]string{
	Shuffle3x3: {"3x3", "shuffle_3x3", "shufflenet_3x3"},
	Shuffle5x5: {"5x5", "shuffle_5x5", "shufflenet_5x5"},
	Shuffle7x7: {"7x7", "shuffle_7x7", "shufflenet_7x7"},
	Xception:   {"xception", "shuffle_xception", "xception_3x3"},
}

// AllChoices returns the four choices in their order.
func AllChoices() []Choice {
	return []Choice{Shuffle3x3, Shuffle5x5, Shuffle7x7, Xception}
}

// ParseChoice reads a choice by any of its names: 3x3 as detnas prints it,
// shuffle_3x3 as MMRazor does, shufflenet_3x3 as the official code does.
func ParseChoice(text string) (Choice, error) {
	name := strings.ToLower(strings.TrimSpace(text))
	for i, names := range choiceNames {
		for _, n := range names {
			if n == name {
				return Choice(i), nil
			}
		}
	}
	return 0, fmt.Errorf("%s is no choice; use one of 3x3, 5x5, 7x7, xception (or MMRazor's shuffle_3x3 and so on)", abridge(text))
}

// Valid reports whether c is one of the four choices.
func (c Choice) Valid() bool { return c >= Shuffle3x3 && c <= Xception }

// String returns the choice's name as detnas prints it, for example 5x5.
func (c Choice) String() string { return c.name(0) }

// MMRazor returns the choice's name in MMRazor's files, for example shuffle_5x5.
func (c Choice) MMRazor() string { return c.name(1) }

// Official returns the choice's name in the official DetNAS code, for example
// shufflenet_5x5.
func (c Choice) Official() string { return c.name(2) }

func (c Choice) name(column int) string {
	if !c.Valid() {
		return fmt.Sprintf("choice(%d)", int(c))
	}
	return choiceNames[c][column]
}

// Kernel returns the side in pixels of the choice's depthwise kernels. The
// projection branch of a block with stride 2 uses the same kernel.
func (c Choice) Kernel() int {
	switch c {
	case Shuffle5x5:
		return 5
	case Shuffle7x7:
		return 7
	default:
		return 3
	}
}
