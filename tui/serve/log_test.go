package serve

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestLogIsALineForEach(t *testing.T) {
	path := filepath.Join(t.TempDir(), "serve.log")
	write(t, path, "before\n")
	if err := os.Chmod(path, 0o644); err != nil {
		t.Fatal(err)
	}
	var also bytes.Buffer
	l, err := OpenLog(path, &also)
	if err != nil {
		t.Fatal(err)
	}
	l.Warn("refused", "user", "a\nmsg=login key=root\x1b[2J\u202e\xff", "why", `"x" y`)
	if err := l.Close(); err != nil {
		t.Error(err)
	}
	l.Info("after its end")
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(string(text), "\n")
	if len(lines) != 3 || lines[0] != "before" || !strings.Contains(lines[1], `msg=refused user="a\nmsg=login key=root\x1b[2J\u202e\xff" why="\"x\" y"`) {
		t.Errorf("%q", lines)
	}
	if !strings.HasPrefix(also.String(), lines[1]) {
		t.Errorf("the other writer has %q", also.String())
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
}

func TestLogIsBounded(t *testing.T) {
	path := filepath.Join(t.TempDir(), "serve.log")
	l, err := OpenLog(path, &bytes.Buffer{})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	for _, line := range []string{"the first", "the second", "the third"} {
		l.mu.Lock()
		l.size = mostLog // as if it had grown
		l.mu.Unlock()
		l.Info(line)
	}
	for p, want := range map[string]string{path: "the third", path + ".1": "the second"} {
		text, err := os.ReadFile(p)
		if err != nil || strings.Count(string(text), "\n") != 1 || !strings.Contains(string(text), want) {
			t.Errorf("%s has %q, %v", p, text, err)
		}
		if info, err := os.Stat(p); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %+v, %v", p, info, err)
		}
	}
}
