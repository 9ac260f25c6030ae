package cli

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"detnas/core/run"
)

// TestCard writes a card of a run, and of one whose names hold signs of Markdown.
func TestCard(t *testing.T) {
	runs := t.TempDir()
	f := standing(t, runs, "a|b <i>",
		run.StepStarted{Step: 5, Name: "subnet-finetune", Data: map[string]run.DataPrint{"data.detection.train": {Images: 1200, Boxes: 3400, Digest: "abc"}}},
		run.StepFinished{Step: 5})
	detnas(t, nil, "card", "a|b <i>", "--runs", runs).fails(t, 1, "no result yet")
	r := run.Result{Run: "a|b <i>", Seed: 7, Subnet: "1-3-10-3", Search: run.SearchResult{Evaluated: 1000}, Final: run.Values{"AP": 0.375, "APl": -1, "mAP07": 0.5}}
	r.Steps = []run.StepResult{{Step: 5, Name: "subnet-finetune", Seconds: 60, Metrics: run.Values{"AP": 0.375}}}
	if err := f.WriteResult(r); err != nil {
		t.Fatal(err)
	}
	got := detnas(t, nil, "card", "a|b <i>", "--runs", runs)
	for _, want := range []string{
		"# a\\|b \\<i\\>\n", "`1-3-10-3` in the space custom", "image -> (3x3)\n   C2 -> [5x5]\n   C3 -> [xception]\n   C4 -> [5x5]-[3x3]\n", "| C4 | 16 | 64 | 5x5, 3x3 |", "| parameters, backbone | 29,992 | 29,992 |",
		"| mmcv's FLOPs, classifier | 11,146,624 |", "| AP | 0.3750 |", "| APl | - |", "| mAP07 | 0.5000 |", "| subnet-finetune | data.detection.train | 1,200 | 3,400 | abc |",
		"Seed 7", "evaluated 1,000 candidates", "```toml\n", "preset = \"custom\"",
	} {
		if !strings.Contains(got.out, want) {
			t.Errorf("no %q in\n%s%s", want, got.out, got.err)
		}
	}
	dir := t.TempDir()
	eval, out := filepath.Join(dir, "eval.json"), filepath.Join(dir, "CARD.md")
	last := &run.Checkpoint{Meta: map[string]string{"classes": `[{"id":2,"name":"ring|"},{"id":10,"name":"box"}]`}}
	if err := last.Write(f.LastPath(5)); err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]string{
		`{"per_category":{"10":{"AP":0.25,"AP50":-1,"AP75":0.125},"2":{"AP":0.5}}}`: "| ring\\| | 0.5000 | 0.0000 | 0.0000 |\n| box | 0.2500 | - | 0.1250 |\n",
		`{}`: "", `[`: "",
	} {
		if err := os.WriteFile(eval, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		got := detnas(t, nil, "card", "a|b <i>", "--runs", runs, "--eval", eval, "-o", out, "--force")
		if want == "" {
			got.fails(t, 1, "--eval", eval)
			continue
		}
		card, err := os.ReadFile(out) //nolint:gosec // of the test
		if err != nil || !strings.Contains(string(card), want) {
			t.Errorf("%v%s\n%s", err, got.err, card)
		}
	}
	if err := os.Truncate(eval, maxEval+1); err != nil {
		t.Fatal(err)
	}
	detnas(t, nil, "card", "a|b <i>", "--runs", runs, "--eval", eval).fails(t, 1, "--eval", "too large")
	if err := os.WriteFile(out, []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	detnas(t, nil, "card", "a|b <i>", "--runs", runs, "-o", out).fails(t, 1, "--force")
}
