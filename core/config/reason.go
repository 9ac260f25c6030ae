package config

import (
	"slices"
	"strings"
)

// Reason says of one key when a change of it acts on a run that stands at a
// position, and why, in a few words.
func Reason(key string, at Position) string {
	table, _, _ := strings.Cut(key, ".")
	step := slices.Index(StepNames(), table) + 1
	switch EffectOf(key, at) {
	case Now:
		if step == StepSearch {
			return "acts from the next generation on"
		}
		return "acts from the next iteration on"
	case NextStep:
		return "acts when " + table + " begins"
	case NextStart:
		if !at.Begun {
			return "acts when a run is started"
		}
		return "acts when the run is resumed"
	}
	switch {
	case step == 0:
		return "cannot change: all so far rests on it"
	case at.Done[step] || step < at.Step:
		return "cannot change: " + table + " is done"
	}
	return "cannot change: " + table + " has begun"
}
