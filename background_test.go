package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"detnas/core/run"
	"detnas/tui/uitest/pty"
)

// long are arguments of a run that does not end by itself.
var long = []string{"--set", "supernet-pretrain.iterations=1000000", "--set", "device=cpu"}

// terminal starts the program on a terminal of its own.
func terminal(t *testing.T, dir string, args ...string) *pty.Terminal {
	t.Helper()
	p, err := pty.Open(command(t, dir, args...), 100, 30)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Close)
	return p
}

// see waits until every text is on a terminal's screen.
func see(t *testing.T, p *pty.Terminal, texts ...string) {
	t.Helper()
	for _, text := range texts {
		if _, err := p.See(text, patience); err != nil {
			t.Fatal(err)
		}
	}
}

func press(t *testing.T, p *pty.Terminal, keys string) {
	t.Helper()
	if err := p.Press(keys); err != nil {
		t.Fatal(err)
	}
}

// endWith kills, at the test's end, the process in the background that runs the
// run in dir.
func endWith(t *testing.T, dir string) {
	t.Helper()
	t.Cleanup(func() {
		text, err := os.ReadFile(filepath.Join(dir, "lock"))
		var pid int
		if _, serr := fmt.Sscanf(string(text), "process %d", &pid); err != nil || serr != nil || pid <= 1 {
			return
		}
		if f, err := run.Find("", dir); err == nil {
			if locked, err := f.Locked(); err == nil && locked {
				_ = syscall.Kill(pid, syscall.SIGKILL)
				until(t, "the process in the background is gone", func() bool { locked, err := f.Locked(); return err == nil && !locked })
			}
		}
	})
}

// trained is the iterations that a run has done, by its journal.
func trained(t *testing.T, dir string) int { t.Helper(); return status(t, dir).Iteration }

// TestTheRunOutlivesItsScreen starts a run from a terminal, takes the terminal
// away, kills screens, and steers the run from others.
func TestTheRunOutlivesItsScreen(t *testing.T) {
	if testing.Short() {
		t.Skip("trains a network")
	}
	dir := t.TempDir()
	own := filepath.Join(dir, "runs", "long")
	endWith(t, own)
	goesOn := func(after string) {
		t.Helper()
		at := trained(t, own)
		until(t, "the run trains on after "+after, func() bool { return trained(t, own) > at })
	}

	first := terminal(t, dir, append([]string{"run", "tiny", "--name", "long"}, long...)...)
	see(t, first, "running", "Losses")
	if err := first.HangUp(); err != nil {
		t.Fatal(err)
	}
	first.Wait()
	goesOn("the terminal was lost")

	for _, signal := range []syscall.Signal{syscall.SIGQUIT, syscall.SIGKILL} { // the first has Go's runtime end it as a panic does
		cmd := command(t, dir, "attach", "long")
		p, err := pty.Open(cmd, 100, 30)
		if err != nil {
			t.Fatal(err)
		}
		see(t, p, "running")
		if err := cmd.Process.Signal(signal); err != nil {
			t.Fatal(err)
		}
		if code := p.Wait(); code == 0 {
			t.Errorf("the screen survived %s", signal)
		}
		p.Close()
		goesOn("its screen died of " + signal.String())
	}

	one, other := terminal(t, dir, "attach", "long"), terminal(t, dir, "attach", own)
	see(t, one, "running")
	see(t, other, "running")
	press(t, one, "p")
	see(t, one, "paused")
	see(t, other, "paused")
	press(t, other, "q")
	see(t, other, "Leave the screen", "stays paused")
	press(t, other, "\r")
	see(t, other, "run long is paused; detnas resume long")
	if code := other.Wait(); code != 0 {
		t.Errorf("leaving a screen ends with %d", code)
	}
	detnas(t, dir, "resume", "long").succeed()
	see(t, one, "running")
	goesOn("it was resumed")
	press(t, one, "q")
	see(t, one, "Leave the screen")
	press(t, one, "s")
	see(t, one, "run long is stopped; go on with: detnas run --resume long")
	if code := one.Wait(); code != 0 {
		t.Errorf("leaving a screen ends with %d", code)
	}
	if s := status(t, own); s.State != run.StateStopped {
		t.Errorf("the run is %s", s.State)
	}
}

// TestQuitAtOnce presses q before the run has begun: it is asked about all the same.
func TestQuitAtOnce(t *testing.T) {
	if testing.Short() {
		t.Skip("trains a network")
	}
	dir := t.TempDir()
	own := filepath.Join(dir, "runs", "at once")
	endWith(t, own)
	p := terminal(t, dir, append([]string{"run", "tiny", "--name", "at once"}, long...)...)
	see(t, p, "1 Runs")
	press(t, p, "q")
	see(t, p, "Leave the screen", "Run at once is running")
	press(t, p, "d")
	see(t, p, "run at once goes on in the background; detnas attach 'at once' opens")
	if code := p.Wait(); code != 0 {
		t.Errorf("leaving a screen ends with %d", code)
	}
	if s := status(t, own); s.State != run.StateRunning {
		t.Errorf("the run is %s", s.State)
	}
}

// TestDetach starts a run in the background, stops it and has it go on there.
func TestDetach(t *testing.T) {
	if testing.Short() {
		t.Skip("trains a network")
	}
	dir := t.TempDir()
	own := filepath.Join(dir, "runs", "far")
	endWith(t, own)
	said := detnas(t, dir, append([]string{"run", "tiny", "--name", "far", "--detach"}, long...)...).succeed()
	if !strings.Contains(said, "detnas attach far") || !strings.Contains(said, "process ") {
		t.Errorf("it says\n%s", said)
	}
	if _, started := find[run.RunStarted](journal(t, own)); !started {
		t.Error("the run is not in its journal yet")
	}
	detnas(t, dir, "run", "--resume", "far", "--detach").fail("being written by process")
	until(t, "the run trains", func() bool { return trained(t, own) > 0 })
	detnas(t, dir, "attach", "far").fail("needs a terminal", "detnas status far")
	detnas(t, dir, "stop", "far").succeed()
	until(t, "the run is stopped", func() bool { return status(t, own).State == run.StateStopped })
	detnas(t, dir, "run", "--resume", "far", "--detach").succeed()
	until(t, "the run trains again", func() bool { return status(t, own).State == run.StateRunning })
	log, err := os.ReadFile(filepath.Join(own, "log.txt"))
	if err != nil || !strings.Contains(string(log), "1/5 supernet-pretrain") {
		t.Errorf("log.txt is %s, %v", log, err)
	}
}

// TestARunThatCannotBeginIsSaidWhereItWasStarted wants an error that only the
// process in the background can find to reach the command line, and nothing to
// be left behind.
func TestARunThatCannotBeginIsSaidWhereItWasStarted(t *testing.T) {
	if testing.Short() {
		t.Skip("loads libtorch")
	}
	dir := t.TempDir()
	args := []string{"run", "tiny", "--name", "none", "--set", "device=cuda:7"}
	detnas(t, dir, append(args, "--detach")...).fail("cuda:7", "set device")
	p := terminal(t, dir, args...)
	see(t, p, "detnas: device cuda:7")
	if code := p.Wait(); code != 1 {
		t.Errorf("the screen ended with %d", code)
	}
	if left, err := filepath.Glob(filepath.Join(dir, "runs", "*")); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

// TestAHeadlessRunOutlivesItsTerminal takes the terminal from a run in the
// foreground.
func TestAHeadlessRunOutlivesItsTerminal(t *testing.T) {
	if testing.Short() {
		t.Skip("trains a network")
	}
	dir := t.TempDir()
	own := filepath.Join(dir, "runs", "bare")
	endWith(t, own)
	p := terminal(t, dir, append([]string{"run", "tiny", "--headless", "--name", "bare"}, long...)...)
	see(t, p, "1/5 supernet-pretrain")
	if err := p.HangUp(); err != nil {
		t.Fatal(err)
	}
	at := trained(t, own)
	until(t, "the run trains on", func() bool { return trained(t, own) > at+10 })
	detnas(t, dir, "stop", "bare").succeed()
	if code := p.Wait(); code != 1 {
		t.Errorf("the run ended with %d", code)
	}
}
