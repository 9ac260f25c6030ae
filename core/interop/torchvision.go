package interop

import (
	"regexp"
	"strconv"
)

// The places of torchvision's sequences: a convolution and its BatchNorm, by the index
// of the layer within.
var (
	torchVisionUnit = regexp.MustCompile(`^stage([234])\.(\d{1,3})\.(branch[12])\.([0-6])\.(\w+)$`)
	torchVisionEnd  = regexp.MustCompile(`^(conv1|conv5|fc)(?:\.([01]))?\.(\w+)$`)
	branchUnits     = map[string]map[string]string{
		"branch1": {"0": "0.conv", "1": "0.bn", "2": "1.conv", "3": "1.bn"},
		"branch2": {"0": "0.conv", "1": "0.bn", "3": "1.conv", "4": "1.bn", "5": "2.conv", "6": "2.bn"},
	}
)

// ofTorchVision is detnas's name for a tensor of torchvision's shufflenet_v2, or why
// there is none. Its stages 2, 3 and 4 are the stages 0, 1 and 2 of a space of three,
// and its blocks all the choice 3x3.
func ofTorchVision(name string) (to, why string) {
	if m := torchVisionUnit.FindStringSubmatch(name); m != nil {
		unit, ok := branchUnits[m[3]][m[4]]
		stage, err := strconv.Atoi(m[1])
		if ok && err == nil {
			return "backbone.layers." + strconv.Itoa(stage-2) + "." + m[2] + ".choices.shuffle_3x3." + m[3] + "." + unit + "." + m[5], ""
		}
	}
	if m := torchVisionEnd.FindStringSubmatch(name); m != nil {
		layer := map[string]string{"0": "conv.", "1": "bn."}[m[2]]
		switch {
		case m[1] == "conv1" && layer != "":
			return "backbone.conv1." + layer + m[3], ""
		case m[1] == "conv5" && layer != "":
			return "backbone.layers.3." + layer + m[3], ""
		case m[1] == "fc" && m[2] == "":
			return "head.fc." + m[3], ""
		}
	}
	return "", "torchvision's shufflenet_v2 has no tensor of this name"
}
