package cli

import (
	"encoding/csv"
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"detnas/core/run"
)

// TestJournalExport writes candidates and metrics in both formats. What a resumed step
// has done again stands once, as it was told last.
func TestJournalExport(t *testing.T) {
	runs := t.TempDir()
	standing(t, runs, "r",
		run.StepStarted{Step: 2, Name: "supernet-finetune", Iterations: 30},
		run.Train{Step: 2, Iteration: 10, LR: 0.5, Losses: run.Values{"loss": 3}},
		run.Eval{Step: 2, Iteration: 10, Metrics: run.Values{"AP": 0.125}},
		run.Train{Step: 2, Iteration: 20, LR: 0.5, Losses: run.Values{"loss": 9}},
		run.StepStarted{Step: 2, Name: "supernet-finetune", Iteration: 10, Iterations: 30},
		run.Train{Step: 2, Iteration: 20, LR: 0.25, Losses: run.Values{"loss": 2}},
		run.Train{Step: 2, Iteration: 30, LR: 0.25, Losses: run.Values{"loss": math.Inf(1)}},
		run.StepFinished{Step: 2, Metrics: run.Values{"AP": 0.25}},
		run.StepStarted{Step: 3, Name: "search", Iterations: 2},
		run.Candidate{Index: 0, Origin: "random", Subnet: "0-0-00-0", Params: 7, MACs: 8, Score: 0.1, Status: run.CandidateNew},
		run.Candidate{Index: 1, Origin: "crossover", Parents: []int{0, 0}, Subnet: "1-0-00-0", Params: 9, MACs: 10, Score: math.NaN(), Status: run.CandidateDiverged},
		run.Ranks{Step: 3, Ranks: []run.Rank{
			{Host: "a", PID: 7, Iteration: 30, Made: 4, ComputeS: 1, WaitS: 1, Memory: 1 << 20, CPU: 0.5, ImagesPerS: 4},
			{Rank: 1, Host: "b", PID: 8, Iteration: 30, Made: 4, ComputeS: 1.5, DataS: 0.5, Memory: 2 << 20, CPU: 1, ImagesPerS: 2, Idle: true},
		}},
		run.Candidate{Index: 2, Origin: "mutation", Subnet: "2-0-00-0", Score: math.NaN(), Status: run.CandidateStopped, Images: 30, Partial: 0.05},
	)
	table := func(args ...string) [][]string {
		t.Helper()
		got := detnas(t, nil, append([]string{"journal", "export", "r", "--runs", runs}, args...)...)
		rows, err := csv.NewReader(strings.NewReader(got.out)).ReadAll()
		if err != nil || got.code != 0 {
			t.Fatalf("%v, %s", err, got.err)
		}
		return rows
	}
	flat := func(rows [][]string, columns ...int) string {
		var b strings.Builder
		for _, r := range rows {
			for _, c := range columns {
				b.WriteString(r[c] + " ")
			}
			b.WriteString("\n")
		}
		return b.String()
	}
	for _, tt := range []struct{ got, want string }{
		{flat(table("--what", "loss"), 0, 2, 3, 5), "step iteration of loss \n2 10 train 3 \n2 20 train 2 \n2 30 train +Inf \n"},
		{flat(table("--what", "lr"), 2, 5), "iteration lr \n10 0.5 \n20 0.25 \n30 0.25 \n"},
		{flat(table("--what", "AP"), 1, 2, 3, 5), "name iteration of AP \nsupernet-finetune 10 eval 0.125 \nsupernet-finetune 30 end 0.25 \n"},
		{flat(table(), 0, 3, 4, 6, 7, 8, 9, 11), "index parents subnet macs score images partial status \n0  0-0-00-0 8 0.1   new \n1 0 0 1-0-00-0 10    diverged \n2  2-0-00-0 0  30 0.05 stopped \n"},
		{flat(table("--what", "metrics")[:6], 2, 3, 5, 6), "iteration of metric value \n10 train data_s 0 \n10 train images_per_s 0 \n10 train loss 3 \n10 train lr 0.5 \n10 train step_s 0 \n"},
		{flat(table("--what", "metrics")[6:12], 2, 3, 5, 6), "10 eval AP 0.125 \n20 train data_s 0 \n20 train images_per_s 0 \n20 train loss 2 \n20 train lr 0.25 \n20 train step_s 0 \n"},
		{
			flat(table("--what", "ranks"), 1, 2, 3, 4, 5, 6, 7, 8, 9, 11, 13, 16),
			"step iteration rank host pid made compute_s data_s wait_s images_per_s memory idle \n3 30 0 a 7 4 1 0 1 4 1048576 false \n3 30 1 b 8 4 1.5 0.5 0 2 2097152 true \n",
		},
	} {
		if tt.got != tt.want {
			t.Errorf("got\n%swant\n%s", tt.got, tt.want)
		}
	}
	for what, want := range map[string]string{"candidates": `"score":null`, "loss": `"value":"+Inf"`, "ranks": `"rank":1,"host":"b","pid":8`} {
		out := filepath.Join(t.TempDir(), "x.json")
		if got := detnas(t, nil, "journal", "export", "r", "--runs", runs, "--what", what, "--format", "json", "-o", out); got.code != 0 || got.out != "" {
			t.Errorf("%s%s", got.out, got.err)
		}
		text, err := os.ReadFile(out) //nolint:gosec // of the test
		var rows []map[string]any
		if err != nil || json.Unmarshal(text, &rows) != nil || !strings.Contains(string(text), want) {
			t.Errorf("%s: %v\n%s", what, err, text)
		}
		detnas(t, nil, "journal", "export", "r", "--runs", runs, "-o", out).fails(t, 1, "--force")
	}
	detnas(t, nil, "journal", "export", "r", "--runs", runs, "--what", "los\x1b").fails(t, 1, "it has candidates and AP, data_s", "loss", "lr")
	detnas(t, nil, "journal", "export", "r", "--runs", runs, "--format", "xml").fails(t, 2, "csv or json")
	standing(t, runs, "alone", run.StepStarted{Step: 1, Name: "supernet-pretrain", Iterations: 3})
	detnas(t, nil, "journal", "export", "alone", "--runs", runs, "--what", "ranks").fails(t, 1, "tells of no ranks")
	got := detnas(t, nil, "status", "r", "--runs", runs)
	for _, want := range []string{
		"2 ranks; rank 1 on b is the slowest: the others wait 50% of the time for it",
		"rank 1   b, process 8: 2 images/s of its own, waits 0% for others and 25% for data, 2 MiB, 1.0 cores",
	} {
		if !strings.Contains(got.out, want) {
			t.Errorf("the status lacks %q:\n%s", want, got.out)
		}
	}
	got = detnas(t, nil, "status", "r", "--runs", runs, "--json")
	if s := (run.State{}); json.Unmarshal([]byte(got.out), &s) != nil || s.Ranks == nil || len(s.Ranks.Ranks) != 2 || s.Ranks.Ranks[1].PID != 8 {
		t.Errorf("the status in JSON is %s", got.out)
	}
	detnas(t, nil, "journal", "export", "none", "--runs", runs).fails(t, 1, "none")
}
