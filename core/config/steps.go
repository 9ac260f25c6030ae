package config

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
)

// The steps by number; StepNames gives their names.
const (
	StepSupernetPretrain = iota + 1
	StepSupernetFinetune
	StepSearch
	StepSubnetRetrain
	StepSubnetFinetune
)

// StepNames are the names of steps 1 to 5, which are the names of their tables.
func StepNames() []string {
	return []string{"supernet-pretrain", "supernet-finetune", "search", "subnet-retrain", "subnet-finetune"}
}

// StepName is the name of step 1 to 5.
func StepName(step int) string { return StepNames()[step-1] }

// ParseStep reads a step's name or its number.
func ParseStep(s string) (int, error) {
	if i := slices.Index(StepNames(), s); i >= 0 {
		return i + 1, nil
	}
	if n, err := strconv.Atoi(s); err == nil && 1 <= n && n <= len(StepNames()) {
		return n, nil
	}
	if near := nearest(s, StepNames()); near != "" {
		return 0, fmt.Errorf("no step is called %q; did you mean %s?", s, near)
	}
	return 0, fmt.Errorf("no step is called %q; the steps are 1 to 5, or %s", s, strings.Join(StepNames(), ", "))
}

// Skips reports whether a step is left out, as nothing would rest on it.
func (c *Config) Skips(step int) bool { return c.Skipped(step) != "" }

// Skipped is why a step is left out; empty where it is done.
func (c *Config) Skipped(step int) string {
	switch s := &c.Search; {
	case step >= StepSearch:
		return ""
	case s.Subnet != "":
		return "a subnet given by hand (search.subnet) needs no supernet"
	case s.LoadFrom != "":
		return "the supernet that is searched is loaded from elsewhere (search.load_from)"
	case step == StepSupernetFinetune && s.Guide == GuideClassification:
		return "a search guided by classification (search.guide) takes the supernet of step 1"
	}
	return ""
}

// SupernetStep is the step whose supernet is searched.
func (s *Search) SupernetStep() int {
	if s.Guide == GuideClassification {
		return StepSupernetPretrain
	}
	return StepSupernetFinetune
}

// Step returns the settings of training step 1, 2, 4 or 5; nil for the search.
func (c *Config) Step(step int) *Train {
	for _, t := range c.training() {
		if t.step == step {
			return t.Train
		}
	}
	return nil
}

// trainingStep is a training step with its place in the config.
type trainingStep struct {
	step int
	key  string
	*Train
}

func (c *Config) training() []trainingStep {
	var steps []trainingStep
	for step, t := range []*Train{
		&c.SupernetPretrain, &c.SupernetFinetune, nil, &c.SubnetRetrain, &c.SubnetFinetune,
	} {
		if t != nil {
			steps = append(steps, trainingStep{step: step + 1, key: StepName(step + 1), Train: t})
		}
	}
	return steps
}

// Length is the step's iterations over a training set of so many images.
func (t *Train) Length(images int) int {
	if t.Iterations > 0 {
		return t.Iterations
	}
	return t.Epochs * max(1, images/t.Batch)
}

// MilestonesAt are the iterations of Milestones for a step of that length.
func (t *Train) MilestonesAt(length int) []int {
	at := make([]int, len(t.Milestones))
	for i, m := range t.Milestones {
		if m < 1 {
			m *= float64(length)
		}
		at[i] = int(math.Round(m))
	}
	return at
}
