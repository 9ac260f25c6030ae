package cli

import (
	"bytes"
	"cmp"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"detnas/core/config"
	"detnas/core/run"
)

// whatCandidates is what journal export writes besides a metric.
const whatCandidates = "candidates"

func (a *App) journalCommand() *cobra.Command {
	return group(&cobra.Command{Use: "journal", Short: "Write what a run's journal tells as a table"}, a.journalExport())
}

func (a *App) journalExport() *cobra.Command {
	var what, format, out, runs string
	var force bool
	cmd := &cobra.Command{
		Use: "export RUN", Short: "Write a run's candidates or the course of a metric as CSV or JSON",
		Long: `Write the candidates of a run's search, or the course of one metric, as CSV or JSON.

--what is candidates, lr, images_per_s, data_s, step_s, or the name of a loss or a
figure in the journal, such as loss, loss_rpn_cls, top1 or AP. A metric has a row for
each time that it was told: of is train, eval, or end for a step's last figures. Of what a
resumed run has done twice the journal's last word stands. A run under way is left
alone: what is in its journal so far is written.`,
		Example: "  detnas journal export small-20261125-101112 -o candidates.csv\n" +
			"  detnas journal export small-20261125-101112 --what AP --format json",
		Args: exactly(1, "a run: its folder or its name under --runs"),
		RunE: failing(func(_ *cobra.Command, args []string) error {
			if format != "csv" && format != "json" {
				return usage("--format %q: want csv or json", format)
			}
			if out != "" {
				if err := mayWrite(out, force); err != nil {
					return err
				}
			}
			f, err := run.Find(runs, args[0])
			if err != nil {
				return err
			}
			text, err := journalTable(f, what, format)
			if err != nil {
				return err
			}
			if out != "" {
				return run.WriteFile(out, text)
			}
			return a.print("%s", text)
		}),
	}
	f := cmd.Flags()
	f.StringVar(&what, "what", whatCandidates, "candidates, or the name of a metric")
	f.StringVar(&format, "format", "csv", "csv or json")
	f.StringVarP(&out, "output", "o", "", "file to write instead of printing")
	f.StringVar(&runs, "runs", run.DefaultRuns, "folder that holds the runs")
	f.BoolVar(&force, "force", false, "overwrite the file")
	return cmd
}

// journalTable is a table of what a run's journal tells.
func journalTable(f *run.Folder, what, format string) ([]byte, error) {
	if what == whatCandidates {
		s, err := f.Status()
		if err != nil {
			return nil, err
		}
		if format == "json" {
			return jsonTable(s.Candidates)
		}
		return candidatesCSV(s.Candidates)
	}
	c := course{what: what, names: map[string]bool{}, done: map[int]int{}}
	if err := run.ReadJournal(f.JournalPath(), c.add); err != nil {
		return nil, err
	}
	if len(c.rows) == 0 {
		return nil, fmt.Errorf("the journal of run %s tells of no %q; it has candidates and %s", f.Name(), what, strings.Join(slices.Sorted(maps.Keys(c.names)), ", "))
	}
	slices.SortStableFunc(c.rows, func(a, b told) int { return cmp.Compare(a.Step, b.Step) })
	if format == "json" {
		return jsonTable(c.rows)
	}
	return c.csv()
}

// jsonTable is an array of rows, one a line; without any it is empty.
func jsonTable[T any](rows []T) ([]byte, error) {
	var b bytes.Buffer
	b.WriteString("[")
	for i, r := range rows {
		text, err := json.Marshal(r)
		if err != nil {
			return nil, fmt.Errorf("writing JSON: %w", err)
		}
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString("\n" + printable(text))
	}
	b.WriteString("\n]\n")
	return b.Bytes(), nil
}

// candidatesCSV has a row for each candidate; one without a score has none.
func candidatesCSV(all []run.Candidate) ([]byte, error) {
	rows := [][]string{{"index", "generation", "origin", "parents", "subnet", "params", "macs", "score", "seconds", "status"}}
	for _, c := range all {
		parents := make([]string, len(c.Parents))
		for i, p := range c.Parents {
			parents[i] = strconv.Itoa(p)
		}
		score := ""
		if c.Score == c.Score { // no NaN
			score = number(c.Score)
		}
		rows = append(rows, []string{
			strconv.Itoa(c.Index), strconv.Itoa(c.Generation), c.Origin, strings.Join(parents, " "), c.Subnet,
			strconv.FormatInt(c.Params, 10), strconv.FormatInt(c.MACs, 10), score, number(c.Seconds), c.Status,
		})
	}
	return csvTable(rows)
}

func csvTable(rows [][]string) ([]byte, error) {
	var b bytes.Buffer
	if err := csv.NewWriter(&b).WriteAll(rows); err != nil {
		return nil, fmt.Errorf("writing CSV: %w", err)
	}
	return b.Bytes(), nil
}

// number writes a float so that it reads back the same.
func number(v float64) string { return strconv.FormatFloat(v, 'g', -1, 64) }

// course collects what a journal tells of a metric.
type course struct {
	what  string
	names map[string]bool // of all metrics
	done  map[int]int     // the last iteration of each step
	rows  []told
}

// told is a metric's value at a moment.
type told struct {
	Step      int        `json:"step"`
	Name      string     `json:"name"`
	Iteration int        `json:"iteration"`
	Of        string     `json:"of"` // train, eval or end
	Time      time.Time  `json:"time"`
	Value     jsonNumber `json:"value"`
}

// jsonNumber is a number that JSON may have as a string, as run.Values does.
type jsonNumber float64

// MarshalJSON writes a number, or the string NaN, +Inf or -Inf.
func (f jsonNumber) MarshalJSON() ([]byte, error) {
	text := number(float64(f))
	if v := float64(f); v != v || v-v != 0 {
		text = strconv.Quote(text)
	}
	return []byte(text), nil
}

// add takes in an event.
func (c *course) add(e run.Entry) error {
	switch ev := e.Event.(type) {
	case run.StepStarted:
		c.done[ev.Step] = ev.Iteration
		c.rows = slices.DeleteFunc(c.rows, func(r told) bool { return r.Step == ev.Step && (r.Iteration > ev.Iteration || r.Of == "end") })
	case run.Train:
		values := run.Values{"lr": ev.LR, "images_per_s": ev.ImagesPerS, "data_s": ev.DataS, "step_s": ev.StepS}
		maps.Copy(values, ev.Losses)
		c.put(e.Time, ev.Step, ev.Iteration, "train", values)
	case run.Eval:
		c.put(e.Time, ev.Step, ev.Iteration, "eval", ev.Metrics)
	case run.StepFinished:
		c.put(e.Time, ev.Step, c.done[ev.Step], "end", ev.Metrics)
	}
	return nil
}

// put adds a row in place of what was told of the same moment or a later one of the
// step before.
func (c *course) put(at time.Time, step, iteration int, of string, values run.Values) {
	c.done[step] = iteration
	for name := range values {
		c.names[name] = true
	}
	v, ok := values[c.what]
	if !ok {
		return
	}
	at0 := len(c.rows)
	for at0 > 0 && c.rows[at0-1].Step == step && c.rows[at0-1].Iteration >= iteration {
		at0--
	}
	kept := slices.DeleteFunc(slices.Clone(c.rows[at0:]), func(r told) bool { return r.Of == of || r.Iteration > iteration })
	c.rows = append(append(c.rows[:at0], kept...), told{Step: step, Name: config.StepName(step), Iteration: iteration, Of: of, Time: at, Value: jsonNumber(v)})
}

// csv has a row for each value.
func (c *course) csv() ([]byte, error) {
	rows := [][]string{{"step", "name", "iteration", "of", "time", c.what}}
	for _, r := range c.rows {
		rows = append(rows, []string{strconv.Itoa(r.Step), r.Name, strconv.Itoa(r.Iteration), r.Of, r.Time.Format(time.RFC3339Nano), number(float64(r.Value))})
	}
	return csvTable(rows)
}
