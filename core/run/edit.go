package run

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"detnas/core/input"
)

// Edit is a change of a run's config that is under way: the text that is about
// to stand in config.toml and the event that is about to be in the journal. It
// is kept beside them while the two are written, so that after a crash between
// them it is known what happened.
type Edit struct {
	Text    string        `json:"text"`
	Changed ConfigChanged `json:"changed"`
}

func (f *Folder) editPath() string { return filepath.Join(f.dir, ".config-edit.json") }

// BeginEdit keeps an edit and puts its text into config.toml. EndEdit follows
// when the event is in the journal.
func (f *Folder) BeginEdit(e Edit) error {
	if err := f.Ours(); err != nil {
		return err
	}
	text, err := json.Marshal(e)
	if err != nil {
		return fmt.Errorf("editing the run's config: %w", err)
	}
	if err := WriteFile(f.editPath(), text); err != nil {
		return fmt.Errorf("editing the run's config: %w", err)
	}
	return WriteFile(f.Config(), []byte(e.Text))
}

// EndEdit forgets the edit that was under way.
func (f *Folder) EndEdit() error {
	if err := f.Ours(); err != nil {
		return err
	}
	if err := os.Remove(f.editPath()); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("editing the run's config: %w", err)
	}
	return nil
}

// BrokenEdit returns the edit that a process left under way when it died, if its
// text stands in config.toml; otherwise nil.
func (f *Folder) BrokenEdit() (*Edit, error) {
	var e Edit
	err := readJSON(f.editPath(), &e)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil //nolint:nilnil // there is none
	}
	if err != nil {
		return nil, fmt.Errorf("looking for an edit of the config: %w; remove it", err)
	}
	config, err := input.File(f.Config(), maxJSON)
	if err != nil {
		return nil, fmt.Errorf("looking for an edit of the config: %w", err)
	}
	if string(config) != e.Text {
		return nil, nil //nolint:nilnil // it came to nothing
	}
	return &e, nil
}
