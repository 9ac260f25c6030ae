package interop

import "strings"

// parts begin the names of a classifier's and a detector's tensors, which mmcls, mmdet
// and detnas have in common.
var parts = []string{"backbone.", "neck.", "head.", "rpn_head.", "roi_head.", "bbox_head."}

// ofMMRazor is detnas's name for a tensor of MMRazor, or why there is none.
func ofMMRazor(name string) (to, why string) {
	for _, p := range parts {
		if strings.HasPrefix(name, p) {
			return strings.Replace(name, "._candidate_ops.", ".choices.", 1), ""
		}
	}
	if why := besides(name); why != "" {
		return "", why
	}
	return "", "it is no part of a classifier or a detector"
}
