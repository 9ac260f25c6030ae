package run

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"detnas/core/input/inputtest"
)

func equal(t *testing.T, got, want any) {
	t.Helper()
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("(-want +got)\n%s", d)
	}
}

// everyEvent holds one of each kind.
func everyEvent() []Event {
	return []Event{
		RunStarted{Run: "r", Version: "1", ConfigHash: "ab", Seed: 1 << 60, From: 1, To: 5, Device: "cpu", Threads: 2},
		RunResumed{Version: "1", Healed: 3},
		StepStarted{Step: 2, Name: "supernet-finetune", Iterations: 100},
		Train{Step: 2, Iteration: 7, LR: 1e-3, Losses: Values{"loss": 0.1, "rpn_cls": math.Inf(1)}, ImagesPerS: 3.5, DataS: 0.01, StepS: 0.2},
		Eval{Step: 2, Iteration: 50, Metrics: Values{"AP": -1}},
		Candidate{Index: 3, Generation: 1, Origin: "mutation", Parents: []int{1, 2}, Subnet: "01", Params: 5, MACs: 6, Score: 0.3, Status: "new"},
		Latency{Subnet: "01", MS: 1.5, Of: "body", Side: 224, Threads: 2, Device: "cpu", Times: 15},
		Feasible{What: "counts", Passed: 3, Tried: 10},
		Generation{Generation: 1, Evaluated: 4, Best: "01", Score: 0.3},
		CheckpointWritten{Step: 2, Iteration: 50, Path: "checkpoints/step-2-50.safetensors"},
		StepFinished{Step: 2, Seconds: 3.25, Metrics: Values{}},
		Warning{What: "<&> \"quoted\"\nline"},
		DataProblem{Split: "train", Fault: "broken-image", Where: "a.jpg", What: "truncated", Cure: "replace it"},
		Control{What: ActLock, Who: "me", Phase: PhaseDone, Step: 3, Iteration: 7, Block: 2, Choice: "1"},
		ConfigChanged{Who: "me", Step: 1, Iteration: 5, Changes: []Change{{Key: "seed", Old: "1", New: "2", Effect: "now"}}, ConfigHash: "cd"},
		Usage{CPU: 1.5, Memory: 1 << 30},
		RunFinished{Seconds: 9},
		RunFailed{Error: "boom"},
		RunStopped{Why: "interrupt"},
	}
}

func open(t *testing.T, f *Folder) (*Journal, []Entry) {
	t.Helper()
	var entries []Entry
	j, err := f.OpenJournal(func(e Entry) error { entries = append(entries, e); return nil })
	if err != nil {
		t.Fatal(err)
	}
	return j, entries
}

func write(t *testing.T, j *Journal, events ...Event) {
	t.Helper()
	for _, e := range events {
		if err := j.Append(e); err != nil {
			t.Fatal(err)
		}
	}
}

func TestJournalRoundTrip(t *testing.T) {
	f := create(t)
	j, _ := open(t, f)
	at := time.Date(2024, 1, 2, 3, 4, 5, 600, time.UTC)
	j.now = func() time.Time { return at }
	events := everyEvent()
	write(t, j, events...)
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	j, entries := open(t, f)
	defer j.Close()
	if len(entries) != len(events) {
		t.Fatalf("%d entries, want %d", len(entries), len(events))
	}
	for i, e := range entries {
		equal(t, e.Event, events[i])
		equal(t, e.Header, Header{V: SchemaVersion, Seq: int64(i) + 1, Time: at, Type: events[i].Kind()})
	}
	if j.Healed() != 0 {
		t.Errorf("healed %d bytes of a whole journal", j.Healed())
	}
}

func TestJournalNeedsTheLock(t *testing.T) {
	f := create(t)
	if err := f.Unlock(); err != nil {
		t.Fatal(err)
	}
	if _, err := f.OpenJournal(func(Entry) error { return nil }); err == nil {
		t.Error("opened without the lock")
	}
}

// TestJournalHeals cuts a journal at every byte of its last two lines.
func TestJournalHeals(t *testing.T) {
	f := create(t)
	j, _ := open(t, f)
	write(t, j, Warning{What: "one"}, Warning{What: "two"}, Warning{What: "three"})
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	whole, err := os.ReadFile(f.JournalPath())
	if err != nil {
		t.Fatal(err)
	}
	first := bytes.IndexByte(whole, '\n') + 1
	for cut := first; cut <= len(whole); cut++ {
		for _, junk := range []string{"", "\x00\x00\x00", "\x00\n"} {
			torn := append(bytes.Clone(whole[:cut]), junk...)
			if err := os.WriteFile(f.JournalPath(), torn, 0o600); err != nil {
				t.Fatal(err)
			}
			j, before := open(t, f)
			if want := bytes.Count(whole[:cut], []byte("\n")); len(before) != want {
				t.Fatalf("cut at %d with %q: %d entries, want %d", cut, junk, len(before), want)
			}
			write(t, j, Warning{What: "four"})
			if err := j.Close(); err != nil {
				t.Fatal(err)
			}
			j, after := open(t, f)
			if err := j.Close(); err != nil {
				t.Fatal(err)
			}
			equal(t, after[len(after)-1].Event, Event(Warning{What: "four"}))
			if len(after) != len(before)+1 {
				t.Fatalf("cut at %d: %d entries after %d", cut, len(after), len(before))
			}
		}
	}
}

func TestJournalErrorsNameTheLine(t *testing.T) {
	good := func(seq int) string {
		return fmt.Sprintf(`{"v":1,"seq":%d,"time":"2024-01-02T03:04:05Z","type":"warning","what":"w"}`, seq) + "\n"
	}
	for name, tc := range map[string]struct{ text, want string }{
		"no json":      {good(1) + "junk\n" + good(2), "j:2: not an event"},
		"cure":         {good(1) + "junk\n" + good(2), "; keep the lines before it (head -n 1) and resume the run"},
		"gap":          {good(1) + good(3) + good(4), "j:2: event 3 follows event 1"},
		"repeat":       {good(1) + good(1) + good(2), "j:2: event 1 follows event 1"},
		"newer":        {strings.Replace(good(1), `"v":1`, `"v":2`, 1) + good(2), "j:1: an event of version 2"},
		"wrong type":   {strings.Replace(good(1), `"w"`, `7`, 1) + good(2), `j:1: not a "warning" event`},
		"no such step": {good(1) + strings.Replace(good(2), `"warning","what":"w"`, `"step_started","step":6`, 1) + good(3), "j:2: not a \"step_started\" event: it speaks of step 6"},
		"no word":      {good(1) + strings.Replace(good(2), `"warning","what":"w"`, `"candidate","index":0,"subnet":"0\u001b[2J"`, 1) + good(3), `j:2: not a "candidate" event: 0\x1b[2J is no word of one`},
		"no act":       {good(1) + strings.Replace(good(2), `"warning","what":"w"`, `"control","what":"\u202e","phase":"done"`, 1) + good(3), `j:2: not a "control" event: \u202e is no word of one`},
		"no loss":      {good(1) + strings.Replace(good(2), `"warning","what":"w"`, `"train","step":1,"losses":{"a\u009b":1}`, 1) + good(3), `j:2: not a "train" event: decoding values: the name a\u009b does not print`},
		"to no step":   {strings.Replace(good(1), `"warning","what":"w"`, `"run_started","from":1,"to":9000000000`, 1) + good(2), "j:1: not a \"run_started\" event: it speaks of step 9000000000"},
		"no header":    {"{}\n" + good(1), "j:1: not an event: it lacks v, seq or type"},
		"endless":      {strings.Repeat("x", maxLine+100_000), "j:1: a line of more than"},
		"empty lines":  {"\n\n" + good(1), "j:1: not an event"},
	} {
		err := readAll(NewReader("j", strings.NewReader(tc.text)), func(Entry) error { return nil })
		if err == nil || !strings.Contains(err.Error(), tc.want) || name == "newer" && strings.Contains(err.Error(), "head") {
			t.Errorf("%s: %v; want %s", name, err, tc.want)
		}
		inputtest.Clear(t, err)
	}
}

func TestReaderKeepsUnknownEvents(t *testing.T) {
	line := `{"v":1,"seq":1,"time":"2024-01-02T03:04:05Z","type":"telepathy","x":1}` + "\n"
	entry, err := NewReader("j", strings.NewReader(line)).Next()
	if err != nil {
		t.Fatal(err)
	}
	equal(t, entry.Event, Event(Unknown{Type: "telepathy", Line: []byte(line)}))
}

// TestReaderFollows reads a journal while it grows, torn lines included.
func TestReaderFollows(t *testing.T) {
	path := filepath.Join(t.TempDir(), "j")
	file, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	r := NewReader("j", file)
	var end int64
	for seq := int64(1); seq <= 5; seq++ {
		line, err := appendLine(nil, seq, time.Now(), Warning{What: "w"})
		if err != nil {
			t.Fatal(err)
		}
		for _, cut := range []int{0, 1, len(line) - 1} {
			if _, err := file.WriteAt(line[:cut], end); err != nil {
				t.Fatal(err)
			}
			if _, err := r.Next(); !errors.Is(err, io.EOF) {
				t.Fatalf("event %d cut at %d: %v", seq, cut, err)
			}
		}
		if _, err := file.WriteAt(line, end); err != nil {
			t.Fatal(err)
		}
		end += int64(len(line))
		if e, err := r.Next(); err != nil || e.Seq != seq {
			t.Fatalf("event %d: %+v, %v", seq, e, err)
		}
	}
}

func TestJournalFromManyGoroutines(t *testing.T) {
	f := create(t)
	j, _ := open(t, f)
	var wait sync.WaitGroup
	for range 8 {
		wait.Go(func() {
			for i := range 50 {
				if err := j.Append(Train{Step: 1, Iteration: i}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wait.Wait()
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	j, entries := open(t, f)
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	if len(entries) != 400 {
		t.Errorf("%d entries", len(entries))
	}
}

func TestJournalRefusesWhatItCannotWrite(t *testing.T) {
	f := create(t)
	j, _ := open(t, f)
	if err := j.Append(Candidate{Score: math.Inf(1)}); err == nil {
		t.Error("wrote a score that is no number")
	}
	if err := j.Append(Warning{What: strings.Repeat("x", maxLine)}); err == nil {
		t.Error("wrote a line that no reader takes")
	}
	write(t, j, Warning{What: "fine"})
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	if err := j.Append(Warning{What: "late"}); err == nil {
		t.Error("wrote to a closed journal")
	}
}

func BenchmarkAppendTrain(b *testing.B) {
	f, err := Create(b.TempDir(), "r")
	if err != nil {
		b.Fatal(err)
	}
	j, err := f.OpenJournal(func(Entry) error { return nil })
	if err != nil {
		b.Fatal(err)
	}
	e := Train{
		Step: 2, LR: 0.02, ImagesPerS: 31.7, DataS: 0.001, StepS: 0.126,
		Losses: Values{"loss": 1.25, "rpn_cls": 0.2, "rpn_box": 0.1, "cls": 0.6, "box": 0.35},
	}
	for b.Loop() {
		e.Iteration++
		if err := j.Append(e); err != nil {
			b.Fatal(err)
		}
	}
}

// FuzzReader wants entries in their order, that what is folded of them stays small,
// and at most one clear error, which names the line.
func FuzzReader(f *testing.F) {
	var whole []byte
	for i, e := range everyEvent() {
		var err error
		if whole, err = appendLine(whole, int64(i)+1, time.Unix(0, 0), e); err != nil {
			f.Fatal(err)
		}
	}
	f.Add(whole)
	f.Add(whole[:len(whole)/2])
	f.Add([]byte("{}\n{\"v\":1,\"seq\":1,\"type\":\"train\",\"losses\":{\"a\":\"NaN\"}}\n"))
	f.Add([]byte("\x00\x00\n\n"))
	f.Add([]byte(strings.Repeat("{", 20_000) + "\n{}\n"))
	f.Add([]byte("{\"v\":1,\"seq\":1,\"type\":\"eval\",\"metrics\":{\"\\u001b[2J\":\"\\u202e\"}}\n{}\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		var s State
		d := newDigest("r")
		var n int64
		err := readAll(NewReader("j", bytes.NewReader(data)), func(e Entry) error {
			n++
			if e.Seq != n {
				t.Fatalf("event %d after %d", e.Seq, n-1)
			}
			s.Apply(e)
			d.apply(e)
			return nil
		})
		if len(s.Steering.Requests) > MostRequests || len(s.Steering.Pins) > MostPins || len(s.Finished) > steps || int64(len(s.Candidates)) > n {
			t.Fatalf("%+v after %d events", s, n)
		}
		if err == nil {
			return
		}
		if inputtest.Clear(t, err); !strings.HasPrefix(err.Error(), "j:") {
			t.Fatalf("no line is named: %v", err)
		}
	})
}
