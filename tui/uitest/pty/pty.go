// Package pty runs a program on a terminal of its own, as a person would, and
// reads what it shows.
package pty

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

// Terminal is a program on a terminal that answers no query.
type Terminal struct {
	Began time.Time // when the program was started

	cmd    *exec.Cmd
	master *os.File
	ended  chan struct{}

	mu      sync.Mutex
	screen  *vt.Emulator
	written int
}

// Open starts a program on a new terminal of that size, as its session's leader.
func Open(cmd *exec.Cmd, width, height int) (*Terminal, error) {
	master, slave, err := pair(width, height)
	if err != nil {
		return nil, err
	}
	t := &Terminal{cmd: cmd, master: master, screen: vt.NewEmulator(width, height), ended: make(chan struct{})}
	go func() { _, _ = io.Copy(io.Discard, t.screen) }() // what a terminal would answer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = slave, slave, slave
	if cmd.Env == nil {
		cmd.Env = os.Environ()
	}
	cmd.Env = append(cmd.Env, "TERM=xterm-256color", "LANG=C.UTF-8")
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{}
	}
	cmd.SysProcAttr.Setsid, cmd.SysProcAttr.Setctty = true, true
	t.Began = time.Now()
	if err := cmd.Start(); err != nil {
		return nil, errors.Join(fmt.Errorf("starting %s: %w", cmd.Path, err), master.Close(), slave.Close())
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

func (t *Terminal) read() {
	defer close(t.ended)
	buf := make([]byte, 64<<10)
	for {
		n, err := t.master.Read(buf)
		t.mu.Lock()
		t.written += n
		_, _ = t.screen.Write(buf[:n])
		t.mu.Unlock()
		if err != nil {
			return // the program has ended
		}
	}
}

// Bytes is how much the program has written.
func (t *Terminal) Bytes() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.written
}

// Shows reports whether a text is on the screen.
func (t *Terminal) Shows(text string) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return strings.Contains(t.screen.String(), text)
}

// See waits until a text is on the screen, and says how long that took.
func (t *Terminal) See(text string, patience time.Duration) (time.Duration, error) {
	began := time.Now()
	for !t.Shows(text) {
		if time.Since(began) > patience {
			t.mu.Lock()
			defer t.mu.Unlock()
			return 0, fmt.Errorf("the screen does not show %q:\n%s", text, t.screen.String())
		}
		time.Sleep(500 * time.Microsecond)
	}
	return time.Since(began), nil
}

// Press types.
func (t *Terminal) Press(keys string) error {
	if _, err := t.master.WriteString(keys); err != nil {
		return fmt.Errorf("typing: %w", err)
	}
	return nil
}

// Text is what the terminal shows.
func (t *Terminal) Text() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.screen.String()
}

// HangUp takes the terminal away, as a lost connection does: the program gets
// SIGHUP, and its reads and writes fail.
func (t *Terminal) HangUp() error {
	if err := t.master.Close(); err != nil {
		return fmt.Errorf("hanging up: %w", err)
	}
	return nil
}

// Ended is closed when the program has let go of the terminal, or hung up on.
func (t *Terminal) Ended() <-chan struct{} { return t.ended }

// Wait waits for the program's end and returns its exit code, -1 for a signal's.
func (t *Terminal) Wait() int {
	_ = t.cmd.Wait() // the state says how it ended
	return t.cmd.ProcessState.ExitCode()
}

// Close ends the program, by force if it does not go.
func (t *Terminal) Close() {
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
