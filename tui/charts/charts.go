// Package charts draws what runs are made of in a terminal's cells: curves,
// scatters, heatmaps, bars and pictures. Each draws to lines of exactly the
// width asked for, and exactly as many as asked for; none keeps state.
package charts

import (
	"strings"

	"charm.land/lipgloss/v2"

	"detnas/tui/styles"
)

// Look is what a chart is drawn with.
type Look struct {
	Styles *styles.Styles
	Glyphs styles.Glyphs
}

// sane fills in what a zero Look lacks.
func (l Look) sane() Look {
	if l.Styles == nil {
		l.Styles = styles.New(styles.Themes()[0], false)
	}
	if len(l.Glyphs.Marks) == 0 {
		l.Glyphs = styles.GlyphsOf(styles.ASCII)
	}
	return l
}

// series is the style of a line's number.
func (l Look) series(n int) lipgloss.Style {
	if len(l.Styles.Series) == 0 {
		return l.Styles.Text
	}
	return l.Styles.Series[wrap(n, len(l.Styles.Series))]
}

// mark is the sign of a line's number.
func (l Look) mark(n int) string { return l.Glyphs.Marks[wrap(n, len(l.Glyphs.Marks))] }

func (l Look) ascii() bool { return l.Glyphs.Mode == styles.ASCII }

// wrap brings any number into 0 to n-1.
func wrap(i, n int) int { return ((i % n) + n) % n }

func blank(width, height int) string {
	if width <= 0 || height <= 0 {
		return strings.Repeat("\n", max(height-1, 0))
	}
	line := strings.Repeat(" ", width) + "\n"
	return strings.Repeat(line, height)[:height*(width+1)-1]
}
