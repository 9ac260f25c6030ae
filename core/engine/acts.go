package engine

import (
	"errors"
	"fmt"
	"maps"
	"slices"

	"detnas/core/config"
	"detnas/core/run"
	"detnas/core/steer"
	"detnas/nas"
	"detnas/nas/search"
)

// standing is what a command is checked against: the run as it is now.
type standing struct {
	cfg      *config.Config
	step     int
	finished map[int]bool
	steering run.Steering
}

func (e *engine) standing() standing {
	e.mu.Lock()
	defer e.mu.Unlock()
	s := standing{cfg: e.cfg, step: e.live.Step, finished: map[int]bool{}, steering: e.live.Steering}
	for step := range e.live.Finished {
		s.finished[step] = true
	}
	s.steering.Pins, s.steering.Locks = slices.Clone(s.steering.Pins), maps.Clone(s.steering.Locks)
	return s
}

// check says why a command makes no sense for the run as it stands and what
// would help. It puts a subnet into its usual form. It is called from any
// goroutine.
func (e *engine) check(c *steer.Command) error {
	s := e.standing()
	switch c.Act {
	case run.ActPause, run.ActResume, run.ActCheckpoint:
		return nil // the desk knows
	case run.ActConfigure:
		_, _, err := e.edited(c.Text, s)
		return err
	case run.ActPin, run.ActUnpin, run.ActLock, run.ActUnlock, run.ActChoose:
	default:
		return fmt.Errorf("%q is no command; %w", c.Act, errUnknownAct)
	}
	if s.cfg.Search.Subnet != "" {
		return fmt.Errorf("%s: the config names the subnet (search.subnet) and nothing is searched", c.Act)
	}
	if c.Act == run.ActChoose {
		return e.checkChoose(c, s)
	}
	if s.finished[config.StepSearch] || s.step > config.StepSearch {
		return fmt.Errorf("%s: the search is over; choose a subnet for steps 4 and 5, or search again with --from search", c.Act)
	}
	switch c.Act {
	case run.ActPin:
		if err := usual(c, s); err != nil {
			return err
		}
		if s.steering.Pinned(c.Subnet) {
			return fmt.Errorf("pin: %s is pinned already", c.Subnet)
		}
		if len(s.steering.Pins) >= run.MostPins {
			return fmt.Errorf("pin: %d subnets are pinned, and no more can be; unpin one first", run.MostPins)
		}
	case run.ActUnpin:
		if !s.steering.Pinned(c.Subnet) {
			return fmt.Errorf("unpin: %s is not pinned", c.Subnet)
		}
	case run.ActLock:
		return checkLock(c, s)
	case run.ActUnlock:
		if _, locked := s.steering.Locks[c.Block]; !locked {
			return fmt.Errorf("unlock: block %d is not locked", c.Block)
		}
	}
	return nil
}

// checkChoose checks the choice of what steps 4 and 5 train.
func (e *engine) checkChoose(c *steer.Command, s standing) error {
	if s.step > config.StepSearch {
		return fmt.Errorf("choose: step %d (%s) has begun with its subnet; start a run with --subnet to train another", s.step, config.StepName(s.step))
	}
	if c.Subnet != "" {
		return usual(c, s)
	}
	if s.steering.Chosen == "" {
		return errors.New("choose: no subnet is chosen, so that the search's best is taken already")
	}
	if s.finished[config.StepSearch] {
		return errors.New("choose: the search is over; name the subnet that steps 4 and 5 are to train")
	}
	return nil
}

// usual checks a command's subnet against the space and the constraint and puts
// it into its usual form.
func usual(c *steer.Command, s standing) error {
	space, err := s.cfg.Space.NAS(1)
	if err != nil {
		return err
	}
	sub, err := nas.ParseSubnet(c.Subnet, space)
	if err != nil {
		return fmt.Errorf("%s: %w", c.Act, err)
	}
	allowed, err := s.cfg.Search.Allowed(space)
	if err != nil {
		return err
	}
	if !allowed(sub) {
		return fmt.Errorf("%s: %s breaks search.constraint (%s); choose another one", c.Act, c.Subnet, s.cfg.Search.LimitWords())
	}
	c.Subnet = sub.Short(space)
	return nil
}

// checkLock checks that a lock leaves something to search.
func checkLock(c *steer.Command, s standing) error {
	choice, err := choiceOf(c.Choice)
	if err != nil {
		return fmt.Errorf("lock block %d: %w", c.Block, err)
	}
	if old, locked := s.steering.Locks[c.Block]; locked && old == int(choice) {
		return fmt.Errorf("lock: block %d has the choice %s locked already", c.Block, c.Choice)
	}
	if s.steering.Locks == nil {
		s.steering.Locks = map[int]int{}
	}
	s.steering.Locks[c.Block] = int(choice)
	return feasible(s.cfg, s.steering.Locks)
}

// feasible makes sure that a config's search has something to propose under
// locks.
func feasible(cfg *config.Config, locks map[int]int) error {
	space, err := cfg.Space.NAS(1)
	if err != nil {
		return err
	}
	settings, err := searchConfig(cfg, space)
	if err != nil {
		return err
	}
	settings.Locks = map[int]nas.Choice{}
	for block, choice := range locks {
		settings.Locks[block] = nas.Choice(choice)
	}
	_, err = search.Feasible(settings, feasibleSample)
	return err
}

func choiceOf(digit string) (nas.Choice, error) {
	if len(digit) != 1 || digit[0] < '0' || digit[0] > '9' {
		return 0, fmt.Errorf("%q is no choice; give one digit, as in the short form", digit)
	}
	return nas.Choice(digit[0] - '0'), nil
}

// pick takes a choice over that falls between steps 3 and 4. During the search
// it counts when that ends.
func (e *engine) pick(short string) error {
	if s := e.standing(); !s.finished[config.StepSearch] {
		return nil
	}
	space, err := e.cfg.Space.NAS(1)
	if err != nil {
		return err
	}
	sub, err := nas.ParseSubnet(short, space)
	if err != nil {
		return err
	}
	return e.keepSubnet(sub, space)
}

// searchActs are the config that the search began with and what was done to it
// since, for a search that is taken up; or, for one that begins anew, the config
// as it is and what holds now.
func (e *engine) searchActs(space nas.Space) (*config.Config, []search.Act, error) {
	s := e.standing()
	if e.redo(config.StepSearch) || len(e.before.Candidates) == 0 {
		acts, err := e.replayable(s.steering.Fresh(), nil, space)
		return e.cfg, acts, err
	}
	base := map[string]string{} // values of edited keys, from the last edit back to the first
	for _, a := range slices.Backward(s.steering.Acts) {
		for _, c := range a.Changes {
			base[c.Key] = c.Old
		}
	}
	cfg, err := e.configWith(base)
	if err != nil {
		return nil, nil, err
	}
	acts, err := e.replayable(s.steering.Acts, base, space)
	return cfg, acts, err
}

// replayable turns the acts in the journal into those of a search. values are
// those of the edited keys before the first act.
func (e *engine) replayable(acts []run.Act, values map[string]string, space nas.Space) ([]search.Act, error) {
	out := make([]search.Act, 0, len(acts))
	for _, a := range acts {
		if a.Control.What != "" {
			out = append(out, search.Act{At: a.At, Do: func(ev *search.Search) error { return e.repeat(ev, a.Control, space) }})
			continue
		}
		for _, c := range a.Changes {
			values[c.Key] = c.New
		}
		cfg, err := e.configWith(values)
		if err != nil {
			return nil, err
		}
		settings, err := searchConfig(cfg, space)
		if err != nil {
			return nil, err
		}
		out = append(out, search.Act{At: a.At, Do: func(ev *search.Search) error { return ev.Resize(settings) }})
	}
	return out, nil
}

// repeat does an act of the journal to a search. A subnet that was pinned before the
// search may take longer than the constraint lets it, which shows now.
func (e *engine) repeat(ev *search.Search, c run.Control, space nas.Space) error {
	err := steerSearch(ev, c, space)
	if errors.Is(err, search.ErrConstraint) && e.cfg.Search.Constraint.BoundsLatency() {
		e.note(run.Warning{What: fmt.Sprintf("%s, so it is left out: its latency is out of bounds", err)})
		return nil
	}
	return err
}

// configWith is the run's config with other values of some keys, in TOML.
func (e *engine) configWith(values map[string]string) (*config.Config, error) {
	if len(values) == 0 {
		return e.cfg, nil
	}
	var sets []string
	for _, key := range slices.Sorted(maps.Keys(values)) {
		sets = append(sets, key+"="+values[key])
	}
	cfg, err := config.Parse(e.folder.Config(), []byte(e.cfg.Resolved()), sets)
	if err != nil {
		return nil, fmt.Errorf("the settings that the search had, by the journal: %w", err)
	}
	return cfg, nil
}

// steerSearch does one act to a search.
func steerSearch(ev *search.Search, c run.Control, space nas.Space) error {
	switch c.What {
	case run.ActLock:
		choice, err := choiceOf(c.Choice)
		if err != nil {
			return fmt.Errorf("lock block %d: %w", c.Block, err)
		}
		return ev.Lock(c.Block, choice)
	case run.ActUnlock:
		ev.Unlock(c.Block)
		return nil
	}
	sub, err := nas.ParseSubnet(c.Subnet, space)
	if err != nil {
		return fmt.Errorf("%s: %w", c.What, err)
	}
	if c.What == run.ActPin {
		return ev.Pin(sub)
	}
	ev.Unpin(sub)
	return nil
}
