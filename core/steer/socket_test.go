package steer

import (
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

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

// FuzzServe wants every message to be answered or to end the connection.
func FuzzServe(f *testing.F) {
	f.Add([]byte(`{"do":{"Act":"pause","Who":"ann"}}` + "\n"))
	f.Add([]byte("{\n"))
	f.Add([]byte(`{"do":{"Act":"withdraw","Of":"pause"}}` + "\n" + `{"do":{"Act":"lock","Block":-1}}` + "\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		d := NewDesk(nil)
		d.Open(Engine{
			Check: allow, Journal: func(run.Event) error { return nil }, Position: func() (int, int) { return 0, 0 }, Stop: func(error) {},
		})
		ours, theirs := net.Pipe()
		done := make(chan struct{})
		go func() { defer close(done); serve(theirs, d); _ = theirs.Close() }()
		go func() {
			buf := make([]byte, 4096)
			for {
				if _, err := ours.Read(buf); err != nil {
					return
				}
			}
		}()
		_, _ = ours.Write(data)
		_ = ours.Close()
		<-done
	})
}
