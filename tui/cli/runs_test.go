package cli

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"detnas/tui/uitest"
)

func TestRuns(t *testing.T) {
	runs := filepath.Join(t.TempDir(), "runs")
	detnas(t, nil, "runs", "--runs", runs).succeeds(t, "no run in "+runs)
	if c := detnas(t, nil, "runs", "--runs", runs, "--json"); c.out != "[]\n" {
		t.Errorf("no runs are %q", c.out)
	}
	uitest.WriteSample(t, filepath.Join(runs, "a"), uitest.Finished)
	uitest.WriteSample(t, filepath.Join(runs, "b"), uitest.Searching)
	uitest.WriteSample(t, filepath.Join(runs, "c"), uitest.Fresh)
	write(t, filepath.Join(runs, "c", "events.jsonl"), "no journal\nat all\n")
	if err := os.Mkdir(filepath.Join(runs, "no run"), 0o750); err != nil {
		t.Fatal(err)
	}
	detnas(t, nil, "runs", "--runs", runs).succeeds(t, "progress", "finished", "5/5 500/500", "100%", "AP 0.4620", "interrupted", "3/5 27/40", "unreadable: ")
	c := detnas(t, nil, "runs", "--runs", runs, "--json")
	c.succeeds(t)
	var all []map[string]any
	if err := json.Unmarshal([]byte(c.out), &all); err != nil || len(all) != 3 {
		t.Fatalf("%v: %s", err, c.out)
	}
	for i, name := range []string{"a", "b", "c"} {
		_, wrong := all[i]["error"]
		if all[i]["name"] != name || wrong != (name == "c") || len(all[i]) < 6 {
			t.Errorf("%v", all[i])
		}
	}
}
