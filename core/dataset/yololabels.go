package dataset

import (
	"bytes"
	"fmt"
	"math"
	"strconv"
	"strings"

	"detnas/core/input"
)

// Bounds on a file of labels.
const (
	maxYOLOBytes = 8 << 20
	maxYOLOLines = 20_000
)

// yoloLine is a line of labels: "class x y width height". What is wrong with it
// is told by fault.
type yoloLine struct {
	line  int // from 1
	class int
	box   [4]float64 // centre and size, as shares of the image's
	text  string     // of the first field that is no number, or none
	count int        // of fields
}

// readYOLO reads the lines of a file of labels; empty ones are passed over.
func readYOLO(path string) ([]yoloLine, error) {
	text, err := input.File(path, maxYOLOBytes)
	if err != nil {
		return nil, fmt.Errorf("read labels: %w", err)
	}
	return parseYOLO(text)
}

// parseYOLO reads lines of labels. Memory is in proportion to the lines, which are
// bounded.
func parseYOLO(text []byte) ([]yoloLine, error) {
	var out []yoloLine
	n := 0
	for line := range bytes.SplitSeq(text, []byte("\n")) {
		n++
		line = bytes.TrimSpace(line)
		if len(line) == 0 {
			continue
		}
		if len(out) == maxYOLOLines {
			return nil, fmt.Errorf("more than the %d lines that a file of labels may have", maxYOLOLines)
		}
		out = append(out, parseYOLOLine(n, string(line)))
	}
	return out, nil
}

// parseYOLOLine reads the fields of one line.
func parseYOLOLine(n int, line string) yoloLine {
	l := yoloLine{line: n, class: -1}
	for field := range strings.FieldsSeq(line) {
		if l.count++; l.count > 5 || l.text != "" {
			continue
		}
		v, err := strconv.ParseFloat(field, 64)
		switch {
		case err != nil || math.IsNaN(v):
			l.text = field
		case l.count > 1:
			l.box[l.count-2] = v
		case v == math.Trunc(v) && v >= 0 && v <= 1<<30: // some write 3.0
			l.class = int(v)
		default:
			l.text = field
		}
	}
	return l
}

// fault is what is wrong with a line, whatever its image, where there are so many
// classes; the kind is empty where nothing is.
func (l yoloLine) fault(classes int) (kind, what, cure string) {
	const form = "write a class and a box as: class x y width height, the box in shares of the image"
	switch {
	case l.count != 5:
		return KindBadBox, fmt.Sprintf("the line has %d fields, not 5", l.count), form
	case l.text != "" && l.class < 0:
		return KindUnknownCategory, fmt.Sprintf("%q is no number of a class", input.Line(l.text)), form
	case l.text != "":
		return KindBadBox, fmt.Sprintf("%q is no number", input.Line(l.text)), form
	case l.class >= classes:
		return KindUnknownCategory, fmt.Sprintf("the class %d is not among the %d that have names, which count from 0", l.class, classes),
			"correct the number, or add the name"
	}
	for _, v := range l.box {
		if !(v >= 0 && v <= 1) {
			return KindBoxOutside, fmt.Sprintf("%g is outside 0 to 1", v), "write the box in shares of the image's width and height, not in pixels"
		}
	}
	return "", "", ""
}
