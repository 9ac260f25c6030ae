package engine

import (
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"detnas/core/input"
	"detnas/core/run"
)

// roster is what rank 0 knows of all ranks by their reports.
type roster struct {
	logs *farLogs // those that the ranks send

	mu    sync.Mutex
	known []heard // by rank
}

// heard is what is known of a rank.
type heard struct {
	report report
	at     time.Time // when the report was new, or the roster
	base   report    // as it was at the event before
	rank   run.Rank  // as the event before had it
}

func newRoster(world int, logs *farLogs) *roster {
	r := &roster{logs: logs, known: make([]heard, world)}
	for i := range r.known {
		r.known[i].at, r.known[i].rank.Rank = time.Now(), i
	}
	return r
}

// readEvery is how often rank 0 reads the reports of so many ranks: each takes it two
// questions to the store.
func readEvery(world int) time.Duration {
	return max(reportEvery, time.Duration(world)*20*time.Millisecond)
}

// silentFrom is for how long nothing is heard of one of so many ranks before that is
// told.
func silentFrom(world int) time.Duration { return 4 * readEvery(world) }

// ranksEvery is at how many samples of usage one tells of so many ranks, so that a
// journal does not grow by their number.
func ranksEvery(world int) int { return max(1, min(world, run.MostRanks)/8) }

// hear takes in a rank's report.
func (r *roster) hear(rank int, told report, at time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if k := &r.known[rank]; told.Number != k.report.Number || told.PID != k.report.PID {
		k.report, k.at = told, at
	}
}

// together reports whether all ranks have told of as many iterations as rank 0.
func (r *roster) together() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	first := r.known[0].report
	for _, k := range r.known {
		if k.report.Step != first.Step || k.report.Iteration != first.Iteration {
			return false
		}
	}
	return true
}

// quiet is which ranks are silent at a time.
func (r *roster) quiet(at time.Time) []bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	out := make([]bool, len(r.known))
	for i, k := range r.known {
		out[i] = k.report.Number > 0 && at.Sub(k.at) > silentFrom(len(r.known))
	}
	return out
}

// event is what all ranks do at a time, in a step of the run. made is how many
// iterations are in it that were in no event before, of all ranks together.
func (r *roster) event(step int, at time.Time) (e run.Ranks, made int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	e = run.Ranks{Step: step}
	for i := range r.known {
		k := &r.known[i]
		if k.report.Number == 0 {
			continue // it has not come yet
		}
		k.take()
		k.rank.SilentS = 0
		if silent := at.Sub(k.at); silent > silentFrom(len(r.known)) {
			k.rank.SilentS = rounded(silent.Seconds())
		}
		e.Ranks = append(e.Ranks, k.rank)
		made += k.rank.Made
	}
	return e.Cut(), made
}

// take takes what is new of a rank into what events have of it.
func (k *heard) take() {
	now, x := k.report, &k.rank
	if now.PID != k.base.PID || now.Host != k.base.Host { // started again, or for the first time
		k.base.Up, k.base.Busy = 0, 0
	}
	if now.Step != k.base.Step || now.Totals.Made < k.base.Totals.Made {
		*x, k.base.Totals = run.Rank{Rank: x.Rank, CPU: x.CPU}, totals{}
	}
	x.Host, x.PID, x.Iteration, x.Idle = shortHost(now.Host), now.PID, int(now.Iteration), now.Idle
	x.Memory, x.GPU, x.GPUBytes = now.Usage.Memory, rounded(now.Usage.GPU), now.Usage.GPUBytes
	if up := now.Up - k.base.Up; up > reportLeast.Seconds() {
		x.CPU = rounded(max(0, now.Busy-k.base.Busy) / up)
	} else {
		now.Up, now.Busy = k.base.Up, k.base.Busy // over the next time as well
	}
	came := now.Totals.minus(k.base.Totals)
	x.Made = int(came.Made)
	if n := float64(came.Made); n > 0 {
		x.ComputeS, x.DataS, x.WaitS, x.OrderS = rounded(came.Compute/n), rounded(came.Data/n), rounded(came.Wait/n), rounded(came.Order/n)
		x.ImagesPerS = rounded(float64(came.Images) / max(came.Compute+came.Data, 1e-9))
	}
	k.base = now
}

// shortHost is a machine's own name, without its domain and in at most 24 bytes of
// letters that show.
func shortHost(host string) string {
	host, _, _ = strings.Cut(input.Line(host), ".")
	return strings.ToValidUTF8(host[:min(len(host), 24)], "")
}

// rounded has three digits, which is more than what is measured repeats.
func rounded(v float64) float64 {
	out, err := strconv.ParseFloat(strconv.FormatFloat(v, 'g', 3, 64), 64)
	if err != nil {
		return v
	}
	return out
}

// hearAll reads the reports of the other ranks by get, which asks the store. It stops at
// the first that gives none for an error.
func (c *crew) hearAll(r *roster, get func(key string) ([]byte, bool, error)) {
	for rank := 1; rank < c.place.World; rank++ {
		text, ok, err := get(reportKey(rank))
		if err != nil {
			return // the training thread will notice
		}
		var told report
		if ok && json.Unmarshal(text, &told) == nil {
			r.hear(rank, told, time.Now())
			r.logs.take(rank, told, get)
		}
	}
}

// hearRanks reads the other ranks' reports into the roster, again and again, until the
// function that it returns is called. A store that does not answer keeps nobody but
// this.
func (c *crew) hearRanks(r *roster) (stop func()) {
	quit := make(chan struct{})
	go func() {
		ticker := time.NewTicker(readEvery(c.place.World))
		defer ticker.Stop()
		for {
			c.hearAll(r, c.store.Get)
			select {
			case <-quit:
				return
			case <-ticker.C:
			}
		}
	}()
	return func() { close(quit) }
}

// hearLast lets the other ranks wait for an order, and hears what they have made before.
// The training thread calls it when nothing more is trained.
func (c *crew) hearLast(r *roster) {
	if c.broken || c.call() != nil {
		return
	}
	for began := time.Now(); time.Since(began) < 4*reportLeast; time.Sleep(reportLeast / 10) {
		c.hearAll(r, func(key string) ([]byte, bool, error) { return c.ask(key, lostFor) })
		if c.mute || r.together() {
			return
		}
	}
}

// rankSampler puts what the ranks do into the journal; nil has no other ranks.
type rankSampler struct {
	e     *engine
	meter *meter // of rank 0
	all   *roster
	stop  func() // the reading
	count int    // samples so far
	quiet []bool // the ranks that were silent at the last event
}

// sampleRanks begins to read what the other ranks tell, where there are any.
func (e *engine) sampleRanks(m *meter) *rankSampler {
	if e.crew.alone() {
		return nil
	}
	all := newRoster(e.crew.place.World, &farLogs{
		folder: e.folder, taken: map[int]taken{}, warn: func(what string) { e.note(run.Warning{What: what}) },
	})
	return &rankSampler{e: e, meter: m, all: all, stop: e.crew.hearRanks(all), quiet: make([]bool, e.crew.place.World)}
}

// sample notes what the ranks do, every so many times, and when one has become silent or
// is heard again.
func (s *rankSampler) sample() {
	if s == nil {
		return
	}
	s.count++
	now := time.Now()
	s.all.hear(0, s.e.crew.report.tell(s.meter), now)
	if quiet := s.all.quiet(now); s.count%ranksEvery(len(quiet)) == 0 || !slices.Equal(quiet, s.quiet) {
		s.quiet = quiet
		event, _ := s.all.event(s.e.stepNow(), now)
		s.e.note(event)
	}
}

// end ends the reading, and notes what has been made since the last sample. The training
// thread calls it when nothing more is trained.
func (s *rankSampler) end() {
	if s == nil {
		return
	}
	s.stop()
	s.all.hear(0, s.e.crew.report.tell(s.meter), time.Now())
	s.e.crew.hearLast(s.all)
	if event, made := s.all.event(s.e.stepNow(), time.Now()); made > 0 {
		s.e.note(event)
	}
}

// stepNow is the step that the run is at.
func (e *engine) stepNow() int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.live.Step
}
