package cli

import (
	"errors"
	"fmt"
	"image/png"
	"os"
	"path/filepath"
	"strings"
	"unicode"

	"detnas/detector/cocoeval"
	"detnas/detector/picture"
)

// drawCurves draws the precision of each category that has objects into a folder,
// which is made. A picture that is there is overwritten.
func drawCurves(dir string, curves map[int]*cocoeval.Curve, r *cocoeval.Result, categories []cocoeval.Category) error {
	if err := os.MkdirAll(dir, 0o755); err != nil { //nolint:gosec // there to be looked at
		return fmt.Errorf("making the folder for curves: %w", err)
	}
	for _, c := range categories {
		curve := curves[c.ID]
		if curve == nil || curve.Objects == 0 {
			continue
		}
		mean := curve.Mean()
		of := r.PerCategory[c.ID]
		m := picture.Plot(fmt.Sprintf("%s (%d objects)", c.Name, curve.Objects), "recall", "precision", []picture.Line{
			{Text: fmt.Sprintf("IoU 0.50: AP %.3f", of.AP50), Values: curve.Precision[0][:]},
			{Text: "IoU 0.75", Values: curve.Precision[5][:]},
			{Text: fmt.Sprintf("0.50:0.95: AP %.3f", of.AP), Values: mean[:]},
		})
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

// fileName is a class's name as a part of a file's: letters, digits, and dashes for
// everything else.
func fileName(name string) string {
	plain := strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) || unicode.IsDigit(r) {
			return r
		}
		return '-'
	}, name)
	return string([]rune(plain)[:min(60, len([]rune(plain)))])
}
