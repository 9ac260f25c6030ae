package serve

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/vt"
	"go.uber.org/goleak"
	gossh "golang.org/x/crypto/ssh"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience bounds the waiting for what has to come, on a machine that is busy.
const patience = 2 * time.Minute

// buffer is a buffer for several goroutines.
type buffer struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}

// bench is a server with a screen and commands of its own.
type bench struct {
	*Server
	t       *testing.T
	dir     string
	addr    string
	logged  buffer
	ann     gossh.Signer // may steer
	bob     gossh.Signer // may watch
	far     atomic.Bool  // who connects is on another machine
	screens atomic.Int32 // that are open
	beat    time.Duration
	moved   atomic.Int64 // what the clock is ahead, in ns
	served  chan error
	once    sync.Once
}

// limitsForTests are the defaults, without rounds but those that a test makes.
func limitsForTests() Limits {
	l := Defaults()
	l.KeepAlive = time.Hour
	return l
}

// look makes a round, once the clients have answered the one before; patient
// reports for how many of them it is waited.
func (b *bench) look(patient func(unanswered int) bool) {
	b.t.Helper()
	until(b.t, "the clients answer", func() bool {
		n := 0
		b.mu.Lock()
		defer b.mu.Unlock()
		for v := range b.visitors {
			v.mu.Lock()
			if v.asking {
				n++
			}
			v.mu.Unlock()
		}
		return !patient(n)
	})
	b.round()
}

func all(unanswered int) bool { return unanswered > 0 }

// serving starts a server on a free port of this machine; it is closed with the
// test.
func serving(t *testing.T, l Limits) *bench {
	t.Helper()
	b := &bench{t: t, dir: t.TempDir(), beat: 100 * time.Millisecond, served: make(chan error, 1)}
	var line string
	b.ann, line = pair(t, "ann@laptop")
	write(t, b.steerKeys(), line)
	b.bob, line = pair(t, "bob")
	write(t, b.watchKeys(), line)
	log, err := OpenLog(filepath.Join(b.dir, "serve.log"), &b.logged)
	if err != nil {
		t.Fatal(err)
	}
	b.Server, err = New(Options{
		HostKey: filepath.Join(b.dir, "host_ed25519"), SteerKeys: b.steerKeys(), WatchKeys: b.watchKeys(), Limits: l, Log: log,
		Screen: func(g *Guest) Screen { b.screens.Add(1); return &toy{guest: g, bench: b} }, Command: answer,
	})
	if err != nil {
		t.Fatal(err)
	}
	b.now = func() time.Time { return time.Now().Add(time.Duration(b.moved.Load())) }
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	b.addr = listener.Addr().String()
	go func() { b.served <- b.Serve(&afar{Listener: listener, bench: b}) }()
	t.Cleanup(func() {
		b.close("the test is over")
		_ = log.Close()
		if t.Failed() {
			t.Logf("the server's log:\n%s", b.logged.String())
		}
	})
	return b
}

// afar is a listener whose connections come from another machine where the bench
// says so.
type afar struct {
	net.Listener
	bench *bench
}

func (l *afar) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil || !l.bench.far.Load() {
		return conn, err
	}
	return &farConn{conn}, nil
}

type farConn struct{ net.Conn }

func (c *farConn) RemoteAddr() net.Addr { return &net.TCPAddr{IP: net.IPv4(10, 0, 0, 1), Port: 4000} }

func (b *bench) steerKeys() string { return filepath.Join(b.dir, "steer_keys") }
func (b *bench) watchKeys() string { return filepath.Join(b.dir, "watch_keys") }

// close closes the server.
func (b *bench) close(why string) {
	b.once.Do(func() {
		if err := b.Close(why); err != nil {
			b.t.Error(err)
		}
		if err := <-b.served; err != nil {
			b.t.Error(err)
		}
		if n := b.screens.Load(); n != 0 {
			b.t.Errorf("%d screens are open after the server's end", n)
		}
	})
}

// dial logs in.
func (b *bench) dial(signer gossh.Signer) (*gossh.Client, error) {
	return gossh.Dial("tcp", b.addr, &gossh.ClientConfig{
		User: "anybody", Auth: []gossh.AuthMethod{gossh.PublicKeys(signer)}, HostKeyCallback: gossh.FixedHostKey(b.host.PublicKey()),
	})
}

// in is a client that has logged in; it is closed with the test.
func (b *bench) in(signer gossh.Signer) *gossh.Client {
	b.t.Helper()
	c, err := b.dial(signer)
	if err != nil {
		b.t.Fatalf("logging in: %v", err)
	}
	b.t.Cleanup(func() { _ = c.Close() })
	return c
}

// until waits for something that is true in the end.
func until(t testing.TB, what string, is func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !is(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%s: not within %s", what, patience)
		}
	}
}

// says waits until the server's log says something.
func (b *bench) says(words ...string) {
	b.t.Helper()
	for _, w := range words {
		until(b.t, "the log says "+w, func() bool { return strings.Contains(b.logged.String(), w) })
	}
}

// terminal is a terminal emulator that also keeps what was written to it.
type terminal struct {
	buffer
	shows *vt.Emulator // guarded by the buffer's mutex; nil emulates nothing
}

func newTerminal(t *testing.T) *terminal {
	m := &terminal{shows: vt.NewEmulator(80, 24)}
	drained := make(chan struct{})
	go func() { defer close(drained); _, _ = io.Copy(io.Discard, m.shows) }() // what it would answer
	t.Cleanup(func() {
		if in, ok := m.shows.InputPipe().(io.Closer); ok {
			_ = in.Close()
		}
		<-drained
	})
	return m
}

func (m *terminal) Write(p []byte) (int, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.text.Write(p)
	if m.shows == nil {
		return len(p), nil
	}
	return m.shows.Write(p)
}

// screen is what it shows, or all that was written where it emulates nothing.
func (m *terminal) screen() string {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.shows == nil {
		return m.text.String()
	}
	return m.shows.String()
}

// remote is a screen as a client has it.
type remote struct {
	t    *testing.T
	sess *gossh.Session
	keys io.WriteCloser
	out  *terminal
	errs buffer
	done chan error
}

// screen opens the screen.
func (b *bench) screen(c *gossh.Client, env ...string) *remote {
	b.t.Helper()
	r, err := openScreen(b.t, c, newTerminal(b.t), env...)
	if err != nil {
		b.t.Fatalf("opening the screen: %v", err)
	}
	return r
}

func openScreen(t *testing.T, c *gossh.Client, m *terminal, env ...string) (*remote, error) {
	sess, err := c.NewSession()
	if err != nil {
		return nil, err
	}
	r := &remote{t: t, sess: sess, out: m, done: make(chan error, 1)}
	sess.Stdout, sess.Stderr = r.out, &r.errs
	if r.keys, err = sess.StdinPipe(); err != nil {
		return nil, err
	}
	for i := 0; i+1 < len(env); i += 2 {
		_ = sess.Setenv(env[i], env[i+1]) // refused ones are looked for on the screen
	}
	if err := errors.Join(sess.RequestPty("xterm-256color", 24, 80, gossh.TerminalModes{}), sess.Shell()); err != nil {
		return nil, err
	}
	go func() { r.done <- sess.Wait() }()
	return r, nil
}

// sees waits until the screen shows something.
func (r *remote) sees(words ...string) {
	r.t.Helper()
	for _, w := range words {
		for end := time.Now().Add(patience); !strings.Contains(r.out.screen(), w); time.Sleep(20 * time.Millisecond) {
			if time.Now().After(end) {
				r.t.Fatalf("waited in vain for %q; the screen shows\n%s", w, r.out.screen())
			}
		}
	}
}

// press types.
func (r *remote) press(keys string) {
	r.t.Helper()
	if _, err := io.WriteString(r.keys, keys); err != nil {
		r.t.Error(err)
	}
}

// ended waits until the session has ended, and returns its exit code; -1 where it
// was cut.
func (r *remote) ended() int {
	r.t.Helper()
	select {
	case err := <-r.done:
		var exit *gossh.ExitError
		switch {
		case err == nil:
			return 0
		case errors.As(err, &exit):
			return exit.ExitStatus()
		}
		return -1
	case <-time.After(patience):
		r.t.Errorf("the session goes on; it shows\n%s", r.out.screen())
		return -1
	}
}

// toy is a screen that shows what it gets.
type toy struct {
	guest *Guest
	bench *bench
	keys  string
	size  string
	beats int
	flood bool
	panic string
}

type beat struct{}

func (m *toy) Init() tea.Cmd {
	return tea.Tick(m.bench.beat, func(time.Time) tea.Msg { return beat{} })
}

func (m *toy) Update(msg tea.Msg) (tea.Model, tea.Cmd) {
	switch msg := msg.(type) {
	case beat:
		m.beats++
		return m, m.Init()
	case tea.WindowSizeMsg:
		m.size = fmt.Sprintf("%dx%d", msg.Width, msg.Height)
	case tea.PasteMsg:
		m.keys = fmt.Sprintf("%d pasted", len(msg.Content))
	case tea.KeyPressMsg:
		m.keys += msg.String()
		switch msg.String() {
		case "q":
			return m, tea.Quit
		case "f":
			m.flood = true
		case "u":
			panic("an update that fails")
		case "v":
			m.panic = "a view that fails"
		case "c":
			return m, tea.Batch(m.Init(), func() tea.Msg { panic("a command that fails") })
		}
	}
	return m, nil
}

func (m *toy) View() tea.View {
	if m.panic != "" {
		panic(m.panic)
	}
	lines := []string{
		fmt.Sprintf("[%s] %s", m.guest.Who(), m.size),
		fmt.Sprintf("keys:%s.", m.keys),
		fmt.Sprintf("LANG=%s SECRET=%s LC_ALL=%s", m.guest.Env("LANG"), m.guest.Env("SECRET"), m.guest.Env("LC_ALL")),
		fmt.Sprintf("beat%d", m.beats),
	}
	if m.flood {
		for range 20 {
			lines = append(lines, fmt.Sprintf("%d %s", m.beats, strings.Repeat(string(rune('a'+m.beats%26)), 70)))
		}
	}
	v := tea.NewView(strings.Join(lines, "\n"))
	v.AltScreen = true
	return v
}

func (m *toy) Close() { m.bench.screens.Add(-1) }

// answer is the bench's commands.
func answer(ctx context.Context, g *Guest, args []string, out, errs io.Writer) int {
	switch args[0] {
	case "wait":
		<-ctx.Done()
		return 3
	case "fail":
		panic("a command line that fails")
	}
	_, _ = fmt.Fprintf(out, "%s may %s: %q\n", g.Who(), g.Role, args)
	_, _ = fmt.Fprintln(errs, "beside it")
	return 7
}

// run runs a command and returns what it printed, and its exit code.
func (b *bench) run(c *gossh.Client, line string) (out string, code int) {
	b.t.Helper()
	sess, err := c.NewSession()
	if err != nil {
		b.t.Fatal(err)
	}
	defer sess.Close()
	var errs bytes.Buffer
	sess.Stderr = &errs
	text, err := sess.Output(line)
	var exit *gossh.ExitError
	if err != nil && !errors.As(err, &exit) {
		b.t.Fatalf("%s: %v", line, err)
	}
	if exit != nil {
		code = exit.ExitStatus()
	}
	return string(text) + errs.String(), code
}

// appendKey adds a line to a file of keys.
func appendKey(t *testing.T, path, line string) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	write(t, path, strings.TrimSpace(string(text))+"\n"+line+"\n")
}
