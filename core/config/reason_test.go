package config

import (
	"strings"
	"testing"
)

func TestReason(t *testing.T) {
	at := Position{Begun: true, Step: 3, Running: true, Done: map[int]bool{1: true, 2: true}}
	for key, want := range map[string]string{
		"search.generations":     "acts from the next generation on",
		"search.batch":           "cannot change: search has begun",
		"supernet-pretrain.lr":   "cannot change: supernet-pretrain is done",
		"subnet-retrain.lr":      "acts when subnet-retrain begins",
		"threads":                "acts when the run is resumed",
		"space.preset":           "cannot change: all so far rests on it",
		"data.shapes.image_size": "cannot change: all so far rests on it",
	} {
		if got := Reason(key, at); got != want {
			t.Errorf("%s: %q, want %q", key, got, want)
		}
	}
	if got := Reason("supernet-pretrain.lr", Position{Begun: true, Step: 1, Running: true}); got != "acts from the next iteration on" {
		t.Error(got)
	}
	if got := Reason("seed", Position{}); got != "acts when a run is started" {
		t.Error(got)
	}
}

// TestReasonFitsItsEffect wants what cannot change to be told so, at every
// position, and nothing else.
func TestReasonFitsItsEffect(t *testing.T) {
	for _, key := range schemaOrder() {
		for step := range 6 {
			for _, running := range []bool{false, true} {
				at := Position{Begun: true, Step: step, Running: running}
				if got := strings.HasPrefix(Reason(key, at), "cannot"); got != (EffectOf(key, at) == NewRun) {
					t.Errorf("%s at step %d: %s, %s", key, step, EffectOf(key, at), Reason(key, at))
				}
			}
		}
	}
}

// TestProblemsHaveTheirPlace wants a syntax error to say the line and the column.
func TestProblemsHaveTheirPlace(t *testing.T) {
	for text, want := range map[string][2]int{
		"seed = 1\nthreads = = 2\n": {2, 11},
		"seed = \nthreads = 1":      {1, 8},
		"a b = 1\n":                 {1, 3},
		"seed = 1\nseed = 2\n":      {2, 1},
		"[data\nx = 1\n":            {1, 6},
		"# 日本\nname = = 1\n":        {2, 8},
	} {
		p := Check("f", text)
		if len(p) != 1 || p[0].Line != want[0] || p[0].Column != want[1] {
			t.Errorf("%q: %+v, want line %d, column %d", text, p, want[0], want[1])
		}
	}
}

// TestDocsNameTheirKey wants what is told of a key to be about that key.
func TestDocsNameTheirKey(t *testing.T) {
	for _, k := range Keys() {
		if !strings.Contains(k.Doc, k.Name) {
			t.Errorf("%s: %s", k.Path, k.Doc)
		}
	}
}
