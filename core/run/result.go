package run

import (
	"encoding/json"
	"fmt"
)

// Result is what a run leaves in result.json.
type Result struct {
	Run        string       `json:"run"`
	ConfigHash string       `json:"config_hash"`
	Seed       uint64       `json:"seed"`
	Steps      []StepResult `json:"steps"`
	Search     SearchResult `json:"search"`
	Subnet     string       `json:"subnet"` // short form
	Final      Values       `json:"final"`  // COCO's 12 figures; empty before step 5
}

// FinalFigures are the names of COCO's 12 figures in the order of its evaluation.
func FinalFigures() []string {
	return []string{"AP", "AP50", "AP75", "APs", "APm", "APl", "AR1", "AR10", "AR100", "ARs", "ARm", "ARl"}
}

// StepResult is one step that was done.
type StepResult struct {
	Step    int     `json:"step"`
	Name    string  `json:"name"`
	Seconds float64 `json:"seconds"`
	Metrics Values  `json:"metrics"`
}

// SearchResult is what the search found, the best first.
type SearchResult struct {
	Method    string       `json:"method,omitempty"`
	Guide     string       `json:"guide,omitempty"`
	Evaluated int          `json:"evaluated"`
	Best      []Scored     `json:"best"`
	Cost      string       `json:"cost,omitempty"`  // what the front weighs scores against
	Front     []FrontPoint `json:"front,omitempty"` // of the method nsga2: those that no other one dominates
}

// Scored is a subnet with its score and cost.
type Scored struct {
	Subnet string  `json:"subnet"` // short form
	Score  float64 `json:"score"`
	Params int64   `json:"params"`
	MACs   int64   `json:"macs"`
}

// FrontPoint is a subnet on the front of score against cost.
type FrontPoint struct {
	Scored
	Cost float64 `json:"cost"`
}

// WriteResult writes result.json.
func (f *Folder) WriteResult(r Result) error {
	if err := f.Ours(); err != nil {
		return err
	}
	if r.Steps == nil {
		r.Steps = []StepResult{}
	}
	if r.Search.Best == nil {
		r.Search.Best = []Scored{}
	}
	text, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return fmt.Errorf("encoding result.json: %w", err)
	}
	return WriteFile(f.Result(), append(text, '\n'))
}

// ReadResult reads result.json, within the bounds of the run's JSON files.
func (f *Folder) ReadResult() (Result, error) {
	var r Result
	if err := readJSON(f.Result(), &r); err != nil {
		return Result{}, fmt.Errorf("reading the result: %w", err)
	}
	return r, nil
}
