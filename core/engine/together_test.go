package engine

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"detnas/core/config"
	"detnas/core/ranks"
	"detnas/core/run"
	"detnas/core/steer"
	"detnas/core/tensor"
)

// inTwo has a goroutine of this process follow as rank 1. It returns rank 0's place, and
// what waits for the end of rank 1 and gives its events.
func inTwo(t *testing.T) (place ranks.Place, followed func() []run.Event) {
	t.Helper()
	onCPUs(t)
	place = ranks.Place{World: 2, LocalWorld: 2, Store: fmt.Sprintf("test-%d-%s", os.Getpid(), strings.ReplaceAll(t.Name(), "/", "-"))}
	other := place
	other.Rank, other.LocalRank = 1, 1
	var events []run.Event
	ended := make(chan error, 1)
	go func() {
		ended <- Follow(context.Background(), other, FollowOptions{Patience: time.Minute, Watch: func(e run.Event) { events = append(events, e) }})
	}()
	return place, func() []run.Event {
		t.Helper()
		if err := <-ended; err != nil {
			t.Errorf("rank 1: %v", err)
		}
		return events
	}
}

// onCPUs skips a test of ranks where this build has them on GPUs, of which each needs one.
func onCPUs(t *testing.T) {
	t.Helper()
	if tensor.GroupKind() != "Gloo" {
		t.Skip("ranks of this build need a GPU each")
	}
}

// rates are those of each iteration.
func rates(events []run.Event) map[int]float64 {
	out := map[int]float64{}
	for _, e := range events {
		if e, ok := e.(run.Train); ok {
			out[e.Iteration] = e.LR
		}
	}
	return out
}

// An edited rate acts on all ranks from the same iteration.
func TestRanksTakeAnEditTogether(t *testing.T) {
	s := &steered{t: t, images: filepath.Join(t.TempDir(), "images"), runs: t.TempDir(), name: "edited", sets: []string{"supernet-pretrain.log_every=1"}}
	s.on = at(4, func(s *steered) {
		s.do(steer.Command{Act: steer.ActConfigure, Text: s.edit("lr = 0.05", "lr = 0.02")})
	})
	var followed func() []run.Event
	s.place, followed = inTwo(t)
	if _, err := s.run(config.StepSupernetPretrain); err != nil {
		t.Fatal(err)
	}
	zero, one := rates(s.events), rates(followed())
	if len(zero) < 6 || zero[5] > 0.02 || zero[4] < 0.025 {
		t.Fatalf("rates of rank 0: %v; want the edited one after iteration 4", zero)
	}
	for i, want := range zero {
		if one[i] != want {
			t.Errorf("iteration %d: rank 1 has the rate %v, rank 0 %v", i, one[i], want)
		}
	}
}

// told are the divergences of a run, and what it did about them.
func told(events []run.Event) (out []string) {
	for _, e := range events {
		switch e := e.(type) {
		case run.Warning:
			if strings.Contains(e.What, "diverged") {
				out = append(out, "diverged")
			}
		case run.StepStarted:
			out = append(out, fmt.Sprintf("from %d", e.Iteration))
		}
	}
	return out
}

// Ranks leave out an iteration as one process does, and go back to the same.
func TestRanksThatDivergeTogether(t *testing.T) {
	onCPUs(t)
	images := filepath.Join(t.TempDir(), "images")
	for _, policy := range []string{config.OnNaNSkip, config.OnNaNBack} {
		t.Run(policy, func(t *testing.T) {
			sets := []string{diverging1, "supernet-pretrain.on_nan=" + policy, "supernet-pretrain.nan_lr_factor=0.01"}
			var alone []run.Event
			opts := Options{From: 1, To: 1, Watch: func(e run.Event) { alone = append(alone, e) }}
			if _, err := do(t, context.Background(), tiny(t, images, sets...), t.TempDir(), "alone", opts); err != nil {
				t.Fatal(err)
			}
			s := &steered{t: t, images: images, runs: t.TempDir(), name: "two", sets: sets}
			var followed func() []run.Event
			s.place, followed = inTwo(t)
			if _, err := s.run(1); err != nil {
				t.Fatal(err)
			}
			followed()
			want, got := told(alone), told(s.events)
			if policy == config.OnNaNSkip { // which iterations are finite after that, the last bits say
				want, got = want[:min(2, len(want))], got[:min(2, len(got))]
			}
			if len(want) < 2 || !slices.Equal(got, want) {
				t.Errorf("two ranks: %v, one process: %v", got, want)
			}
		})
	}
}
