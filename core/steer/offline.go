package steer

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"detnas/core/config"
	"detnas/core/run"
)

// configure puts another text in place of the config of a run that no process
// runs. What it changes acts when the run is resumed.
func configure(at *run.Folder, c Command) (err error) {
	f, err := run.Find("", at.Dir()) // a folder of its own, since viewers look at the lock of theirs
	if err != nil {
		return fmt.Errorf("configure: %w", err)
	}
	if err := f.Lock(); err != nil {
		return fmt.Errorf("configure: %w", err)
	}
	defer func() { err = errors.Join(err, f.Unlock()) }()
	before := run.State{Name: f.Name()}
	journal, err := f.OpenJournal(func(e run.Entry) error { before.Apply(e); return nil })
	if err != nil {
		return fmt.Errorf("configure: %w", err)
	}
	defer func() { err = errors.Join(err, journal.Close()) }()
	if err := mend(f, journal, &before); err != nil {
		return err
	}
	return change(f, journal, before, c)
}

// mend puts into the journal the edit after which a process died before it could
// do so.
func mend(f *run.Folder, journal *run.Journal, s *run.State) error {
	edit, err := f.BrokenEdit()
	if err != nil {
		return err
	}
	if edit == nil || s.Changed != nil && reflect.DeepEqual(*s.Changed, edit.Changed) {
		return f.EndEdit()
	}
	if err := journal.Append(edit.Changed); err != nil {
		return err
	}
	s.Apply(run.Entry{Header: run.Header{Seq: s.Seq + 1, Time: s.Updated}, Event: edit.Changed})
	return f.EndEdit()
}

// change writes the new text and notes what it changes.
func change(f *run.Folder, journal *run.Journal, s run.State, c Command) error {
	text, err := config.ReadFile(f.Config())
	if err != nil {
		return fmt.Errorf("configure: %w", err)
	}
	cfg, err := config.Parse(f.Config(), []byte(c.Text), nil)
	if err != nil {
		return fmt.Errorf("configure: %w", err)
	}
	if c.Text == string(text) {
		return errors.New("configure: this is the run's config already")
	}
	last := ""
	if n := len(s.Steering.Hashes); n > 0 {
		last = s.Steering.Hashes[n-1]
	}
	old, err := config.Parse(f.Config(), text, nil)
	if err != nil || last != "" && old.Hash() != last { // somebody else wrote it
		return restore(f, c, cfg, last)
	}
	changes, err := allowed(old, cfg, s)
	if err != nil {
		return err
	}
	ev := run.ConfigChanged{Who: c.Who, Step: s.Step, Iteration: s.Iteration, Changes: changes, ConfigHash: cfg.Hash()}
	if ev.Who == "" {
		ev.Who = "somebody"
	}
	if err := f.BeginEdit(run.Edit{Text: c.Text, Changed: ev}); err != nil {
		return err
	}
	if err := journal.Append(ev); err != nil {
		return err
	}
	return f.EndEdit()
}

// restore puts the config that the run has back in place of one that was changed
// by hand, which is the only text that it can take then.
func restore(f *run.Folder, c Command, cfg *config.Config, last string) error {
	if last != "" && cfg.Hash() != last {
		return fmt.Errorf("configure: %s was changed by hand since the run had the config %s; set that back first", f.Config(), last)
	}
	return run.WriteFile(f.Config(), []byte(c.Text))
}

// allowed lists what a config changes in a run that stands still, or says why
// the run cannot take it.
func allowed(old, cfg *config.Config, s run.State) ([]run.Change, error) {
	at := config.Position{Begun: s.Started != nil, Step: s.Step, Done: map[int]bool{}}
	for step := range s.Finished {
		at.Done[step] = true
	}
	steered := len(s.Steering.Pins) > 0 || len(s.Steering.Locks) > 0 || s.Steering.Chosen != ""
	changes, refused, bound := []run.Change{}, []string{}, []string{}
	for _, c := range config.Changes(old, cfg) {
		effect := config.EffectOf(c.Key, at)
		switch {
		case effect == config.NewRun:
			refused = append(refused, c.Key)
		case steered && bounds(c.Key):
			bound = append(bound, c.Key)
		}
		changes = append(changes, run.Change{Key: c.Key, Old: c.Old, New: c.New, Effect: string(effect)})
	}
	switch {
	case len(refused) > 0:
		return nil, fmt.Errorf("configure: %s cannot change in a run that has begun; set it back, or start a new run", strings.Join(refused, ", "))
	case len(bound) > 0: // what was pinned or locked is checked by the engine, which knows the space
		return nil, fmt.Errorf("configure: %s bears on what is pinned, locked or chosen; resume the run and change it while it runs", strings.Join(bound, ", "))
	}
	return changes, nil
}

// bounds reports whether a key decides which subnets the search may propose.
func bounds(key string) bool {
	return slices.Contains([]string{"search.input_size", "search.subnet"}, key) || strings.HasPrefix(key, "search.constraint")
}
