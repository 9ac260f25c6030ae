package cli

import (
	"fmt"

	"detnas/core/config"
	"detnas/nas"
)

// startable looks for what a new run needs to do the steps first to last, before
// anything is written: paths, the subnet given by hand, and, where the first
// steps are left out, what the others would have taken from them.
func startable(cfg *config.Config, first, last int) error {
	given := cfg.Search.Subnet != ""
	if given {
		if last < config.StepSearch {
			return usage("a subnet given by hand needs no supernet: steps %d to %d leave nothing to do", first, last)
		}
		space, err := cfg.Space.NAS(1)
		if err != nil {
			return err
		}
		if _, err := nas.LoadSubnet(cfg.Search.Subnet, space); err != nil {
			return fmt.Errorf("search.subnet: %w", err)
		}
		first = max(first, config.StepSearch)
	}
	if err := cfg.CheckPaths(first, last); err != nil {
		return err
	}
	return reachable(cfg, first, given)
}

// reachable says what a new run that begins with a later step lacks.
func reachable(cfg *config.Config, first int, given bool) error {
	name := config.StepName(first)
	lacks := func(what, cure string) error {
		return fmt.Errorf("step %d (%s) needs %s, which a new run does not have: %s, or go on in a run that has it with --resume RUN --from %s",
			first, name, what, cure, name)
	}
	if first > config.StepSearch && !given {
		return lacks("the subnet that the search finds", "give one with --subnet, begin with an earlier step")
	}
	switch t := cfg.Step(first); first {
	case config.StepSearch:
		if !given {
			return lacks("the supernet of step 2", "begin with an earlier step, give a subnet with --subnet")
		}
	case config.StepSupernetFinetune, config.StepSubnetFinetune:
		if t.LoadFrom == "" && t.Init != config.InitScratch {
			return lacks(fmt.Sprintf("the checkpoint of step %d", first-1),
				fmt.Sprintf("begin with that step, set %s.load_from to a checkpoint or %s.init to \"scratch\"", name, name))
		}
	}
	return nil
}
