package cli

import (
	"context"
	"encoding/json"
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"detnas/core/config"
	"detnas/core/input"
	"detnas/core/run"
	"detnas/tui/uitest"
)

// TestTextsOfOthersReachNoTerminal asks for runs in which every text would have the
// terminal do something, in words and as JSON, and for some that there are none of.
func TestTextsOfOthersReachNoTerminal(t *testing.T) {
	runs := filepath.Join(t.TempDir(), "runs"+uitest.Hostile)
	calls := [][]string{
		{"runs", "--runs", runs},
		{"runs", "--runs", runs, "--json"},
		{"status", uitest.Hostile, "--runs", runs},
		{uitest.Hostile},
		{"run", uitest.Hostile},
		{"run", "tiny", "--set", uitest.Hostile},
		{"run", "tiny", "--runs", runs, "--name", uitest.Hostile},
		{"run", "tiny", "--set", "device=\"" + uitest.Hostile + "\""},
		{"subnet", "show", uitest.Hostile},
		{"data", "check", "--format", "folder", "--images", uitest.Hostile},
	}
	for _, all := range []bool{false, true} {
		for i, place := range []string{uitest.Training, uitest.Paused, uitest.Finished, uitest.Failed, uitest.Stuck, uitest.Ranks} {
			dir := uitest.WriteSpoiled(t, filepath.Join(runs, map[bool]string{true: "all"}[all]), place, all)
			calls = append(calls, []string{"status", dir}, []string{"status", dir, "--json"}, []string{"pause", dir}, []string{"pin", dir, uitest.Hostile}, []string{"run", "--resume", dir})
			if i == 0 {
				calls = append(calls, []string{"runs", "--runs", filepath.Dir(dir)}, []string{"runs", "--runs", filepath.Dir(dir), "--json"})
			}
		}
	}
	failing := func(context.Context, *config.Config, *run.Folder, RunOptions) (run.Result, error) {
		return run.Result{}, errors.New(uitest.Hostile)
	}
	for _, args := range calls {
		c, what := detnas(t, failing, args...), strings.Join(args, " ")
		if c.out == "" && c.err == "" {
			t.Errorf("%q says nothing", what)
		}
		uitest.Harmless(t, what+" on stdout", c.out)
		uitest.Harmless(t, what+" on stderr", c.err)
		if strings.Contains(c.out+c.err, "\x1b") {
			t.Errorf("%q has escapes where there is no terminal", what)
		}
		if args[0] == "status" && !strings.Contains(what, "/all/") && c.code != exitOK && args[1] != uitest.Hostile {
			t.Errorf("%q: %s", what, c.err)
		}
		if n := len(args) - 1; c.code == exitOK && args[n] == "--json" && !json.Valid([]byte(c.out)) {
			t.Errorf("%q is no JSON: %s", what, c.out)
		}
	}
}

func TestPrintableKeepsTheValue(t *testing.T) {
	in := map[string]string{"a\x1b\u009b\u202e\U000e0001": "plain ärger 漢字\n\x7f"}
	text, err := json.MarshalIndent(in, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	var out map[string]string
	shown := input.PrintableJSON(text)
	uitest.Harmless(t, "JSON", shown)
	if err := json.Unmarshal([]byte(shown), &out); err != nil || out["a\x1b\u009b\u202e\U000e0001"] != "plain ärger 漢字\n\x7f" || !strings.Contains(shown, "ärger 漢字") {
		t.Errorf("%v: %s", err, shown)
	}
}
