package progress

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"charm.land/lipgloss/v2"

	"detnas/core/run"
)

// scenario tells p of a small run, a second between the events.
func scenario(p *Progress) {
	tell := func(e run.Event) {
		time.Sleep(time.Second)
		p.Watch(e)
	}
	tell(run.RunStarted{Run: "try", From: 1, To: 5, Device: "cpu", Threads: 2, Seed: 7})
	tell(run.StepStarted{Step: 1, Name: "supernet-pretrain", Iterations: 20})
	for i := range 20 {
		tell(run.Train{Step: 1, Iteration: i + 1, LR: 0.1, Losses: run.Values{"loss": 2 - float64(i)/20}, ImagesPerS: 412.3})
	}
	tell(run.CheckpointWritten{Step: 1, Iteration: 20, Path: "checkpoints/step-1-last.safetensors"})
	tell(run.StepFinished{Step: 1, Seconds: 21, Metrics: run.Values{"loss": 1.05}})
	tell(run.Warning{What: "only 0.50% of random subnets pass"})
	for i := range 5 {
		tell(run.DataProblem{Where: fmt.Sprintf("images/%d.jpg", i), What: "cannot be decoded"})
	}
	tell(run.StepStarted{Step: 3, Name: "search", Iterations: 4})
	for i, score := range []float64{0.2, 0.4, 0.3, 0.1} {
		tell(run.Candidate{Index: i, Generation: i / 2, Subnet: fmt.Sprintf("00-%d", i), Score: score})
	}
	tell(run.Control{What: run.ActPause, Who: "detnas", Phase: run.PhaseDone, Why: "runs/try/result.json cannot be written: no space is left; make room"})
	tell(run.Usage{})
	tell(run.Control{What: run.ActResume, Who: "ann", Phase: run.PhaseDone})
	tell(run.Generation{Generation: 1, Evaluated: 4, Best: "00-1", Score: 0.4})
	tell(run.Eval{Step: 3, Iteration: 4, Metrics: run.Values{"AP": 0.5}})
	tell(run.StepFinished{Step: 3, Seconds: 5, Metrics: run.Values{"best": 0.4, "best_random": 0.3, "evaluated": 4}})
	tell(run.RunFinished{Seconds: 30})
}

func TestMetricsInWords(t *testing.T) {
	for want, values := range map[string]run.Values{
		"AP 0.4, AP50 0.7, loss 1":               {"AP50": 0.7, "AP": 0.4, "AP75": 0.3, "loss": 1},
		"AP 0.4, AP50 0.7, mAP07 0.72, mAP 0.71": {"AP50": 0.7, "AP": 0.4, "mAP": 0.71, "mAP07": 0.72},
	} {
		if got := metrics(values); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

func TestPlainLines(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // fails if a goroutine is left behind
		var out, log bytes.Buffer
		p := New(Options{Out: &out, Log: &log})
		scenario(p)
		p.Note("over and out")
		p.Close()
		p.Close() // twice does no harm
		p.Watch(run.Warning{What: "too late"})
		want := `run try: steps 1 to 5 on cpu, 2 threads, seed 7
1/5 supernet-pretrain: 20 iterations
1/5 supernet-pretrain:  5/20, loss 1.8, lr 0.1, 412 img/s, 0:15 left
1/5 supernet-pretrain: 10/20, loss 1.55, lr 0.1, 412 img/s, 0:10 left
1/5 supernet-pretrain: 15/20, loss 1.3, lr 0.1, 412 img/s, 0:05 left
1/5 supernet-pretrain: 20/20, loss 1.05, lr 0.1, 412 img/s
1/5 supernet-pretrain: done in 0:21, loss 1.05
warning: only 0.50% of random subnets pass
data problem: images/0.jpg: cannot be decoded
data problem: images/1.jpg: cannot be decoded
data problem: images/2.jpg: cannot be decoded
further data problems are in the run's log.txt
3/5 search: 4 candidates
3/5 search: 4/4, best 0.4000, generation 2, 1 s each, 1 warning, 5 data problems
paused: runs/try/result.json cannot be written: no space is left; make room
resume by ann
3/5 search: generation 2 done, best 00-1 of 4 candidates: 0.4000
3/5 search: at iteration 4 AP 0.5
3/5 search: done in 0:05, best score 0.4, best random 0.3, candidates 4
over and out
`
		if got := out.String(); got != want {
			t.Errorf("plain lines are\n%s\nwant\n%s", got, want)
		}
		for _, part := range []string{"checkpoint checkpoints/step-1-last.safetensors", "images/4.jpg", "finished in 0:30", "over and out"} {
			if !strings.Contains(log.String(), part) {
				t.Errorf("the log lacks %q", part)
			}
		}
		for l := range strings.Lines(log.String()) {
			if _, err := time.Parse(strings.TrimSpace(logTime), l[:len(logTime)-1]); err != nil {
				t.Errorf("a log line without its time: %q", l)
			}
		}
	})
}

// frames parts what was written to a terminal into what stood on its lines.
func frames(written string) []string {
	return strings.FieldsFunc(strings.ReplaceAll(written, "\x1b[K", ""), func(r rune) bool { return r == '\r' || r == '\n' })
}

func TestNoLineIsWiderThanTheTerminal(t *testing.T) {
	for colour, step := range map[bool]int{false: 1, true: 16} {
		for width := 24; width <= 200; width += step {
			synctest.Test(t, func(t *testing.T) {
				var out bytes.Buffer
				p := New(Options{Out: &out, Width: func() int { return width }, Colour: colour})
				scenario(p)
				p.Close()
				for _, f := range frames(out.String()) {
					if lipgloss.Width(f) >= width {
						t.Errorf("width %d: %q has %d columns", width, f, lipgloss.Width(f))
					}
				}
				if !colour && strings.Contains(strings.ReplaceAll(out.String(), "\x1b[K", ""), "\x1b") {
					t.Error("colour where none is allowed")
				}
			})
		}
	}
}

func TestLiveLine(t *testing.T) {
	now := time.Now()
	s := &state{
		step: 2, name: "supernet-finetune", done: 150, total: 300, each: 100 * time.Millisecond, last: now,
		loss: 1.2345, losses: true, rate: 41.5, problems: 2,
	}
	tests := map[int]string{
		24:  "2/5  150/300  0:15 left",
		40:  "2/5 supernet-finetune  ━━━────  150/300",
		60:  "2/5 supernet-finetune  150/300  loss 1.234  0:15 left",
		80:  "2/5 supernet-finetune  ━━━────  150/300  loss 1.234  2 data problems  0:15 left",
		100: "2/5 supernet-finetune  ━━━━━━━────────  150/300  loss 1.234  41.5 img/s  2 data problems  0:15 left",
	}
	for width, want := range tests {
		if got := s.live(width, now, false); got != want {
			t.Errorf("at %d columns:\n%q, want\n%q", width, got, want)
		}
	}
	s.problems = 0
	if got, want := s.live(80, now.Add(5*time.Second), false), "2/5 supernet-finetune  ━━━━━━──────  150/300  loss 1.234  41.5 img/s  0:10 left"; got != want {
		t.Errorf("5 s later:\n%q, want\n%q", got, want)
	}
	if got := (&state{waiting: "preparing data"}).live(80, now, false); got != "starting  preparing data" {
		t.Errorf("before the first step: %q", got)
	}
}

func TestACauseIsShownAsLongAsItStands(t *testing.T) {
	now := time.Now()
	s := &state{step: 1, name: "supernet-pretrain", done: 150, total: 300}
	tell := func(what, why string) {
		s.apply(run.Control{What: what, Who: "detnas", Phase: run.PhaseDone, Why: why}, now)
		s.apply(run.Usage{}, now)
	}
	tell(run.ActPause, "result.json cannot be written: the disk\nfails")
	if got, want := s.live(60, now, false), "1/5 supernet-pretrain  paused: result.json cannot be writt…"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	if got, want := s.live(100, now, false), "1/5 supernet-pretrain  paused: result.json cannot be written: the disk fails"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	tell(run.ActResume, "")
	if got := s.live(100, now, false); strings.Contains(got, "paused") {
		t.Errorf("resumed, it shows %q", got)
	}
}

func TestRedrawsFewTimesASecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		out := &writes{}
		p := New(Options{Out: out, Width: func() int { return 80 }})
		p.Watch(run.StepStarted{Step: 1, Name: "supernet-pretrain", Iterations: 10_000})
		for i := range 1000 { // for a second
			p.Watch(run.Train{Step: 1, Iteration: i + 1, Losses: run.Values{"loss": 1}})
			time.Sleep(time.Millisecond)
		}
		p.Close()
		if out.n > 6 {
			t.Errorf("%d writes in a second, want 5 and the last", out.n)
		}
	})
}

// writes counts.
type writes struct{ n int }

func (w *writes) Write(b []byte) (int, error) {
	w.n++
	return 0, errors.New("the terminal is gone")
}

func TestNeverWaitsForTheTerminal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		out := &stuck{free: make(chan struct{})}
		p := New(Options{Out: out})
		before := time.Now()
		for range 100 {
			p.Watch(run.Warning{What: "w"})
		}
		time.Sleep(time.Second) // the writer is stuck by now
		p.Watch(run.Warning{What: "w"})
		if waited := time.Since(before); waited != time.Second {
			t.Errorf("the run waited %v for its terminal", waited-time.Second)
		}
		close(out.free)
		p.Close()
	})
}

// stuck is a terminal that takes nothing until it is freed.
type stuck struct{ free chan struct{} }

func (s *stuck) Write(b []byte) (int, error) {
	<-s.free
	return len(b), nil
}

func TestControlCharactersAreEscaped(t *testing.T) {
	l := line{text: "a\x1b[2Jb\n\u202ec"}
	if got := l.fit(0, false); got != `a\x1b[2Jb \u202ec` {
		t.Errorf("%q", got)
	}
	if got := Table([]Row{{Label: "a\x1b[2J", Value: "b\n\u009b"}}, 0, false); got != `a\x1b[2J  b \u009b`+"\n" {
		t.Errorf("%q", got)
	}
}

func TestResumedSearchKnowsTheBest(t *testing.T) {
	s := &state{}
	s.begin(run.State{Candidates: []run.Candidate{{Score: math.NaN(), Subnet: "c"}, {Score: 0.1, Subnet: "a"}, {Score: 0.6, Subnet: "b", Generation: 1}}})
	s.apply(run.StepStarted{Step: 3, Name: "search", Iteration: 2, Iterations: 4}, time.Now())
	if s.best != 0.6 || s.subnet != "b" || s.generation != 1 || s.done != 2 {
		t.Errorf("after resuming: %+v", s)
	}
	s.apply(run.StepStarted{Step: 3, Name: "search", Iterations: 4}, time.Now())
	if s.subnet != "" || s.measure() != "" {
		t.Errorf("a search that begins anew still has %q", s.measure())
	}
}

func TestClock(t *testing.T) {
	for in, want := range map[time.Duration]string{
		0:                              "0:00",
		59*time.Second + 600*1e6:       "1:00",
		12*time.Minute + 5*time.Second: "12:05",
		3*time.Hour + 62*time.Second:   "3:01:02",
		76 * time.Hour:                 "3d 04h",
	} {
		if got := clock(in); got != want {
			t.Errorf("clock(%v) = %s, want %s", in, got, want)
		}
	}
}

// TestWhatPeopleDidIsSaidOnce tells of acts with all their phases.
func TestWhatPeopleDidIsSaidOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		p := New(Options{Out: io.Discard, Log: &log})
		for _, phases := range [][]string{
			{run.ActPause, run.PhaseRequested, run.PhaseBegun, run.PhaseDone},
			{run.ActResume, run.PhaseRequested, run.PhaseDone},
			{run.ActCheckpoint, run.PhaseRequested, run.PhaseBegun, run.PhaseRefused},
			{run.ActStop, run.PhaseRequested, run.PhaseWithdrawn},
			{run.ActPin, run.PhaseRequested, run.PhaseBegun, run.PhaseDone},
		} {
			for _, phase := range phases[1:] {
				e := run.Control{What: phases[0], Who: "ann", Phase: phase}
				if e.What == run.ActPin {
					e.Subnet = "0-0-00-0"
				}
				if phase == run.PhaseRefused {
					e.Why = "the disk is full"
				}
				p.Watch(e)
			}
		}
		p.Close()
		var said []string
		for l := range strings.Lines(log.String()) {
			said = append(said, l[len(logTime):])
		}
		want := "pause by ann\nresume by ann\ncheckpoint by ann is refused: the disk is full\nstop by ann is taken back\npin 0-0-00-0 by ann\n"
		if got := strings.Join(said, ""); got != want {
			t.Errorf("the log says\n%s\nwant\n%s", got, want)
		}
	})
}

func TestTable(t *testing.T) {
	rows := []Row{
		{Label: "subnet", Value: "1000-3032"},
		{Label: "cost", Value: "1.67 M parameters, 291.8 M MACs"},
		{Label: "run folder", Value: "/tmp/a/long/way/to/the/run"},
	}
	want := `subnet      1000-3032
cost        1.67 M parameters, 291.8 M MACs
run folder  /tmp/a/long/way/to/the/run
`
	if got := Table(rows, 0, false); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	command := "detnas run --resume '/tmp/a long/way to/the run'"
	if got, want := Table([]Row{{Label: "go on", Value: command, Whole: true}}, 20, false), "go on  "+command+"\n"; got != want {
		t.Errorf("a command is broken: %q", got)
	}
	within := []Row{{Label: "error", Value: "it has failed; go on with: detnas run --resume two-or-more --set a-b=1"}}
	if got, want := Table(within, 24, false), "error  it has failed; go\n       on with:\n       detnas run --resume two-or-more --set a-b=1\n"; got != want {
		t.Errorf("a command in a text is broken:\n%s", got)
	}
	for width := 24; width <= 200; width++ {
		for l := range strings.Lines(Table(rows, width, true)) {
			if w := lipgloss.Width(strings.TrimSuffix(l, "\n")); w > width {
				t.Errorf("width %d: %q has %d columns", width, l, w)
			}
		}
	}
}

func TestCounter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		c := NewCounter(&out, "drawing")
		for i := range 10 {
			c.Set(i+1, 10)
			time.Sleep(50 * time.Millisecond)
		}
		c.Close()
		if got, want := out.String(), "\rdrawing 1/10\x1b[K\rdrawing 5/10\x1b[K\rdrawing 9/10\x1b[K\r\x1b[K"; got != want {
			t.Errorf("%q, want %q", got, want)
		}
		NewCounter(nil, "nowhere").Set(1, 2)
	})
}
