package main

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/json"
	"encoding/pem"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	gossh "golang.org/x/crypto/ssh"

	"detnas/core/run"
	"detnas/tui/uitest/pty"
)

// sshServer is a process of detnas serve, with keys for those who may and those
// who may not.
type sshServer struct {
	*process
	t          *testing.T
	dir        string
	host, port string
}

// serveOverSSH starts the server in the folder dir. Tests with it need the real
// ssh.
func serveOverSSH(t *testing.T, dir string, args ...string) *sshServer {
	t.Helper()
	if testing.Short() {
		t.Skip("trains a network")
	}
	if _, err := exec.LookPath("ssh"); err != nil {
		t.Skip("needs ssh: apt install openssh-client")
	}
	s := &sshServer{t: t, dir: dir}
	keys := filepath.Join(dir, "serve")
	if err := os.Mkdir(keys, 0o700); err != nil {
		t.Fatal(err)
	}
	s.put(filepath.Join(keys, "steer_keys"), s.key("ann")+" ann@laptop\n")
	s.put(filepath.Join(keys, "watch_keys"), s.key("bob")+" bob\n")
	s.key("eve")
	s.process = detnas(t, dir, append([]string{"serve", "--dir", keys, "--listen", "127.0.0.1:0"}, args...)...)
	until(t, "it serves", func() bool {
		_, rest, found := strings.Cut(s.text(), "serving at")
		at, _, whole := strings.Cut(strings.TrimSpace(rest), "\n")
		if found && whole {
			var err error
			if s.host, s.port, err = net.SplitHostPort(at); err != nil {
				t.Fatal(err)
			}
		}
		select {
		case <-s.done:
			t.Fatalf("it does not serve:\n%s", s.text())
		default:
		}
		return s.port != ""
	})
	return s
}

func (s *sshServer) put(path, text string) {
	s.t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		s.t.Fatal(err)
	}
}

// key makes a key of somebody, and returns its line without a comment.
func (s *sshServer) key(name string) string {
	s.t.Helper()
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		s.t.Fatal(err)
	}
	block, err := gossh.MarshalPrivateKey(private, name)
	if err != nil {
		s.t.Fatal(err)
	}
	s.put(filepath.Join(s.dir, name), string(pem.EncodeToMemory(block)))
	key, err := gossh.NewPublicKey(public)
	if err != nil {
		s.t.Fatal(err)
	}
	return strings.TrimSpace(string(gossh.MarshalAuthorizedKey(key)))
}

// ssh is the real ssh with somebody's key.
func (s *sshServer) ssh(name string, args ...string) *exec.Cmd {
	return exec.Command("ssh", append([]string{ //nolint:gosec // of this test
		"-F", "none", "-i", filepath.Join(s.dir, name), "-p", s.port, "-o", "IdentitiesOnly=yes", "-o", "IdentityAgent=none",
		"-o", "UserKnownHostsFile=" + filepath.Join(s.dir, "known_hosts"), "-o", "StrictHostKeyChecking=accept-new",
		"-o", "BatchMode=yes", "-o", "ControlPath=none",
	}, args...)...)
}

// run runs ssh and returns what it printed, and its exit code.
func (s *sshServer) run(name string, args ...string) (text string, code int) {
	s.t.Helper()
	p := start(s.t, s.ssh(name, args...))
	code = p.wait()
	return p.text(), code
}

// screen opens the screen over SSH, on a terminal of its own.
func (s *sshServer) screen(name string) (*pty.Terminal, *exec.Cmd) {
	s.t.Helper()
	cmd := s.ssh(name, "-tt", s.host)
	p, err := pty.Open(cmd, 100, 30)
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(p.Close)
	return p, cmd
}

// TestWatchAndSteerOverSSH is an evening over SSH, with the real client: watch,
// pause, lose the connection, come back, go on, start another run; and what those
// may not do who may only watch, or are not known.
func TestWatchAndSteerOverSSH(t *testing.T) {
	dir := t.TempDir()
	s := serveOverSSH(t, dir)
	own := filepath.Join(dir, "runs", "mine")
	endWith(t, own)
	detnas(t, dir, append([]string{"run", "tiny", "--name", "mine", "--detach"}, long...)...).succeed()

	ann, client := s.screen("ann")
	see(t, ann, "mine", "running")
	press(t, ann, "\r")
	see(t, ann, "Losses", "step 1/5 supernet-pretrain")
	press(t, ann, "p")
	see(t, ann, "‖ paused")
	if err := client.Process.Kill(); err != nil { // as when the line is cut
		t.Fatal(err)
	}
	ann.Wait()
	if st := status(t, own); st.State != run.StatePaused {
		t.Errorf("without its viewer the run is %s", st.State)
	}

	bob, _ := s.screen("bob")
	see(t, bob, "mine", "may watch, not steer")
	press(t, bob, "\r")
	see(t, bob, "Losses", "‖ paused")
	press(t, bob, "p")
	see(t, bob, "resume is off: the key bob may watch, not steer")
	press(t, bob, "q")
	if code := bob.Wait(); code != 0 {
		t.Errorf("leaving the screen ends ssh with %d", code)
	}

	ann, _ = s.screen("ann")
	see(t, ann, "mine", "paused")
	press(t, ann, "\r")
	see(t, ann, "Losses", "‖ paused")
	press(t, ann, "p")
	see(t, ann, "● running")
	at := trained(t, own)
	until(t, "the run trains on", func() bool { return trained(t, own) > at })

	endWith(t, filepath.Join(dir, "runs", "night"))
	press(t, ann, "1n")
	see(t, ann, "Start a run")
	press(t, ann, "Ge") // the last preset, tiny
	see(t, ann, "preset tiny")
	press(t, ann, "r")
	see(t, ann, "The name of the run")
	press(t, ann, "night\r")
	see(t, ann, "night", "Losses")

	s.commands(own)
	s.strangers()
	for _, e := range journal(t, own) {
		if c, ok := e.(run.Control); ok && c.Who != "ann@laptop from "+s.host {
			t.Errorf("the journal has %+v", c)
		}
	}
	if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	see(t, ann, "the server is stopped")
	if code := ann.Wait(); code != 1 {
		t.Errorf("a session that the server ended ends ssh with %d", code)
	}
	s.succeed()
	at = trained(t, own)
	until(t, "the run trains on without the server", func() bool { return trained(t, own) > at })
}

// commands asks for things without a screen.
func (s *sshServer) commands(own string) {
	s.t.Helper()
	cmd := s.ssh("bob", s.host, "--", "status", "mine", "--json")
	out, err := cmd.Output()
	var got struct {
		Name, State string
		Iteration   int
	}
	if err == nil {
		err = json.Unmarshal(out, &got)
	}
	if err != nil || got.Name != "mine" || got.State != run.StateRunning || got.Iteration == 0 {
		s.t.Errorf("status says %s, %v", out, err)
	}
	for _, tt := range []struct {
		who  string
		args []string
		code int
		word string
	}{
		{"bob", []string{s.host, "runs"}, 0, "mine"},
		{"bob", []string{s.host, "pause", "mine"}, 1, "may watch, not steer"},
		{"ann", []string{s.host, "status", "nobody"}, 1, "no run nobody"},
		{"ann", []string{s.host, "status", own}, 1, "no run's name"},
		{"ann", []string{s.host, "cat", "/etc/passwd"}, 2, "no command"},
		{"ann", []string{"-s", s.host, "sftp"}, 255, "subsystem request failed"},
		{"ann", []string{"-W", s.host + ":" + s.port, s.host}, 255, "administratively prohibited"},
		{"ann", []string{"-T", s.host}, 2, "needs a terminal"},
		{"ann", []string{"-tt", s.host, "checkpoint", "mine"}, 0, "mine"},
	} {
		text, code := s.run(tt.who, tt.args...)
		if code != tt.code || !strings.Contains(text, tt.word) {
			s.t.Errorf("%s: ssh %s ends with %d, want %d and %q:\n%s", tt.who, strings.Join(tt.args, " "), code, tt.code, tt.word, text)
		}
	}
}

// strangers are those who do not get in.
func (s *sshServer) strangers() {
	s.t.Helper()
	for _, tt := range []struct {
		who  string
		args []string
	}{
		{"eve", []string{s.host, "runs"}},
		{"ann", []string{"-o", "PubkeyAuthentication=no", "-o", "BatchMode=no", "-o", "NumberOfPasswordPrompts=1", s.host, "runs"}},
		{"ann", []string{"-o", "PreferredAuthentications=password,keyboard-interactive", s.host, "runs"}},
	} {
		text, code := s.run(tt.who, tt.args...)
		if code != 255 || !strings.Contains(text, "Permission denied (publickey)") {
			s.t.Errorf("%s: ssh %s ends with %d:\n%s", tt.who, strings.Join(tt.args, " "), code, text)
		}
	}
}

// TestTheEngineInTheServer has the server train itself, and stops both.
func TestTheEngineInTheServer(t *testing.T) {
	dir := t.TempDir()
	s := serveOverSSH(t, dir, append([]string{"tiny", "--name", "mine", "--or-resume"}, long...)...)
	own := filepath.Join(dir, "runs", "mine")
	ann, _ := s.screen("ann")
	see(t, ann, "mine", "running")
	press(t, ann, "\r")
	see(t, ann, "Losses", "step 1/5 supernet-pretrain")
	until(t, "it trains", func() bool { return trained(t, own) > 0 })
	press(t, ann, "p")
	see(t, ann, "‖ paused")
	press(t, ann, "p")
	see(t, ann, "● running")
	bob, client := s.screen("bob")
	see(t, bob, "mine", "running")
	if err := client.Process.Signal(syscall.SIGSTOP); err != nil { // it takes nothing any more, and does not answer
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = client.Process.Signal(syscall.SIGCONT) })
	at := trained(t, own)
	until(t, "it trains on beside a client that is stuck", func() bool { return trained(t, own) > at+20 })
	if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	see(t, ann, "the server is stopped")
	if text := s.succeed(); !strings.Contains(text, "go on with: detnas run --resume") {
		t.Errorf("the server says\n%s", text)
	}
	if st := status(t, own); st.State != run.StateStopped {
		t.Errorf("the run is %s", st.State)
	}
	if left, err := filepath.Glob(filepath.Join(own, "checkpoints", "step-1-*.safetensors")); err != nil || len(left) == 0 {
		t.Errorf("checkpoints: %v, %v", left, err)
	}
}
