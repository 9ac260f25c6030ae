package table

import (
	"slices"
	"strings"

	"github.com/charmbracelet/x/ansi"
)

// Sort sorts by a column, -1 leaves the rows as they came; falling puts the
// largest first. Rows that are equal keep the order in which they came.
func (t *Table) Sort(column int, falling bool) {
	if column < -1 || column >= len(t.columns) || column >= 0 && t.columns[column].Less == nil {
		return
	}
	t.sortBy, t.falling = column, falling
	t.arrange()
}

// Sorted is the column that the rows are sorted by, or -1, and whether the
// largest stands first.
func (t *Table) Sorted() (column int, falling bool) { return t.sortBy, t.falling }

// Filter shows only rows that have every word of a text, in any case.
func (t *Table) Filter(text string) {
	t.filter = text
	t.arrange()
}

// Filtered is the filter.
func (t *Table) Filtered() string { return t.filter }

// sortNext sorts by the next column that can be sorted by, so many columns
// further.
func (t *Table) sortNext(by int) {
	n := len(t.columns)
	for i, at := 0, t.sortBy; i < n; i++ {
		if at += by; at < 0 {
			at = n - 1
		}
		at %= n
		if c := t.columns[at]; c.Less != nil {
			t.Sort(at, c.Falling)
			return
		}
	}
}

// arrange works out which rows are shown in which order, and keeps the selection.
func (t *Table) arrange() {
	t.order = t.order[:0]
	words := strings.Fields(strings.ToLower(t.filter))
	for i := range t.rows {
		if len(words) == 0 || t.matches(i, words) {
			t.order = append(t.order, i)
		}
	}
	if t.sortBy >= 0 {
		less, sign := t.columns[t.sortBy].Less, 1
		if t.falling {
			sign = -1
		}
		slices.SortStableFunc(t.order, func(a, b int) int {
			switch {
			case less(t.rows[a], t.rows[b]):
				return -sign
			case less(t.rows[b], t.rows[a]):
				return sign
			}
			return 0
		})
	}
	t.keep()
}

// keep puts the selection where its key is now, or leaves its place.
func (t *Table) keep() {
	i := slices.IndexFunc(t.order, func(row int) bool { return t.rows[row].Key == t.selected })
	if i < 0 {
		i = t.at
	}
	t.moveTo(i)
}

func (t *Table) matches(row int, words []string) bool {
	if t.texts == nil {
		t.texts = make([]string, len(t.rows))
		for i, r := range t.rows {
			text := r.Filter
			if text == "" {
				text = ansi.Strip(strings.Join(r.Cells, " "))
			}
			t.texts[i] = strings.ToLower(text)
		}
	}
	for _, w := range words {
		if !strings.Contains(t.texts[row], w) {
			return false
		}
	}
	return true
}
