package steer

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
	"golang.org/x/sys/unix"

	"detnas/core/input/inputtest"
	"detnas/core/run"
)

// listening is an open desk with its socket, and a viewer of another process.
func listening(t *testing.T, name string, check func(*Command) error) (*Desk, Viewer, *[]run.Event) {
	t.Helper()
	f, err := run.Create(t.TempDir(), name)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Unlock() })
	var mu sync.Mutex
	var events []run.Event
	d := NewDesk(f)
	d.Open(Engine{
		Check:    check,
		Journal:  func(e run.Event) error { mu.Lock(); defer mu.Unlock(); events = append(events, e); return nil },
		Position: func() (int, int) { return 1, 2 },
		Stop:     func(error) {},
	})
	s, err := d.Listen()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	other, err := run.Find("", f.Dir())
	if err != nil {
		t.Fatal(err)
	}
	v, err := Watch(other)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = v.Close() })
	return d, v, &events
}

func allow(*Command) error { return nil }

func TestSocketTakesCommandsDown(t *testing.T) {
	defer goleak.VerifyNone(t)
	t.Run("inner", func(t *testing.T) {
		d, v, events := listening(t, "r", allow)
		if err := v.Steerable(); err != nil {
			t.Fatal(err)
		}
		if err := v.Do(Command{Act: run.ActPause, Who: "ann"}); err != nil {
			t.Fatal(err)
		}
		c, ok := d.Take()
		if !ok || c.Act != run.ActPause || c.Who != "ann" || len(*events) != 1 {
			t.Errorf("taken %+v, events %v", c, *events)
		}
		info, err := os.Stat(v.Folder().Socket())
		if err != nil || info.Mode().Perm() != 0o600 || info.Mode()&os.ModeSocket == 0 {
			t.Errorf("the socket has mode %v, %v", info.Mode(), err)
		}
	})
}

func TestSocketBringsRefusalsBack(t *testing.T) {
	_, v, events := listening(t, "r", func(*Command) error { return errors.New("not now: because") })
	if err := v.Do(Command{Act: run.ActPin}); err == nil || err.Error() != "not now: because" || len(*events) != 0 {
		t.Errorf("%v, %v", err, *events)
	}
}

// TestSocketOfAProcessThatHangs wants a process that takes connections and says
// nothing to be named, and what that may mean.
func TestSocketOfAProcessThatHangs(t *testing.T) {
	t.Parallel() // it takes as long as a caller waits
	f, err := run.Create(t.TempDir(), "r")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Unlock() //nolint:errcheck // the test is over
	l, err := net.Listen("unix", f.Socket())
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	other, err := run.Find("", f.Dir())
	if err != nil {
		t.Fatal(err)
	}
	v, err := Watch(other)
	if err != nil {
		t.Fatal(err)
	}
	defer v.Close()
	err = v.Do(Command{Act: run.ActStop})
	for _, want := range []string{
		fmt.Sprintf("asking run r: the process %d on ", os.Getpid()), "does not answer within 5s", "may still be done when it goes on",
	} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("no %q in %v", want, err)
		}
	}
	if err != nil && strings.Contains(err.Error(), "i/o timeout") {
		t.Errorf("%v", err)
	}
}

// TestSocketWhereMoreWaitThanMay is that of a process that has hung for long.
func TestSocketWhereMoreWaitThanMay(t *testing.T) {
	f, err := run.Create(t.TempDir(), "r")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Unlock() //nolint:errcheck // the test is over
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err == nil {
		defer unix.Close(fd)
		err = errors.Join(unix.Bind(fd, &unix.SockaddrUnix{Name: f.Socket()}), unix.Listen(fd, 0))
	}
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if err = listens(f); err != nil {
			break
		}
	}
	if err == nil || !strings.Contains(err.Error(), fmt.Sprintf("the process %d on ", os.Getpid())) || errors.Is(err, errNoSocket) {
		t.Errorf("%v", err)
	}
}

func TestSocketOfALongPath(t *testing.T) {
	_, v, _ := listening(t, strings.Repeat("n", 150), allow)
	if err := v.Do(Command{Act: run.ActPause}); err != nil {
		t.Error(err)
	}
}

func TestSocketSurvivesNonsense(t *testing.T) {
	_, v, events := listening(t, "r", allow)
	for _, text := range []string{"", "\n", "nope\n", "{}\n", `{"do":7}` + "\n", strings.Repeat("x", maxMessage+10) + "\n"} {
		conn, err := net.Dial("unix", v.Folder().Socket())
		if err != nil {
			t.Fatal(err)
		}
		_ = conn.SetDeadline(time.Now().Add(10 * time.Second))
		_, _ = conn.Write([]byte(text))
		if text != "" {
			_, _ = conn.Read(make([]byte, 1000))
		}
		_ = conn.Close()
	}
	if err := v.Do(Command{Act: run.ActPause}); err != nil || len(*events) != 1 {
		t.Errorf("after nonsense: %v, %d events", err, len(*events))
	}
}

func TestSocketReplacesADeadOne(t *testing.T) {
	f, err := run.Create(t.TempDir(), "r")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Unlock() //nolint:errcheck // a test
	if err := os.WriteFile(f.Socket(), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	s, err := NewDesk(f).Listen()
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(filepath.Join(f.Dir(), "control.sock")); err == nil {
		t.Error("the socket is left behind")
	}
}

func TestWatchSaysWhyItCannotSteer(t *testing.T) {
	f, err := run.Create(t.TempDir(), "r")
	if err != nil {
		t.Fatal(err)
	}
	other, err := run.Find("", f.Dir())
	if err != nil {
		t.Fatal(err)
	}
	v, err := Watch(other)
	if err != nil {
		t.Fatal(err)
	}
	if err := v.Do(Command{Act: run.ActPause}); err == nil || !strings.Contains(err.Error(), "another process") {
		t.Errorf("locked, no socket: %v", err)
	}
	if err := f.Unlock(); err != nil {
		t.Fatal(err)
	}
	if v, err = Watch(other); err != nil {
		t.Fatal(err)
	}
	if err := v.Do(Command{Act: run.ActPause}); err == nil || !strings.Contains(err.Error(), "resume") {
		t.Errorf("unlocked: %v", err)
	}
}

func TestSocketHasRoomForSoMany(t *testing.T) {
	_, v, _ := listening(t, "r", allow)
	var callers []net.Conn
	for range maxCallers {
		conn, err := net.Dial("unix", v.Folder().Socket())
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		callers = append(callers, conn)
		_ = conn.SetDeadline(time.Now().Add(time.Minute))
		if _, err := conn.Write([]byte(`{"do":{"Act":"withdraw","Of":"pause"}}` + "\n")); err != nil { // it has its slot when it is answered
			t.Fatal(err)
		}
		if _, err := conn.Read(make([]byte, 1000)); err != nil {
			t.Fatal(err)
		}
	}
	err := ask(v.Folder(), Command{Act: run.ActPause})
	inputtest.Clear(t, err, "the run has 32 callers already; try again")
	_ = callers[0].Close()
	for err != nil { // until its slot is free
		err = ask(v.Folder(), Command{Act: run.ActPause})
	}
}

// slow is a caller that sends a byte at a time of a message that never ends.
type slow struct {
	net.Conn
	deadlines []time.Time
	sent      int
}

func (s *slow) SetDeadline(at time.Time) error { s.deadlines = append(s.deadlines, at); return nil }

func (s *slow) Read(p []byte) (int, error) {
	if s.sent == 1000 {
		return 0, os.ErrDeadlineExceeded // as any read after it
	}
	s.sent++
	p[0] = ' '
	return 1, nil
}

// TestSlowCallersHaveOneDeadline wants a message to have so long as a whole, and not
// each of its bytes.
func TestSlowCallersHaveOneDeadline(t *testing.T) {
	conn := &slow{}
	serve(conn, NewDesk(nil))
	if len(conn.deadlines) != 1 || conn.sent != 1000 || time.Until(conn.deadlines[0]) > socketPatient {
		t.Errorf("%d deadlines for %d bytes", len(conn.deadlines), conn.sent)
	}
}

// TestEndlessMessagesAreHeldInPart wants a message without an end to be refused, and
// no more than is stated to be held of it.
func TestEndlessMessagesAreHeldInPart(t *testing.T) {
	ours, theirs := net.Pipe()
	var answer []byte
	took := inputtest.Allocated(func() {
		var wait sync.WaitGroup
		wait.Go(func() { serve(theirs, NewDesk(nil)); _ = theirs.Close() })
		wait.Go(func() {
			part := []byte(strings.Repeat("x", 64<<10))
			for range 1 + maxMessage/len(part) {
				if _, err := ours.Write(part); err != nil {
					return
				}
			}
		})
		answer, _ = io.ReadAll(ours)
		_ = ours.Close()
		wait.Wait()
	})
	if !strings.Contains(string(answer), "a message of more than 2097152 bytes") {
		t.Errorf("the answer is %q", answer)
	}
	if took > 8*maxMessage { // all the sizes that it grew through
		t.Errorf("%d bytes are allocated", took)
	}
}

func TestAnswersThatMakeNoSense(t *testing.T) {
	f, err := run.Create(t.TempDir(), "r")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Unlock() //nolint:errcheck // a test
	for answer, want := range map[string]string{
		"":                               "asking run r: no answer",
		"x":                              "asking run r: no answer",
		"x\n":                            "the answer makes no sense",
		`{"error":7}` + "\n":             "the answer makes no sense",
		`{"error":"\u001b[2J\n"}` + "\n": `\x1b[2J\n`,
		`{"error":"` + strings.Repeat("y", 9000) + `"}` + "\n": "yyy...",
	} {
		l, err := net.Listen("unix", f.Socket())
		if err != nil {
			t.Fatal(err)
		}
		done := make(chan struct{})
		go func() {
			defer close(done)
			conn, err := l.Accept()
			if err != nil {
				return
			}
			_, _ = conn.Read(make([]byte, 1000))
			_, _ = conn.Write([]byte(answer))
			_ = conn.Close()
		}()
		inputtest.Clear(t, ask(f, Command{Act: run.ActPause}), want)
		<-done
		_ = l.Close()
	}
}

func TestCommandsAreOfSomeSize(t *testing.T) {
	d, v, events := listening(t, "r", allow)
	long := strings.Repeat("x", 5000)
	for _, c := range []Command{
		{Act: long}, {Act: run.ActPause, Who: long}, {Act: ActWithdraw, Of: long}, {Act: run.ActPin, Subnet: long}, {Act: run.ActLock, Choice: long},
	} {
		inputtest.Clear(t, v.Do(c), "not a command", "5000 bytes")
	}
	inputtest.Clear(t, v.Do(Command{Act: run.ActPin, Subnet: "0\u009b\u202e"}), `not a command: 0\u009b\u202e is no subnet`)
	if err := v.Do(Command{Act: run.ActPause, Who: "ann\n\x1b[2J"}); err != nil {
		t.Fatal(err)
	}
	if c, ok := d.Take(); !ok || c.Who != `ann\n\x1b[2J` || len(*events) != 1 {
		t.Errorf("taken %+v, %d events", c, len(*events))
	}
	for i := range run.MostRequests {
		if err := v.Do(Command{Act: run.ActLock, Block: i}); err != nil {
			t.Fatal(err)
		}
	}
	inputtest.Clear(t, v.Do(Command{Act: run.ActLock, Block: -1}), "256 requests wait")
}

// strict refuses what the engine would.
func strict(c *Command) error {
	switch c.Act {
	case run.ActPause, run.ActResume, run.ActPin, run.ActLock, run.ActConfigure:
		return nil
	}
	return fmt.Errorf("%q is no command", c.Act)
}

// FuzzServe wants every message to be answered, by nothing or by why it is refused
// on a line, up to one that makes no sense; and what is asked for to be in the
// journal in words that print.
func FuzzServe(f *testing.F) {
	f.Add([]byte(`{"do":{"Act":"pause","Who":"ann"}}` + "\n"))
	f.Add([]byte("{\n"))
	f.Add([]byte(`{"do":{"Act":"withdraw","Of":"pause"}}` + "\n" + `{"do":{"Act":"lock","Block":-1}}` + "\n"))
	f.Add([]byte(`{"do":{"Act":"\u001b[2J","Who":"\n"}}` + "\n" + `{"do":{"Act":"stop","Who":"\u202e"}}` + "\n" + `{"do":{"Act":"stop"}}` + "\n"))
	f.Add([]byte(`{"do":{"Act":"withdraw","Of":"\u009b"}}` + "\n" + `{"do":{"Act":"pause"}}` + "\n" + `{"do":{"Act":"resume"}}` + "\n" + `{"do":{"Act":"resume"}}` + "\n"))
	f.Add([]byte(`{"do":{"Act":"pin","Subnet":"` + strings.Repeat("0", 5000) + `"}}` + "\n" + `{"do":null}` + "\n"))
	f.Add([]byte(`{"do":{"act":"pause","act":"pin","subnet":"\ud800"}} ` + "\n\n"))
	f.Add([]byte(strings.Repeat("[", 20_000) + "\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		var events []run.Event
		d := NewDesk(nil)
		d.Open(Engine{
			Check: strict, Journal: func(e run.Event) error { events = append(events, e); return nil },
			Position: func() (int, int) { return 0, 0 }, Stop: func(error) {},
		})
		ours, theirs := net.Pipe()
		var wait sync.WaitGroup
		wait.Go(func() { serve(theirs, d); _ = theirs.Close() })
		wait.Go(func() { _, _ = ours.Write(append(data, `{"do":7}`+"\n"...)) }) // the last one ends it
		answers, _ := io.ReadAll(ours)
		_ = ours.Close()
		wait.Wait()
		lines := strings.SplitAfter(string(answers), "\n")
		if last := len(lines) - 1; last < 1 || lines[last] != "" || len(lines)-1 > bytes.Count(data, []byte("\n"))+1 {
			t.Fatalf("%q is answered by %q", data, answers)
		}
		for _, line := range lines[:len(lines)-1] {
			var r reply
			if err := json.Unmarshal([]byte(line), &r); err != nil {
				t.Fatalf("%q is no answer: %v", line, err)
			}
			if r.Error != "" {
				inputtest.Clear(t, errors.New(r.Error))
			}
		}
		for _, e := range events {
			c, ok := e.(run.Control)
			if !ok {
				t.Fatalf("%+v is journaled", e)
			}
			inputtest.Clear(t, errors.New(c.What+" by "+c.Who+". "+c.Why+"."))
		}
	})
}
