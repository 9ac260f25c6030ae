// Package diff shows in which lines two texts differ.
package diff

import "strings"

// Sign is what became of a line.
type Sign byte

// The signs.
const (
	Same    Sign = ' '
	Added   Sign = '+'
	Removed Sign = '-'
	Gap     Sign = '@' // lines that are left out; Text says how many
)

// Line is one line of a difference.
type Line struct {
	Sign     Sign
	Text     string
	Old, New int // its number in the two texts, from 1; 0 where it is not in one
}

// mostEdits bounds the search for the shortest difference: texts that are
// further apart than that are shown as one removed and the other added.
const mostEdits = 2000

// Lines is the shortest difference between two texts by lines (Myers 1986).
func Lines(before, after string) []Line {
	a, b := split(before), split(after)
	head := 0
	for head < len(a) && head < len(b) && a[head] == b[head] {
		head++
	}
	tail := 0
	for tail < len(a)-head && tail < len(b)-head && a[len(a)-1-tail] == b[len(b)-1-tail] {
		tail++
	}
	d := &differ{a: a, b: b}
	d.same(head)
	d.middle(len(a)-tail, len(b)-tail)
	d.same(tail)
	return d.out
}

// split parts a text into lines; an end of line at its end begins no further
// one.
func split(text string) []string {
	if text == "" {
		return nil
	}
	return strings.Split(strings.TrimSuffix(text, "\n"), "\n")
}

// differ writes a difference; x and y are how far it has come.
type differ struct {
	a, b []string
	x, y int
	out  []Line
}

func (d *differ) same(n int) {
	for range n {
		d.x, d.y = d.x+1, d.y+1
		d.out = append(d.out, Line{Sign: Same, Text: d.a[d.x-1], Old: d.x, New: d.y})
	}
}

func (d *differ) remove(n int) {
	for range n {
		d.x++
		d.out = append(d.out, Line{Sign: Removed, Text: d.a[d.x-1], Old: d.x})
	}
}

func (d *differ) add(n int) {
	for range n {
		d.y++
		d.out = append(d.out, Line{Sign: Added, Text: d.b[d.y-1], New: d.y})
	}
}

// middle writes what lies before the lines endA and endB.
func (d *differ) middle(endA, endB int) {
	a, b := d.a[d.x:endA], d.b[d.y:endB]
	rows := reach(a, b)
	if rows == nil {
		d.remove(len(a))
		d.add(len(b))
		return
	}
	baseX, baseY := d.x, d.y
	for _, s := range trace(rows, len(a), len(b)) {
		d.remove(baseX + s.x - d.x)
		d.add(baseY + s.y - d.y)
		d.same(s.n)
	}
	d.remove(endA - d.x)
	d.add(endB - d.y)
}

// reach finds how far each diagonal gets with 0, 1, 2, ... edits, until both
// texts are at their ends. Row i is for i edits; its place k+i is for diagonal
// k = x - y.
func reach(a, b []string) [][]int {
	v := map[int]int{1: 0}
	var rows [][]int
	for edits := 0; edits <= min(len(a)+len(b), mostEdits); edits++ {
		row := make([]int, 2*edits+1)
		for k := -edits; k <= edits; k += 2 {
			x := v[k-1] + 1
			if k == -edits || k != edits && v[k-1] < v[k+1] {
				x = v[k+1]
			}
			for x < len(a) && x-k < len(b) && a[x] == b[x-k] {
				x++
			}
			v[k], row[k+edits] = x, x
			if x >= len(a) && x-k >= len(b) {
				return append(rows, row)
			}
		}
		rows = append(rows, row)
	}
	return nil
}

// stretch is n lines that are the same, from line x of one text and y of the
// other on.
type stretch struct{ x, y, n int }

// trace goes back from the ends over the rows and returns the stretches that
// are the same, in order.
func trace(rows [][]int, x, y int) []stretch {
	var out []stretch
	for edits := len(rows) - 1; edits >= 0; edits-- {
		k := x - y
		fromX, fromY := 0, 0
		if edits > 0 {
			prev := func(k int) int { return rows[edits-1][k+edits-1] }
			from := k - 1
			if k == -edits || k != edits && prev(k-1) < prev(k+1) {
				from = k + 1
			}
			fromX = prev(from)
			fromY = fromX - from
			startX := fromX
			if from == k-1 {
				startX++
			}
			if n := x - startX; n > 0 {
				out = append(out, stretch{startX, startX - k, n})
			}
		} else if x > 0 {
			out = append(out, stretch{0, 0, x})
		}
		x, y = fromX, fromY
	}
	for i, j := 0, len(out)-1; i < j; i, j = i+1, j-1 {
		out[i], out[j] = out[j], out[i]
	}
	return out
}

// Near leaves out the lines that are the same, but for some beside each that is
// not; a Gap stands where there were some.
func Near(lines []Line, beside int) []Line {
	keep := make([]bool, len(lines))
	for i, l := range lines {
		if l.Sign != Same {
			for j := max(0, i-beside); j <= min(len(lines)-1, i+beside); j++ {
				keep[j] = true
			}
		}
	}
	var out []Line
	for i := 0; i < len(lines); {
		if keep[i] {
			out = append(out, lines[i])
			i++
			continue
		}
		start := i
		for i < len(lines) && !keep[i] {
			i++
		}
		out = append(out, Line{Sign: Gap, Text: unchanged(i - start), Old: lines[start].Old, New: lines[start].New})
	}
	return out
}
