package main

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"detnas/core/run"
)

// beDetnas makes this test binary the program itself: tests start it to have
// processes of detnas that can be killed, starved or reached from outside.
const beDetnas = "DETNAS_TEST_PROGRAM"

func TestMain(m *testing.M) {
	if os.Getenv(beDetnas) != "" {
		main() // exits
	}
	os.Exit(m.Run())
}

// patience bounds the waiting for another process, on a machine that is busy.
const patience = 3 * time.Minute

// process is a process of detnas.
type process struct {
	t     *testing.T
	cmd   *exec.Cmd
	began time.Time
	done  chan struct{}

	mu  sync.Mutex
	out bytes.Buffer // what it printed
	err error        // of its end
}

// Write takes what the process prints.
func (p *process) Write(text []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.out.Write(text)
}

// detnas starts the program with these arguments in the folder dir. It is killed
// with the test.
func detnas(t *testing.T, dir string, args ...string) *process {
	t.Helper()
	return start(t, command(t, dir, args...))
}

// command is the program, not started yet, so that a test can change how it is.
func command(t *testing.T, dir string, args ...string) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self, args...) //nolint:gosec // this test binary
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), beDetnas+"=1")
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	return cmd
}

// start starts a command of detnas. It is killed with the test.
func start(t *testing.T, cmd *exec.Cmd) *process {
	t.Helper()
	p := &process{t: t, cmd: cmd, began: time.Now(), done: make(chan struct{})}
	cmd.Stdout, cmd.Stderr = p, p
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		p.err = cmd.Wait()
		close(p.done)
	}()
	t.Cleanup(p.kill)
	return p
}

// kill ends the process as a power cut would.
func (p *process) kill() {
	_ = p.cmd.Process.Kill()
	<-p.done
}

// wait waits for the process's end and returns its exit code: -1 when a signal
// ended it.
func (p *process) wait() int {
	p.t.Helper()
	select {
	case <-p.done:
	case <-time.After(patience):
		p.kill()
		p.t.Fatalf("%s did not end within %s; it printed:\n%s", strings.Join(p.cmd.Args[1:], " "), patience, p.text())
	}
	var exit *exec.ExitError
	if p.err != nil && !errors.As(p.err, &exit) {
		p.t.Fatal(p.err)
	}
	return p.cmd.ProcessState.ExitCode()
}

// succeed waits for the process's end, which has to be a good one, and returns
// what it printed.
func (p *process) succeed() string {
	p.t.Helper()
	if code := p.wait(); code != 0 {
		p.t.Fatalf("detnas %s ended with %d:\n%s", strings.Join(p.cmd.Args[1:], " "), code, p.text())
	}
	return p.text()
}

// fail waits for the process's end, which has to be an error with all of these
// words.
func (p *process) fail(words ...string) {
	p.t.Helper()
	code, text := p.wait(), p.text()
	if code != 1 {
		p.t.Errorf("detnas %s ended with %d, want 1:\n%s", strings.Join(p.cmd.Args[1:], " "), code, text)
	}
	for _, w := range words {
		if !strings.Contains(text, w) {
			p.t.Errorf("detnas %s does not say %q:\n%s", strings.Join(p.cmd.Args[1:], " "), w, text)
		}
	}
}

// text is what the process has printed so far.
func (p *process) text() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.out.String()
}

// until waits for something that is true in the end; what says what it is.
func until(t *testing.T, what string, is func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !is(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%s: not within %s", what, patience)
		}
	}
}

// journal is the events of a run's journal so far; none where it is not there yet.
func journal(t *testing.T, dir string) []run.Event {
	t.Helper()
	var events []run.Event
	err := run.ReadJournal(filepath.Join(dir, "events.jsonl"), func(e run.Entry) error {
		events = append(events, e.Event)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return events
}
