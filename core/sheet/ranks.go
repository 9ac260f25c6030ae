package sheet

import (
	"fmt"
	"strconv"
	"time"

	"detnas/core/run"
)

// toldRank is what a rank did at a moment.
type toldRank struct {
	Time time.Time `json:"time"`
	Step int       `json:"step"` // of the run
	run.Rank
}

// ranks is what the processes that train together did, in the order of the journal.
func ranks(f *run.Folder, format string) ([]byte, error) {
	var rows []toldRank
	err := run.ReadJournal(f.JournalPath(), func(e run.Entry) error {
		if told, ok := e.Event.(run.Ranks); ok {
			for _, r := range told.Ranks {
				rows = append(rows, toldRank{Time: e.Time, Step: told.Step, Rank: r})
			}
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("a table of ranks: %w", err)
	}
	if len(rows) == 0 {
		return nil, fmt.Errorf("the journal of run %s tells of no ranks: a run by one process has none, nor has one of a few seconds", f.Name())
	}
	if format == JSON {
		return jsonTable(rows)
	}
	table := [][]string{{
		"time", "step", "iteration", "rank", "host", "pid", "made", "compute_s", "data_s", "wait_s", "order_s",
		"images_per_s", "cpu", "memory", "gpu", "gpu_bytes", "idle", "silent_s",
	}}
	for _, r := range rows {
		table = append(table, []string{
			r.Time.Format(time.RFC3339Nano), strconv.Itoa(r.Step), strconv.Itoa(r.Iteration), strconv.Itoa(r.Rank.Rank), r.Host, strconv.Itoa(r.PID),
			strconv.Itoa(r.Made), Number(r.ComputeS), Number(r.DataS), Number(r.WaitS), Number(r.OrderS),
			Number(r.ImagesPerS), Number(r.CPU), strconv.FormatInt(r.Memory, 10), Number(r.GPU), strconv.FormatInt(r.GPUBytes, 10),
			strconv.FormatBool(r.Idle), Number(r.SilentS),
		})
	}
	return csvTable(table)
}
