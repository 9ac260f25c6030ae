package run

import (
	"bytes"
	"math"
	"strings"
	"testing"
	"time"
)

func TestSlowestIsWhomTheOthersWaitFor(t *testing.T) {
	rank := func(n int, compute, data, wait float64) Rank {
		return Rank{Rank: n, ComputeS: compute, DataS: data, WaitS: wait}
	}
	for name, tt := range map[string]struct {
		ranks []Rank
		who   int // -1 is nobody
		lag   float64
	}{
		"it computes longest":             {[]Rank{rank(0, 1, 0, 1), rank(1, 1.9, 0, .1), rank(2, 1, 0, 1)}, 1, .45},
		"it waits for its data":           {[]Rank{rank(0, 1, .5, .5), rank(1, 1, 1, 0)}, 1, .25},
		"they go abreast":                 {[]Rank{rank(0, 1, 0, .05), rank(1, 1, 0, .02)}, -1, 0},
		"one alone has told":              {[]Rank{rank(0, 1, 0, .5), rank(1, 0, 0, 0)}, -1, 0},
		"one that has not told is passed": {[]Rank{rank(0, 1, 0, 1), rank(1, 0, 0, 0), rank(2, 2, 0, 0)}, 2, .5},
		"nobody has told":                 {nil, -1, 0},
	} {
		who, lag, ok := Ranks{Ranks: tt.ranks}.Slowest()
		if ok != (tt.who >= 0) || ok && (who.Rank != tt.who || math.Abs(lag-tt.lag) > 1e-9) {
			t.Errorf("%s: rank %d by %v (%v), want %d by %v", name, who.Rank, lag, ok, tt.who, tt.lag)
		}
	}
}

func TestRanksInTheJournal(t *testing.T) {
	e := Ranks{Step: 2, Ranks: []Rank{{Host: "a", PID: 7, Iteration: 3, Made: 3, ComputeS: 1, WaitS: .25}, {Rank: 1, SilentS: 12, Idle: true}}}
	line, err := appendLine(nil, 1, time.Now(), e)
	if err != nil {
		t.Fatal(err)
	}
	entry, err := new(decoder).parse(line)
	if err != nil {
		t.Fatal(err)
	}
	got, ok := entry.Event.(Ranks)
	if !ok || got.Step != 2 || len(got.Ranks) != 2 || got.Ranks[0] != e.Ranks[0] || got.Ranks[1] != e.Ranks[1] {
		t.Errorf("%s\nreads as %+v", line, entry.Event)
	}
	if w := got.Ranks[0].Waits(); w != .2 || len(got.Silent()) != 1 {
		t.Errorf("rank 0 waits for %v of its time, and %d are silent", w, len(got.Silent()))
	}
	if _, err := new(decoder).parse(bytes.Replace(line, []byte(`"step":2`), []byte(`"step":9`), 1)); err == nil {
		t.Error("an event of step 9 is taken")
	}
	s := State{}
	s.Apply(entry)
	if s.Ranks == nil || len(s.Ranks.Ranks) != 2 {
		t.Errorf("the state has the ranks %v", s.Ranks)
	}
	s.Apply(Entry{Event: RunResumed{}})
	if s.Ranks != nil {
		t.Error("a run that is resumed has the ranks of the process before")
	}
}

func TestManyRanksAreCut(t *testing.T) {
	e := Ranks{Step: 1}
	for i := range 200 {
		r := Rank{Rank: i, Host: "a-machine-of-24-letters-", PID: 4_000_000, Iteration: 900_000, Made: 1000, ComputeS: .00012, DataS: .00034, WaitS: .5, OrderS: .00056, ImagesPerS: 123, CPU: 1.55, Memory: 1 << 36, GPU: .777, GPUBytes: 1 << 36}
		switch i {
		case 150:
			r.WaitS = .1
		case 180:
			r.SilentS = 12
		case 190:
			r = Rank{Rank: i}
		}
		e.Ranks = append(e.Ranks, r)
	}
	want, lag, _ := e.Slowest()
	cut := e.Cut()
	got, after, ok := cut.Slowest()
	if !ok || want.Rank != 150 || got.Rank != 150 || math.Abs(lag-after) > 1e-2 {
		t.Errorf("the slowest is rank %d by %v, and of those that are left rank %d by %v", want.Rank, lag, got.Rank, after)
	}
	if len(cut.Ranks) != MostRanks || cut.Of() != 200 || cut.Ranks[0].Rank != 0 || len(cut.Silent()) != 1 {
		t.Errorf("%d of %d are left, the first %d, silent %d", len(cut.Ranks), cut.Of(), cut.Ranks[0].Rank, len(cut.Silent()))
	}
	line, err := appendLine(nil, 1, time.Now(), cut)
	if err != nil || len(line) > clipAt {
		t.Errorf("a line of %d ranks has %d bytes (%v), of which %d are shown", len(cut.Ranks), len(line), err, clipAt)
	}
	if few := (Ranks{Ranks: e.Ranks[:MostRanks]}).Cut(); few.World != 0 || few.Of() != MostRanks {
		t.Errorf("%d ranks are cut: %+v", MostRanks, few)
	}
}

// A host's name stays in its line, and leaves room for others.
func TestRankOn(t *testing.T) {
	for host, want := range map[string]string{
		"gpu7": "gpu7", "a\nb": `a\nb`, strings.Repeat("x", 64): strings.Repeat("x", 64), strings.Repeat("x", 500): strings.Repeat("x", 64) + "...",
	} {
		if got := (Rank{Host: host}).On(); got != want {
			t.Errorf("%q is %q, want %q", host, got, want)
		}
	}
}
