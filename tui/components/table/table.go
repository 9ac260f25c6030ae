// Package table is a list of rows under columns that can be sorted, filtered and
// scrolled both ways. Columns that do not fit at the width there is are reached
// sideways; the first one always stays.
package table

import (
	"slices"

	"detnas/tui/common"
	"detnas/tui/components/input"
)

// Column is one column.
type Column struct {
	Title string
	Width int  // columns of cells; that of the widest value where 0
	Min   int  // columns of cells that it may shrink to where room is short; 0 never shrinks it
	Grow  bool // takes what room is left
	Right bool // aligned to the right, as numbers
	// Less orders rows by this column; nil does not sort by it.
	Less func(a, b Row) bool
	// Falling sorts the largest first, at first.
	Falling bool
}

// Row is one row.
type Row struct {
	Key    string   // who it is, so that the selection follows it
	Cells  []string // one a column; may hold styles of their own
	Filter string   // what a filter looks in; all cells where empty
	Value  any      // for Less
}

// Table is the component. It is drawn anew only when something has changed, and
// only the rows in sight are.
type Table struct {
	// Empty is what stands in a table without rows.
	Empty string
	// Noun is what the rows are, for the count below them: "runs".
	Noun string
	// Marks lets rows be marked.
	Marks bool

	common  *common.Common
	columns []Column
	rows    []Row
	content []int    // width of each column's widest cell
	texts   []string // of the rows, for the filter; nil until one is typed

	order    []int // the rows that match, as they are sorted
	sortBy   int   // a column, or -1 for the rows as they came
	falling  bool
	filter   string
	typing   *input.Line // the filter while it is typed
	selected string      // key
	at       int         // its place in order
	top      int         // place in order of the first row in sight
	left     int         // columns after the first that are scrolled out
	marked   map[string]bool

	width, height int
	view          string // empty when it has to be drawn anew
}

// New makes a table.
func New(c *common.Common, columns []Column) *Table {
	return &Table{common: c, columns: columns, sortBy: -1, Noun: "rows", marked: map[string]bool{}}
}

// SetRows replaces the rows. The selection stays on the key that it was on.
func (t *Table) SetRows(rows []Row) {
	t.rows, t.texts = rows, nil
	t.measure()
	if len(t.marked) > 0 {
		there := make(map[string]bool, len(t.marked))
		for _, r := range rows {
			if t.marked[r.Key] {
				there[r.Key] = true
			}
		}
		t.marked = there
	}
	t.arrange()
}

// Len is how many rows there are, those that the filter hides included.
func (t *Table) Len() int { return len(t.rows) }

// Shown is how many rows match the filter.
func (t *Table) Shown() int { return len(t.order) }

// Selected returns the row under the selection, and false for an empty table.
func (t *Table) Selected() (Row, bool) {
	if t.at < 0 || t.at >= len(t.order) {
		return Row{}, false
	}
	return t.rows[t.order[t.at]], true
}

// Select puts the selection on a key, where it is in sight of the filter.
func (t *Table) Select(key string) {
	i := slices.IndexFunc(t.order, func(row int) bool { return t.rows[row].Key == key })
	if i >= 0 {
		t.moveTo(i)
	}
}

// Row returns the row of a key.
func (t *Table) Row(key string) (Row, bool) {
	i := slices.IndexFunc(t.rows, func(r Row) bool { return r.Key == key })
	if i < 0 {
		return Row{}, false
	}
	return t.rows[i], true
}

// Marked are the keys of the rows that are marked, in the order of the rows.
func (t *Table) Marked() []string {
	var keys []string
	for _, r := range t.rows {
		if t.marked[r.Key] {
			keys = append(keys, r.Key)
		}
	}
	return keys
}

// Mark marks the row of a key, or takes its mark off.
func (t *Table) Mark(key string, on bool) {
	if on {
		t.marked[key] = true
	} else {
		delete(t.marked, key)
	}
	t.view = ""
}

// Resize gives the table its cells.
func (t *Table) Resize(width, height int) {
	t.width, t.height, t.view = width, height, ""
	t.follow()
}

// moveTo puts the selection on a place in the order.
func (t *Table) moveTo(i int) {
	t.at = max(0, min(i, len(t.order)-1))
	if r, ok := t.Selected(); ok {
		t.selected = r.Key
	}
	t.follow()
}

// follow scrolls so that the selection is in sight.
func (t *Table) follow() {
	t.view = ""
	room := max(t.room(), 1)
	t.top = min(t.top, t.at)
	t.top = max(t.top, t.at-room+1)
	t.top = max(0, min(t.top, len(t.order)-room))
}
