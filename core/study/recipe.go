package study

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"detnas/core/config"
	"detnas/core/run"
)

// aside are the keys that do not bear on what a run comes to, or say where things
// are, so that a study may be moved and its runs watched as one likes.
func aside() []string {
	return []string{
		"name", "runs", "data.shapes.dir", "data.cache_mb", "loader_workers", "search.load_from", "search.reuse", "tensorboard",
		"log_every", "checkpoint_every", "eval_every", "keep_checkpoints",
	}
}

// bears reports whether a key bears on what a run comes to.
func bears(key string) bool {
	return !slices.ContainsFunc(aside(), func(a string) bool { return key == a || strings.HasSuffix(key, "."+a) })
}

// Altered says in what a run differs from what it was to be: keys of its config that
// are not want's or were edited while it went on, and acts on its search. It is empty
// for a run that was left alone.
func Altered(f *run.Folder, want *config.Config) ([]string, error) {
	own, err := config.Load(f.Config(), nil)
	if err != nil {
		return nil, fmt.Errorf("run %s: %w", f.Name(), err)
	}
	found := map[string]bool{}
	for _, c := range config.Changes(want, own) {
		found[c.Key] = bears(c.Key)
	}
	err = run.ReadJournal(f.JournalPath(), func(entry run.Entry) error {
		switch e := entry.Event.(type) {
		case run.ConfigChanged:
			for _, c := range e.Changes {
				found[c.Key] = bears(c.Key)
			}
		case run.Control:
			steers := slices.Contains([]string{run.ActPin, run.ActLock, run.ActChoose}, e.What)
			if steers && e.Phase == run.PhaseDone {
				found[e.What] = true
			}
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("run %s: %w", f.Name(), err)
	}
	maps.DeleteFunc(found, func(_ string, bears bool) bool { return !bears })
	return slices.Sorted(maps.Keys(found)), nil
}
