package dataset

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"detnas/core/input"
)

// Text puts the report in words, for a terminal: the counts, a line for each
// class, and every problem under its kind.
func (r *Report) Text() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s (%s)\n", input.Line(r.Source), r.Format)
	var w strings.Builder
	fmt.Fprintf(&w, "  images\t%d\n", r.Images)
	fmt.Fprintf(&w, "  classes\t%d%s\n", r.Classes, r.whichClasses())
	if r.Format != "folder" {
		ignored := fmt.Sprintf(", of which %d crowds", r.Crowds)
		switch r.Format {
		case "voc":
			ignored = fmt.Sprintf(", of which %d difficult", r.Difficult)
		case "yolo": // has neither
			ignored = ""
		}
		fmt.Fprintf(&w, "  boxes\t%d%s\n", r.Boxes, ignored)
		fmt.Fprintf(&w, "  by size\t%d small, %d medium, %d large\n", r.Small, r.Medium, r.Large)
		fmt.Fprintf(&w, "  empty images\t%d\n", r.EmptyImages)
	}
	if r.Decoded > 0 {
		fmt.Fprintf(&w, "  decoded\t%d\n", r.Decoded)
	}
	b.WriteString(align(w.String()))
	r.writeClasses(&b)
	r.writeProblems(&b)
	return b.String()
}

// whichClasses says where the classes of a set in VOC's form come from, which
// lists none itself.
func (r *Report) whichClasses() string {
	if r.Format != "voc" {
		return ""
	}
	voc := VOCClasses()
	if len(r.PerClass) != len(voc) {
		return ", those found, sorted by name"
	}
	for i, c := range r.PerClass {
		if c.Name != voc[i] {
			return ", those found, sorted by name"
		}
	}
	return ", VOC's in their usual order"
}

func (r *Report) writeClasses(b *strings.Builder) {
	var w strings.Builder
	for _, c := range r.PerClass {
		fmt.Fprintf(&w, "  %d\t%s\t%d images", c.ID, input.Line(c.Name), c.Images)
		if r.Format != "folder" {
			fmt.Fprintf(&w, "\t%d boxes", c.Boxes)
		}
		w.WriteByte('\n')
	}
	b.WriteString(align(w.String()))
}

// align sets the cells of lines, parted by tabs, in columns.
func align(lines string) string {
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	_, _ = io.WriteString(w, lines) // a Builder takes everything
	_ = w.Flush()
	return b.String()
}

func (r *Report) writeProblems(b *strings.Builder) {
	if len(r.Problems) == 0 {
		fmt.Fprintln(b, "no problems")
		return
	}
	fmt.Fprintf(b, "%d problems\n", len(r.Problems))
	for _, kind := range r.Kinds() {
		fmt.Fprintf(b, "%s: %d\n", kind, r.Counts[kind])
		for _, p := range r.Problems {
			if p.Kind == kind {
				fmt.Fprintf(b, "  %s: %s; %s\n", input.Line(p.Where), input.Line(p.What), p.Cure)
			}
		}
	}
}
