package cli

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"detnas/core/config"
	"detnas/core/ranks"
	"detnas/core/run"
)

// call is what a command did.
type call struct {
	code     int
	out, err string
	declined []DeclineOptions // what the other ranks were told
}

// engine stands in for the engine.
type engine func(context.Context, *config.Config, *run.Folder, RunOptions) (run.Result, error)

// noEngine fails the test when a run gets as far as the engine.
func noEngine(t *testing.T) engine {
	return func(context.Context, *config.Config, *run.Folder, RunOptions) (run.Result, error) {
		t.Error("the engine was called")
		return run.Result{}, errors.New("unexpected")
	}
}

// detnas runs a command.
func detnas(t *testing.T, e engine, args ...string) call {
	t.Helper()
	if e == nil {
		e = noEngine(t)
	}
	var out, errs bytes.Buffer
	a := &App{
		Version: "1.2.3", Out: &out, Err: &errs, Run: e,
		Describe: func() Compute { return Compute{LibTorch: "1.13.0", BLAS: "OpenBLAS"} },
	}
	var declined []DeclineOptions
	a.Decline = func(_ context.Context, _ ranks.Place, o DeclineOptions) error {
		declined = append(declined, o)
		if errs.Len() == 0 {
			t.Error("the other ranks are told before people are")
		}
		return nil
	}
	code := a.Execute(t.Context(), args)
	return call{code: code, out: out.String(), err: errs.String(), declined: declined}
}

// fails wants a call to have failed with code and one line on stderr that holds
// every part.
func (c call) fails(t *testing.T, code int, parts ...string) {
	t.Helper()
	if c.code != code {
		t.Errorf("exit code %d, want %d", c.code, code)
	}
	if c.out != "" {
		t.Errorf("a failing command printed %q", c.out)
	}
	if strings.Count(c.err, "\n") != 1 || !strings.HasPrefix(c.err, "detnas: ") || !strings.HasSuffix(c.err, "\n") {
		t.Errorf("want one line on stderr, not %q", c.err)
	}
	for _, p := range parts {
		if !strings.Contains(c.err, p) {
			t.Errorf("the error %q lacks %q", c.err, p)
		}
	}
}

// succeeds wants exit code 0 and every part printed.
func (c call) succeeds(t *testing.T, parts ...string) {
	t.Helper()
	if c.code != exitOK || c.err != "" {
		t.Errorf("exit code %d, stderr %q", c.code, c.err)
	}
	for _, p := range parts {
		if !strings.Contains(c.out, p) {
			t.Errorf("the output lacks %q:\n%s", p, c.out)
		}
	}
}

// shared is a path under the folder shared, which may be absent.
func shared(t *testing.T, path string) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for {
		found := filepath.Join(dir, "shared", path)
		if _, err := os.Stat(found); err == nil {
			return found
		} else if !errors.Is(err, fs.ErrNotExist) {
			t.Fatal(err)
		}
		if dir == filepath.Dir(dir) {
			t.Skipf("shared/%s is absent", path)
		}
		dir = filepath.Dir(dir)
	}
}

func write(t *testing.T, path, text string) string {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}
