package cli

import (
	"errors"
	"fmt"
	"image/png"
	"os"
	"path/filepath"
	"strings"
	"unicode"
	"unicode/utf8"

	"detnas/core/input"
	"detnas/detector/cocoeval"
	"detnas/detector/picture"
)

// readyCurves makes the folder for curves, if they are asked for, and finds out
// whether it takes files, before a detector has worked for them in vain.
func (e evalArgs) readyCurves() error {
	if e.curves == "" {
		return nil
	}
	if err := os.MkdirAll(e.curves, 0o755); err != nil { //nolint:gosec // there to be looked at
		return fmt.Errorf("making the folder for curves %s: %w; name another with --curves", input.Line(e.curves), err)
	}
	probe, err := os.CreateTemp(e.curves, ".curves-*")
	if err == nil {
		err = errors.Join(probe.Close(), os.Remove(probe.Name()))
	}
	if err != nil {
		return fmt.Errorf("the folder for curves %s takes no files: %w; name another with --curves", input.Line(e.curves), err)
	}
	return nil
}

// drawCurves draws the precision of each category that has objects into a folder. A
// picture that is there is overwritten.
func drawCurves(dir string, curves map[int]*cocoeval.Curve, r *cocoeval.Result, categories []cocoeval.Category) error {
	for _, c := range categories {
		curve := curves[c.ID]
		if curve == nil || curve.Objects == 0 {
			continue
		}
		m := picture.Plot(fmt.Sprintf("%s (%d objects)", shortName(c.Name), curve.Objects), "recall", "precision", curveLines(curve, r.PerCategory[c.ID]))
		path := filepath.Join(dir, fmt.Sprintf("%d-%s.png", c.ID, fileName(c.Name)))
		file, err := os.Create(path)
		if err != nil {
			return fmt.Errorf("drawing curves: %w", err)
		}
		if err := errors.Join(png.Encode(file, m), file.Close()); err != nil {
			return fmt.Errorf("drawing curves: writing %s: %w", path, err)
		}
	}
	return nil
}

// curveLines are a category's curves, each with the figure that is its mean.
func curveLines(c *cocoeval.Curve, of cocoeval.CategoryResult) []picture.Line {
	mean := c.Mean()
	return []picture.Line{
		{Text: fmt.Sprintf("IoU 0.50: AP %.3f", of.AP50), Values: c.Precision[cocoeval.At50][:]},
		{Text: fmt.Sprintf("IoU 0.75: AP %.3f", of.AP75), Values: c.Precision[cocoeval.At75][:]},
		{Text: fmt.Sprintf("0.50:0.95: AP %.3f", of.AP), Values: mean[:]},
	}
}

// fileName is a class's name as a part of a file's: letters, digits, and dashes for
// everything else, and at most mostBase bytes of it.
func fileName(name string) string {
	plain := strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) || unicode.IsDigit(r) {
			return r
		}
		return '-'
	}, name)
	letters := []rune(plain)
	return string(letters[:min(mostBase/utf8.UTFMax, len(letters))])
}
