package engine

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"detnas/core/run"
)

// TestKnownScores searches again: with the same supernet, images and settings nothing
// is measured anew, in the run itself and in one beside it, and the result is the same;
// with any of them other, or where it is not wanted, everything is.
func TestKnownScores(t *testing.T) {
	if testing.Short() {
		t.Skip("trains networks")
	}
	images, runs := filepath.Join(t.TempDir(), "images"), t.TempDir()
	search := func(name string, redo bool, sets ...string) (scores map[string]float64, known int, result run.Result) {
		t.Helper()
		scores = map[string]float64{}
		cfg := tiny(t, images, append([]string{
			"supernet-pretrain.iterations=2", "supernet-finetune.iterations=2", "search.images=4", "search.bn_images=4", "detector.test.score_thr=0",
		}, append([]string{"search.reuse=true"}, sets...)...)...)
		from := 1
		if redo {
			from = 3
		}
		result, err := do(t, context.Background(), cfg, runs, name, Options{From: from, To: 3, Redo: redo, Watch: func(ev run.Event) {
			if c, ok := ev.(run.Candidate); ok {
				scores[c.Subnet] = c.Score
				if c.Status == run.CandidateKnown {
					known++
				}
			}
		}})
		if err != nil {
			t.Fatal(err)
		}
		return scores, known, result
	}
	want, known, result := search("first", false)
	if known != 0 {
		t.Fatalf("%d candidates of the first run were known", known)
	}
	same := func(name string, redo bool) {
		t.Helper()
		scores, known, again := search(name, redo)
		if d := cmp.Diff(want, scores); d != "" || known != len(want) {
			t.Errorf("%s: %d of %d known (-first +again):\n%s", name, known, len(want), d)
		}
		if d := cmp.Diff(result.Search, again.Search); d != "" {
			t.Errorf("%s: the result (-first +again):\n%s", name, d)
		}
	}
	same("first", true)
	same("second", false)
	if scores, known, _ := search("second", true, "search.reuse=false"); known != 0 || !cmp.Equal(want, scores) {
		t.Errorf("%d known where they are to be measured; the scores are the same: %v", known, cmp.Equal(want, scores))
	}
	for name, set := range map[string]string{"images": "search.images=3", "bn": "search.bn=keep", "supernet": "supernet-finetune.iterations=3", "test": "detector.test.nms_iou=0.4"} {
		if _, known, _ := search(name, false, set); known != 0 {
			t.Errorf("with %s %d candidates were known", set, known)
		}
	}
	// A journal that is damaged gives what stands before the damage.
	path := filepath.Join(runs, "first", "events.jsonl")
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, append(text, "{\"v\":1,\"seq\":none}\n{}\n"...), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.RemoveAll(filepath.Join(runs, "second")); err != nil {
		t.Fatal(err)
	}
	same("third", false)
}
