package progress

import (
	"slices"
	"strings"

	"charm.land/lipgloss/v2"
)

// Row is a line of a table: what, and what it is.
type Row struct {
	Label string
	Value string
	Whole bool // the value is not broken: a command, for example, is there to be copied
}

// Table sets rows in two columns, the labels in bold where colour is allowed. What
// a terminal would obey is escaped: much of it was written by others.
// Values wider than width columns are broken; 0 leaves them whole.
func Table(rows []Row, width int, colour bool) string {
	k, left := ink(colour), 0
	rows = slices.Clone(rows)
	for i, r := range rows {
		rows[i].Label, rows[i].Value = clean(r.Label), clean(r.Value)
		left = max(left, lipgloss.Width(rows[i].Label))
	}
	var b strings.Builder
	for _, r := range rows {
		value := r.Value
		if width > 0 && !r.Whole {
			value = broken(value, max(width-left-len(gap), 8))
		}
		for i, part := range strings.Split(value, "\n") {
			label := strings.Repeat(" ", left)
			if i == 0 {
				label = k.bold(r.Label) + strings.Repeat(" ", left-lipgloss.Width(r.Label))
			}
			b.WriteString(strings.TrimRight(label+gap+part, " ") + "\n")
		}
	}
	return b.String()
}

// broken breaks a value into lines of a width. A command of detnas in it, which
// is there to be copied, begins a line and stays whole with what follows it.
func broken(value string, width int) string {
	text, command := value, ""
	if at := strings.Index(" "+value, " detnas "); at >= 0 && lipgloss.Width(value) > width {
		text, command = strings.TrimRight(value[:at], " "), value[at:]
	}
	lines := lipgloss.Wrap(text, width, "/ ")
	if lines != "" && command != "" {
		lines += "\n"
	}
	return lines + command
}
