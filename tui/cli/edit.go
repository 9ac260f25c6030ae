package cli

import (
	"errors"
	"fmt"

	"detnas/core/config"
	"detnas/core/run"
	"detnas/core/steer"
)

// edit changes keys of the config of a run that nothing runs, as its Config page
// does: what cannot change any more is refused, what changes is in the journal.
func edit(f *run.Folder, sets []string) (err error) {
	if locked, err := f.Locked(); err != nil || locked {
		return err // locking it says who has it
	}
	cfg, err := config.Load(f.Config(), sets)
	if err != nil {
		return fmt.Errorf("run %s: %w", f.Name(), err)
	}
	text, err := config.ReadFile(f.Config())
	if err != nil {
		return fmt.Errorf("run %s: %w", f.Name(), err)
	}
	if cfg.Resolved() == string(text) {
		return nil
	}
	v, err := steer.Watch(f)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, v.Close()) }()
	return v.Do(steer.Command{Act: steer.ActConfigure, Who: whoami(), Text: cfg.Resolved()})
}
