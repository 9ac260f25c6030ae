package config

import (
	"fmt"
	"slices"
	"strings"

	"detnas/core/input"
)

// Problem is one thing wrong with a config, and its place.
type Problem struct {
	File string // as given, or "preset NAME"
	Line int    // 0 when the key stands nowhere in the file
	// Column counts characters from 1, for a syntax error; 0 is the whole line.
	Column int
	Set    bool   // given by an override
	Key    string // dotted; empty for a syntax error
	What   string // what is wrong and what to write instead
}

// String is "file:line: key: what", or "--set key: what" for an override.
func (p Problem) String() string {
	var b strings.Builder
	switch {
	case p.Set:
		b.WriteString("--set ")
	case p.Line > 0:
		fmt.Fprintf(&b, "%s:%d: ", input.Line(p.File), p.Line)
	default:
		b.WriteString(input.Line(p.File) + ": ")
	}
	if p.Key != "" {
		b.WriteString(input.Line(p.Key) + ": ")
	}
	return b.String() + p.What
}

// Error is everything wrong with a config, in the order of its lines.
type Error struct {
	Problems []Problem
}

// Error is one line: the first problem and the count of the others.
func (e *Error) Error() string {
	switch n := len(e.Problems) - 1; n {
	case 0:
		return e.Problems[0].String()
	case 1:
		return fmt.Sprintf("%v (and 1 more problem)", e.Problems[0])
	default:
		return fmt.Sprintf("%v (and %d more problems)", e.Problems[0], n)
	}
}

// report collects problems of one source.
type report struct {
	src      *source
	problems []Problem
}

// maxProblems bounds what is collected from a file that is no config at all.
const maxProblems = 100

// add notes a problem with the dotted key.
func (r *report) add(key, format string, args ...any) {
	if len(r.problems) == maxProblems {
		return
	}
	r.problems = append(r.problems, Problem{
		File: r.src.file,
		Line: r.src.line(key),
		Set:  r.src.sets[key],
		Key:  key,
		What: fmt.Sprintf(format, args...),
	})
}

// err returns the problems as an *Error, or nil.
func (r *report) err() error {
	if len(r.problems) == 0 {
		return nil
	}
	slices.SortStableFunc(r.problems, func(a, b Problem) int { return a.Line - b.Line })
	return &Error{Problems: r.problems}
}

// nearest returns the word closest to s by edits, or "" when none is close.
func nearest(s string, words []string) string {
	best, least := "", max(2, len(s)/3)+1
	for _, w := range words {
		if d := editDistance(s, w); d < least {
			best, least = w, d
		}
	}
	return best
}

// editDistance counts insertions, deletions and replacements from a to b
// (Levenshtein 1966). Words far longer than any key count as far.
func editDistance(a, b string) int {
	if len(a) > 64 || len(b) > 64 {
		return 64
	}
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			d := min(row[j]+1, row[j+1]+1, diagonal+cost)
			diagonal, row[j+1] = row[j+1], d
		}
	}
	return row[len(b)]
}
