package styles

import (
	"strconv"

	"charm.land/lipgloss/v2"
)

// Styles are a theme's colours as styles, or, without colour, what bold, faint
// and reverse can say. Nothing is told by colour alone.
type Styles struct {
	Theme  Theme
	Colour bool // false under NO_COLOR

	Text, Faint, Bold, Title lipgloss.Style
	Border, Focus            lipgloss.Style // frames, and that of the focused pane
	Accent, Good, Warn, Bad  lipgloss.Style
	Selected                 lipgloss.Style // reverse video; a glyph stands beside it
	Key, Hint, Off           lipgloss.Style // key hints, and those that are off
	Keyword, String, Comment lipgloss.Style // TOML
	Number                   lipgloss.Style
	Added, Removed           lipgloss.Style
	Series                   []lipgloss.Style // lines in charts, by number
	Ramp                     []lipgloss.Style // cells of a heatmap, from low to high
}

// New makes the styles of a theme.
func New(t Theme, colour bool) *Styles {
	plain := lipgloss.NewStyle()
	s := &Styles{Theme: t, Colour: colour, Selected: plain.Reverse(true)}
	fg := func(colourIndex int) lipgloss.Style {
		if !colour {
			return plain
		}
		return plain.Foreground(lipgloss.Color(strconv.Itoa(colourIndex)))
	}
	s.Text, s.Bold, s.Title = fg(t.Text), fg(t.Text).Bold(true), fg(t.Accent).Bold(true)
	s.Faint, s.Border, s.Focus = fg(t.Faint), fg(t.Border), fg(t.Accent)
	s.Accent, s.Good, s.Warn, s.Bad = fg(t.Accent), fg(t.Good), fg(t.Warn), fg(t.Bad)
	s.Key, s.Hint, s.Off = fg(t.Accent).Bold(true), fg(t.Faint), fg(t.Border)
	s.Keyword, s.String, s.Comment, s.Number = fg(t.Keyword), fg(t.String), fg(t.Comment), fg(t.Number)
	s.Added, s.Removed = fg(t.Added), fg(t.Removed)
	if !colour {
		s.Text, s.Bad, s.Warn = plain, plain.Bold(true), plain.Bold(true)
		s.Faint, s.Off, s.Comment = plain.Faint(true), plain.Faint(true), plain.Faint(true)
	}
	for _, c := range t.Series {
		s.Series = append(s.Series, fg(c))
	}
	for i, c := range t.Ramp {
		style := plain
		if colour {
			style = plain.Background(lipgloss.Color(strconv.Itoa(c))).Foreground(lipgloss.Color(strconv.Itoa(t.RampText[i])))
		}
		s.Ramp = append(s.Ramp, style)
	}
	return s
}
