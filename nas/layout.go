package nas

import "fmt"

// Layout says whose wiring of the blocks is used. The two implementations of
// DetNAS agree on the choices but not on how a block with stride 2 divides its
// output channels, nor on where channels are shuffled.
type Layout string

const (
	// LayoutMMRazor gives both branches of a block with stride 2 half of the
	// output and shuffles the channels after every block. It is the default.
	LayoutMMRazor Layout = "mmrazor"
	// LayoutOfficial lets the projection keep the input's channels, gives the
	// main branch the rest, and shuffles at the input of blocks with stride 1.
	LayoutOfficial Layout = "official"
)

// ParseLayout reads the name of a layout.
func ParseLayout(text string) (Layout, error) {
	switch l := Layout(text); l {
	case LayoutMMRazor, LayoutOfficial:
		return l, nil
	}
	return "", fmt.Errorf("%q is no layout; use mmrazor or official", text)
}
