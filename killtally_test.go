package main

import (
	"fmt"
	"slices"
	"strings"
	"sync"
)

// What a tally counts beside kills by their aim.
const (
	beside   = "beside"  // kills that landed outside of the step
	ended    = "ended"   // runs that came to the end of what they were to do, and were compared
	resumes  = "resumes" // processes that took a run up
	cutLines = "cut"     // lines of the journal that the test has torn
	healed   = "healed"  // torn lines that a process has cut off
	passed   = "passed"  // checkpoints that were damaged or missing
	lostRuns = "lost"    // runs that could not be resumed
)

// tally counts what a kill test has done, by row and column. It is safe for
// concurrent use.
type tally struct {
	mu     sync.Mutex
	rows   []string
	counts map[string]map[string]int
}

func newTally(rows ...string) *tally {
	t := &tally{rows: rows, counts: map[string]map[string]int{}}
	for _, row := range rows {
		t.counts[row] = map[string]int{}
	}
	return t
}

// add counts one more.
func (t *tally) add(row, column string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.counts[row][column]++
}

// String is the table.
func (t *tally) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	kinds := []string{string(anyTime), string(begins), string(writes), string(renames), string(notes), string(tears)}
	columns := slices.Concat(kinds, []string{beside, ended, resumes, cutLines, healed, passed, lostRuns})
	var b strings.Builder
	fmt.Fprintf(&b, "%-22s %5s", "kills", "all")
	for _, column := range columns {
		fmt.Fprintf(&b, " %8s", column)
	}
	for _, row := range t.rows {
		all := 0
		for _, kind := range kinds {
			all += t.counts[row][kind]
		}
		fmt.Fprintf(&b, "\n%-22s %5d", row, all)
		for _, column := range columns {
			fmt.Fprintf(&b, " %8d", t.counts[row][column])
		}
	}
	return b.String()
}
