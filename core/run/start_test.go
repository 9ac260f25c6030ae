package run

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"detnas/core/input/inputtest"
)

// TestHandle wants what names a run on a command line to find that run, and no
// other of its name.
func TestHandle(t *testing.T) {
	here := t.TempDir()
	t.Chdir(here)
	for _, dir := range []string{"runs/mine", "mine", "runs/my run", "far/runs/mine", "-x/mine", "-x"} {
		if err := os.MkdirAll(dir, 0o750); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, "lock"), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for dir, want := range map[string]string{
		"runs/mine":                      "mine",
		filepath.Join(here, "runs/mine"): "mine",
		"runs/my run":                    "my run",
		"mine":                           "./mine",
		"far/runs/mine":                  "far/runs/mine",
		"-x/mine":                        "./-x/mine",
		"-x":                             "./-x",
	} {
		f := &Folder{dir: dir}
		if got := f.Handle(); got != want {
			t.Errorf("%s is called %q, want %q", dir, got, want)
		}
		found, err := Find(DefaultRuns, f.Handle())
		if err != nil {
			t.Errorf("%s: %v", dir, err)
			continue
		}
		own, err := os.Stat(dir)
		other, oerr := os.Stat(found.Dir())
		if err := errors.Join(err, oerr); err != nil || !os.SameFile(own, other) {
			t.Errorf("%q finds %s, want %s, %v", f.Handle(), found.Dir(), dir, err)
		}
	}
	for dir, want := range map[string]string{
		"runs/half":     "detnas run CONFIG --name half",
		"my runs/half":  "detnas run CONFIG --name half --runs 'my runs'",
		"/srv/runs/a b": "detnas run CONFIG --name 'a b' --runs /srv/runs",
	} {
		if got := (&Folder{dir: dir}).Anew(); got != want {
			t.Errorf("%s is begun anew with %s, want %s", dir, got, want)
		}
	}
}

// TestStorageThatTakesNoRun wants one line with what would help.
func TestStorageThatTakesNoRun(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := Create(file, "r")
	inputtest.Clear(t, err, file+" is not a folder", "--runs")
	_, err = NewLister(file).List()
	inputtest.Clear(t, err, file+" is not a folder", "--runs")
	deep := filepath.Join(t.TempDir(), strings.Repeat("x/", 2100))
	_, err = Create(deep, "r")
	inputtest.Clear(t, err, "too long", "--runs")

	denied := &os.PathError{Op: "mkdir", Path: "/srv/runs/r", Err: syscall.EACCES}
	for errno, want := range map[syscall.Errno]string{
		syscall.EACCES: "write in /srv/runs (chmod", syscall.EROFS: "read-only", syscall.ENOSPC: "make room", syscall.EDQUOT: "quota",
	} {
		denied.Err = errno
		err := ToStart(denied)
		inputtest.Clear(t, err, want, "/srv/runs/r cannot be written", "--runs; then start it again")
		if !errors.Is(err, errno) {
			t.Errorf("%v is no %v any more", err, errno)
		}
	}
	if other := errors.New("other"); ToStart(other) != other { //nolint:errorlint // the very same
		t.Error("another error has become one of the storage")
	}
}

// TestCreateOnAFullDisk wants a run that finds no room to say so, and how much it
// takes.
func TestCreateOnAFullDisk(t *testing.T) {
	dir := small(t, 64<<10)
	fillUp(t, filepath.Join(dir, "ballast"))
	f, err := Create(filepath.Join(dir, "runs"), "r")
	if err == nil { // the folder itself has taken no room
		err = errors.Join(ToStart(f.Ask(Asked{From: 1, To: 5})), f.Unlock())
	}
	inputtest.Clear(t, err, "no space is left", "make room", "then start it again")
}
