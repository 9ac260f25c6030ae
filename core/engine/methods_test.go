package engine

import (
	"context"
	"errors"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"detnas/core/config"
	"detnas/core/run"
	"detnas/core/steer"
)

// quick are settings for a search of the tiny preset that takes a second.
func quick(method string) []string {
	return []string{
		"supernet-pretrain.iterations=2", "supernet-finetune.iterations=2",
		"search.images=2", "search.bn_images=2", "search.method=" + method,
	}
}

// Pins, locks, a live change of the budget and a kill act in searches by every
// method: one that is stopped on the way ends as one that goes through.
func TestSteeredSearchByEachMethod(t *testing.T) {
	if testing.Short() {
		t.Skip("trains networks")
	}
	images, runs := filepath.Join(t.TempDir(), "images"), t.TempDir()
	for _, method := range []string{config.MethodRegularized, config.MethodRandom, config.MethodNSGA2} {
		t.Run(method, func(t *testing.T) {
			through := &steered{t: t, images: images, runs: runs, name: "through-" + method, sets: quick(method), on: searchOn}
			once, err := through.run(3)
			if err != nil {
				t.Fatal(err)
			}
			result, weights := outcome(t, once, runs, through.name)
			want, generations := candidatesOf(through.events)
			if len(want) != 4*3+2 || len(generations) != 3 || want[0].Origin != "pinned" || want[2].Origin != "pinned" {
				t.Errorf("%d candidates in %d generations, want 14 with two pinned in 3: %+v", len(want), len(generations), want)
			}
			if !strings.HasSuffix(want[1].Subnet, "2") {
				t.Errorf("candidate 1 is %s; block 5 was locked to 2", want[1].Subnet)
			}
			if once.Subnet != "3-3-33-3" || once.Search.Method != method || once.Search.Evaluated != 14 {
				t.Errorf("the result is %s by %s of %d", once.Subnet, once.Search.Method, once.Search.Evaluated)
			}
			if nsga2 := method == config.MethodNSGA2; (len(once.Search.Front) > 0) != nsga2 || (once.Search.Cost == "conv_macs") != nsga2 {
				t.Errorf("the front has %d subnets over %q", len(once.Search.Front), once.Search.Cost)
			}

			parted := &steered{t: t, images: images, runs: runs, name: "parted-" + method, sets: quick(method)}
			for stops := 0; ; stops++ {
				if stops > len(want) {
					t.Fatal("the search does not come to its end")
				}
				parted.on = func(s *steered, e run.Event) {
					searchOn(s, e)
					if e, ok := e.(run.Candidate); ok && e.Index >= stops*7 && !slices.Contains([]int{1, 2, 4, 6}, e.Index) {
						s.do(steer.Command{Act: run.ActStop})
					}
				}
				r, err := parted.run(3)
				if err == nil {
					compare(t, result, weights, r, runs, parted.name)
					break
				}
				if !errors.Is(err, ErrStopped) {
					t.Fatal(err)
				}
			}
			got, again := candidatesOf(parted.events)
			if d := cmp.Diff(want, got); d != "" {
				t.Errorf("(-through +parted):\n%s", d)
			}
			if d := cmp.Diff(generations, again); d != "" {
				t.Errorf("generations (-through +parted):\n%s", d)
			}
		})
	}
}

// The front of NSGA-II is in the result, a later process finds it in the journal
// again, and the best of it is the run's subnet.
func TestFrontInTheResult(t *testing.T) {
	if testing.Short() {
		t.Skip("trains networks")
	}
	images, runs, ctx := filepath.Join(t.TempDir(), "images"), t.TempDir(), context.Background()
	cfg := tiny(t, images, append(quick(config.MethodNSGA2), "search.cost=params")...)
	first, err := do(t, ctx, cfg, runs, "front", Options{From: 1, To: 3})
	if err != nil {
		t.Fatal(err)
	}
	s := first.Search
	if len(s.Front) == 0 || s.Cost != "params" || s.Front[0].Score != s.Best[0].Score || first.Subnet != s.Front[0].Subnet {
		t.Fatalf("the front is %+v by %s, the best %+v, the subnet %s", s.Front, s.Cost, s.Best[0], first.Subnet)
	}
	for i, p := range s.Front {
		if p.Cost != float64(p.Params) || i > 0 && (p.Score >= s.Front[i-1].Score || p.Cost >= s.Front[i-1].Cost) {
			t.Errorf("point %d of the front is %+v", i, p)
		}
	}
	again, err := do(t, ctx, cfg, runs, "front", Options{From: 1, To: 3})
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(first.Search, again.Search); d != "" {
		t.Errorf("the same run taken up again (-first +again):\n%s", d)
	}
}
