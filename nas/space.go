package nas

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
)

// Bounds of a search space. They are far above anything that trains and keep
// the cost model's integers from overflowing.
const (
	maxWidth  = 8192
	maxBlocks = 1000
)

// Space is a search space: a stem, stages of blocks that each take one choice,
// and the head that a classifier has on top. Its methods that count or list
// assume that Validate has passed.
type Space struct {
	Name    string
	Stem    int      // output channels of the 3x3 stem convolution, stride 2
	Widths  []int    // output channels of each stage; even
	Depths  []int    // blocks of each stage; the first has stride 2
	Choices []Choice // what a block may take, in increasing order
	Last    int      // channels of the classifier's last 1x1 convolution
	Classes int      // outputs of the classifier's fully connected layer
	Layout  Layout
}

// BlockSpec is one position of a space.
type BlockSpec struct {
	Stage, Index int // zero-based: the stage, and the block within it
	In, Out      int // channels
	Stride       int // 2 in the first block of a stage, else 1
}

// Branches are the channel counts inside a block.
type Branches struct {
	In         int // channels that enter the main branch
	Mid        int // channels inside the main branch
	Main       int // channels that leave the main branch
	Projection int // channels beside it: projected at stride 2, passed through at stride 1
}

// presets are the published spaces, by R01's searchable_shufflenet_v2.py for
// 300m and the official maskrcnn_benchmark/modeling/backbone/detnasnet.py for
// all three.
var presets = []Space{
	{Name: "300m", Stem: 16, Widths: []int{64, 160, 320, 640}, Depths: []int{4, 4, 8, 4}, Last: 1024},
	{Name: "1.3g", Stem: 48, Widths: []int{96, 240, 480, 960}, Depths: []int{8, 8, 16, 8}, Last: 1024},
	// The official code says 1728 for the last convolution of the scaled net,
	// which makes 31.4M parameters; the 29.5M that its README publishes fit 1024.
	{Name: "3.8g", Stem: 72, Widths: []int{172, 432, 864, 1728}, Depths: []int{8, 8, 16, 8}, Last: 1024},
}

// PresetNames lists the spaces that Preset knows.
func PresetNames() []string {
	names := make([]string, len(presets))
	for i, p := range presets {
		names[i] = p.Name
	}
	return names
}

// Preset returns a published space by its name (300m, 1.3g or 3.8g) with all
// four choices, 1000 classes and MMRazor's layout.
func Preset(name string) (Space, error) {
	for _, p := range presets {
		if p.Name == strings.ToLower(name) {
			p.Widths, p.Depths = slices.Clone(p.Widths), slices.Clone(p.Depths)
			p.Choices, p.Classes, p.Layout = AllChoices(), 1000, LayoutMMRazor
			return p, nil
		}
	}
	return Space{}, fmt.Errorf("%q is no search space; use one of %s", name, strings.Join(PresetNames(), ", "))
}

// Validate says what is wrong with the space, all of it in one error, or
// returns nil.
func (s Space) Validate() error {
	errs := []error{
		checkRange("stem", s.Stem, maxWidth),
		checkRange("last", s.Last, maxWidth),
		checkRange("classes", s.Classes, 1<<20),
	}
	if _, err := ParseLayout(string(s.Layout)); err != nil {
		errs = append(errs, fmt.Errorf("layout: %w", err))
	}
	errs = append(errs, s.checkStages()...)
	errs = append(errs, s.checkChoices())
	errs = slices.DeleteFunc(errs, func(err error) bool { return err == nil })
	if len(errs) == 0 {
		return nil
	}
	all := make([]string, len(errs))
	for i, err := range errs {
		all[i] = err.Error()
	}
	return fmt.Errorf("search space %s: %s", s.Name, strings.Join(all, "; "))
}

func checkRange(field string, value, most int) error {
	if value < 1 || value > most {
		return fmt.Errorf("%s is %d; it must be from 1 to %d", field, value, most)
	}
	return nil
}

func (s Space) checkStages() []error {
	if len(s.Widths) == 0 {
		return []error{errors.New("widths is empty; give the output channels of each stage, such as [64, 160, 320, 640]")}
	}
	if len(s.Widths) != len(s.Depths) {
		return []error{fmt.Errorf("widths has %d stages and depths %d; give one number for each stage in both", len(s.Widths), len(s.Depths))}
	}
	var errs []error
	in := s.Stem
	for i, w := range s.Widths {
		stage := fmt.Sprintf("widths: stage %d", i)
		errs = append(errs, checkRange(stage, w, maxWidth))
		if w%2 != 0 {
			errs = append(errs, fmt.Errorf("%s is %d; it must be even, as a block splits its channels into halves: use %d", stage, w, w+1))
		}
		if s.Layout.Official() && w <= in {
			errs = append(errs, fmt.Errorf("%s is %d and its input %d; the official layout keeps the input's channels beside the main branch, so each stage must be wider than the one before", stage, w, in))
		}
		errs = append(errs, checkRange(fmt.Sprintf("depths: stage %d", i), s.Depths[i], maxBlocks))
		in = w
	}
	return errs
}

func (s Space) checkChoices() error {
	if len(s.Choices) == 0 {
		return errors.New("choices is empty; give at least one of 3x3, 5x5, 7x7, xception")
	}
	for i, c := range s.Choices {
		if !c.Valid() {
			return fmt.Errorf("choices: %d is none of 0 to 3", int(c))
		}
		if i > 0 && c <= s.Choices[i-1] {
			return fmt.Errorf("choices: %s after %s; name each once, in the order 3x3, 5x5, 7x7, xception", c, s.Choices[i-1])
		}
	}
	return nil
}

// Len returns the number of blocks, which is the length of the space's subnets.
func (s Space) Len() int {
	n := 0
	for _, d := range s.Depths {
		n += d
	}
	return n
}

// Blocks lists the space's positions, stage after stage.
func (s Space) Blocks() []BlockSpec {
	blocks := make([]BlockSpec, 0, s.Len())
	in := s.Stem
	for stage, depth := range s.Depths {
		stride := 2
		for i := range depth {
			blocks = append(blocks, BlockSpec{Stage: stage, Index: i, In: in, Out: s.Widths[stage], Stride: stride})
			in, stride = s.Widths[stage], 1
		}
	}
	return blocks
}

// Branches returns the channel counts inside block b in the space's layout. At
// stride 1 the input is split into halves in both layouts.
func (s Space) Branches(b BlockSpec) Branches {
	mid := b.Out / 2
	switch {
	case b.Stride == 1:
		return Branches{In: b.In / 2, Mid: mid, Main: mid, Projection: b.In / 2}
	case s.Layout.Official():
		return Branches{In: b.In, Mid: mid, Main: b.Out - b.In, Projection: b.In}
	default:
		return Branches{In: b.In, Mid: mid, Main: mid, Projection: b.Out - mid}
	}
}

// StageStrides returns the stride in pixels of each stage's output against the
// image: 4, 8, 16, 32 for four stages, as the stem halves it too.
func (s Space) StageStrides() []int {
	strides := make([]int, len(s.Depths))
	for i := range strides {
		strides[i] = 4 << i
	}
	return strides
}

// Architectures returns how many subnets the space holds: 1.1e12 for 300m.
func (s Space) Architectures() float64 {
	return math.Pow(float64(len(s.Choices)), float64(s.Len()))
}

// allows reports whether the space's blocks may take c.
func (s Space) allows(c Choice) bool { return slices.Contains(s.Choices, c) }

// choiceList names the space's choices for messages.
func (s Space) choiceList() string {
	names := make([]string, len(s.Choices))
	for i, c := range s.Choices {
		names[i] = fmt.Sprintf("%d = %s", int(c), c)
	}
	return strings.Join(names, ", ")
}
