package uitest

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/colorprofile"
	"github.com/charmbracelet/x/vt"
)

// patience is how long a driver waits for something to be seen.
const patience = 2 * time.Minute

// Driver runs a program in a terminal emulator that answers no query.
type Driver struct {
	t       *testing.T
	program *tea.Program
	written atomic.Int64
	done    chan error

	mu     sync.Mutex
	screen *vt.Emulator
}

// Drive starts a program; it is ended with the test.
func Drive(t *testing.T, model tea.Model, width, height int, options ...tea.ProgramOption) *Driver {
	t.Helper()
	d := &Driver{t: t, screen: vt.NewEmulator(width, height), done: make(chan error, 1)}
	go func() { _, _ = io.Copy(io.Discard, d.screen) }() // what a terminal would answer
	silent, hold := io.Pipe()                            // a keyboard that nobody touches
	options = append([]tea.ProgramOption{
		tea.WithInput(silent), tea.WithOutput(d), tea.WithWindowSize(width, height),
		tea.WithColorProfile(colorprofile.ANSI256), tea.WithoutSignals(),
		tea.WithEnvironment([]string{"TERM=xterm-256color"}),
	}, options...)
	d.program = tea.NewProgram(model, options...)
	go func() {
		_, err := d.program.Run()
		d.done <- err
		close(d.done)
	}()
	t.Cleanup(func() {
		d.program.Kill()
		for range d.done { // until the program has ended
		}
		_ = hold.Close()
		if in, ok := d.screen.InputPipe().(io.Closer); ok { // Close of the emulator races with Read
			_ = in.Close()
		}
	})
	return d
}

// Write is the program's output.
func (d *Driver) Write(p []byte) (int, error) {
	d.written.Add(int64(len(p)))
	d.mu.Lock()
	defer d.mu.Unlock()
	// Without a terminal the program takes it that new lines are mapped.
	if _, err := d.screen.Write(bytes.ReplaceAll(p, []byte("\n"), []byte("\r\n"))); err != nil {
		return 0, fmt.Errorf("writing to the emulator: %w", err)
	}
	return len(p), nil
}

// Written is the bytes that the program has written to the terminal.
func (d *Driver) Written() int64 { return d.written.Load() }

// Send sends a message.
func (d *Driver) Send(msg tea.Msg) *Driver { d.program.Send(msg); return d }

// Press presses keys, each as Bubble Tea names it.
func (d *Driver) Press(keys ...string) *Driver {
	for _, k := range keys {
		d.program.Send(Key(k))
	}
	return d
}

// Type types a text.
func (d *Driver) Type(text string) *Driver {
	for _, r := range text {
		d.program.Send(tea.KeyPressMsg{Code: r, Text: string(r)})
	}
	return d
}

// Resize changes the terminal's size.
func (d *Driver) Resize(width, height int) *Driver {
	d.mu.Lock()
	d.screen.Resize(width, height)
	d.mu.Unlock()
	d.program.Send(tea.WindowSizeMsg{Width: width, Height: height})
	return d
}

// Text is what the terminal shows.
func (d *Driver) Text() string {
	d.mu.Lock()
	defer d.mu.Unlock()
	var b strings.Builder
	for y := range d.screen.Height() {
		for x := range d.screen.Width() {
			c := d.screen.CellAt(x, y)
			switch {
			case c == nil || c.Width == 0 && c.Content == "":
			case c.Content == "":
				b.WriteByte(' ')
			default:
				b.WriteString(c.Content)
			}
		}
		b.WriteByte('\n')
	}
	return b.String()
}

// See waits until every text is seen.
func (d *Driver) See(texts ...string) *Driver {
	d.t.Helper()
	for _, text := range texts {
		d.Until("see "+text, func() bool { return strings.Contains(d.Text(), text) })
	}
	return d
}

// Gone waits until a text is no longer seen.
func (d *Driver) Gone(text string) *Driver {
	d.t.Helper()
	return d.Until("no longer see "+text, func() bool { return !strings.Contains(d.Text(), text) })
}

// Until waits until something holds.
func (d *Driver) Until(what string, holds func() bool) *Driver {
	d.t.Helper()
	for end := time.Now().Add(patience); !holds(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			d.t.Fatalf("waited in vain to %s; the screen shows\n%s", what, d.Text())
		}
	}
	return d
}

// Ended waits until the program has ended, and returns its error.
func (d *Driver) Ended() error {
	d.t.Helper()
	select {
	case err := <-d.done:
		return err
	case <-time.After(patience):
		d.t.Fatalf("the program goes on; the screen shows\n%s", d.Text())
		return nil
	}
}

// named are the keys that have names.
var named = map[string]rune{
	"up": tea.KeyUp, "down": tea.KeyDown, "left": tea.KeyLeft, "right": tea.KeyRight, "enter": tea.KeyEnter,
	"esc": tea.KeyEscape, "tab": tea.KeyTab, "space": tea.KeySpace, "pgup": tea.KeyPgUp, "pgdown": tea.KeyPgDown,
	"home": tea.KeyHome, "end": tea.KeyEnd, "backspace": tea.KeyBackspace, "delete": tea.KeyDelete,
}

// Key is a key press as Bubble Tea names it: "p", "P", "ctrl+s", "shift+tab".
func Key(name string) tea.KeyPressMsg {
	var mod tea.KeyMod
	rest := name
	for prefix, m := range map[string]tea.KeyMod{"ctrl+": tea.ModCtrl, "shift+": tea.ModShift, "alt+": tea.ModAlt} {
		if after, ok := strings.CutPrefix(rest, prefix); ok && after != "" {
			mod, rest = mod|m, after
		}
	}
	if code, ok := named[rest]; ok {
		key := tea.KeyPressMsg{Code: code, Mod: mod}
		if rest == "space" && mod == 0 {
			key.Text = " "
		}
		return key
	}
	r := []rune(rest)[0]
	key := tea.KeyPressMsg{Code: r, Mod: mod}
	if mod == 0 {
		key.Text = rest
	}
	return key
}
