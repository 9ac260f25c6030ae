package serve

import (
	"fmt"
	"io"
	"net"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	gossh "golang.org/x/crypto/ssh"
)

// attempt tries to log in by some methods.
func (b *bench) attempt(methods ...gossh.AuthMethod) error {
	c, err := gossh.Dial("tcp", b.addr, &gossh.ClientConfig{
		User: "root\nmsg=login", Auth: methods, HostKeyCallback: gossh.InsecureIgnoreHostKey(), //nolint:gosec // a test
	})
	if err == nil {
		_ = c.Close()
	}
	return err
}

// TestOnlyKeysLogIn tries what else there is, also by a client that does not ask
// which methods are taken.
func TestOnlyKeysLogIn(t *testing.T) {
	b := serving(t, limitsForTests())
	stranger, _ := pair(t, "")
	asked := 0
	for name, m := range map[string]gossh.AuthMethod{
		"password": gossh.Password("secret"),
		"questions": gossh.KeyboardInteractive(func(string, string, []string, []bool) ([]string, error) {
			asked++
			return nil, nil
		}),
		"stranger": gossh.PublicKeys(stranger),
	} {
		if err := b.attempt(m); err == nil {
			t.Errorf("%s: logged in", name)
		}
	}
	if err := b.attempt(); err == nil {
		t.Error("logged in with nothing")
	}
	if asked > 0 {
		t.Error("questions were asked")
	}
	b.says(gossh.FingerprintSHA256(stranger.PublicKey())+" is not listed", "it left without offering a key")
	if strings.Contains(b.logged.String(), "\nmsg=login") || strings.Contains(b.logged.String(), " msg=login") {
		t.Error("a login is in the log")
	}
}

// liar is a signer that offers another's public key.
type liar struct {
	gossh.Signer
	claims gossh.PublicKey
}

func (l liar) PublicKey() gossh.PublicKey { return l.claims }

// TestAKeyHasToBeProved offers a key that may steer, has it accepted, and then
// logs in with another one, or with no proof.
func TestAKeyHasToBeProved(t *testing.T) {
	b := serving(t, limitsForTests())
	stranger, _ := pair(t, "")
	if err := b.attempt(gossh.PublicKeys(liar{Signer: stranger, claims: b.ann.PublicKey()})); err == nil {
		t.Fatal("a key that was not proved logs in")
	}
	c, err := gossh.Dial("tcp", b.addr, &gossh.ClientConfig{
		User: "x", HostKeyCallback: gossh.FixedHostKey(b.host.PublicKey()),
		Auth: []gossh.AuthMethod{gossh.PublicKeys(query{b.ann.PublicKey()}, b.bob)},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if out, _ := b.run(c, "x"); !strings.Contains(out, "bob from 127.0.0.1 may watch") {
		t.Errorf("after ann's key was offered, bob is: %s", out)
	}
}

// query is a key of which only the public part is there: it is offered, and cannot
// sign.
type query struct{ public gossh.PublicKey }

func (q query) PublicKey() gossh.PublicKey { return q.public }

func (q query) Sign(io.Reader, []byte) (*gossh.Signature, error) {
	return &gossh.Signature{Format: "none"}, nil
}

func TestNothingButSessions(t *testing.T) {
	b := serving(t, limitsForTests())
	c := b.in(b.ann)
	if _, err := c.Dial("tcp", b.addr); err == nil {
		t.Error("a port is forwarded")
	}
	if l, err := c.Listen("tcp", "127.0.0.1:0"); err == nil {
		t.Errorf("a port is forwarded back: %s", l.Addr())
	}
	if l, err := c.ListenUnix("/nowhere"); err == nil {
		t.Errorf("a socket is forwarded back: %s", l.Addr())
	}
	if _, _, err := c.OpenChannel("direct-streamlocal@openssh.com", nil); err == nil {
		t.Error("a socket is forwarded")
	}
	sess, err := c.NewSession()
	if err != nil {
		t.Fatal(err)
	}
	defer sess.Close()
	for _, name := range []string{"auth-agent-req@openssh.com", "x11-req", "xon-xoff"} {
		if ok, err := sess.SendRequest(name, true, nil); ok || err != nil {
			t.Errorf("%s: %v, %v", name, ok, err)
		}
	}
	if err := sess.RequestSubsystem("sftp"); err == nil {
		t.Error("there is sftp")
	}
	for name, want := range map[string]bool{
		"LC_TIME": true, "COLORTERM": true, "NO_COLOR": true, "LD_PRELOAD": false, "PATH": false, "TEA_TRACE": false, "LANGUAGE": false,
	} {
		if err := sess.Setenv(name, "x"); (err == nil) != want {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := sess.Setenv("LC_LONG", strings.Repeat("x", mostVariable)); err == nil {
		t.Error("a long variable is taken")
	}
	for i := range 2 * mostVariables {
		if err := sess.Setenv(fmt.Sprintf("LC_%d", i), "x"); err != nil && i < mostVariables-20 || err == nil && i >= mostVariables {
			t.Errorf("variable %d: %v", i, err)
		}
	}
	b.says(`what="channel direct-tcpip"`, "what=tcpip-forward", "what=auth-agent-req@openssh.com", "what=x11-req", `what="subsystem sftp"`)
}

func TestCommandLinesAreBounded(t *testing.T) {
	b := serving(t, limitsForTests())
	c := b.in(b.ann)
	if _, code := b.run(c, "x "+strings.Repeat("y", b.limits.CommandBytes-2)); code != 7 {
		t.Errorf("a line of %d bytes ends with %d", b.limits.CommandBytes, code)
	}
	sess, err := c.NewSession()
	if err != nil {
		t.Fatal(err)
	}
	defer sess.Close()
	if err := sess.Start("x " + strings.Repeat("y", b.limits.CommandBytes-1)); err == nil {
		t.Errorf("a line of %d bytes is taken", b.limits.CommandBytes+1)
	}
	b.says(`what="a command line of more bytes than are taken"`)
}

func TestSessionsAreBounded(t *testing.T) {
	l := limitsForTests()
	l.Sessions = 3
	b := serving(t, l)
	first := b.in(b.ann)
	a, z := b.screen(first), b.screen(first)
	third := b.screen(b.in(b.bob))
	a.sees("beat")
	z.sees("beat")
	third.sees("beat")
	last := b.in(b.ann)
	if _, err := last.NewSession(); err == nil || !strings.Contains(err.Error(), "3 sessions are open") {
		t.Errorf("a fourth session: %v", err)
	}
	a.press("q")
	a.ended()
	until(t, "there is room again", func() bool {
		sess, err := last.NewSession()
		if err == nil {
			_ = sess.Close()
		}
		return err == nil
	})
}

func TestSessionsOfAConnectionAreBounded(t *testing.T) {
	b := serving(t, limitsForTests())
	c := b.in(b.ann)
	for i := range perClient + 1 {
		_, err := c.NewSession()
		if (err == nil) != (i < perClient) {
			t.Errorf("session %d: %v", i+1, err)
		}
	}
}

func TestFailedLoginsAreBounded(t *testing.T) {
	l := limitsForTests()
	l.Failures = 3
	b := serving(t, l)
	b.far.Store(true)
	var strangers []gossh.Signer
	for range 4 { // keys of one attempt are one failure
		s, _ := pair(t, "")
		strangers = append(strangers, s)
	}
	if c, err := gossh.Dial("tcp", b.addr, &gossh.ClientConfig{
		Auth: []gossh.AuthMethod{gossh.PublicKeys(append(strangers, b.ann)...)}, HostKeyCallback: gossh.FixedHostKey(b.host.PublicKey()),
	}); err != nil {
		t.Fatalf("four other keys before one's own: %v", err)
	} else {
		_ = c.Close()
	}
	open := b.screen(b.in(b.ann))
	open.sees("beat")
	for i := range l.Failures {
		if err := b.attempt(gossh.PublicKeys(strangers[0])); err == nil {
			t.Fatal("a stranger logs in")
		}
		until(t, "the failure is counted", func() bool { return strings.Count(b.logged.String(), "msg=refused") >= i+1 })
	}
	b.says(`msg="address refused" from=10.0.0.1/32 for=10m0s`)
	if _, err := b.dial(b.ann); err == nil {
		t.Error("a login from an address that is refused")
	}
	b.says("ended without a login; it may try again in")
	open.press("k")
	open.sees("keys:k") // it was there before
	b.moved.Add(int64(b.limits.Ban))
	b.in(b.ann)
}

// TestFailuresOfThisMachineKeepNobodyOut has strangers come through a tunnel, as
// everybody else does.
func TestFailuresOfThisMachineKeepNobodyOut(t *testing.T) {
	l := limitsForTests()
	l.Failures = 3
	b := serving(t, l)
	stranger, _ := pair(t, "")
	for i := range 3 * l.Failures {
		if err := b.attempt(gossh.PublicKeys(stranger)); err == nil {
			t.Fatal("a stranger logs in")
		}
		until(t, "the failure is noted", func() bool { return strings.Count(b.logged.String(), "msg=refused") >= i+1 })
	}
	b.in(b.ann)
	if said := b.logged.String(); strings.Contains(said, "address refused") {
		t.Errorf("this machine is refused:\n%s", said)
	}
}

// TestWatchersLeavePlaces fills what keys that watch may have: those that steer
// still get in, and after them nobody.
func TestWatchersLeavePlaces(t *testing.T) {
	l := limitsForTests()
	l.Sessions = 5
	b := serving(t, l)
	looking := b.in(b.bob)
	for range 4 {
		b.screen(looking).sees("beat")
	}
	if _, err := looking.NewSession(); err == nil || !strings.Contains(err.Error(), "4 sessions that watch are open") {
		t.Errorf("a fifth session that watches: %v", err)
	}
	steering := b.in(b.ann)
	last := b.screen(steering)
	last.sees("beat")
	if _, err := steering.NewSession(); err == nil || !strings.Contains(err.Error(), "5 sessions are open") {
		t.Errorf("a sixth session: %v", err)
	}
	last.press("q")
	last.ended()
	if _, err := looking.NewSession(); err == nil {
		t.Error("a place of those who steer is given to one who watches")
	}
	for sessions, want := range map[int]int{1: 1, 2: 1, 3: 2, 5: 4, 9: 8, 10: 8, 50: 40} {
		if got := (Limits{Sessions: sessions}).watchers(); got != want {
			t.Errorf("%d of %d sessions may watch, want %d", got, sessions, want)
		}
	}
}

func TestConnectionsThatDoNotLogInAreBounded(t *testing.T) {
	l := limitsForTests()
	l.Logins, l.Grace = 4, 500*time.Millisecond
	b := serving(t, l)
	var silent []net.Conn
	for range 2 { // half of what may wait
		conn, err := net.Dial("tcp", b.addr)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		if _, err := conn.Read(make([]byte, 8)); err != nil { // the server's version
			t.Fatalf("a connection is refused: %v", err)
		}
		silent = append(silent, conn)
	}
	if _, err := b.dial(b.ann); err == nil {
		t.Error("a third connection of an address is let in beside two that wait")
	}
	b.says("2 connections of 127.0.0.1/32 have not logged in yet")
	for _, conn := range silent {
		_ = conn.SetReadDeadline(time.Now().Add(patience))
		if _, err := io.Copy(io.Discard, conn); err != nil && strings.Contains(err.Error(), "timeout") {
			t.Error("a connection that does not log in stays")
		}
	}
	b.says("it did not log in in time")
	b.in(b.ann)
}

// TestFloodsEnd types what nobody types: a paste without an end.
func TestFloodsEnd(t *testing.T) {
	b := serving(t, limitsForTests())
	r := b.screen(b.in(b.bob))
	r.sees("beat")
	_, _ = io.WriteString(r.keys, "\x1b[200~")
	for range 2 * mostInput / 4096 {
		if _, err := io.WriteString(r.keys, strings.Repeat("p", 4096)); err != nil {
			break
		}
	}
	if code := r.ended(); code != 1 || !strings.Contains(r.errs.String(), "more came from the terminal") {
		t.Errorf("ended with %d, %q", code, r.errs.String())
	}
}

// frozen is a connection whose client stops reading and answering.
type frozen struct {
	net.Conn
	mu    sync.Mutex
	thaw  chan struct{}
	still bool
}

func (f *frozen) freeze() { f.mu.Lock(); f.still = true; f.mu.Unlock() }

func (f *frozen) Read(p []byte) (int, error) {
	f.mu.Lock()
	still := f.still
	f.mu.Unlock()
	if still {
		<-f.thaw
		return 0, io.EOF
	}
	return f.Conn.Read(p)
}

// TestAStuckClientHoldsNobodyUp freezes a client while its screen draws as much as
// it can, until its window is full.
func TestAStuckClientHoldsNobodyUp(t *testing.T) {
	b := serving(t, limitsForTests())
	conn, err := net.Dial("tcp", b.addr)
	if err != nil {
		t.Fatal(err)
	}
	f := &frozen{Conn: conn, thaw: make(chan struct{})}
	inner, chans, reqs, err := gossh.NewClientConn(f, b.addr, &gossh.ClientConfig{
		Auth: []gossh.AuthMethod{gossh.PublicKeys(b.ann)}, HostKeyCallback: gossh.FixedHostKey(b.host.PublicKey()),
	})
	if err != nil {
		t.Fatal(err)
	}
	stuck := b.screen(gossh.NewClient(inner, chans, reqs))
	stuck.sees("beat")
	stuck.press("f")
	other := b.screen(b.in(b.bob))
	f.freeze()
	for i := range 20 {
		other.press("k")
		other.sees("keys:" + strings.Repeat("k", i+1))
	}
	for range missed + 1 {
		b.look(func(unanswered int) bool { return unanswered > 1 })
	}
	b.says(`why="the client no longer answers"`)
	until(t, "its screen is closed", func() bool { return b.screens.Load() == 1 })
	other.press("q")
	other.ended()
	close(f.thaw)
	_ = conn.Close()
	_ = inner.Wait()
}

// TestClientsThatVanish cuts connections off in the middle of everything.
func TestClientsThatVanish(t *testing.T) {
	b := serving(t, limitsForTests())
	var wait sync.WaitGroup
	for i := range 20 {
		wait.Go(func() {
			conn, err := net.Dial("tcp", b.addr)
			if err != nil {
				t.Error(err)
				return
			}
			timer := time.AfterFunc(time.Duration(5*i*i)*time.Millisecond, func() {
				_ = conn.(*net.TCPConn).SetLinger(0)
				_ = conn.Close()
			})
			defer timer.Stop()
			c, chans, reqs, err := gossh.NewClientConn(conn, b.addr, &gossh.ClientConfig{
				Auth: []gossh.AuthMethod{gossh.PublicKeys(b.ann)}, HostKeyCallback: gossh.FixedHostKey(b.host.PublicKey()),
			})
			if err != nil {
				return
			}
			client := gossh.NewClient(c, chans, reqs)
			defer client.Close()
			if r, err := openScreen(t, client, &terminal{}); err == nil {
				r.ended()
			}
		})
	}
	wait.Wait()
	until(t, "all screens are closed", func() bool { return b.screens.Load() == 0 })
}

// TestFiftySessions opens fifty, ends them in all the ways there are, and counts
// what is left.
func TestFiftySessions(t *testing.T) {
	b := serving(t, limitsForTests())
	b.beat = time.Second
	until(t, "it serves", func() bool { return strings.Contains(stacks(), "Accept") && strings.Contains(stacks(), "rounds") })
	before := runtime.NumGoroutine()
	const sessions = 50
	var screens [sessions]*remote
	var clients [sessions]*gossh.Client
	for i := range sessions {
		clients[i] = b.in([]gossh.Signer{b.ann, b.bob}[i%2])
		var err error
		if screens[i], err = openScreen(t, clients[i], &terminal{}); err != nil {
			t.Fatal(err)
		}
	}
	for _, r := range screens {
		r.sees("beat")
	}
	t.Logf("%d goroutines for %d sessions and their clients", runtime.NumGoroutine()-before, sessions)
	for i, r := range screens {
		switch i % 3 {
		case 0:
			r.press("q")
		case 1:
			_ = r.sess.Close()
		case 2:
			_ = clients[i].Close()
		}
	}
	for i, r := range screens {
		r.ended()
		_ = clients[i].Close()
	}
	until(t, "all screens are closed", func() bool { return b.screens.Load() == 0 })
	for end := time.Now().Add(patience); runtime.NumGoroutine() > before; time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%d goroutines are left of %d:\n%s", runtime.NumGoroutine()-before, before, stacks())
		}
	}
}

// stacks are the stacks of all goroutines.
func stacks() string {
	buf := make([]byte, 4<<20)
	return string(buf[:runtime.Stack(buf, true)])
}
