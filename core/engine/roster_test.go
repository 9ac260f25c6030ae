package engine

import (
	"testing"
	"time"

	"detnas/core/run"
)

func TestRosterTellsOfWhatCameSinceTheEventBefore(t *testing.T) {
	r, at := newRoster(2, nil), time.Now()
	tell := func(rank int, number int64, step int, made int64) {
		n := float64(made)
		r.hear(rank, report{
			Number: number, Host: "h", PID: 7, Step: step, Iteration: made, Up: float64(number), Busy: 1.5 * float64(number),
			Totals: totals{Made: made, Images: 4 * made, Compute: n, Data: n / 4, Wait: 3 * n / 4, Order: n / 8},
			Usage:  run.Usage{Memory: 1 << 20, GPU: .5, GPUBytes: 7},
		}, at)
	}
	tell(0, 1, 1, 10)
	tell(1, 1, 1, 8)
	if r.together() {
		t.Error("ranks that have told of 10 and 8 iterations are together")
	}
	e, made := r.event(1, at)
	want := run.Rank{
		Host: "h", PID: 7, Iteration: 10, Made: 10, ComputeS: 1, DataS: .25, WaitS: .75, OrderS: .125, ImagesPerS: 3.2,
		CPU: 1.5, Memory: 1 << 20, GPU: .5, GPUBytes: 7,
	}
	if made != 18 || len(e.Ranks) != 2 || e.Ranks[0] != want || e.Ranks[1].Rank != 1 || e.Ranks[1].Made != 8 {
		t.Errorf("the first event is %+v of %d iterations", e, made)
	}
	if w := e.Ranks[0].Waits(); w != .375 {
		t.Errorf("rank 0 waits for %v of its time", w)
	}
	tell(0, 2, 1, 10) // within an iteration
	tell(1, 2, 1, 10)
	if !r.together() {
		t.Error("ranks that have told of the same iteration are not together")
	}
	if e, made = r.event(1, at); made != 2 || e.Ranks[0].Made != 0 || e.Ranks[0].ComputeS != 1 || e.Ranks[1].Made != 2 {
		t.Errorf("the second event is %+v of %d iterations", e, made)
	}
	tell(0, 3, 2, 1)
	tell(1, 3, 2, 0) // has begun the step
	if e, made = r.event(2, at); made != 1 || e.Ranks[0].Made != 1 || e.Ranks[1].Seconds() != 0 || e.Ranks[1].Memory == 0 {
		t.Errorf("the event of the next step is %+v of %d iterations", e, made)
	}
}

// A rank that has not come yet is in no event, and one that was started again begins anew.
func TestRosterKnowsWhoComes(t *testing.T) {
	r, at := newRoster(3, nil), time.Now()
	tell := func(rank, pid int, number, made int64) {
		r.hear(rank, report{Number: number, PID: pid, Step: 1, Iteration: made, Up: 1, Totals: totals{Made: made, Compute: float64(made)}}, at)
	}
	tell(0, 7, 1, 5)
	tell(2, 8, 1, 5)
	if e, made := r.event(1, at); made != 10 || len(e.Ranks) != 2 || e.Ranks[1].Rank != 2 {
		t.Errorf("the event is %+v of %d iterations", e, made)
	}
	tell(2, 9, 1, 2)
	if e, made := r.event(1, at); made != 2 || e.Ranks[1].PID != 9 || e.Ranks[1].Made != 2 || e.Ranks[1].ComputeS != 1 {
		t.Errorf("the event is %+v of %d iterations", e, made)
	}
}

func TestRosterTellsWhoIsSilent(t *testing.T) {
	r, at := newRoster(2, nil), time.Now()
	later := at.Add(silentFrom(2) + time.Second)
	r.hear(0, report{Number: 1}, at)
	r.hear(1, report{Number: 1}, at)
	r.hear(0, report{Number: 2}, later)
	r.hear(1, report{Number: 1}, later) // the one that was there
	if q := r.quiet(later); q[0] || !q[1] {
		t.Errorf("silent are %v", q)
	}
	if e, _ := r.event(1, later); e.Ranks[0].SilentS != 0 || e.Ranks[1].SilentS != 9 || len(e.Silent()) != 1 {
		t.Errorf("the event is %+v", e)
	}
	r.hear(1, report{Number: 2}, later)
	if e, _ := r.event(1, later); len(e.Silent()) != 0 {
		t.Errorf("a rank that is heard again is silent: %+v", e)
	}
}
