package run

import (
	"math"
	"strings"
	"testing"
	"time"
)

// A candidate without a score is null in JSON and NaN when it is read again, by
// the fast way of reading too.
func TestCandidateWithoutAScore(t *testing.T) {
	line, err := appendLine(nil, 1, time.Unix(0, 0), Candidate{Index: 3, Subnet: "01", Score: math.NaN(), Status: CandidateDiverged})
	if err != nil || !strings.Contains(string(line), `"score":null`) {
		t.Fatalf("%s, %v", line, err)
	}
	entry, err := parseLine(line)
	if c, ok := entry.Event.(Candidate); err != nil || !ok || !math.IsNaN(c.Score) || c.Index != 3 || c.Subnet != "01" || c.Status != CandidateDiverged {
		t.Errorf("%+v, %v", entry.Event, err)
	}
	var read []Entry
	r := NewReader("events.jsonl", strings.NewReader(string(line)))
	if err := readAll(r, func(e Entry) error { read = append(read, e); return nil }); err != nil {
		t.Fatal(err)
	}
	if c, ok := read[0].Event.(Candidate); !ok || !math.IsNaN(c.Score) || c.Index != 3 {
		t.Errorf("%+v", read[0].Event)
	}
	if _, err := parseLine([]byte(strings.Replace(string(line), "null", `"high"`, 1))); err == nil || !strings.Contains(err.Error(), "score") {
		t.Errorf("a score that is text: %v", err)
	}
}
