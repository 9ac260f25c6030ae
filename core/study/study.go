// Package study compares the subnet that a search finds with those that it has to
// beat, and a supernet's scores with what subnets come to when each is trained
// alone. It plans the runs, which are runs like any other, and reads their results;
// who does them is its caller.
package study

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"detnas/core/config"
	"detnas/core/input"
	"detnas/core/run"
)

// Study is a comparison in a folder of its own, which holds its runs.
type Study struct {
	Config     string   `json:"config"` // as it was named
	ConfigHash string   `json:"config_hash"`
	Seeds      []uint64 `json:"seeds"`
	Random     int      `json:"random"` // subnets of the random arm, a seed
	Shapes     bool     `json:"shapes"` // its images are drawn, once for each seed

	dir string
	cfg *config.Config
}

// The study's files beside its runs.
const (
	planFile   = "study.json"
	configFile = "study.toml" // not a run's config.toml, by which a folder is known as one
)

// most bounds study.json in bytes.
const most = 1 << 20

// Open begins a study in dir, or goes on with the one that is there, which must be
// the same. cfg is what all its runs start from, named by asked.
func Open(dir, asked string, cfg *config.Config, seeds, random int) (*Study, error) {
	s := &Study{
		Config: asked, ConfigHash: cfg.Hash(), Random: random, dir: dir, cfg: cfg,
		Shapes: (cfg.Data.Detection.Format == config.FormatShapes || cfg.Data.Classification.Format == config.FormatShapes) && cfg.Data.Shapes.Dir == "",
	}
	for i := range seeds {
		s.Seeds = append(s.Seeds, cfg.Seed+uint64(i)) //nolint:gosec // never negative
	}
	if err := s.check(); err != nil {
		return nil, err
	}
	before, err := input.File(filepath.Join(dir, planFile), most)
	if errors.Is(err, fs.ErrNotExist) {
		return s, s.begin()
	}
	if err != nil {
		return nil, fmt.Errorf("opening the study: %w", err)
	}
	var was Study
	if err := json.Unmarshal(before, &was); err != nil {
		return nil, fmt.Errorf("opening the study: %s: %w", filepath.Join(dir, planFile), input.Plain(err))
	}
	if err := s.same(was); err != nil {
		return nil, err
	}
	return s, s.keep()
}

// check refuses a config that does not do for every arm, before anything is done.
func (s *Study) check() error {
	c := s.cfg.Search
	switch {
	case c.Subnet != "":
		return fmt.Errorf("%s names the subnet (search.subnet) and searches none, so there is nothing to compare; take it out, or give --set search.subnet=", s.Config)
	case c.LoadFrom != "":
		return fmt.Errorf("%s takes its supernet from elsewhere (search.load_from), and a study trains one for each seed; take it out, or give --set search.load_from=", s.Config)
	case c.Method == config.MethodRandom:
		return fmt.Errorf("%s searches at random, which is an arm of its own; give --set search.method=evolution", s.Config)
	}
	for _, arm := range Arms() {
		if _, err := config.Parse(s.Config, []byte(s.cfg.Resolved()), s.always(arm)); err != nil {
			return fmt.Errorf("the arm %s of the study: %w", arm, err)
		}
	}
	return nil
}

// begin makes the folder. The plan comes last: with it, the rest is there.
func (s *Study) begin() error {
	if entries, err := os.ReadDir(s.dir); err == nil && slices.ContainsFunc(entries, func(e os.DirEntry) bool { return e.Name() != configFile }) {
		return fmt.Errorf("beginning a study: %s is there already and is none; choose another --name", s.dir)
	}
	if err := os.MkdirAll(s.dir, 0o755); err != nil { //nolint:gosec // studies are there to be read
		return fmt.Errorf("beginning a study: %w", err)
	}
	if err := run.WriteFile(s.ConfigPath(), []byte(s.cfg.Resolved())); err != nil {
		return fmt.Errorf("beginning a study: %w", err)
	}
	return s.keep()
}

// keep writes the plan.
func (s *Study) keep() error {
	plan, err := json.MarshalIndent(s, "", "  ")
	if err == nil {
		err = run.WriteFile(filepath.Join(s.dir, planFile), append(plan, '\n'))
	}
	if err != nil {
		return fmt.Errorf("writing the study's plan: %w", err)
	}
	return nil
}

// same refuses to go on with another study than was begun. More seeds and more random
// subnets than it had are no other study.
func (s *Study) same(was Study) error {
	var what string
	switch {
	case was.ConfigHash != s.ConfigHash:
		what = fmt.Sprintf("another config (%s, hash %s, now %s)", was.Config, was.ConfigHash, s.ConfigHash)
	case len(was.Seeds) > len(s.Seeds) || !slices.Equal(was.Seeds, s.Seeds[:len(was.Seeds)]):
		what = fmt.Sprintf("the seeds %v and not %v", was.Seeds, s.Seeds)
	case was.Random > s.Random:
		what = fmt.Sprintf("--random %d and not %d", was.Random, s.Random)
	default:
		return nil
	}
	return fmt.Errorf("the study in %s was begun with %s; go on with what it was begun with, or choose another --name", s.dir, input.Line(what))
}

// Dir is the study's folder, in which its runs are.
func (s *Study) Dir() string { return s.dir }

// ConfigPath is the config that all its runs start from.
func (s *Study) ConfigPath() string { return filepath.Join(s.dir, configFile) }

// Run is a run of the study that has begun.
func (s *Study) Run(name string) (*run.Folder, error) {
	f, err := run.Find(s.dir, filepath.Join(s.dir, name))
	if err != nil {
		return nil, fmt.Errorf("run %s of the study: %w", name, err)
	}
	return f, nil
}
