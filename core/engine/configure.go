package engine

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"detnas/core/config"
	"detnas/core/run"
	"detnas/core/steer"
)

// edited reads another text of the run's config and says what it changes and
// when that acts, or why the run cannot take it.
func (e *engine) edited(text string, s standing) (*config.Config, []run.Change, error) {
	cfg, err := config.Parse(e.folder.Config(), []byte(text), nil)
	if err != nil {
		return nil, nil, fmt.Errorf("configure: %w", err)
	}
	at := config.Position{Begun: true, Step: s.step, Running: true, Done: s.finished}
	changes, refused := []run.Change{}, []string{}
	for _, c := range config.Changes(s.cfg, cfg) {
		effect := config.EffectOf(c.Key, at)
		if effect == config.NewRun {
			refused = append(refused, c.Key)
		}
		changes = append(changes, run.Change{Key: c.Key, Old: c.Old, New: c.New, Effect: string(effect)})
	}
	switch {
	case len(refused) > 0:
		return nil, nil, fmt.Errorf("configure: %s cannot change in a run that has begun; set it back, or start a new run", strings.Join(refused, ", "))
	case len(changes) == 0 && cfg.Resolved() == s.cfg.Resolved():
		return nil, nil, errors.New("configure: this is the run's config already")
	}
	return cfg, changes, keepsSteering(cfg, s)
}

// keepsSteering makes sure that a config allows what people have asked of the
// search that is still to come.
func keepsSteering(cfg *config.Config, s standing) error {
	if s.step >= config.StepSearch || cfg.Search.Subnet != "" {
		return nil // nothing of the space or the constraint changes any more
	}
	s.cfg = cfg
	subnets := slices.Clone(s.steering.Pins)
	if s.steering.Chosen != "" {
		subnets = append(subnets, s.steering.Chosen)
	}
	for _, short := range subnets {
		if err := usual(&steer.Command{Act: "configure", Subnet: short}, s); err != nil {
			return fmt.Errorf("%w, or unpin it first", err)
		}
	}
	if len(s.steering.Locks) > 0 {
		if err := feasible(cfg, s.steering.Locks); err != nil {
			return fmt.Errorf("configure: %w", err)
		}
	}
	return nil
}

// configure puts another text in place of the run's config. A checkpoint comes
// first, so that a resumed run never begins before the change; then the text,
// then the event. What acts now does so from here on.
func (e *engine) configure(c steer.Command, at place) error {
	cfg, changes, err := e.edited(c.Text, e.standing()) // again: things have moved on
	if err != nil {
		return err
	}
	if at.save != nil {
		if err := at.save(); err != nil {
			return fmt.Errorf("configure: the checkpoint before it could not be written: %w", err)
		}
	}
	ev := run.ConfigChanged{
		Who: c.Who, Step: at.step, Iteration: at.iteration, Changes: changes, ConfigHash: cfg.Hash(),
	}
	before := e.cfg
	e.use(cfg)
	if at.retune != nil {
		if err := at.retune(); err != nil {
			return e.takeBack(err, before, at)
		}
	}
	if at.search != nil {
		if err := e.resize(at, cfg); err != nil {
			return e.takeBack(err, before, at)
		}
		ev.Planned = at.search.Planned()
	}
	if err := e.folder.BeginEdit(run.Edit{Text: cfg.Resolved(), Changed: ev}); err != nil {
		return e.takeBack(err, before, at)
	}
	if err := e.emit(ev); err != nil {
		return err
	}
	e.result.ConfigHash = cfg.Hash()
	return e.folder.EndEdit()
}

// takeBack undoes a change of the config that could not be written down.
func (e *engine) takeBack(err error, before *config.Config, at place) error {
	e.use(before)
	if at.retune != nil {
		err = errors.Join(err, at.retune())
	}
	if at.search != nil {
		err = errors.Join(err, e.resize(at, before))
	}
	return fmt.Errorf("configure: %w", err)
}

// use puts another config in place of the run's.
func (e *engine) use(cfg *config.Config) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.cfg, e.data.cfg = cfg, cfg
}

// resize gives the search under way another budget.
func (e *engine) resize(at place, cfg *config.Config) error {
	space, err := cfg.Space.NAS(1)
	if err != nil {
		return err
	}
	settings, err := searchConfig(cfg, space)
	if err != nil {
		return err
	}
	return at.search.Resize(settings)
}

// brokenEdit is the edit of the config after which the process before died,
// before it could note it in the journal; nil where there is none.
func (e *engine) brokenEdit() (*run.Edit, error) {
	edit, err := e.folder.BrokenEdit()
	if err != nil || edit == nil {
		return nil, err
	}
	if last := e.before.Changed; last != nil && reflect.DeepEqual(*last, edit.Changed) {
		return nil, nil //nolint:nilnil // it is in the journal
	}
	if edit.Changed.ConfigHash != e.cfg.Hash() {
		return nil, nil //nolint:nilnil // the file was changed by hand since
	}
	return edit, nil
}
