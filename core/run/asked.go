package run

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"detnas/core/input"
)

// Asked is what a process is about to do of a run. It is kept beside the journal
// until it stands there, as RunStarted or RunResumed: a process takes a moment to
// get that far, and may be killed before.
type Asked struct {
	From int  `json:"from"` // first step, 1 to 5
	To   int  `json:"to"`   // last step
	Redo bool `json:"redo,omitempty"`
}

func (f *Folder) askedPath() string { return filepath.Join(f.dir, ".asked.json") }

// Ask keeps what the process that holds the lock is about to do. EndAsk follows
// when that is in the journal.
func (f *Folder) Ask(a Asked) error {
	text, err := json.Marshal(a)
	if err != nil {
		return fmt.Errorf("keeping what the run is asked to do: %w", err)
	}
	return WriteFile(f.askedPath(), text)
}

// EndAsk forgets what was asked.
func (f *Folder) EndAsk() error {
	if err := os.Remove(f.askedPath()); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("forgetting what the run was asked to do: %w", err)
	}
	return nil
}

// Asked returns what a process was about to do that died before it was in the
// journal; false where there is none.
func (f *Folder) Asked() (Asked, bool, error) {
	var a Asked
	err := readJSON(f.askedPath(), &a)
	if errors.Is(err, os.ErrNotExist) {
		return a, false, nil
	}
	if err != nil {
		return a, false, fmt.Errorf("looking for what the run was asked to do: %w; remove it", err)
	}
	if a.From < 1 || a.To < a.From || a.To > steps {
		return a, false, fmt.Errorf("looking for what the run was asked to do: %s: steps %d to %d, and there are 1 to %d; remove it",
			input.Line(f.askedPath()), a.From, a.To, steps)
	}
	return a, true, nil
}
