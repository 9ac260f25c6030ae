package interop

import (
	"fmt"
	"strings"

	"detnas/core/run"
	"detnas/nas"
)

// MetaPrefix begins detnas's own keys among those beside the weights of a checkpoint of
// PyTorch, where config is the trainer's.
const MetaPrefix = "detnas_"

// Prefix is what a program's checkpoints have before the names of a network: those of
// its algorithm, which the published files have, too.
func Prefix(of Source) string {
	switch of {
	case MMRazor0:
		return "architecture.model."
	case MMRazor1:
		return "architecture."
	}
	return ""
}

// Named puts a checkpoint's weights under the names of a program, after a prefix, and
// leaves out what training goes on with: the optimiser's, and what an average is of. Only networks of MMRazor's layout have names in MMRazor.
func Named(c *run.Checkpoint, to Source, prefix string) ([]run.NamedArray, error) {
	switch to {
	case Ours, MMRazor0, MMRazor1:
	default:
		return nil, fmt.Errorf("%q is no program whose names are written; use %s, %s or %s", to, Ours, MMRazor0, MMRazor1)
	}
	if layout := nas.Layout(c.Meta["layout"]); to != Ours && layout.Official() {
		return nil, fmt.Errorf("it has the %s layout, whose blocks MMRazor wires otherwise; write it under %s's own names", layout, Ours)
	}
	out := make([]run.NamedArray, 0, len(c.Tensors))
	for _, t := range c.Tensors {
		if besides(t.Name) != "" {
			continue
		}
		if to == MMRazor1 {
			t.Name = strings.Replace(t.Name, ".choices.", "._candidate_ops.", 1)
		}
		t.Name = prefix + t.Name
		out = append(out, t)
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("it holds no weights")
	}
	return out, nil
}
