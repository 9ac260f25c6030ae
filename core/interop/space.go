package interop

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"

	"detnas/core/input"
	"detnas/nas"
)

// The bounds of what shapes may say of a space.
const (
	maxStages = 16
	maxDepth  = 1000
)

var (
	blockName = regexp.MustCompile(`^backbone\.layers\.(\d{1,3})\.(\d{1,3})\.choices\.(\w+)\.(.+)$`)
	lastName  = regexp.MustCompile(`^backbone\.layers\.(\d{1,3})\.conv\.weight$`)
)

// position is what a file has of a block.
type position struct {
	choices []nas.Choice
	width   int // the channels that its branches put out
}

// positions are the blocks that tensors are there of, by stage.
func (w *Weights) positions() ([][]position, error) {
	var stages [][]position
	for _, t := range w.Tensors {
		m := blockName.FindStringSubmatch(t.Name)
		if m == nil {
			continue
		}
		stage, errS := strconv.Atoi(m[1])
		block, errB := strconv.Atoi(m[2])
		c, err := nas.ParseChoice(m[3])
		switch {
		case err != nil:
			return nil, fmt.Errorf("tensor %s: %w", input.Line(w.From[t.Name]), err)
		case errS != nil || errB != nil || stage >= maxStages || block >= maxDepth:
			return nil, fmt.Errorf("tensor %s is of stage %s and block %s, and no space has so many", input.Line(w.From[t.Name]), m[1], m[2])
		}
		for len(stages) <= stage {
			stages = append(stages, nil)
		}
		for len(stages[stage]) <= block {
			stages[stage] = append(stages[stage], position{})
		}
		p := &stages[stage][block]
		if !slices.Contains(p.choices, c) {
			p.choices = append(p.choices, c)
		}
		if c == p.choices[0] && len(t.Shape) == 4 && (m[4] == "branch1.1.conv.weight" || m[4] == "branch2.2.conv.weight" || m[4] == "branch2.2.pointwise_conv.conv.weight") {
			p.width += int(t.Shape[0])
		}
	}
	return stages, nil
}

// Space is the search space that the tensors' names and shapes speak of: a preset
// where one has its sizes, or one called custom.
func (w *Weights) Space() (nas.Space, error) {
	space := nas.Space{Name: "custom", Layout: w.Layout, Last: 1024, Classes: 1000}
	stem, ok := w.get("backbone.conv1.conv.weight")
	if !ok || len(stem.Shape) != 4 {
		return space, fmt.Errorf("its stem is no convolution over an image")
	}
	space.Stem = int(stem.Shape[0])
	stages, err := w.positions()
	if err != nil {
		return space, err
	}
	for i, blocks := range stages {
		if len(blocks) == 0 {
			return space, fmt.Errorf("it has no block of stage %d, and some of the next one", i)
		}
		space.Widths, space.Depths = append(space.Widths, blocks[0].width), append(space.Depths, len(blocks))
		for _, p := range blocks {
			for _, c := range p.choices {
				if !slices.Contains(space.Choices, c) {
					space.Choices = append(space.Choices, c)
				}
			}
		}
	}
	slices.Sort(space.Choices)
	w.head(&space)
	if err := space.Validate(); err != nil {
		return space, fmt.Errorf("its shapes make no search space: %w", err)
	}
	for _, name := range nas.PresetNames() {
		p, err := nas.Preset(name)
		if err == nil && p.Stem == space.Stem && slices.Equal(p.Widths, space.Widths) && slices.Equal(p.Depths, space.Depths) {
			space.Name = p.Name
		}
	}
	return space, nil
}

// head takes the classifier's sizes.
func (w *Weights) head(space *nas.Space) {
	for _, t := range w.Tensors {
		if m := lastName.FindStringSubmatch(t.Name); m != nil && m[1] == strconv.Itoa(len(space.Widths)) && len(t.Shape) == 4 {
			space.Last = int(t.Shape[0])
		}
	}
	if fc, ok := w.get("head.fc.weight"); ok && len(fc.Shape) == 2 {
		space.Classes = int(fc.Shape[0])
	}
}

// Subnet is the network's only path, or nil where a block has several choices or none,
// or the space is another.
func (w *Weights) Subnet(space nas.Space) nas.Subnet {
	stages, err := w.positions()
	if err != nil || len(stages) != len(space.Depths) {
		return nil
	}
	var sub nas.Subnet
	for i, blocks := range stages {
		if len(blocks) != space.Depths[i] {
			return nil
		}
		for _, p := range blocks {
			if len(p.choices) != 1 {
				return nil
			}
			sub = append(sub, p.choices[0])
		}
	}
	return sub
}
