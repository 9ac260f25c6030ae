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
	}
	first = begins(cfg, first)
	if first > last {
		return usage("%s: steps up to %d leave nothing to do", cfg.Skipped(last), last)
	}
	if err := cfg.CheckPaths(first, last); err != nil {
		return err
	}
	return reachable(cfg, first, given)
}

// begins is the first step from first on that is not left out.
func begins(cfg *config.Config, first int) int {
	for first < config.StepSubnetFinetune && cfg.Skips(first) {
		first++
	}
	return first
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
		if !given && cfg.Search.LoadFrom == "" {
			step := cfg.Search.SupernetStep()
			return lacks(fmt.Sprintf("the supernet of step %d", step),
				fmt.Sprintf("begin with an earlier step, set search.load_from to a checkpoint of step %d, give a subnet with --subnet", step))
		}
	case config.StepSupernetFinetune, config.StepSubnetFinetune:
		if t.LoadFrom == "" && t.Init != config.InitScratch {
			return lacks(fmt.Sprintf("the checkpoint of step %d", first-1),
				fmt.Sprintf("begin with that step, set %s.load_from to a checkpoint or %s.init to \"scratch\"", name, name))
		}
	}
	return nil
}
