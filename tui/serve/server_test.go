package serve

import (
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	gossh "golang.org/x/crypto/ssh"
)

func TestNobodyCouldLogIn(t *testing.T) {
	dir := t.TempDir()
	log, err := OpenLog(filepath.Join(dir, "serve.log"), &buffer{})
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	o := Options{
		HostKey: filepath.Join(dir, "host"), SteerKeys: filepath.Join(dir, "steer_keys"), WatchKeys: filepath.Join(dir, "watch_keys"),
		Limits: Defaults(), Log: log,
	}
	_, err = New(o)
	wantError(t, err, "no key may log in yet", ">> "+o.SteerKeys, o.WatchKeys)
	if _, err := os.Stat(o.HostKey); err == nil {
		t.Error("a host key was made for nobody")
	}
	_, line := pair(t, "ann")
	write(t, o.SteerKeys, "restrict "+line)
	_, err = New(o)
	wantError(t, err, o.SteerKeys+":1: ")
	write(t, o.SteerKeys, line)
	o.Limits.Sessions = 0
	_, err = New(o)
	wantError(t, err, "--sessions 0")
}

func TestCommand(t *testing.T) {
	b := serving(t, limitsForTests())
	for _, tt := range []struct {
		signer gossh.Signer
		line   string
		want   string
		code   int
	}{
		{b.ann, "status r  --json", "ann@laptop from 127.0.0.1 may steer: [\"status\" \"r\" \"--json\"]\nbeside it\n", 7},
		{b.bob, "x", "bob from 127.0.0.1 may watch: [\"x\"]\nbeside it\n", 7},
		{b.bob, "x\x1b[2J", "detnas: the command line has signs that do not print\n", 2},
		{b.bob, "\xff", "detnas: the command line has signs that do not print\n", 2},
		{b.bob, "fail", "", 1},
	} {
		if out, code := b.run(b.in(tt.signer), tt.line); out != tt.want || code != tt.code {
			t.Errorf("%q: %d, %q", tt.line, code, out)
		}
	}
	b.says(`msg=login`, `role=steer`, `msg=command`, `line="status r  --json" code=7`, `msg=panic`, `a command line that fails`, "bench_test.go")
	text, err := os.ReadFile(filepath.Join(b.dir, "serve.log"))
	if err != nil || !strings.Contains(string(text), "msg=login") {
		t.Errorf("serve.log has %q, %v", text, err)
	}
}

func TestScreen(t *testing.T) {
	b := serving(t, limitsForTests())
	r := b.screen(b.in(b.ann), "LANG", "de_DE.UTF-8", "SECRET", "x", "LC_ALL", "C")
	r.sees("[ann@laptop from 127.0.0.1] 80x24", "LANG=de_DE.UTF-8 SECRET= LC_ALL=C")
	for _, size := range [][2]int{{100, 30}, {1 << 30, 1 << 30}, {101, 31}} {
		if err := r.sess.WindowChange(size[1], size[0]); err != nil {
			t.Error(err)
		}
		r.sees(map[int]string{100: "100x30", 1 << 30: "320x100", 101: "101x31"}[size[0]])
	}
	for i := range 50 { // the newest counts, whoever takes them
		if err := r.sess.WindowChange(32, 111+i); err != nil {
			t.Error(err)
		}
	}
	r.sees("160x32")
	r.press("ab\x1b[A")
	r.sees("keys:abup")
	r.press("\x1b[200~" + strings.Repeat("p", 300<<10) + "\x1b[201~")
	r.sees("307200 pasted")
	r.press("q")
	if code := r.ended(); code != 0 || r.errs.String() != "" {
		t.Errorf("left with %d, %q", code, r.errs.String())
	}
	if !strings.Contains(r.out.String(), "\x1b[?1049l") {
		t.Error("the terminal is not given back")
	}
	if strings.Contains(r.out.String(), "$p") || strings.Contains(r.out.String(), ";?") {
		t.Errorf("the terminal is asked something: %q", r.out.String())
	}
	b.says(`msg=screen `, `size=80x24`, `msg="screen closed"`, `why=left`)
}

func TestScreenWithoutATerminal(t *testing.T) {
	b := serving(t, limitsForTests())
	sess, err := b.in(b.ann).NewSession()
	if err != nil {
		t.Fatal(err)
	}
	defer sess.Close()
	var errs buffer
	sess.Stderr = &errs
	if err := sess.Shell(); err != nil {
		t.Fatal(err)
	}
	if err := sess.Wait(); err == nil || !strings.Contains(err.Error(), "2") || !strings.Contains(errs.String(), "needs a terminal") {
		t.Errorf("%v, %q", err, errs.String())
	}
}

// TestPanicsEndTheirSessionAlone lets a screen fail everywhere that it can.
func TestPanicsEndTheirSessionAlone(t *testing.T) {
	b := serving(t, limitsForTests())
	other := b.screen(b.in(b.bob))
	other.sees("beat")
	for key, what := range map[string]string{"u": "an update that fails", "v": "a view that fails", "c": "a command that fails"} {
		r := b.screen(b.in(b.ann))
		r.sees("beat")
		r.press(key)
		if code := r.ended(); code != 1 || !strings.Contains(r.errs.String(), "the session has failed") {
			t.Errorf("%s: ended with %d, %q", what, code, r.errs.String())
		}
		b.says(what, "bench_test.go")
	}
	other.press("z")
	other.sees("keys:z")
}

func TestFilesOfKeysAreReadAgain(t *testing.T) {
	b := serving(t, limitsForTests())
	eve, line := pair(t, "eve")
	if _, err := b.dial(eve); err == nil {
		t.Fatal("a key that is not listed logs in")
	}
	appendKey(t, b.watchKeys(), line)
	r := b.screen(b.in(eve))
	r.sees("eve from")

	// A key that may do something else has to log in again.
	appendKey(t, b.steerKeys(), line)
	b.look(all)
	if code := r.ended(); code != 1 || !strings.Contains(r.errs.String(), "may steer now") {
		t.Errorf("ended with %d, %q", code, r.errs.String())
	}
	r = b.screen(b.in(eve))
	r.sees("eve from")

	// A file that cannot be read lets nobody in, and sends nobody away.
	appendKey(t, b.steerKeys(), "nonsense")
	if _, err := b.dial(b.ann); err == nil {
		t.Error("a login by a file with a bad line")
	}
	b.look(all)
	b.says("steer_keys:3: ", "msg=keys", "sessions that are open stay")
	r.press("stay")
	r.sees("keys:stay")

	// A key that is taken out ends its sessions.
	_, only := pair(t, "other")
	write(t, b.steerKeys(), only)
	write(t, b.watchKeys(), only)
	b.look(all)
	if code := r.ended(); code != 1 || !strings.Contains(r.errs.String(), "may no longer log in") {
		t.Errorf("ended with %d, %q", code, r.errs.String())
	}
	if _, err := b.dial(eve); err == nil {
		t.Error("a key that was taken out logs in")
	}
}

func TestClosingTellsEverybody(t *testing.T) {
	b := serving(t, limitsForTests())
	r, idle := b.screen(b.in(b.ann)), b.in(b.bob)
	r.sees("beat")
	half, err := net.Dial("tcp", b.addr) // has not logged in
	if err != nil {
		t.Fatal(err)
	}
	defer half.Close()
	sess, err := b.in(b.ann).NewSession()
	if err != nil {
		t.Fatal(err)
	}
	if err := sess.Start("wait"); err != nil {
		t.Fatal(err)
	}
	unused, _, err := idle.OpenChannel("session", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer unused.Close()
	b.close("the server stops for tea")
	if code := r.ended(); code != 1 || !strings.Contains(r.errs.String(), "stops for tea") {
		t.Errorf("ended with %d, %q", code, r.errs.String())
	}
	_ = sess.Wait()
	_ = idle.Wait()
	if _, err := b.dial(b.ann); err == nil {
		t.Error("a login after the end")
	}
	b.says("msg=logout", `why="the server stops for tea"`)
}

func TestClosedBeforeItServes(t *testing.T) {
	b := serving(t, limitsForTests())
	b.close("never mind")
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if err := b.Serve(l); err != nil {
		t.Error(err)
	}
	if _, err := l.Accept(); err == nil {
		t.Error("it listens")
	}
}

func TestIdleSessionsEnd(t *testing.T) {
	l := limitsForTests()
	l.Idle = time.Hour
	b := serving(t, l)
	busy, idle := b.screen(b.in(b.ann)), b.screen(b.in(b.ann))
	busy.sees("beat")
	idle.sees("beat")
	b.moved.Add(int64(40 * time.Minute))
	b.look(all)
	busy.press("k")
	busy.sees("keys:k")
	before := len(idle.out.String())
	until(t, "the idle screen goes on drawing", func() bool { return len(idle.out.String()) > before })
	b.moved.Add(int64(40 * time.Minute))
	b.look(all)
	if code := idle.ended(); code != 1 || !strings.Contains(idle.errs.String(), "no key was pressed for 1h0m0s") {
		t.Errorf("ended with %d, %q", code, idle.errs.String())
	}
	busy.press("k")
	busy.sees("keys:kk")
	b.says("no key was pressed")
}

// TestRoundsAreMade has the server look by itself.
func TestRoundsAreMade(t *testing.T) {
	l := limitsForTests()
	l.KeepAlive = 50 * time.Millisecond
	b := serving(t, l)
	write(t, b.steerKeys(), "nonsense")
	b.says("steer_keys:1: ")
	time.Sleep(5 * l.KeepAlive)
	if n := strings.Count(b.logged.String(), "steer_keys:1: "); n != 1 {
		t.Errorf("it is said %d times", n)
	}
}

func TestAConnectionWithoutASessionEnds(t *testing.T) {
	b := serving(t, limitsForTests())
	c := b.in(b.ann)
	b.moved.Add(int64(b.limits.Grace))
	b.look(all)
	ended := make(chan struct{})
	go func() { _ = c.Wait(); close(ended) }()
	select {
	case <-ended:
	case <-time.After(patience):
		t.Fatal("the connection stays")
	}
	b.says(`why="no session is open"`)
}
