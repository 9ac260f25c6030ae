package main

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestBothFormsOfFigures(t *testing.T) {
	ours, err := parseOurs([]byte(`{"AP":0.5,"APs":-1,"per_category":{"3":{"AP":0.25,"AP50":0.75}}}`))
	if err != nil {
		t.Fatal(err)
	}
	theirs, err := parseTheirs([]byte(`{"stats":{"AP":0.5,"APs":-1},"per_category_AP":{"3":0.25},"per_category_AP50":{"3":0.75}}`))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(ours, theirs); diff != "" || len(ours) != 4 {
		t.Errorf("(-ours +theirs):\n%s", diff)
	}
}

func TestReportWantsTheSameFigures(t *testing.T) {
	with := func(figures map[string]float64) []side {
		return []side{
			{name: "ours", times: 3, wall: []time.Duration{1e9, 2e9, 4e9}, cpu: []time.Duration{1e9, 1e9, 1e9}, peak: 50 << 10, figures: map[string]float64{"AP": 0.5, "AP50": -1}},
			{name: "theirs", times: 1, wall: []time.Duration{30e9}, cpu: []time.Duration{20e9}, peak: 60 << 10, figures: figures},
		}
	}
	text, err := markdown(with(map[string]float64{"AP": 0.5 + 1e-10, "AP50": -1}), "0.1", "gt", "dt")
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"| ours | 3 | 2.000 (1.000 to 4.000) | 1.000 | 50 | 1.0 |",
		"| theirs | 1 | 30.000 (30.000 to 30.000) | 20.000 | 60 | 15.0 |",
		"The 2 figures of detnas and of theirs are at most 1e-10 apart.",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
	for _, wrong := range []map[string]float64{{"AP": 0.6, "AP50": -1}, {"AP": 0.5}, {"AP": 0.5, "AP75": -1}, {"AP": 0.5, "AP50": -1, "AP75": 1}} {
		if _, err := markdown(with(wrong), "0.1", "gt", "dt"); err == nil || !strings.Contains(err.Error(), "theirs") {
			t.Errorf("%v: error %v", wrong, err)
		}
	}
}
