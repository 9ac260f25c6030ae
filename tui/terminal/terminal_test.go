package terminal

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// TestScreen is the process of TestTake: it takes the terminal, and something
// prints past Go's os.Stdout, as a library does.
func TestScreen(t *testing.T) {
	path := os.Getenv("TERMINAL_TEST_LOG")
	if path == "" {
		t.Skip("is run by TestTake")
	}
	term, err := Take()
	if err != nil {
		t.Fatal(err)
	}
	if err := term.To(path); err != nil {
		t.Fatal(err)
	}
	put := func(fd int, text string) {
		if _, err := unix.Write(fd, []byte(text)); err != nil {
			t.Error(err)
		}
	}
	put(unix.Stdout, "stray one\n")
	put(unix.Stderr, "stray two\n")
	log, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	_, _ = fmt.Fprintln(term.Writer(log), "our own")
	strays := term.Strays()
	_, _ = fmt.Fprintln(term.Out, "drawn")
	if err := term.Give(); err != nil {
		t.Error(err)
	}
	if err := term.Give(); err != nil {
		t.Error(err)
	}
	fmt.Println("strays", strays, term.Strays())
	put(unix.Stderr, "back\n")
}

func TestTake(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log.txt")
	cmd := exec.Command(os.Args[0], "-test.run=^TestScreen$") //nolint:gosec // this test itself
	cmd.Env = append(os.Environ(), "TERMINAL_TEST_LOG="+path, "TMPDIR="+t.TempDir())
	var errs strings.Builder
	cmd.Stderr = &errs
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v: %s%s", err, out, errs.String())
	}
	if text := string(out); !strings.HasPrefix(text, "drawn\nstrays 2 0\n") {
		t.Errorf("standard output has %q", text)
	}
	if errs.String() != "back\n" {
		t.Errorf("standard error has %q", errs.String())
	}
	log, err := os.ReadFile(path)
	if err != nil || string(log) != "stray one\nstray two\nour own\n" {
		t.Errorf("the log has %q, %v", log, err)
	}
	if left, err := filepath.Glob(filepath.Join(filepath.Dir(path), "..", "*", "detnas-*.log")); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}
