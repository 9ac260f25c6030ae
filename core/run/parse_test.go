package run

import (
	"testing"
	"time"
)

func TestParseEntry(t *testing.T) {
	line, err := appendLine(nil, 7, time.Unix(5, 0), Warning{What: "hot"})
	if err != nil {
		t.Fatal(err)
	}
	e, err := ParseEntry(string(line[:len(line)-1]))
	if err != nil || e.Seq != 7 || e.Event != (Warning{What: "hot"}) {
		t.Errorf("%+v, %v", e, err)
	}
	if _, err := ParseEntry(`{"v":1,"seq":7,"time":"2026`); err == nil {
		t.Error("half a line is an entry")
	}
}
