package cli

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/charmbracelet/x/vt"
	gossh "golang.org/x/crypto/ssh"

	"detnas/core/config"
	"detnas/core/input"
	"detnas/core/run"
	"detnas/core/steer"
	"detnas/tui/uitest"
)

// text is a buffer for several goroutines.
type text struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (x *text) Write(p []byte) (int, error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.buf.Write(p)
}

func (x *text) String() string {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.buf.String()
}

// until waits for something that is true in the end.
func until(t *testing.T, what string, is func() bool) {
	t.Helper()
	for end := time.Now().Add(2 * time.Minute); !is(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%s: not within two minutes", what)
		}
	}
}

// newKey makes a key, and its line for a file of keys.
func newKey(t *testing.T, name string) (signer gossh.Signer, line string) {
	t.Helper()
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	if signer, err = gossh.NewSignerFromKey(private); err != nil {
		t.Fatal(err)
	}
	return signer, strings.TrimSpace(string(gossh.MarshalAuthorizedKey(signer.PublicKey()))) + " " + name + "\n"
}

// served is a server of detnas in this process.
type served struct {
	t         *testing.T
	dir, runs string
	out, errs text
	ann, bob  gossh.Signer // may steer, may watch
	addr      string
	stop      context.CancelFunc
	code      chan int
}

// serveRuns serves a folder of sample runs. It is stopped with the test.
func serveRuns(t *testing.T, e engine, args ...string) *served {
	t.Helper()
	s := &served{t: t, dir: t.TempDir(), code: make(chan int, 1)}
	s.runs = filepath.Join(t.TempDir(), "runs")
	for _, place := range []string{uitest.Finished, uitest.Failed} {
		uitest.WriteSample(t, filepath.Join(s.runs, place), place)
	}
	var line string
	s.ann, line = newKey(t, "ann@laptop")
	write(t, filepath.Join(s.dir, steerKeysFile), line)
	s.bob, line = newKey(t, "bob")
	write(t, filepath.Join(s.dir, watchKeysFile), line)
	if e == nil {
		e = noEngine(t)
	}
	a := &App{Version: "1", Out: &s.out, Err: &s.errs, Run: e, Describe: func() Compute { return Compute{} }}
	ctx, cancel := context.WithCancel(t.Context())
	s.stop = cancel
	args = append([]string{"serve", "--listen", "127.0.0.1:0", "--dir", s.dir, "--runs", s.runs, "--keepalive", "1h"}, args...)
	go func() { s.code <- a.Execute(ctx, args); close(s.code) }()
	until(t, "it serves", func() bool {
		_, rest, found := strings.Cut(s.out.String(), "serving at")
		if found {
			s.addr = strings.Fields(rest)[0]
		}
		return found || len(s.code) > 0
	})
	if s.addr == "" {
		t.Fatalf("it does not serve: %s", s.errs.String())
	}
	t.Cleanup(func() {
		cancel()
		for range s.code { // until it has ended
		}
	})
	return s
}

// in logs in.
func (s *served) in(signer gossh.Signer) *gossh.Client {
	s.t.Helper()
	c, err := gossh.Dial("tcp", s.addr, &gossh.ClientConfig{
		User: "x", Auth: []gossh.AuthMethod{gossh.PublicKeys(signer)}, HostKeyCallback: gossh.InsecureIgnoreHostKey(), //nolint:gosec // a test
	})
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { _ = c.Close() })
	return c
}

// ask runs a command over SSH.
func (s *served) ask(signer gossh.Signer, line string) call {
	s.t.Helper()
	sess, err := s.in(signer).NewSession()
	if err != nil {
		s.t.Fatal(err)
	}
	defer sess.Close()
	var out, errs bytes.Buffer
	sess.Stdout, sess.Stderr = &out, &errs
	c := call{}
	var exit *gossh.ExitError
	if err := sess.Run(line); errors.As(err, &exit) {
		c.code = exit.ExitStatus()
	} else if err != nil {
		s.t.Fatalf("%s: %v", line, err)
	}
	c.out, c.err = out.String(), errs.String()
	return c
}

func TestServeAnswersCommands(t *testing.T) {
	s := serveRuns(t, nil)
	c := s.ask(s.bob, "status finished --json")
	c.succeeds(t)
	if got := object(t, c.out, "name", "state", "step", "iteration", "iterations", "updated"); got["state"] != "finished" || got["step"] != 5.0 {
		t.Errorf("%v", got)
	}
	s.ask(s.bob, "status failed").succeeds(t, "failed", "NaN")
	c = s.ask(s.bob, "runs --json")
	c.succeeds(t)
	var all []map[string]any
	if err := json.Unmarshal([]byte(c.out), &all); err != nil || len(all) != 2 || all[1]["name"] != "finished" {
		t.Errorf("%v: %s", err, c.out)
	}
	s.ask(s.bob, "runs").succeeds(t, "finished", "100%", "AP 0.4620", "failed")
	s.ask(s.bob, "help").succeeds(t, "status RUN [--json]")
	for line, parts := range map[string][]string{
		"status":                       {"wants RUN"},
		"status a b":                   {`"b"`},
		"status finished --runs /":     {"--runs"},
		"status --runs=/ x":            {"--runs=/"},
		"runs x":                       {`"x"`},
		"pin finished":                 {"RUN SUBNET"},
		"run demo":                     {`no command "run"`},
		"sh id":                        {`no command "sh"`},
		"worker x":                     {`no command "worker"`},
		"serve":                        {`no command "serve"`},
		"scp -t /tmp":                  {`scp has no flag "-t"`},
		"/usr/lib/openssh/sftp-server": {"no command"},
	} {
		s.ask(s.ann, line).fails(t, exitUsage, append(parts, "the command help")...)
	}
	outside := filepath.Join(filepath.Dir(s.runs), "outside")
	uitest.WriteSample(t, outside, uitest.Finished)
	for _, name := range []string{"nowhere", "../outside", outside, ".", "..", "finished/.", "finished/../finished", ".hidden"} {
		s.ask(s.ann, "status "+name).fails(t, exitFailed, "the command runs lists")
	}
	s.ask(s.ann, "pause failed").fails(t, exitFailed, "nothing runs failed", "on the screen: ", "key r")
	s.ask(s.bob, "pause failed").fails(t, exitFailed, "the key bob may watch, not steer")
}

// TestServedNamesAreQuoted reaches runs whose names a shell would take apart.
func TestServedNamesAreQuoted(t *testing.T) {
	s := serveRuns(t, nil)
	escaped := strings.NewReplacer(" ", `\ `, "'", `\'`, `"`, `\"`, `\`, `\\`)
	for _, name := range []string{"my run", "it's", `a"b\c`, "$x *"} {
		uitest.WriteSample(t, filepath.Join(s.runs, name), uitest.Finished)
		for _, line := range []string{"status " + input.Word(name) + " --json", "status --json " + escaped.Replace(name)} {
			c := s.ask(s.bob, line)
			c.succeeds(t)
			if !strings.Contains(c.out, `"finished"`) {
				t.Errorf("%s: %s", line, c.out)
			}
		}
	}
	s.ask(s.bob, "status 'my run").fails(t, exitUsage, "a quote ' that is not closed")
	s.ask(s.bob, "''").fails(t, exitUsage, `no command ""`)
}

// TestServedHintsAreNoCommandsOfTheServer wants what is said over SSH of a run that
// stands still to be something that can be done there.
func TestServedHintsAreNoCommandsOfTheServer(t *testing.T) {
	s := serveRuns(t, nil)
	paused := run.Control{What: run.ActPause, Phase: run.PhaseDone}
	failed := run.RunFailed{Error: "NaN", Cure: []string{"subnet-retrain.lr=0.5"}}
	for name, tt := range map[string]struct {
		last run.Event
		want string
	}{
		"stopped":  {run.RunStopped{Why: "stop"}, "on the screen: key r on the list of runs"},
		"cured":    {failed, "on the screen: set subnet-retrain.lr=0.5 on its Config page, then key r on the list of runs"},
		"paused":   {paused, "ssh ... -- resume paused"},
		"a paused": {paused, `ssh ... -- resume ''\''a paused'\'''`},
	} {
		f := standing(t, s.runs, name, tt.last)
		if _, standing := tt.last.(run.Control); standing {
			t.Cleanup(func() { _ = f.Unlock() })
		} else if err := f.Unlock(); err != nil {
			t.Fatal(err)
		}
		c := s.ask(s.bob, "status "+input.Word(name))
		c.succeeds(t, tt.want)
		if strings.Contains(c.out, "detnas") {
			t.Errorf("%s: over SSH it says\n%s", name, c.out)
		}
	}
}

// open is an engine that takes commands until it is stopped.
func open(ctx context.Context, _ *config.Config, f *run.Folder, o RunOptions) (run.Result, error) {
	j, err := f.OpenJournal(func(run.Entry) error { return nil })
	if err != nil {
		return run.Result{}, err
	}
	defer j.Close()
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	if err := j.Append(run.RunStarted{Run: f.Name(), From: 1, To: 5}); err != nil {
		return run.Result{}, err
	}
	o.Desk.Open(steer.Engine{
		Check: func(*steer.Command) error { return nil }, Journal: j.Append, Stop: stop, Position: func() (int, int) { return 1, 2 },
	})
	<-ctx.Done()
	o.Desk.Close(errors.New("the run was stopped"))
	return run.Result{}, errors.Join(context.Cause(ctx), j.Append(run.RunStopped{Why: "test"}))
}

func TestServeSteersTheEngineInTheServer(t *testing.T) {
	s := serveRuns(t, open, "tiny", "--name", "r")
	until(t, "the run takes commands", func() bool { return s.ask(s.bob, "status r --json").code == exitOK })
	until(t, "a pause is taken", func() bool { return s.ask(s.ann, "pause r").code == exitOK })
	s.ask(s.ann, "pin r 2-0-02-2 --json").succeeds(t, `"state": "running"`)
	s.ask(s.ann, "pause r").fails(t, exitFailed, "requested already (by ann@laptop from 127.0.0.1)")
	s.ask(s.bob, "stop r").fails(t, exitFailed, "the key bob may watch, not steer")
	f, err := run.Find("", filepath.Join(s.runs, "r"))
	if err != nil {
		t.Fatal(err)
	}
	st, err := f.Status()
	if err != nil || len(st.Steering.Requests) != 2 || st.Steering.Requests[0].Who != "ann@laptop from 127.0.0.1" {
		t.Errorf("%+v, %v", st.Steering.Requests, err)
	}
	s.stop()
	if code := <-s.code; code != exitOK {
		t.Errorf("exit code %d: %s", code, s.errs.String())
	}
	if st, err = f.Status(); err != nil || st.State != run.StateStopped {
		t.Errorf("the run is %s, %v", st.State, err)
	}
	log, err := os.ReadFile(filepath.Join(s.dir, serveLogFile))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"msg=act conn=", "act=pause run=r", "act=pin run=r subnet=2-0-02-2", `msg="act refused"`, "key=bob role=watch", "msg=stopping",
	} {
		if !strings.Contains(string(log), want) || !strings.Contains(s.errs.String(), want) {
			t.Errorf("no %q in the log:\n%s", want, log)
		}
	}
}

// TestServedScreens opens the screen as both may, and goes through what files and
// runs they reach.
func TestServedScreens(t *testing.T) {
	s := serveRuns(t, open, "tiny", "--name", "r")
	until(t, "the run takes commands", func() bool { return s.ask(s.ann, "checkpoint r").code == exitOK })
	bob := s.screen(s.bob)
	bob.see("may watch, not steer", "finished", "failed")
	bob.press("\r").see("Losses") // r, the newest
	bob.press("p").see("pause is off: the key bob may watch, not steer")
	bob.press("S").see("stop is off").press("1").see("3 runs").press("n").see("new run is off")
	bob.press("q").ended(0)

	ann := s.screen(s.ann)
	ann.see("finished")
	ann.press("\r").see("Losses")
	ann.press("p").see("pause requested by ann@laptop from 127.0.0.1")
	ann.press("1").see("3 runs").press("n").see("Start a run")
	ann.press("f").see("from a file is off: " + noFiles)
	ann.press("\x1b").press("5").see("Config")
	s.stop()
	if code := <-s.code; code != exitOK {
		t.Errorf("exit code %d", code)
	}
	ann.ended(1)
	if said := ann.errs.String(); !strings.Contains(said, "the server is stopped") {
		t.Errorf("ann was told %q", said)
	}
}

func TestServeRefuses(t *testing.T) {
	dir := t.TempDir()
	c := detnas(t, nil, "serve", "--dir", dir, "--listen", "127.0.0.1:0")
	c.fails(t, exitFailed, "no key may log in yet", "id_ed25519.pub >> "+filepath.Join(dir, "steer_keys"))
	_, line := newKey(t, "ann")
	write(t, filepath.Join(dir, "steer_keys"), `from="10.*" `+line)
	detnas(t, nil, "serve", "--dir", dir).fails(t, exitFailed, "steer_keys:1: ", `from="10.*"`)
	write(t, filepath.Join(dir, "steer_keys"), line)
	detnas(t, nil, "serve", "--dir", dir, "--listen", "nonsense").fails(t, exitFailed, "--listen")
	detnas(t, nil, "serve", "--dir", dir, "--sessions", "0").fails(t, exitFailed, "--sessions 0")
	detnas(t, nil, "serve", "--dir", dir, "--listen", "127.0.0.1:0", "dmo").fails(t, exitFailed, "did you mean demo?")
	detnas(t, nil, "serve", "--name", "x").fails(t, exitUsage, "--name")
	detnas(t, nil, "serve", "a", "b").fails(t, exitUsage, "2")
}

// TestServeSaysThatItIsReached wants a server that is no longer this machine's
// alone to say so.
func TestServeSaysThatItIsReached(t *testing.T) {
	s := serveRuns(t, nil)
	if said := s.errs.String(); strings.Contains(said, "other machines") {
		t.Errorf("at loopback: %s", said)
	}
	for _, want := range []string{"host key", "SHA256:", "1 key, of " + filepath.Join(s.dir, steerKeysFile), watchKeysFile, s.runs} {
		if !strings.Contains(s.out.String(), want) {
			t.Errorf("no %q in %s", want, s.out.String())
		}
	}
	wide := serveRuns(t, nil, "--listen", "0.0.0.0:0")
	if said := wide.errs.String(); !strings.Contains(said, "is reached from other machines") {
		t.Errorf("at every address: %q", said)
	}
}

// remote is a screen over SSH.
type remote struct {
	t    *testing.T
	sess *gossh.Session
	keys interface{ Write([]byte) (int, error) }
	out  *shown
	errs text
	done chan error
}

// shown is a terminal emulator.
type shown struct {
	mu   sync.Mutex
	term *vt.Emulator
}

func (x *shown) Write(p []byte) (int, error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.term.Write(p)
}

func (x *shown) String() string {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.term.String()
}

// screen opens the screen.
func (s *served) screen(signer gossh.Signer) *remote {
	s.t.Helper()
	sess, err := s.in(signer).NewSession()
	if err != nil {
		s.t.Fatal(err)
	}
	r := &remote{t: s.t, sess: sess, out: &shown{term: vt.NewEmulator(120, 36)}, done: make(chan error, 1)}
	go func() { _, _ = io.Copy(io.Discard, r.out.term) }() // what a terminal would answer
	s.t.Cleanup(func() {
		if in, ok := r.out.term.InputPipe().(io.Closer); ok {
			_ = in.Close()
		}
	})
	sess.Stdout, sess.Stderr = r.out, &r.errs
	if r.keys, err = sess.StdinPipe(); err != nil {
		s.t.Fatal(err)
	}
	if err := errors.Join(sess.RequestPty("xterm-256color", 36, 120, gossh.TerminalModes{}), sess.Shell()); err != nil {
		s.t.Fatal(err)
	}
	go func() { r.done <- sess.Wait() }()
	return r
}

func (r *remote) see(words ...string) *remote {
	r.t.Helper()
	for _, w := range words {
		for end := time.Now().Add(2 * time.Minute); !strings.Contains(r.out.String(), w); time.Sleep(20 * time.Millisecond) {
			if time.Now().After(end) {
				r.t.Fatalf("waited in vain for %q; the screen shows\n%s", w, r.out.String())
			}
		}
	}
	return r
}

func (r *remote) press(keys string) *remote {
	r.t.Helper()
	if _, err := r.keys.Write([]byte(keys)); err != nil {
		r.t.Error(err)
	}
	return r
}

// ended waits for the session's end.
func (r *remote) ended(code int) {
	r.t.Helper()
	select {
	case err := <-r.done:
		got := 0
		var exit *gossh.ExitError
		if errors.As(err, &exit) {
			got = exit.ExitStatus()
		} else if err != nil {
			r.t.Error(err)
		}
		if got != code {
			r.t.Errorf("the session ended with %d, want %d", got, code)
		}
	case <-time.After(2 * time.Minute):
		r.t.Fatalf("the session goes on; it shows\n%s", r.out.String())
	}
}
