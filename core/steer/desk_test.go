package steer

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"detnas/core/run"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// office is a desk with an engine that journals into a real folder.
type office struct {
	*Desk
	journal *run.Journal
	mu      sync.Mutex
	stopped error
	checked []Command
	refuse  error
}

func newOffice(t *testing.T) *office {
	t.Helper()
	folder, err := run.Create(t.TempDir(), "r")
	if err != nil {
		t.Fatal(err)
	}
	o := &office{Desk: NewDesk(folder)}
	if o.journal, err = folder.OpenJournal(func(run.Entry) error { return nil }); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := errors.Join(o.journal.Close(), folder.Unlock()); err != nil {
			t.Error(err)
		}
	})
	return o
}

func (o *office) begin(t *testing.T) {
	t.Helper()
	if err := o.journal.Append(run.RunStarted{Run: "r"}); err != nil {
		t.Fatal(err)
	}
	o.Open(Engine{
		Check: func(c *Command) error {
			o.mu.Lock()
			defer o.mu.Unlock()
			o.checked = append(o.checked, *c)
			return o.refuse
		},
		Journal:  o.journal.Append,
		Tell:     func() {},
		Position: func() (int, int) { return 2, 7 },
		Stop: func(why error) {
			o.mu.Lock()
			defer o.mu.Unlock()
			o.stopped = why
		},
	})
}

// acts are the phases in the journal, as "act phase".
func (o *office) acts(t *testing.T) []string {
	t.Helper()
	v := o.Viewer()
	defer v.Close()
	entries, err := v.Next(1000)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, e := range entries {
		if c, ok := e.Event.(run.Control); ok {
			out = append(out, c.What+" "+c.Phase)
			if c.Who == "" || c.Step != 2 || c.Iteration != 7 {
				t.Errorf("%+v lacks who and where", c)
			}
		}
	}
	return out
}

func wantError(t *testing.T, err error, words string) {
	t.Helper()
	if err == nil || !strings.Contains(err.Error(), words) {
		t.Errorf("error %v; want %q in it", err, words)
	}
}

func TestDeskBeforeAndAfterItsEngine(t *testing.T) {
	o := newOffice(t)
	v := o.Viewer()
	defer v.Close()
	wantError(t, v.Steerable(), "prepared")
	wantError(t, v.Do(Command{Act: run.ActPause}), "prepared")
	if entries, err := v.Next(10); len(entries) > 0 || err != nil {
		t.Errorf("%d entries, %v", len(entries), err)
	}
	o.begin(t)
	if err := v.Steerable(); err != nil {
		t.Errorf("an open desk: %v", err)
	}
	o.Close(errors.New("the run has finished"))
	o.Close(errors.New("again"))
	wantError(t, v.Steerable(), "has finished")
	wantError(t, v.Do(Command{Act: run.ActPause}), "has finished")
	if got := o.acts(t); got != nil {
		t.Errorf("the journal has %v", got)
	}
}

func TestDeskThatNeverOpened(t *testing.T) {
	o := newOffice(t)
	o.Close(errors.New("the device is not there"))
	wantError(t, o.Viewer().Steerable(), "device")
}

func TestRequestsWaitForTheEngine(t *testing.T) {
	o := newOffice(t)
	o.begin(t)
	v := o.Viewer()
	defer v.Close()
	if o.Pending() {
		t.Error("an empty desk has something pending")
	}
	pin := Command{Act: run.ActPin, Who: "ann", Subnet: "0-1"}
	for _, c := range []Command{{Act: run.ActPause, Who: "ann"}, pin, {Act: run.ActPin, Subnet: "1-1"}} {
		if err := v.Do(c); err != nil {
			t.Fatal(err)
		}
	}
	wantError(t, v.Do(Command{Act: run.ActPause, Who: "bob"}), "a pause is requested already (by ann)")
	wantError(t, v.Do(pin), "requested already")
	for _, want := range []string{"pause ", "pin 0-1", "pin 1-1"} {
		c, ok := o.Take()
		if got := c.Act + " " + c.Subnet; !ok || got != want {
			t.Errorf("took %q, want %q", got, want)
		}
		wantError(t, v.Do(c), "under way already")
		o.End(false)
	}
	if _, ok := o.Take(); ok || o.Pending() {
		t.Error("there is more than was asked for")
	}
	if d := cmp.Diff([]string{"pause requested", "pin requested", "pin requested"}, o.acts(t)); d != "" {
		t.Error(d)
	}
}

func TestEngineRefuses(t *testing.T) {
	o := newOffice(t)
	o.begin(t)
	o.refuse = errors.New("no such block")
	wantError(t, o.Viewer().Do(Command{Act: run.ActLock, Block: 9}), "no such block")
	if o.Pending() || o.acts(t) != nil || len(o.checked) != 1 {
		t.Error("a refused command was taken in")
	}
}

func TestPauseAndResume(t *testing.T) {
	o := newOffice(t)
	o.begin(t)
	v := o.Viewer()
	defer v.Close()
	do := func(act string) error { return v.Do(Command{Act: act, Who: "ann"}) }
	wantError(t, do(run.ActResume), "not paused")
	if err := errors.Join(do(run.ActPause), do(run.ActResume)); err != nil { // withdraws it
		t.Fatal(err)
	}
	if o.Pending() {
		t.Error("a pause that was withdrawn is pending")
	}
	if err := do(run.ActPause); err != nil {
		t.Fatal(err)
	}
	o.Take()
	wantError(t, v.Do(Command{Act: ActWithdraw, Of: run.ActPause}), "cannot be withdrawn")
	o.End(true)
	wantError(t, do(run.ActPause), "paused already")
	wantError(t, v.Do(Command{Act: ActWithdraw, Of: run.ActPause}), "resume it")
	if err := do(run.ActCheckpoint); err != nil {
		t.Fatal(err)
	}
	o.Take()
	o.End(true)
	if err := do(run.ActResume); err != nil {
		t.Fatal(err)
	}
	wantError(t, do(run.ActResume), "requested already")
	o.Take()
	o.End(false)
	wantError(t, do(run.ActResume), "not paused")
	want := []string{"pause requested", "pause withdrawn", "pause requested", "checkpoint requested", "resume requested"}
	if d := cmp.Diff(want, o.acts(t)); d != "" {
		t.Error(d)
	}
}

func TestWithdraw(t *testing.T) {
	o := newOffice(t)
	o.begin(t)
	v := o.Viewer()
	defer v.Close()
	wantError(t, v.Do(Command{Act: ActWithdraw, Of: run.ActPause}), "no pause is requested")
	for _, s := range []string{"0", "1"} {
		if err := v.Do(Command{Act: run.ActPin, Subnet: s}); err != nil {
			t.Fatal(err)
		}
	}
	if err := v.Do(Command{Act: ActWithdraw, Of: run.ActPin, Subnet: "1"}); err != nil {
		t.Fatal(err)
	}
	if c, ok := o.Take(); !ok || c.Subnet != "0" {
		t.Errorf("took %+v; want the pin of 0", c)
	}
	if _, ok := o.Take(); ok {
		t.Error("a withdrawn pin was taken")
	}
}

func TestStop(t *testing.T) {
	o := newOffice(t)
	o.begin(t)
	v := o.Viewer()
	defer v.Close()
	if _, ok := o.Stopped(); ok {
		t.Error("stopped before anybody asked")
	}
	if err := v.Do(Command{Act: run.ActStop, Who: "ann"}); err != nil {
		t.Fatal(err)
	}
	wantError(t, o.stopped, "stopped by ann")
	wantError(t, v.Do(Command{Act: run.ActStop}), "under way already")
	wantError(t, v.Do(Command{Act: run.ActPause}), "being stopped")
	wantError(t, v.Do(Command{Act: ActWithdraw, Of: run.ActStop}), "has begun")
	if c, ok := o.Stopped(); !ok || c.Who != "ann" {
		t.Errorf("stopped by %+v", c)
	}
	if d := cmp.Diff([]string{"stop requested", "stop begun"}, o.acts(t)); d != "" {
		t.Error(d)
	}
}

func TestCloseWithdrawsWhatIsPending(t *testing.T) {
	o := newOffice(t)
	o.begin(t)
	v := o.Viewer()
	defer v.Close()
	for _, c := range []Command{{Act: run.ActPause}, {Act: run.ActCheckpoint}, {Act: run.ActStop}} {
		if err := v.Do(c); err != nil {
			t.Fatal(err)
		}
	}
	o.Close(errors.New("over"))
	want := []string{
		"pause requested", "checkpoint requested", "stop requested", "stop begun",
		"stop refused", "pause withdrawn", "checkpoint withdrawn",
	}
	if d := cmp.Diff(want, o.acts(t)); d != "" || o.Pending() {
		t.Error(d)
	}
}

// An engine that pauses of its own accord hears of a resume, and leaves the rest
// for its next boundary.
func TestEnginePausesByItself(t *testing.T) {
	o := newOffice(t)
	if o.Pause() {
		t.Error("paused before there is anybody to resume it")
	}
	o.begin(t)
	v := o.Viewer()
	defer v.Close()
	do := func(act string) {
		t.Helper()
		if err := v.Do(Command{Act: act, Who: "ann"}); err != nil {
			t.Fatal(err)
		}
	}
	do(run.ActPause) // which is done by the engine's own
	do(run.ActCheckpoint)
	if !o.Pause() {
		t.Error("an open desk does not pause")
	}
	wantError(t, v.Do(Command{Act: run.ActPause}), "paused already")
	taken := make(chan Command)
	go func() {
		c, _ := o.Resumed(context.Background())
		taken <- c
	}()
	do(run.ActPin)
	do(run.ActResume)
	if c := <-taken; c.Act != run.ActResume {
		t.Errorf("took %+v", c)
	}
	wantError(t, v.Do(Command{Act: run.ActResume}), "under way already")
	o.End(false)
	for _, want := range []string{run.ActCheckpoint, run.ActPin} {
		if c, ok := o.Take(); !ok || c.Act != want {
			t.Errorf("at the next boundary %+v is taken; want the %s", c, want)
		}
		o.End(false)
	}
	if o.Pending() {
		t.Error("the pause that was asked for is pending still")
	}
	o.Pause()
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if c, ok := o.Resumed(ctx); ok {
		t.Errorf("stopped, it is resumed by %+v", c)
	}
	o.Close(errors.New("over"))
	if o.Pause() {
		t.Error("paused when there is nobody any more to resume it")
	}
}

func TestWait(t *testing.T) {
	o := newOffice(t)
	o.begin(t)
	woken := make(chan bool)
	go func() {
		o.Wait(context.Background())
		_, ok := o.Take()
		woken <- ok
	}()
	time.Sleep(10 * time.Millisecond)
	if err := o.Viewer().Do(Command{Act: run.ActCheckpoint}); err != nil {
		t.Fatal(err)
	}
	if !<-woken {
		t.Error("the engine woke and found nothing")
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	o.Wait(ctx) // returns
}

// Many viewers command and read at once while an engine works the desk off.
func TestManyViewers(t *testing.T) {
	o := newOffice(t)
	o.begin(t)
	ctx, stop := context.WithCancel(context.Background())
	taken := make(chan int)
	go func() {
		n := 0
		for ctx.Err() == nil {
			o.Wait(ctx)
			for c, ok := o.Take(); ok; c, ok = o.Take() {
				if err := o.journal.Append(c.Control(run.PhaseDone, 2, 7, "")); err != nil {
					t.Error(err)
				}
				o.End(false)
				n++
			}
		}
		taken <- n
	}()
	var viewers sync.WaitGroup
	const each = 25
	for i := range 4 {
		viewers.Go(func() {
			v := o.Viewer()
			defer v.Close()
			for j := range each {
				if err := v.Do(Command{Act: run.ActPin, Who: "w", Subnet: fmt.Sprint(i, "-", j)}); err != nil {
					t.Error(err)
				}
				if _, err := v.Next(10); err != nil {
					t.Error(err)
				}
				_ = v.Steerable()
			}
		})
	}
	viewers.Wait()
	for o.Pending() {
		time.Sleep(time.Millisecond)
	}
	stop()
	if n := <-taken; n != 4*each {
		t.Errorf("%d commands were taken, want %d", n, 4*each)
	}
	s, err := o.folder.Status()
	if err != nil || len(s.Steering.Requests) != 0 || len(s.Steering.Pins) != 4*each {
		t.Errorf("%d pins and %d requests left (%v)", len(s.Steering.Pins), len(s.Steering.Requests), err)
	}
}

func TestViewerReadsOnFromWhereItWas(t *testing.T) {
	o := newOffice(t)
	o.begin(t)
	v, late := o.Viewer(), o.Viewer()
	if entries, err := v.Next(10); len(entries) != 1 || err != nil {
		t.Fatalf("%d entries, %v; want the first", len(entries), err)
	}
	for _, act := range []string{run.ActPause, run.ActCheckpoint} {
		if err := v.Do(Command{Act: act}); err != nil {
			t.Fatal(err)
		}
	}
	for i, want := range []int{1, 1, 0} {
		if entries, err := v.Next(1); len(entries) != want || err != nil {
			t.Errorf("read %d: %d entries, %v; want %d", i, len(entries), err, want)
		}
	}
	if entries, err := late.Next(10); len(entries) != 3 || err != nil {
		t.Errorf("a second viewer reads %d entries (%v), want all 3", len(entries), err)
	}
	if err := errors.Join(v.Close(), late.Close(), v.Close()); err != nil {
		t.Error(err)
	}
	if _, err := v.Next(1); err == nil {
		t.Error("a closed viewer reads on")
	}
}

// What steering costs an iteration in which nobody wants anything.
func BenchmarkPending(b *testing.B) {
	d := NewDesk(nil)
	for b.Loop() {
		if d.Pending() {
			b.Fatal("something is pending")
		}
	}
}
