package run

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	"detnas/core/input"
)

// appendLine encodes an event as a line of the journal, newline included.
func appendLine(b []byte, seq int64, at time.Time, e Event) ([]byte, error) {
	body, err := json.Marshal(e)
	if err != nil {
		return nil, fmt.Errorf("encoding a %s event: %w", e.Kind(), err)
	}
	b = append(b, `{"v":`...)
	b = strconv.AppendInt(b, SchemaVersion, 10)
	b = append(b, `,"seq":`...)
	b = strconv.AppendInt(b, seq, 10)
	b = append(b, `,"time":"`...)
	b = at.UTC().AppendFormat(b, time.RFC3339Nano)
	b = append(b, `","type":"`...)
	b = append(b, e.Kind()...)
	b = append(b, '"')
	if len(body) > len("{}") {
		b = append(b, ',')
		b = append(b, body[1:len(body)-1]...)
	}
	return append(b, "}\n"...), nil
}

// errNewer is wrapped by the error of an event of a newer program.
var errNewer = errors.New("so use a newer one")

// parseLine decodes a line of the journal.
func parseLine(line []byte) (Entry, error) {
	var entry Entry
	if err := json.Unmarshal(line, &entry.Header); err != nil {
		return Entry{}, fmt.Errorf("not an event: %w", input.Plain(err))
	}
	switch {
	case entry.V > SchemaVersion:
		return Entry{}, fmt.Errorf("an event of version %d; this program knows version %d, %w", entry.V, SchemaVersion, errNewer)
	case entry.V < 1 || entry.Seq < 1 || entry.Type == "":
		return Entry{}, fmt.Errorf("not an event: it lacks v, seq or type")
	}
	var err error
	if entry.Event, err = parseEvent(entry.Type, line); err != nil {
		return Entry{}, fmt.Errorf("not a %.40q event: %w", entry.Type, input.Plain(err))
	}
	for _, step := range stepsOf(entry.Event) {
		if step < 0 || step > steps {
			return Entry{}, fmt.Errorf("not a %.40q event: it speaks of step %d, and there are 1 to %d", entry.Type, step, steps)
		}
	}
	for _, word := range wordsOf(entry.Event) {
		if input.Shown(word) != word {
			return Entry{}, fmt.Errorf("not a %.40q event: %s is no word of one", entry.Type, input.Line(word))
		}
	}
	return entry, nil
}

// wordsOf are the words in an event that are no text of people or of the system,
// but the program's own. Whoever shows them shows them as they are.
func wordsOf(e Event) []string {
	switch e := e.(type) {
	case StepStarted:
		return []string{e.Name, e.Guide, e.Key}
	case Candidate:
		return []string{e.Origin, e.Subnet, e.Status}
	case Latency:
		return []string{e.Subnet, e.Of, e.Device}
	case Feasible:
		return []string{e.What}
	case Generation:
		return []string{e.Best}
	case Control:
		return []string{e.What, e.Phase, e.Subnet, e.Choice}
	}
	return nil
}

// stepsOf are the numbers of steps in an event. Who reads events may use them as
// places in a list of the steps; 0 is none of them.
func stepsOf(e Event) []int {
	switch e := e.(type) {
	case RunStarted:
		return []int{e.From, e.To}
	case RunResumed:
		return []int{e.From, e.To}
	case StepStarted:
		return []int{e.Step}
	case Train:
		return []int{e.Step}
	case Eval:
		return []int{e.Step}
	case CheckpointWritten:
		return []int{e.Step}
	case StepFinished:
		return []int{e.Step}
	case Control:
		return []int{e.Step}
	case ConfigChanged:
		return []int{e.Step}
	case Ranks:
		return []int{e.Step}
	}
	return nil
}

func parseEvent(kind string, line []byte) (Event, error) {
	switch kind {
	case RunStarted{}.Kind():
		return as[RunStarted](line)
	case RunResumed{}.Kind():
		return as[RunResumed](line)
	case Preparing{}.Kind():
		return as[Preparing](line)
	case StepStarted{}.Kind():
		return as[StepStarted](line)
	case Train{}.Kind():
		return as[Train](line)
	case Eval{}.Kind():
		return as[Eval](line)
	case Candidate{}.Kind():
		return as[Candidate](line)
	case Latency{}.Kind():
		return as[Latency](line)
	case RankJoined{}.Kind():
		return as[RankJoined](line)
	case Feasible{}.Kind():
		return as[Feasible](line)
	case Generation{}.Kind():
		return as[Generation](line)
	case CheckpointWritten{}.Kind():
		return as[CheckpointWritten](line)
	case StepFinished{}.Kind():
		return as[StepFinished](line)
	case Warning{}.Kind():
		return as[Warning](line)
	case DataProblem{}.Kind():
		return as[DataProblem](line)
	case Control{}.Kind():
		return as[Control](line)
	case ConfigChanged{}.Kind():
		return as[ConfigChanged](line)
	case Usage{}.Kind():
		return as[Usage](line)
	case Ranks{}.Kind():
		return as[Ranks](line)
	case RunFinished{}.Kind():
		return as[RunFinished](line)
	case RunFailed{}.Kind():
		return as[RunFailed](line)
	case RunStopped{}.Kind():
		return as[RunStopped](line)
	default:
		return Unknown{Type: kind, Line: append([]byte(nil), line...)}, nil
	}
}

func as[T Event](line []byte) (Event, error) {
	var e T
	if err := json.Unmarshal(line, &e); err != nil {
		return nil, err //nolint:wrapcheck // wrapped by parseLine
	}
	return e, nil
}
