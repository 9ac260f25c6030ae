package config

import (
	"cmp"
	"reflect"
	"slices"
	"strings"
)

// Change is one key that differs between two configs. The values are TOML.
type Change struct {
	Key, Old, New string
}

// Changes lists the keys in which two configs differ, in the order of the
// schema.
func Changes(old, now *Config) []Change {
	before, after := old.leaves(), now.leaves()
	var out []Change
	for key, v := range after {
		a, b := before[key].Interface(), v.Interface()
		if !reflect.DeepEqual(a, b) && !emptyLists(before[key], v) {
			out = append(out, Change{Key: key, Old: literalOf(before[key]), New: literalOf(v)})
		}
	}
	place := map[string]int{}
	for i, key := range schemaOrder() {
		place[key] = i
	}
	slices.SortFunc(out, func(a, b Change) int {
		return cmp.Or(cmp.Compare(place[a.Key], place[b.Key]), strings.Compare(a.Key, b.Key))
	})
	return out
}

// NetworkChanges lists the keys in which two configs differ and by which a supernet
// that was trained by one would be another network in the search of the other: the
// space, the detector, and how its images are made. Where the detectors are of two
// kinds, only that is said.
func NetworkChanges(trained, search *Config) []Change {
	a, errA := trained.Space.NAS(1)
	b, errB := search.Space.NAS(1)
	a.Name, b.Name = "", ""
	sameSpace := errA == nil && errB == nil && reflect.DeepEqual(a, b)
	return slices.DeleteFunc(Changes(trained, search), func(c Change) bool {
		table, name := cutLast(c.Key)
		top, _, _ := strings.Cut(c.Key, ".")
		switch {
		case top == "space":
			return sameSpace
		case c.Key == "data.mean" || c.Key == "data.std" || c.Key == "data.apply_exif":
			return false
		case search.Search.Guide == GuideClassification:
			return c.Key != "data.classification.size" &&
				(c.Key != "data.classification.crop" || trained.Data.Classification.EvalResize() == search.Data.Classification.EvalResize())
		case table == "data.detection":
			short := name == "short" && trained.Data.Detection.EvalShort() != search.Data.Detection.EvalShort()
			return !short && name != "max" && name != "pad_to"
		case top == "detector" && trained.Detector.Kind != search.Detector.Kind:
			return c.Key != "detector.kind"
		}
		return top != "detector" || !search.Detector.takes(table)
	})
}

// emptyLists reports whether both values are lists without elements, which TOML
// does not tell from lists that are left out.
func emptyLists(a, b reflect.Value) bool {
	return a.Kind() == reflect.Slice && a.Len() == 0 && b.Len() == 0
}

// literalOf writes a value of the config as TOML.
func literalOf(v reflect.Value) string {
	text, _ := literal(plainValue(v)) // every value of a config can be written
	return text
}

// plainValue is a value as the TOML decoder gives it.
func plainValue(v reflect.Value) any {
	switch v.Kind() {
	case reflect.Int, reflect.Int64:
		return v.Int()
	case reflect.Uint64:
		return int64(v.Uint()) //nolint:gosec // TOML has no greater one
	case reflect.Slice:
		list := make([]any, v.Len())
		for i := range list {
			list[i] = plainValue(v.Index(i))
		}
		return list
	}
	return v.Interface()
}

// schemaOrder lists every key as the structs have them.
func schemaOrder() []string {
	var keys []string
	eachField("", reflect.TypeFor[Config](), func(key string, _ reflect.Type, f reflect.StructField) {
		if f.Type.Kind() != reflect.Struct {
			keys = append(keys, key)
		}
	})
	return keys
}

// Effect is when a changed key acts on a run.
type Effect string

// The effects.
const (
	Now       Effect = "now"        // from the next iteration, or the next generation of the search
	NextStep  Effect = "next step"  // when its step begins
	NextStart Effect = "next start" // when the run is resumed, or started
	NewRun    Effect = "new run"    // never in this one
)

// About says in a sentence what an effect means.
func (e Effect) About() string {
	switch e {
	case Now:
		return "acts at once: from the next iteration, or the next generation of the search"
	case NextStep:
		return "acts when its step begins"
	case NextStart:
		return "acts when the run is started or resumed"
	}
	return "cannot change in a run that has begun: what was trained rests on it"
}

// Position is where a run stands, as far as it decides what may change.
type Position struct {
	Begun   bool         // the run has begun; a preset or a file has not
	Step    int          // last begun; 0 before the first
	Running bool         // an engine runs it
	Done    map[int]bool // steps that are finished
}

// liveTraining and liveSearch are the keys that act in a step that is under way.
var (
	liveTraining = []string{"lr", "momentum", "weight_decay", "clip_grad", "on_nan", "nan_lr_factor", "log_every", "checkpoint_every", "eval_every", "keep_checkpoints"}
	liveSearch   = []string{"generations", "population", "parents", "mutations", "crossovers", "mutate_prob", "tournament"}
)

// EffectOf says when a change of a key acts on a run that stands at a position.
// Keys of a step that is under way act at once where an engine runs it, and else
// when the run is resumed.
func EffectOf(key string, at Position) Effect {
	if !at.Begun {
		return NextStart
	}
	switch key {
	case "device", "threads", "loader_workers", "tensorboard", "data.cache_mb", "search.workers":
		return NextStart
	}
	table, name, _ := strings.Cut(key, ".")
	step := slices.Index(StepNames(), table) + 1
	switch {
	case step == 0 || at.Done[step]:
		return NewRun
	case step > at.Step:
		return NextStep
	}
	live := liveTraining
	if step == StepSearch {
		live = liveSearch
	}
	switch {
	case step < at.Step || !slices.Contains(live, name):
		return NewRun
	case at.Running:
		return Now
	}
	return NextStart
}
