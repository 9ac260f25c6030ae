package engine

import (
	"context"
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"detnas/core/config"
	"detnas/core/run"
	"detnas/core/steer"
	"detnas/nas"
)

// noisy stands for measurements: the more blocks are 7x7 the slower, and never the
// same twice.
func noisy() func(nas.Subnet) (float64, error) {
	calls := 0
	return func(sub nas.Subnet) (float64, error) {
		calls++
		ms := 10 + float64(calls%7)/10
		for _, c := range sub {
			if c == nas.Shuffle7x7 {
				ms += 2
			}
		}
		return ms, nil
	}
}

// trained makes runs whose steps 1 and 2 are done.
func trained(t *testing.T, cfg *config.Config, runs string, names ...string) {
	t.Helper()
	for _, name := range names {
		if _, err := do(t, context.Background(), cfg, runs, name, Options{From: 1, To: 2}); err != nil {
			t.Fatal(err)
		}
	}
}

// A search under a bound on the latency that is stopped after every other candidate
// measures no subnet again, and so goes on as one that was not.
func TestLatencyIsMeasuredOnce(t *testing.T) {
	if testing.Short() {
		t.Skip("trains networks")
	}
	images, runs, ctx := filepath.Join(t.TempDir(), "images"), t.TempDir(), context.Background()
	cfg := tiny(t, images, append(quick("evolution"), "search.constraint.latency_max=12.5", "search.generations=3", "search.constraint.params_max=31000")...)
	trained(t, cfg, runs, "through", "parted")
	search := func(name string, timer func(nas.Subnet) (float64, error), stopAt int) (events []run.Event, err error) {
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		n := 0
		_, err = do(t, ctx, cfg, runs, name, Options{From: 3, To: 3, latency: timer, Watch: func(e run.Event) {
			events = append(events, e)
			if _, ok := e.(run.Candidate); ok {
				if n++; n == stopAt {
					cancel()
				}
			}
		}})
		return events, err
	}
	whole, err := search("through", noisy(), 0)
	if err != nil {
		t.Fatal(err)
	}
	var parted []run.Event
	timer := noisy()
	for err = ErrStopped; errors.Is(err, ErrStopped); {
		var events []run.Event
		events, err = search("parted", timer, 2)
		parted = append(parted, events...)
	}
	if err != nil {
		t.Fatal(err)
	}
	measured := func(events []run.Event) (out []run.Latency) {
		for _, e := range events {
			if l, ok := e.(run.Latency); ok {
				out = append(out, l)
			}
		}
		return out
	}
	want, _ := candidatesOf(whole)
	got, _ := candidatesOf(parted)
	if d := cmp.Diff(want, got); d != "" || len(want) != 12 {
		t.Errorf("%d candidates (-through +parted):\n%s", len(want), d)
	}
	if d := cmp.Diff(measured(whole), measured(parted)); d != "" {
		t.Errorf("measurements (-through +parted):\n%s", d)
	}
	times := map[string]float64{}
	for _, l := range measured(parted) {
		if _, twice := times[l.Subnet]; twice || l.Of != "body" || l.Side != 96 || l.Times != latencyTimes {
			t.Errorf("%+v is measured again: %v", l, twice)
		}
		times[l.Subnet] = l.MS
	}
	shares := map[string]run.Feasible{}
	for _, e := range whole {
		if f, ok := e.(run.Feasible); ok {
			shares[f.What] = f
		}
	}
	for _, c := range want {
		if ms, ok := times[c.Subnet]; !ok || ms > 12.5 || c.Params > 31000 {
			t.Errorf("candidate %d (%s) takes %v ms and has %d parameters", c.Index, c.Subnet, ms, c.Params)
		}
	}
	if c, l := shares["counts"], shares["latency"]; c.Tried != 1024 || c.Passed == 0 || c.Passed == 1024 || l.Tried != latencySample || l.Passed == 0 || l.Passed == l.Tried {
		t.Errorf("shares %+v", shares)
	}
}

// Bounds that leave nothing, or next to nothing, show before the search; a subnet
// that was pinned before and takes too long is left out.
func TestLatencyOutOfBounds(t *testing.T) {
	if testing.Short() {
		t.Skip("trains networks")
	}
	images, runs, ctx := filepath.Join(t.TempDir(), "images"), t.TempDir(), context.Background()
	trained(t, tiny(t, images, quick("random")...), runs, "trained")
	load := "search.load_from=" + filepath.Join(runs, "trained", "checkpoints", "step-2-last.safetensors")
	timer := func(sub nas.Subnet) (float64, error) {
		switch sub[0] {
		case nas.Shuffle7x7:
			return 9, nil
		case nas.Xception:
			return 0, errors.New("the device is gone")
		}
		return float64(10 + sub[0]), nil
	}
	for name, tc := range map[string]struct {
		sets []string
		want string
	}{
		"none":       {[]string{"search.constraint.latency_max=1.0", `space.choices=["3x3","5x5","7x7"]`}, "none of 30 random subnets that pass the counts has a latency in the bounds; they take from 9 to 11 ms"},
		"no measure": {[]string{"search.constraint.latency_max=99.0"}, "the device is gone"},
		"no counts":  {[]string{"search.constraint.params_max=3", "search.constraint.latency_max=99.0"}, "none of 1024 possible subnets"},
	} {
		cfg := tiny(t, images, append(append(quick("random"), load), tc.sets...)...)
		if name == "none" {
			cfg = tiny(t, images, append(quick("random"), tc.sets...)...)
		}
		_, err := do(t, ctx, cfg, runs, name, Options{From: 1, To: 3, latency: timer})
		if err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: %v; want %q", name, err, tc.want)
		}
	}

	pinned := &steered{t: t, images: images, runs: runs, name: "pinned", timer: func(sub nas.Subnet) (float64, error) { return float64(10 + sub[0]), nil }}
	pinned.sets = append(quick("random"), "search.constraint.latency_max=11.5")
	warned := ""
	pinned.on = func(s *steered, e run.Event) {
		switch e := e.(type) {
		case run.Train:
			if e.Step == 1 && e.Iteration == 1 {
				s.do(steer.Command{Act: run.ActPin, Subnet: "3-0-00-0"}) // nobody knows yet how long it takes
				s.do(steer.Command{Act: run.ActPin, Subnet: "1-0-00-0"})
			}
		case run.Candidate:
			if e.Index == 0 && e.Subnet != "1-0-00-0" || e.Subnet[0] > '1' {
				t.Errorf("candidate %d is %s", e.Index, e.Subnet)
			}
		case run.Warning:
			warned += e.What
		}
	}
	if _, err := pinned.run(3); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(warned, "pin 3-0-00-0: it breaks the constraint, so it is left out: its latency is out of bounds") {
		t.Errorf("warnings %q", warned)
	}
}

// What is measured for real comes before the candidate that it is of, and NSGA-II
// weighs it.
func TestLatencyAsCost(t *testing.T) {
	if testing.Short() {
		t.Skip("trains networks")
	}
	images, runs, ctx := filepath.Join(t.TempDir(), "images"), t.TempDir(), context.Background()
	cfg := tiny(t, images, append(quick("nsga2"), "search.cost=latency", "search.constraint.latency_of=detector")...)
	measured := map[string]float64{}
	result, err := do(t, ctx, cfg, runs, "timed", Options{From: 1, To: 3, Watch: func(e run.Event) {
		switch e := e.(type) {
		case run.Latency:
			measured[e.Subnet] = e.MS
			if e.MS <= 0 || e.Of != "detector" || e.Threads < 1 || e.Device != "cpu" {
				t.Errorf("%+v", e)
			}
		case run.Candidate:
			if measured[e.Subnet] == 0 {
				t.Errorf("candidate %d was not measured before", e.Index)
			}
		}
	}})
	if err != nil {
		t.Fatal(err)
	}
	if len(measured) != 8 || result.Search.Cost != "latency" || len(result.Search.Front) == 0 {
		t.Errorf("%d measured; the front is %+v by %s", len(measured), result.Search.Front, result.Search.Cost)
	}
	for _, p := range result.Search.Front {
		if p.Cost != measured[p.Subnet] {
			t.Errorf("%s stands at %v ms, and took %v", p.Subnet, p.Cost, measured[p.Subnet])
		}
	}
	again, err := do(t, ctx, cfg, runs, "timed", Options{From: 1, To: 3})
	if d := cmp.Diff(result.Search, again.Search); err != nil || d != "" {
		t.Errorf("taken up again (%v):\n%s", err, d)
	}
}
