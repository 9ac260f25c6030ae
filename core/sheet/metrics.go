package sheet

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"detnas/core/config"
	"detnas/core/run"
)

// metrics is the course of a metric, or of all.
func metrics(f *run.Folder, what, format string) ([]byte, error) {
	c := course{what: what, names: map[string]bool{}, done: map[int]int{}}
	if err := run.ReadJournal(f.JournalPath(), c.add); err != nil {
		return nil, fmt.Errorf("a table of %s: %w", what, err)
	}
	if len(c.rows) == 0 {
		return nil, fmt.Errorf("the journal of run %s tells of no %q; it has candidates and %s", f.Name(), what, strings.Join(slices.Sorted(maps.Keys(c.names)), ", "))
	}
	slices.SortStableFunc(c.rows, func(a, b told) int { return cmp.Compare(a.Step, b.Step) })
	if format == JSON {
		return jsonTable(c.rows)
	}
	return c.csv()
}

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
	Metric    string     `json:"metric"`
	Value     jsonNumber `json:"value"`
}

// jsonNumber is a number that JSON may have as a string, as run.Values does.
type jsonNumber float64

// MarshalJSON writes a number, or the string NaN, +Inf or -Inf.
func (f jsonNumber) MarshalJSON() ([]byte, error) {
	text := Number(float64(f))
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
	wanted := slices.Sorted(maps.Keys(values))
	if c.what != Metrics {
		wanted = slices.DeleteFunc(wanted, func(name string) bool { return name != c.what })
	}
	if len(wanted) == 0 {
		return
	}
	at0 := len(c.rows)
	for at0 > 0 && c.rows[at0-1].Step == step && c.rows[at0-1].Iteration >= iteration {
		at0--
	}
	kept := slices.DeleteFunc(slices.Clone(c.rows[at0:]), func(r told) bool { return r.Of == of || r.Iteration > iteration })
	c.rows = append(c.rows[:at0], kept...)
	for _, metric := range wanted {
		c.rows = append(c.rows, told{Step: step, Name: config.StepName(step), Iteration: iteration, Of: of, Time: at, Metric: metric, Value: jsonNumber(values[metric])})
	}
}

// csv has a row for each value. A single metric names its column.
func (c *course) csv() ([]byte, error) {
	rows := [][]string{{"step", "name", "iteration", "of", "time", c.what}}
	if c.what == Metrics {
		rows[0] = []string{"step", "name", "iteration", "of", "time", "metric", "value"}
	}
	for _, r := range c.rows {
		row := []string{strconv.Itoa(r.Step), r.Name, strconv.Itoa(r.Iteration), r.Of, r.Time.Format(time.RFC3339Nano)}
		if c.what == Metrics {
			row = append(row, r.Metric)
		}
		rows = append(rows, append(row, Number(float64(r.Value))))
	}
	return csvTable(rows)
}
