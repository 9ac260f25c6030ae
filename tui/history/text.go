package history

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"detnas/core/config"
	"detnas/core/run"
)

// Text is an entry of the journal in words, on one line and without anything that
// a terminal would obey, and whether it is bad news.
func Text(e run.Entry) (text string, bad bool) {
	text, bad = words(e)
	return plain(text), bad
}

// plain puts blanks in place of what is not seen, such as control characters: a
// file's name may have them, or what a library said.
func plain(text string) string {
	return strings.Map(func(r rune) rune {
		if !unicode.IsGraphic(r) || r == utf8.RuneError {
			return ' '
		}
		return r
	}, text)
}

// clip shortens the text of an act to what is kept of it.
func clip(text string) string {
	if len(text) <= mostText {
		return text
	}
	return strings.ToValidUTF8(text[:mostText], "")
}

func words(e run.Entry) (text string, bad bool) {
	switch ev := e.Event.(type) {
	case run.RunStarted:
		return fmt.Sprintf("run started: steps %d to %d on %s, %d threads, seed %d, detnas %s", ev.From, ev.To, ev.Device, ev.Threads, ev.Seed, ev.Version), false
	case run.RunResumed:
		text = fmt.Sprintf("run resumed: steps %d to %d", ev.From, ev.To)
		if ev.Healed > 0 {
			text += fmt.Sprintf("; %d bytes of a torn line were cut off the journal", ev.Healed)
		}
		return text, false
	case run.Preparing:
		return fmt.Sprintf("%s: %d of %d", ev.What, ev.Done, ev.Total), false
	case run.StepStarted:
		text = fmt.Sprintf("step %d (%s) started", ev.Step, ev.Name)
		if ev.Iteration > 0 {
			text = fmt.Sprintf("step %d (%s) taken up at %d", ev.Step, ev.Name, ev.Iteration)
		}
		text = fmt.Sprintf("%s; %d %s", text, ev.Iterations, unit(ev.Step))
		if ev.Sampling != "" {
			text += "; paths " + ev.Sampling
		}
		return text, false
	case run.Train:
		return fmt.Sprintf("step %d, iteration %d: %s, lr %.4g, %.4g images/s", ev.Step, ev.Iteration, values(ev.Losses), ev.LR, ev.ImagesPerS), false
	case run.Eval:
		return fmt.Sprintf("step %d, iteration %d evaluated: %s", ev.Step, ev.Iteration, values(ev.Metrics)), false
	case run.Candidate:
		if ev.Status == run.CandidateStopped {
			return fmt.Sprintf("candidate %d, generation %d (%s): %s stopped after %d images, behind the best with %.4f on these",
				ev.Index, ev.Generation, ev.Origin, ev.Subnet, ev.Images, ev.Partial), false
		}
		if math.IsNaN(ev.Score) {
			return fmt.Sprintf("candidate %d, generation %d (%s): %s has no score", ev.Index, ev.Generation, ev.Origin, ev.Subnet), true
		}
		if ev.Status == run.CandidateKnown {
			return fmt.Sprintf("candidate %d, generation %d (%s): %s scores %.4f, as was known", ev.Index, ev.Generation, ev.Origin, ev.Subnet, ev.Score), false
		}
		return fmt.Sprintf("candidate %d, generation %d (%s): %s scores %.4f in %.1f s", ev.Index, ev.Generation, ev.Origin, ev.Subnet, ev.Score, ev.Seconds), false
	case run.Latency:
		return fmt.Sprintf("%s takes %.3g ms (%s, %d px, %d threads)", ev.Subnet, ev.MS, ev.Of, ev.Side, ev.Threads), false
	case run.RankJoined:
		return fmt.Sprintf("rank %d (process %d on %s) measures candidates, %d at a time", ev.Rank, ev.PID, ev.Host, ev.Scorers), false
	case run.Feasible:
		return fmt.Sprintf("%d of %d random subnets pass the constraint (%s)", ev.Passed, ev.Tried, ev.What), false
	case run.Generation:
		return fmt.Sprintf("generation %d done: %d candidates so far, best %s with %.4f", ev.Generation, ev.Evaluated, ev.Best, ev.Score), false
	case run.CheckpointWritten:
		if ev.Best != "" {
			return "checkpoint " + ev.Path + ", the best of its step so far", false
		}
		return "checkpoint " + ev.Path, false
	case run.StepFinished:
		return fmt.Sprintf("step %d (%s) finished in %.1f s: %s", ev.Step, stepName(ev.Step), ev.Seconds, values(ev.Metrics)), false
	case run.Warning:
		return "warning: " + ev.What, true
	case run.DataProblem:
		return fmt.Sprintf("data problem in %s: %s: %s (%s)", ev.Split, ev.Where, ev.What, ev.Fault), true
	case run.Usage:
		return fmt.Sprintf("%.2f cores, %d MiB", ev.CPU, ev.Memory>>20), false
	case run.Ranks:
		return ranks(ev), len(ev.Silent()) > 0
	case run.Control:
		return control(ev), ev.Phase == run.PhaseRefused
	case run.ConfigChanged:
		return changed(ev), false
	case run.RunFinished:
		return fmt.Sprintf("run finished in %.1f s", ev.Seconds), false
	case run.RunFailed:
		return "run failed: " + ev.Error, true
	case run.RunStopped:
		return "run stopped: " + ev.Why, false
	}
	return e.Type, false
}

// ranks are the ranks in words: who is silent, and who is the slowest.
func ranks(e run.Ranks) string {
	text := fmt.Sprintf("%d ranks", e.Of())
	if s, lag, ok := e.Slowest(); ok {
		text += fmt.Sprintf("; rank %d on %s is the slowest: the others wait %.0f%% of the time for it", s.Rank, s.On(), 100*lag)
	}
	for _, r := range e.Silent() {
		text += fmt.Sprintf("; nothing was heard of rank %d on %s for %.0f s", r.Rank, r.On(), r.SilentS)
	}
	return text
}

// stepName is the name of a step, which may be one of a newer program.
func stepName(step int) string {
	if step < config.StepSupernetPretrain || step > config.StepSubnetFinetune {
		return "unknown"
	}
	return config.StepName(step)
}

func unit(step int) string {
	if step == config.StepSearch {
		return "candidates"
	}
	return "iterations"
}

// values writes values by name, "loss" first.
func values(v run.Values) string {
	names := slices.Sorted(maps.Keys(v))
	slices.SortStableFunc(names, func(a, b string) int {
		switch {
		case a == "loss" && b != "loss":
			return -1
		case b == "loss" && a != "loss":
			return 1
		}
		return 0
	})
	parts := make([]string, len(names))
	for i, name := range names {
		parts[i] = fmt.Sprintf("%s %.4g", name, v[name])
	}
	return strings.Join(parts, ", ")
}

// control writes one phase of an act: "pause requested by ann at step 3,
// candidate 27".
func control(c run.Control) string {
	what := c.What
	if c.Subnet != "" {
		what += " " + c.Subnet
	}
	if c.Block > 0 {
		what += fmt.Sprintf(" block %d", c.Block)
		if c.Choice != "" {
			what += " at choice " + c.Choice
		}
	}
	text := fmt.Sprintf("%s %s by %s", what, c.Phase, c.Who)
	if c.Step > 0 {
		text += fmt.Sprintf(" at step %d, %s %d", c.Step, strings.TrimSuffix(unit(c.Step), "s"), c.Iteration)
	}
	if c.Why != "" {
		text += ": " + c.Why
	}
	return text
}

func changed(c run.ConfigChanged) string {
	parts := make([]string, len(c.Changes))
	for i, ch := range c.Changes {
		parts[i] = fmt.Sprintf("%s %s to %s (%s)", ch.Key, ch.Old, ch.New, ch.Effect)
	}
	return fmt.Sprintf("config changed by %s: %s", c.Who, strings.Join(parts, ", "))
}

// act is the text of an entry that belongs among what people did and what befell
// the run.
func act(e run.Entry) (text string, bad, worth bool) {
	switch e.Event.(type) {
	case run.Train, run.Eval, run.Candidate, run.Latency, run.Generation, run.CheckpointWritten, run.Usage, run.Ranks, run.Preparing:
		return "", false, false
	}
	text, bad = Text(e)
	return text, bad, true
}
