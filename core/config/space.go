package config

import (
	"fmt"
	"slices"

	"detnas/nas"
)

// Stages is the number of stages of the backbone.
func (s *Space) Stages() int {
	if s.Preset != PresetCustom {
		return 4 // all published spaces (spec part 1.1)
	}
	return len(s.Widths)
}

// NAS is the search space for a classifier of so many classes.
func (s *Space) NAS(classes int) (nas.Space, error) {
	space := nas.Space{Name: PresetCustom, Stem: s.Stem, Widths: slices.Clone(s.Widths), Depths: slices.Clone(s.Depths), Last: 1024}
	if s.Preset != PresetCustom {
		var err error
		if space, err = nas.Preset(s.Preset); err != nil {
			return nas.Space{}, fmt.Errorf("space.preset: %w", err)
		}
	}
	if s.Last != 0 {
		space.Last = s.Last
	}
	space.Layout, space.Classes = nas.Layout(s.Layout), classes
	space.Choices = nil
	for _, name := range s.Choices {
		choice, err := nas.ParseChoice(name)
		if err != nil {
			return nas.Space{}, fmt.Errorf("space.choices: %w", err)
		}
		space.Choices = append(space.Choices, choice)
	}
	slices.Sort(space.Choices)
	if err := space.Validate(); err != nil {
		return nas.Space{}, fmt.Errorf("[space]: %w", err)
	}
	return space, nil
}

func (v *validator) space(s *Space) {
	before := len(v.problems)
	v.oneOf("space.preset", s.Preset, append(nas.PresetNames(), PresetCustom)...)
	v.oneOf("space.layout", s.Layout, string(nas.LayoutMMRazor), string(nas.LayoutOfficial), string(nas.LayoutOfficial2))
	v.choices(s.Choices)
	within(v, "space.last", s.Last, 0, maxChannels)
	if s.Preset == PresetCustom {
		v.customSpace(s)
	} else {
		v.fixed(s)
	}
	if len(v.problems) > before {
		return
	}
	if _, err := s.NAS(1); err != nil {
		v.add("space", "%v", err)
	}
}

// fixed refuses keys that a named space settles.
func (v *validator) fixed(s *Space) {
	for _, k := range []struct {
		name  string
		given bool
	}{{"stem", s.Stem != 0}, {"widths", len(s.Widths) > 0}, {"depths", len(s.Depths) > 0}} {
		if k.given {
			v.add("space."+k.name, `is fixed by the preset %s; leave it out, or set space.preset = "custom"`, s.Preset)
		}
	}
}

func (v *validator) customSpace(s *Space) {
	within(v, "space.stem", s.Stem, 1, maxChannels)
	if each(v, "space.widths", s.Widths, 0, 2, maxChannels) {
		for _, w := range s.Widths {
			if w%2 != 0 {
				v.add("space.widths", "%d is odd; a block splits its channels in halves, so write an even width", w)
			}
		}
		if len(s.Widths) > 5 {
			v.add("space.widths", "has %d stages; write 5 at most, which is a stride of 64", len(s.Widths))
		}
	}
	if len(s.Depths) != len(s.Widths) {
		v.add("space.depths", "has %d stages and space.widths %d; write one value a stage in both", len(s.Depths), len(s.Widths))
		return
	}
	each(v, "space.depths", s.Depths, 0, 1, 1000)
}

func (v *validator) choices(choices []string) {
	names := make([]string, 0, 4)
	for _, c := range nas.AllChoices() {
		names = append(names, c.String())
	}
	if len(choices) == 0 {
		v.add("space.choices", "is empty; write some of %v", names)
	}
	for i, c := range choices {
		v.oneOf("space.choices", c, names...)
		if slices.Contains(choices[:i], c) {
			v.add("space.choices", "has %q twice", clip(c))
		}
	}
}
