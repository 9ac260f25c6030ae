package interop

import (
	"fmt"
	"regexp"
	"strings"

	"detnas/core/input"
	"detnas/core/run"
)

// Source is the program whose names the tensors of a file have.
type Source string

// The sources. MMRazor's 0.x keeps the choices of a block under choices, as detnas
// does, and 1.x under _candidate_ops (one_shot_mutable_module.py of both).
const (
	Ours        Source = "detnas" // whose names are MMRazor 0.x's without a prefix
	MMRazor0    Source = "mmrazor-0.x"
	MMRazor1    Source = "mmrazor-1.x"
	Official    Source = "official"    // megvii-model/DetNAS: detnasnet.py, shuffle_blocks.py
	TorchVision Source = "torchvision" // shufflenetv2.py
)

// maxStems bounds the networks that a file is searched for.
const maxStems = 64

// besides says of a tensor of detnas's checkpoints what it is where it is none of the
// network's: core/train puts it beside the network.
func besides(name string) string {
	switch {
	case strings.HasPrefix(name, "momentum."):
		return "it is the optimiser's"
	case strings.HasPrefix(name, "trained."):
		return "it is what training goes on with, whose average is the network's"
	}
	return ""
}

// The stem of each family by the end of its name; what stands before is a prefix that
// all names of the network have.
const (
	mmrazorStem     = "backbone.conv1.conv.weight"
	officialStem    = "first_conv.conv.weight"
	torchVisionStem = "conv1.0.weight"
)

var (
	mmrazor0Block    = regexp.MustCompile(`^backbone\.layers\.\d+\.\d+\.choices\.shuffle_`)
	mmrazor1Block    = regexp.MustCompile(`^backbone\.layers\.\d+\.\d+\._candidate_ops\.shuffle_`)
	officialBlock    = regexp.MustCompile(`^features\.\d+\.(?:\d\.)?conv\.0\.`)
	torchVisionBlock = regexp.MustCompile(`^stage[234]\.\d+\.branch2\.0\.`)
)

// family is a stem and the blocks that belong to it.
type family struct {
	stem   string
	block  *regexp.Regexp
	source Source
}

var families = []family{
	{mmrazorStem, mmrazor1Block, MMRazor1},
	{mmrazorStem, mmrazor0Block, MMRazor0},
	{officialStem, officialBlock, Official},
	{torchVisionStem, torchVisionBlock, TorchVision},
}

// recognise says whose names tensors have, and with what prefix before them.
func recognise(tensors []run.NamedArray) (Source, string, error) {
	var found []string
	var source Source
	var prefix string
	stems := 0
	for _, t := range tensors {
		for _, f := range families {
			before, ok := strings.CutSuffix(t.Name, f.stem)
			if !ok || before != "" && !strings.HasSuffix(before, ".") || besides(before) != "" {
				continue
			}
			if stems++; stems > maxStems {
				return "", "", fmt.Errorf("%w: over %d stems of networks", input.ErrTooLarge, maxStems)
			}
			if !f.has(tensors, before) {
				continue
			}
			source, prefix = f.source, before
			if source == MMRazor0 && prefix == "" {
				source = Ours
			}
			found = append(found, fmt.Sprintf("%s at %q", f.source, before))
		}
	}
	switch {
	case len(found) > 1:
		return "", "", fmt.Errorf("it holds several networks (%s); keep one of them in the file", input.Line(strings.Join(found, ", ")))
	case len(found) == 1:
		return source, prefix, nil
	case len(tensors) == 0:
		return "", "", fmt.Errorf("it holds no tensors")
	}
	return "", "", fmt.Errorf("none of its %d tensors is named as a DetNAS network of MMRazor 0.x or 1.x, of the official code, of torchvision's shufflenet_v2 or of detnas is; the first is %s, and a stem would be %s, %s or %s",
		len(tensors), input.Line(tensors[0].Name), mmrazorStem, officialStem, torchVisionStem)
}

// has reports whether tensors have a block of the family.
func (f family) has(tensors []run.NamedArray, prefix string) bool {
	for _, t := range tensors {
		if name, ok := strings.CutPrefix(t.Name, prefix); ok && f.block.MatchString(name) {
			return true
		}
	}
	return false
}
