package search

import (
	"encoding/csv"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"detnas/tui/common"
	"detnas/tui/styles"
	"detnas/tui/uitest"
)

// TestExportWritesWhatTheFilterLeaves writes the candidates as they are listed, twice, the
// second time all, and nothing from a screen without files.
func TestExportWritesWhatTheFilterLeaves(t *testing.T) {
	s := open(t, uitest.Searching, false, styles.Braille)
	dir := filepath.Join(s.run.Dir(), "exports")
	rows := func() [][]string {
		t.Helper()
		f, err := os.Open(filepath.Join(dir, "candidates.csv")) //nolint:gosec // of the test
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		all, err := csv.NewReader(f).ReadAll()
		if err != nil {
			t.Fatal(err)
		}
		return all[1:]
	}
	s.press("/").press(strings.Split("origin:random", "")...).press("enter", "E")
	if n, ok := s.last.(common.Notice); !ok || n.Bad || !strings.Contains(n.Text, "exports/candidates.csv and .json") {
		t.Fatalf("%+v", s.last)
	}
	some := rows()
	for i, r := range some {
		if r[2] != "random" || i > 0 && len(r[0]) < len(some[i-1][0]) {
			t.Errorf("row %d: %v", i, r)
		}
	}
	s.press("esc", "E")
	if all := rows(); len(some) == 0 || len(all) <= len(some) || len(all) != len(s.run.History.State.Candidates) {
		t.Errorf("%d and %d rows of %d candidates", len(some), len(all), len(s.run.History.State.Candidates))
	}
	s.common.NoFiles = "there are no files here"
	if s.off("E") == "" {
		t.Error("a screen without files exports")
	}
}
