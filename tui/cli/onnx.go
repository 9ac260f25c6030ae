package cli

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"detnas/core/input"
	"detnas/core/interop"
)

const (
	// maxSide bounds the sides of the images that a graph is made for, in px.
	maxSide = 65536
	// sizeMultiples is the size of images that the coarsest stride divides.
	sizeMultiples = "multiples"
)

// checkONNX refuses flags of onnx that make no sense.
func (e *exportArgs) checkONNX(sized bool) error {
	part := e.draw.Part
	if part != "" && !slices.Contains(interop.Parts(), part) {
		return usage("--part %q: want %s", part, strings.Join(interop.Parts(), ", "))
	}
	if part == interop.PartRoIHead && (sized || e.draw.Normalise || len(e.draw.SampleImages) > 0) {
		return usage("--size, --normalise and --sample-image are of images, and the roi-head takes boxes that were pooled")
	}
	if e.draw.Batch < 0 {
		return usage("--batch %d: want a number, or 0 for any", e.draw.Batch)
	}
	if e.draw.Multiples = e.size == sizeMultiples; !sized || e.draw.Multiples {
		return nil
	}
	h, w, _ := strings.Cut(e.size, "x")
	height, errH := strconv.Atoi(h)
	width, errW := strconv.Atoi(w)
	if errH != nil || errW != nil || min(height, width) < 1 || max(height, width) > maxSide {
		return usage("--size %q: want the height and the width in px, from 1 to %d, as 800x1216, or %s", e.size, maxSide, sizeMultiples)
	}
	e.draw.Height, e.draw.Width = height, width
	return nil
}

// exportONNX writes a network, and says so.
func (a *App) exportONNX(e *exportArgs, arg string) error {
	path, name, err := e.checkpoint(arg)
	if err != nil {
		return err
	}
	if e.out == "" {
		e.out = name + "." + e.to
	}
	if err := mayWrite(e.out, e.force, path); err != nil {
		return err
	}
	e.draw.Out = e.out
	drawn, err := a.WriteONNX(path, e.draw)
	if err != nil {
		return err //nolint:wrapcheck // it says what was exported
	}
	if e.json {
		return a.printJSON(drawn)
	}
	return a.print("%s", onnxText(drawn))
}

// onnxText is what was written, for people.
func onnxText(d *interop.Drawn) string {
	var b strings.Builder
	bn := "BatchNorms kept"
	if d.FoldBN {
		bn = "BatchNorms in the convolutions"
	}
	fmt.Fprintf(&b, "the %s of subnet %s of %s, opset %d, %s\n", d.Part, d.Subnet, input.Line(d.From), d.Opset, bn)
	show := func(what string, ports []interop.Port) {
		for _, p := range ports {
			fmt.Fprintf(&b, "%-8s %s [%s]\n", what, p.Name, strings.Join(p.Shape, ", "))
			what = ""
		}
	}
	show("takes", d.Inputs)
	fmt.Fprintf(&b, "%-8s %s\n", "", d.Takes)
	show("gives", d.Outputs)
	fmt.Fprintf(&b, "written  %s, %s bytes\n", input.Line(d.Out), thousands(d.Bytes))
	if d.Sample != "" {
		fmt.Fprintf(&b, "         %s, %d inputs and what is computed of them\n", input.Line(d.Sample), d.Samples)
	}
	return b.String()
}
