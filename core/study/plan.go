package study

import (
	"fmt"
	"path/filepath"
	"strconv"

	"detnas/core/config"
	"detnas/core/run"
)

// Arm is one of the ways to come by a subnet that a study compares.
type Arm string

// The arms, in the order of the table. The paper's ablation has the same (DetNAS,
// tables 3 to 5): searched on detection, searched on classification, random and
// hand-crafted.
const (
	Detection      Arm = "detection"      // searched, guided by detection, by the config's method
	Classification Arm = "classification" // searched, guided by the pre-trained supernet's accuracy
	BestRandom     Arm = "best-random"    // the best of as many random subnets, guided by detection
	Random         Arm = "random"         // random subnets, whatever their score
	Plain          Arm = "3x3"            // by hand: ShuffleNetV2's blocks throughout
)

// Arms are all of them, in order.
func Arms() []Arm { return []Arm{Detection, Classification, BestRandom, Random, Plain} }

// Title says an arm in the words of a table.
func (a Arm) Title() string {
	return map[Arm]string{
		Detection: "searched on detection", Classification: "searched on classification",
		BestRandom: "best of as many random", Random: "random, mean", Plain: "hand-crafted, all 3x3",
	}[a]
}

// Job is one run of a study.
type Job struct {
	Name   string // of the run's folder in the study's
	Arm    Arm
	Seed   uint64
	Number int // of a random subnet, from 0
	From   int // first step; the last is always the last
}

// Plan lists the study's jobs in their order: for each seed a whole run, whose
// supernets the other arms take over, and then those.
func (s *Study) Plan() []Job {
	var jobs []Job
	for _, seed := range s.Seeds {
		for _, arm := range Arms() {
			from, times := config.StepSearch, 1
			switch arm {
			case Detection:
				from = config.StepSupernetPretrain
			case Random:
				from, times = config.StepSubnetRetrain, s.Random
			case Plain:
				from = config.StepSubnetRetrain
			}
			for i := range times {
				j := Job{Name: jobName(seed, arm), Arm: arm, Seed: seed, Number: i, From: from}
				if arm == Random {
					j.Name += strconv.Itoa(i + 1)
				}
				jobs = append(jobs, j)
			}
		}
	}
	return jobs
}

func jobName(seed uint64, arm Arm) string { return fmt.Sprintf("seed%d-%s", seed, arm) }

// always are the keys, as --set takes them, in which the config of an arm differs from
// the study's whatever the runs before it found.
func (s *Study) always(arm Arm) []string {
	detection := []string{"search.guide=detection"}
	if s.cfg.Search.Guide == config.GuideClassification { // whose score is none of a detector
		detection = append(detection, "search.score=AP")
	}
	switch arm {
	case Detection:
		return detection
	case Classification: // which cannot race
		return []string{"search.guide=classification", "search.score=top1", "search.racing=false"}
	case BestRandom:
		return append(detection, "search.method=random", "search.tournament=0", "search.cost=")
	}
	return append(detection, "search.subnet=3x3")
}

// Sets are the keys, as --set takes them, in which a job's config differs from the
// study's. The jobs before it have to be done, since they rest on what those found.
func (s *Study) Sets(j Job) ([]string, error) {
	sets := append([]string{fmt.Sprintf("seed=%d", j.Seed)}, s.always(j.Arm)...)
	if s.Shapes { // a drawing is the seed's
		sets = append(sets, "data.shapes.dir="+filepath.Join(s.dir, "data", fmt.Sprintf("seed%d", j.Seed)))
	}
	switch j.Arm {
	case Classification:
		from, err := s.supernet(j.Seed, config.StepSupernetPretrain)
		return append(sets, from), err
	case BestRandom:
		from, err := s.supernet(j.Seed, config.StepSupernetFinetune)
		return append(sets, from), err
	case Random:
		subnet, err := s.random(j)
		return append(sets, "search.subnet="+subnet), err
	}
	return sets, nil
}

// supernet has a search take the supernet that the whole run of a seed trained.
func (s *Study) supernet(seed uint64, step int) (string, error) {
	f, err := s.Run(jobName(seed, Detection))
	if err != nil {
		return "", err
	}
	return "search.load_from=" + f.LastPath(step), nil
}

// random is the subnet of a job of the random arm: of those that the random search
// of the same seed drew first. Their scores on the supernet are known, and have no
// part in their being taken.
func (s *Study) random(j Job) (string, error) {
	f, err := s.Run(jobName(j.Seed, BestRandom))
	if err != nil {
		return "", err
	}
	all, err := candidates(f)
	if err != nil {
		return "", err
	}
	if j.Number >= len(all) {
		return "", fmt.Errorf("run %s has drawn %d random subnets, and the study is to train %d of them: begin another with a smaller --random or a greater search.population",
			f.Name(), len(all), s.Random)
	}
	return all[j.Number].Subnet, nil
}

// candidates are those of a run's search, in order.
func candidates(f *run.Folder) ([]run.Candidate, error) {
	var found []run.Candidate
	err := run.ReadJournal(f.JournalPath(), func(entry run.Entry) error {
		switch e := entry.Event.(type) {
		case run.StepStarted:
			if e.Step <= config.StepSearch && e.Iteration == 0 { // it begins anew
				found = nil
			}
		case run.Candidate:
			found = append(found, e)
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("the candidates of run %s: %w", f.Name(), err)
	}
	return found, nil
}
