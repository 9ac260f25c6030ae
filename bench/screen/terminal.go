package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/charmbracelet/x/vt"
	"golang.org/x/sys/unix"
)

// terminal is a program on a terminal of its own that answers no query.
type terminal struct {
	cmd    *exec.Cmd
	master *os.File
	began  time.Time

	mu      sync.Mutex
	screen  *vt.Emulator
	written int
	changed time.Time // when the program wrote last
	ended   chan struct{}
}

// open starts a program on a new terminal of that size.
func open(name string, args ...string) (*terminal, error) {
	master, slave, err := pair(width, height)
	if err != nil {
		return nil, err
	}
	t := &terminal{master: master, screen: vt.NewEmulator(width, height), ended: make(chan struct{})}
	go func() { _, _ = io.Copy(io.Discard, t.screen) }() // what a terminal would answer
	t.cmd = exec.Command(name, args...)                  //nolint:gosec // the program under test
	t.cmd.Stdin, t.cmd.Stdout, t.cmd.Stderr = slave, slave, slave
	t.cmd.Env = append(os.Environ(), "TERM=xterm-256color", "LANG=C.UTF-8")
	t.cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	t.began = time.Now()
	if err := t.cmd.Start(); err != nil {
		return nil, fmt.Errorf("starting %s: %w", name, err)
	}
	go t.read()
	return t, slave.Close() //nolint:wrapcheck // of a file just used
}

// pair opens a pseudo-terminal.
func pair(width, height int) (master, slave *os.File, err error) {
	master, err = os.OpenFile("/dev/ptmx", os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		return nil, nil, fmt.Errorf("opening a terminal: %w", err)
	}
	fd := int(master.Fd())
	number, err := unix.IoctlGetInt(fd, unix.TIOCGPTN)
	if err == nil {
		err = unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0)
	}
	if err == nil {
		err = unix.IoctlSetWinsize(fd, unix.TIOCSWINSZ, &unix.Winsize{Row: uint16(height), Col: uint16(width)}) //nolint:gosec // a few hundred
	}
	if err == nil {
		slave, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|syscall.O_NOCTTY, 0)
	}
	if err != nil {
		return nil, nil, errors.Join(fmt.Errorf("opening a terminal: %w", err), master.Close())
	}
	return master, slave, nil
}

func (t *terminal) read() {
	defer close(t.ended)
	buf := make([]byte, 64<<10)
	for {
		n, err := t.master.Read(buf)
		t.mu.Lock()
		t.written += n
		t.changed = time.Now()
		_, _ = t.screen.Write(buf[:n])
		t.mu.Unlock()
		if err != nil {
			return // the program has ended
		}
	}
}

// bytes is how much the program has written.
func (t *terminal) bytes() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.written
}

// shows reports whether a text is on the screen.
func (t *terminal) shows(text string) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return strings.Contains(t.screen.String(), text)
}

// see waits until a text is on the screen, and says how long that took.
func (t *terminal) see(text string, patience time.Duration) (time.Duration, error) {
	began := time.Now()
	for !t.shows(text) {
		if time.Since(began) > patience {
			t.mu.Lock()
			defer t.mu.Unlock()
			return 0, fmt.Errorf("the screen does not show %q:\n%s", text, t.screen.String())
		}
		time.Sleep(500 * time.Microsecond)
	}
	return time.Since(began), nil
}

// press types.
func (t *terminal) press(keys string) error {
	if _, err := t.master.WriteString(keys); err != nil {
		return fmt.Errorf("typing: %w", err)
	}
	return nil
}

// close ends the program, by force if it does not go.
func (t *terminal) close() {
	_ = t.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-t.ended:
	case <-time.After(20 * time.Second):
		_ = t.cmd.Process.Kill()
	}
	_ = t.cmd.Wait()
	_ = t.master.Close()
	_ = t.screen.Close()
}
