package cli

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"detnas/core/config"
	"detnas/core/run"
)

// mostNamed is how many keys a warning names.
const mostNamed = 3

// ofThePlace are the keys that differ with where a command is typed, and not with
// what it asks for.
var ofThePlace = []string{"name", "runs", "data.shapes.dir"}

// ownConfig says in what the config of a run that is there differs from the one
// that was asked for, and how to have that all the same; empty where they are
// alike. The run goes on with its own.
func (r *runArgs) ownConfig(f *run.Folder, asked *config.Config) string {
	own, err := config.Load(f.Config(), nil)
	if err != nil {
		return "" // taking the run up says so
	}
	s, err := f.Status()
	if err != nil {
		return ""
	}
	changes := slices.DeleteFunc(config.Changes(own, asked), func(c config.Change) bool { return slices.Contains(ofThePlace, c.Key) })
	if len(changes) == 0 {
		return ""
	}
	at := config.Position{Begun: true, Step: s.Step, Done: map[int]bool{}}
	for step := range s.Finished {
		at.Done[step] = true
	}
	var differ, sets, fixed []string
	for _, c := range changes[:min(len(changes), mostNamed)] {
		differ = append(differ, fmt.Sprintf("%s is %s and not %s", c.Key, c.Old, c.New))
		if config.EffectOf(c.Key, at) == config.NewRun {
			fixed = append(fixed, c.Key)
		} else {
			sets = append(sets, "--set", c.Key+"="+c.New)
		}
	}
	if more := len(changes) - mostNamed; more > 0 {
		differ = append(differ, fmt.Sprintf("%d more differ", more))
	}
	var cures []string
	if len(sets) > 0 {
		cures = append(cures, "change it with: "+resuming(f, sets...))
	}
	if len(fixed) > 0 {
		cures = append(cures, strings.Join(fixed, ", ")+" cannot change in this run any more: start a new one with another --name")
	}
	return fmt.Sprintf("run %s goes on with its own config: %s; %s", f.Name(), strings.Join(differ, ", "), strings.Join(cures, "; "))
}

// resumeIfThere makes a resume of what names a run that is there. What is said of
// it is why not all is done that was asked for.
func (r *runArgs) resumeIfThere() (said string, err error) {
	asked, err := r.askedConfig()
	runs := r.runs
	switch {
	case r.runsBy: // a run that is there needs no CONFIG
	case err != nil:
		return "", err
	default:
		runs = asked.Runs
	}
	f, ferr := run.Find(runs, filepath.Join(runs, r.name))
	if ferr != nil || f.Bare() {
		return "", nil //nolint:nilerr // it is started, which says what there is to say
	}
	if err != nil {
		said = fmt.Sprintf("run %s goes on with its own config; the one asked for was not compared: %s", f.Name(), oneLine(err))
	} else {
		said = r.ownConfig(f, asked)
	}
	r.resume, r.from, r.set, r.subnet = f.Dir(), "", nil, "" // all that was said when it began; steps said again would be done again
	return said, nil
}
