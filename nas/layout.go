package nas

import (
	"fmt"
	"slices"
)

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
	// LayoutOfficial2 is LayoutOfficial with the other shuffle that its code has
	// (CHANNEL_SHUFFLE_METHOD 2, which its final networks were trained with): at the
	// input of a block with stride 1 the even channels pass and the odd ones go
	// through the main branch. Its weights have the same shapes.
	LayoutOfficial2 Layout = "official-2"
)

// Layouts are all there are.
func Layouts() []Layout { return []Layout{LayoutMMRazor, LayoutOfficial, LayoutOfficial2} }

// Official reports whether a layout is one of the official code's.
func (l Layout) Official() bool { return l == LayoutOfficial || l == LayoutOfficial2 }

// ParseLayout reads the name of a layout.
func ParseLayout(text string) (Layout, error) {
	if l := Layout(text); slices.Contains(Layouts(), l) {
		return l, nil
	}
	return "", fmt.Errorf("%q is no layout; use mmrazor, official or official-2", text)
}
