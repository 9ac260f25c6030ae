package run

import (
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"time"

	"detnas/core/input"
)

// SchemaVersion is the version of the journal's events.
const SchemaVersion = 1

// Header stands first in every line of the journal.
type Header struct {
	V    int       `json:"v"`
	Seq  int64     `json:"seq"` // 1, 2, 3, ... over the whole journal
	Time time.Time `json:"time"`
	Type string    `json:"type"`
}

// Event is what a line of the journal tells.
type Event interface {
	// Kind is the event's "type" in the journal.
	Kind() string
}

// Entry is one line of the journal.
type Entry struct {
	Header
	Event Event
}

// Values are losses, metrics or figures by name. In JSON, what is no number is
// the string "NaN", "+Inf" or "-Inf".
type Values map[string]float64

// MarshalJSON writes the values sorted by name.
func (v Values) MarshalJSON() ([]byte, error) {
	b := []byte{'{'}
	for i, name := range slices.Sorted(maps.Keys(v)) {
		if i > 0 {
			b = append(b, ',')
		}
		key, err := json.Marshal(name)
		if err != nil {
			return nil, fmt.Errorf("encoding the name %q: %w", name, err)
		}
		b = append(append(b, key...), ':')
		switch x := v[name]; {
		case math.IsNaN(x) || math.IsInf(x, 0):
			b = strconv.AppendQuote(b, strconv.FormatFloat(x, 'g', -1, 64))
		default:
			b = strconv.AppendFloat(b, x, 'g', -1, 64)
		}
	}
	return append(b, '}'), nil
}

// UnmarshalJSON reads what MarshalJSON wrote.
func (v *Values) UnmarshalJSON(data []byte) error {
	var raw map[string]any
	if err := json.Unmarshal(data, &raw); err != nil {
		return fmt.Errorf("decoding values: %w", err)
	}
	*v = make(Values, len(raw))
	for name, x := range raw {
		if input.Shown(name) != name {
			return fmt.Errorf("decoding values: the name %s does not print", input.Line(name))
		}
		switch x := x.(type) {
		case float64:
			(*v)[name] = x
		case string:
			f, err := strconv.ParseFloat(x, 64)
			if err != nil {
				return fmt.Errorf("decoding value %s: %q is no number", name, x)
			}
			(*v)[name] = f
		default:
			return fmt.Errorf("decoding value %s: %v is no number", name, x)
		}
	}
	return nil
}

// RunStarted is the first event of a run.
type RunStarted struct {
	Run        string `json:"run"`
	Version    string `json:"version"` // of detnas
	ConfigHash string `json:"config_hash"`
	Seed       uint64 `json:"seed"`
	From       int    `json:"from"` // steps that will be run
	To         int    `json:"to"`
	Device     string `json:"device"`
	Threads    int    `json:"threads"`
	JPEG       string `json:"jpeg,omitempty"`  // the library that decodes them
	Ranks      int    `json:"ranks,omitempty"` // processes that train together; 0 is one alone
}

// RunResumed follows when a process takes the run up again.
type RunResumed struct {
	Version    string `json:"version"`
	ConfigHash string `json:"config_hash"`
	From       int    `json:"from"`
	To         int    `json:"to"`
	Redo       bool   `json:"redo,omitempty"`   // steps that are done are done again, from From on
	Healed     int64  `json:"healed,omitempty"` // bytes of a torn line that were cut off
	Ranks      int    `json:"ranks,omitempty"`  // as RunStarted's
}

// Preparing tells how far something that has to be done before the steps is.
type Preparing struct {
	What  string `json:"what"`
	Done  int    `json:"done"`
	Total int    `json:"total"`
}

// StepStarted begins a step, or takes it up at an iteration above 0. A step's
// iterations are those of its training, or the candidates of the search.
type StepStarted struct {
	Step       int    `json:"step"`
	Name       string `json:"name"`
	Iteration  int    `json:"iteration"`
	Iterations int    `json:"iterations"`

	Guide    string               `json:"guide,omitempty"`    // of the search: what scores its candidates
	Sampling string               `json:"sampling,omitempty"` // how a supernet's paths are drawn, where not uniformly
	Data     map[string]DataPrint `json:"data,omitempty"`     // what it is done with, by the config's key
	Key      string               `json:"key,omitempty"`      // of the search: equal keys give a subnet equal scores, to the bit
}

// DataPrint is the fingerprint of a set of images.
type DataPrint struct {
	Images int    `json:"images"`
	Boxes  int    `json:"boxes,omitempty"`
	Digest string `json:"digest"`
}

// Train is one iteration of training, or the mean of those since the last one.
type Train struct {
	Step       int     `json:"step"`
	Iteration  int     `json:"iteration"` // done so far
	LR         float64 `json:"lr"`
	Losses     Values  `json:"losses"`
	ImagesPerS float64 `json:"images_per_s"`
	DataS      float64 `json:"data_s"` // of an iteration, waiting for data
	StepS      float64 `json:"step_s"` // of an iteration, in all
}

// Eval is an evaluation within or after a step.
type Eval struct {
	Step      int    `json:"step"`
	Iteration int    `json:"iteration"`
	Metrics   Values `json:"metrics"`
}

// What became of a candidate.
const (
	CandidateNew      = "new"      // it was measured
	CandidateKnown    = "known"    // its score was there already
	CandidateDiverged = "diverged" // what it computes is not finite: it has no score
	CandidateStopped  = "stopped"  // it fell behind on part of the images: it has no score on all of them
)

// Candidate is one subnet of the search.
type Candidate struct {
	Index      int     `json:"index"` // in order of evaluation, from 0
	Generation int     `json:"generation"`
	Origin     string  `json:"origin"` // random, mutation, crossover or pinned
	Parents    []int   `json:"parents,omitempty"`
	Subnet     string  `json:"subnet"` // short form
	Params     int64   `json:"params"`
	MACs       int64   `json:"macs"`
	Score      float64 `json:"score"` // NaN, and null in JSON, for one that could not be measured
	Seconds    float64 `json:"seconds"`
	Status     string  `json:"status"`            // one of the Candidate constants
	Planned    int     `json:"planned,omitempty"` // candidates that the search will have evaluated at its end
	Images     int     `json:"images,omitempty"`  // that it was measured on, in a search with racing
	Partial    float64 `json:"partial,omitempty"` // what a stopped one scored on those
	Rank       int     `json:"rank,omitempty"`    // of the process that measured it; its score does not depend on that
}

// Latency is how long a subnet takes, measured before the search rests on it.
type Latency struct {
	Subnet  string  `json:"subnet"` // short form
	MS      float64 `json:"ms"`     // of a pass of one image, the median of Times
	Of      string  `json:"of"`     // "body" or "detector"
	Side    int     `json:"side"`   // of the square image in px
	Threads int     `json:"threads"`
	Device  string  `json:"device"`
	Times   int     `json:"times"`
}

// RankJoined says that another process measures candidates of the search from now on. Those
// that are lost and those that are refused are told by warnings.
type RankJoined struct {
	Rank    int    `json:"rank"`
	Host    string `json:"host"`
	PID     int    `json:"pid"`
	Scorers int    `json:"scorers"` // candidates that it measures at a time
	Cores   int    `json:"cores"`   // threads that it may use
}

// Feasible says how many random subnets the search's constraint leaves.
type Feasible struct {
	What   string `json:"what"`   // "counts", or "latency" of those that pass the counts
	Passed int    `json:"passed"` // of those tried
	Tried  int    `json:"tried"`
}

// Generation ends a generation of the search.
type Generation struct {
	Generation int     `json:"generation"`
	Evaluated  int     `json:"evaluated"` // candidates so far
	Best       string  `json:"best"`      // short form
	Score      float64 `json:"score"`     // of the best
}

// CheckpointWritten says that a checkpoint is on disk.
type CheckpointWritten struct {
	Step      int    `json:"step"`
	Iteration int    `json:"iteration"`
	Path      string `json:"path"`           // from the run's folder on
	Best      string `json:"best,omitempty"` // the name that it has, too, as the best of its step so far
}

// StepFinished ends a step.
type StepFinished struct {
	Step    int     `json:"step"`
	Seconds float64 `json:"seconds"`
	Metrics Values  `json:"metrics"`
}

// Warning is something that a reader of the result should know.
type Warning struct {
	What string `json:"what"`
}

// DataProblem is an image or a box that was left out.
type DataProblem struct {
	Split string `json:"split"`
	Fault string `json:"kind"`
	Where string `json:"where"` // file and place
	What  string `json:"what"`
	Cure  string `json:"cure"`
}

// The acts that a person or a script takes on a run, as Control events name
// them.
const (
	ActPause      = "pause"
	ActResume     = "resume"
	ActStop       = "stop"
	ActCheckpoint = "checkpoint"
	ActPin        = "pin"
	ActUnpin      = "unpin"
	ActLock       = "lock"
	ActUnlock     = "unlock"
	ActChoose     = "choose"    // the subnet that steps 4 and 5 train; none leaves it to the search
	ActConfigure  = "configure" // put another text in place of the config
)

// The phases of an act. It is requested when it is asked for, begun when the
// engine turns to it, and then done or refused; until it is begun it can be
// withdrawn.
const (
	PhaseRequested = "requested"
	PhaseBegun     = "begun"
	PhaseDone      = "done"
	PhaseWithdrawn = "withdrawn"
	PhaseRefused   = "refused"
)

// Control is one phase of an act on the run: who did what, and where the run
// stood.
type Control struct {
	What      string `json:"what"`
	Who       string `json:"who"`
	Phase     string `json:"phase"`
	Step      int    `json:"step,omitempty"`      // 0 before the first
	Iteration int    `json:"iteration,omitempty"` // done in the step: iterations or candidates
	Subnet    string `json:"subnet,omitempty"`    // pin, unpin, choose: short form
	Block     int    `json:"block,omitempty"`     // lock, unlock: place in the subnet, from 1
	Choice    string `json:"choice,omitempty"`    // lock: one digit, as in the short form
	Why       string `json:"why,omitempty"`       // of a refusal, or a remark on what was done
	Planned   int    `json:"planned,omitempty"`   // candidates of the search now, where the act changed that
}

// Change is one key of the config that a live edit changed. The values are TOML.
type Change struct {
	Key    string `json:"key"`
	Old    string `json:"old"`
	New    string `json:"new"`
	Effect string `json:"effect"` // when it acts: config.Effect's words
}

// ConfigChanged says that the config of the run was edited: config.toml holds
// the new text, whose hash is ConfigHash. Changes that act at once hold from the
// iteration or candidate after Iteration on.
type ConfigChanged struct {
	Who        string   `json:"who"`
	Step       int      `json:"step,omitempty"`
	Iteration  int      `json:"iteration,omitempty"`
	Changes    []Change `json:"changes"`
	ConfigHash string   `json:"config_hash"`
	Planned    int      `json:"planned,omitempty"` // candidates of the search now, where the change bears on them
}

// Usage is what the run's process takes of the machine.
type Usage struct {
	CPU      float64 `json:"cpu"`                 // cores busy, mean since the last one
	Memory   int64   `json:"memory"`              // resident bytes
	GPU      float64 `json:"gpu,omitempty"`       // busy share of the device, 0 to 1
	GPUBytes int64   `json:"gpu_bytes,omitempty"` // memory in use on the device
}

// RunFinished ends a run that did all it was asked.
type RunFinished struct {
	Seconds float64 `json:"seconds"`
}

// RunFailed ends a run by an error.
type RunFailed struct {
	Error string   `json:"error"`
	Cure  []string `json:"cure,omitempty"` // key=value to resume it with, where the config has to change
}

// RunStopped ends a run that was told to stop and can be resumed.
type RunStopped struct {
	Why string `json:"why"`
}

// Unknown is an event of a newer program.
type Unknown struct {
	Type string
	Line json.RawMessage
}

// Kind is the event's "type" in the journal.
func (RunStarted) Kind() string { return "run_started" }

// Kind is the event's "type" in the journal.
func (RunResumed) Kind() string { return "run_resumed" }

// Kind is the event's "type" in the journal.
func (Preparing) Kind() string { return "preparing" }

// Kind is the event's "type" in the journal.
func (StepStarted) Kind() string { return "step_started" }

// Kind is the event's "type" in the journal.
func (Train) Kind() string { return "train" }

// Kind is the event's "type" in the journal.
func (Eval) Kind() string { return "eval" }

// Kind is the event's "type" in the journal.
func (Candidate) Kind() string { return "candidate" }

// Kind is the event's "type" in the journal.
func (Latency) Kind() string { return "latency" }

// Kind is the event's "type" in the journal.
func (RankJoined) Kind() string { return "rank_joined" }

// Kind is the event's "type" in the journal.
func (Feasible) Kind() string { return "feasible" }

// Kind is the event's "type" in the journal.
func (Generation) Kind() string { return "generation" }

// Kind is the event's "type" in the journal.
func (CheckpointWritten) Kind() string { return "checkpoint" }

// Kind is the event's "type" in the journal.
func (StepFinished) Kind() string { return "step_finished" }

// Kind is the event's "type" in the journal.
func (Warning) Kind() string { return "warning" }

// Kind is the event's "type" in the journal.
func (DataProblem) Kind() string { return "data_problem" }

// Kind is the event's "type" in the journal.
func (Control) Kind() string { return "control" }

// Kind is the event's "type" in the journal.
func (ConfigChanged) Kind() string { return "config_changed" }

// Kind is the event's "type" in the journal.
func (Usage) Kind() string { return "usage" }

// Kind is the event's "type" in the journal.
func (RunFinished) Kind() string { return "run_finished" }

// Kind is the event's "type" in the journal.
func (RunFailed) Kind() string { return "run_failed" }

// Kind is the event's "type" in the journal.
func (RunStopped) Kind() string { return "run_stopped" }

// Kind is the event's "type" in the journal.
func (u Unknown) Kind() string { return u.Type }
