package config

import (
	"detnas/core/dataset"
	"detnas/core/seed"
)

// SplitOptions says how a split of a detection set is opened.
type SplitOptions struct {
	// Seed is the config's, by which Shares are drawn.
	Seed   uint64
	Policy dataset.Policy
	Decode dataset.DecodeOptions
	// Classes are those of VOC's form, which does not list them; none are found.
	Classes []string
}

// Open opens the split "train", "val" or "test" of a set that is there, in any
// format but "shapes", and tells what is wrong in it. The problems of a set that is
// parted come with its train.
func (d *Detection) Open(split string, opts SplitOptions) (*dataset.Detection, []dataset.Problem, error) {
	set, problems, err := d.whole(split, opts)
	part := d.part(split)
	if err != nil || part < 0 {
		return set, problems, err
	}
	parts, err := set.Shares(seed.Derive(opts.Seed, "shares"), d.Shares)
	if err != nil {
		return nil, problems, err //nolint:wrapcheck // it names the set and the cure
	}
	if part > 0 {
		problems = nil
	}
	return parts[part], problems, nil
}

// whole opens all that the key of a split names.
func (d *Detection) whole(split string, opts SplitOptions) (*dataset.Detection, []dataset.Problem, error) {
	at, images := d.Annotations(split), d.ImageDir(split)
	switch d.Format {
	case FormatVOC:
		return dataset.OpenVOC(d.Root, at, dataset.VOCOptions{Policy: opts.Policy, Decode: opts.Decode, Classes: opts.Classes})
	case FormatYOLO:
		return dataset.OpenYOLO(at, images, dataset.YOLOOptions{Policy: opts.Policy, Decode: opts.Decode, Names: d.Names})
	}
	return dataset.OpenCOCO(at, images, dataset.COCOOptions{Policy: opts.Policy, Decode: opts.Decode})
}
