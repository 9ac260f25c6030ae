package cli

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"unicode"
	"unicode/utf8"

	"detnas/core/figure"
	"detnas/core/input"
	"detnas/core/run"
	"detnas/detector/cocoeval"
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
		title := fmt.Sprintf("%s (%d objects)", shortName(c.Name), curve.Objects)
		m, err := figure.Curves(figure.Axes{Title: title, X: "recall", Y: "precision"}, curveLines(curve, r.PerCategory[c.ID]))
		if err != nil {
			return err
		}
		path := filepath.Join(dir, fmt.Sprintf("%d-%s.png", c.ID, fileName(c.Name)))
		if err := run.WriteFile(path, m); err != nil {
			return fmt.Errorf("drawing curves: %w", err)
		}
	}
	return nil
}

// curveLines are a category's curves, each with the figure that is its mean.
func curveLines(c *cocoeval.Curve, of cocoeval.CategoryResult) []figure.Line {
	mean := c.Mean()
	return []figure.Line{
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
