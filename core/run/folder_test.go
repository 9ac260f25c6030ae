package run

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func create(t *testing.T) *Folder {
	t.Helper()
	f, err := Create(filepath.Join(t.TempDir(), "runs"), "r")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := f.Unlock(); err != nil {
			t.Error(err)
		}
	})
	return f
}

func TestCreateRefuses(t *testing.T) {
	f := create(t)
	runs := filepath.Dir(f.Dir())
	for name, want := range map[string]string{
		"r":    "go on with: detnas run --resume ",
		"":     "cannot be a run's name",
		"a/b":  "cannot be a run's name",
		"..":   "cannot be a run's name",
		".git": "cannot be a run's name",
		"-x":   "cannot be a run's name",
		"a\nb": "cannot be a run's name",
	} {
		if _, err := Create(runs, name); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("Create(%q): %v; want %q", name, err, want)
		}
	}
}

// TestCreateTakesOver makes what a process leaves that is killed in Create, or
// before it has written the config: the name can be used again. Anything else in
// the folder is somebody's.
func TestCreateTakesOver(t *testing.T) {
	for name, files := range map[string][]string{
		"nothing":  nil,
		"the lock": {"lock"},
		"half":     {"lock", "checkpoints/", ".asked.json", ".config.toml.12" + tempSuffix},
	} {
		for _, more := range []string{"", "config.toml", "events.jsonl", "checkpoints/step-1-5.safetensors", "thesis.tex"} {
			runs := t.TempDir()
			dir := filepath.Join(runs, "r")
			for _, file := range append(files, more) {
				at, base := filepath.Split(filepath.Join(dir, file))
				if strings.HasSuffix(file, "/") || file == "" {
					at, base = filepath.Join(at, base), ""
				}
				if err := os.MkdirAll(at, 0o750); err != nil {
					t.Fatal(err)
				}
				if base == "" {
					continue
				}
				if err := os.WriteFile(filepath.Join(at, base), nil, 0o600); err != nil {
					t.Fatal(err)
				}
			}
			f, err := Create(runs, "r")
			if more != "" {
				if err == nil || !strings.Contains(err.Error(), "is there already") {
					t.Errorf("%s and %s: %v, want a refusal", name, more, err)
				}
				continue
			}
			if err != nil {
				t.Errorf("%s: %v", name, err)
				continue
			}
			if err := f.Unlock(); err != nil {
				t.Error(err)
			}
		}
	}
}

func TestFind(t *testing.T) {
	f := create(t)
	runs := filepath.Dir(f.Dir())
	for _, name := range []string{"r", f.Dir(), f.Dir() + "/"} {
		found, err := Find(runs, name)
		if err != nil || found.Name() != "r" || found.Dir() != f.Dir() {
			t.Errorf("Find(%q) = %v, %v", name, found, err)
		}
	}
	for _, name := range []string{"", "q", runs} {
		if _, err := Find(runs, name); err == nil {
			t.Errorf("Find(%q) found something", name)
		}
	}
}

func TestAutoName(t *testing.T) {
	if got := AutoName("tiny", time.Date(2024, 5, 6, 7, 8, 9, 0, time.UTC)); got != "tiny-20240506-070809" {
		t.Error(got)
	}
}

func TestLockHasOneHolder(t *testing.T) {
	f := create(t)
	other, err := Find("", f.Dir())
	if err != nil {
		t.Fatal(err)
	}
	err = other.Lock()
	if err == nil || !strings.Contains(err.Error(), "process ") {
		t.Fatalf("a second lock: %v", err)
	}
	if held, err := other.Locked(); err != nil || !held {
		t.Errorf("locked %v, %v", held, err)
	}
	if err := f.Unlock(); err != nil {
		t.Fatal(err)
	}
	if held, err := other.Locked(); err != nil || held {
		t.Errorf("locked %v, %v after the unlock", held, err)
	}
	if err := other.Lock(); err != nil {
		t.Fatal(err)
	}
	if err := other.Unlock(); err != nil {
		t.Fatal(err)
	}
}

// TestHoldLock is the other process of TestLockDiesWithItsProcess.
func TestHoldLock(t *testing.T) {
	dir := os.Getenv("RUN_TEST_LOCK")
	if dir == "" {
		t.Skip("is run by TestLockDiesWithItsProcess")
	}
	f := &Folder{dir: dir}
	if err := f.Lock(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stdout.WriteString("held\n"); err != nil {
		t.Fatal(err)
	}
	_, _ = os.Stdin.Read(make([]byte, 1))
}

func TestLockDiesWithItsProcess(t *testing.T) {
	f := create(t)
	if err := f.Unlock(); err != nil {
		t.Fatal(err)
	}
	stale := []string{filepath.Join(f.checkpoints(), ".step-1-5.safetensors.123"+tempSuffix), f.Socket()}
	for _, path := range stale {
		if err := os.WriteFile(path, nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.Command(os.Args[0], "-test.run=^TestHoldLock$") //nolint:gosec // this test itself
	cmd.Env = append(os.Environ(), "RUN_TEST_LOCK="+f.Dir())
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if _, err := out.Read(make([]byte, 8)); err != nil {
		t.Fatal(err)
	}
	if err := f.Lock(); err == nil {
		t.Error("locked beside another process")
	}
	if s, err := f.Status(); err != nil || s.State != StateRunning {
		t.Errorf("status %+v, %v", s, err)
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err == nil {
		t.Error("the killed process ended well")
	}
	if s, err := f.Status(); err != nil || s.State != StateInterrupted {
		t.Errorf("status %+v, %v after the kill", s, err)
	}
	if err := f.Lock(); err != nil {
		t.Fatal(err)
	}
	for _, path := range stale {
		if _, err := os.Stat(path); err == nil {
			t.Errorf("%s was left", path)
		}
	}
}

func TestWriteFileReplacesWhole(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f")
	for _, text := range []string{"one", "second", ""} {
		if err := WriteFile(path, []byte(text)); err != nil {
			t.Fatal(err)
		}
		got, err := os.ReadFile(path)
		if err != nil || string(got) != text {
			t.Errorf("%q, %v", got, err)
		}
	}
	entries, err := os.ReadDir(filepath.Dir(path))
	if err != nil || len(entries) != 1 {
		t.Errorf("left over: %v, %v", entries, err)
	}
	if err := WriteFile(filepath.Join(path, "below"), nil); err == nil {
		t.Error("wrote below a file")
	}
}

func TestResultRoundTrip(t *testing.T) {
	f := create(t)
	want := Result{
		Run: "r", ConfigHash: "ab", Seed: 3, Subnet: "01-23",
		Steps:  []StepResult{{Step: 1, Name: "supernet-pretrain", Seconds: 1.5, Metrics: Values{"top1": 0.5}}},
		Search: SearchResult{Evaluated: 2, Best: []Scored{{Subnet: "01-23", Score: 0.25, Params: 5, MACs: 7}}},
		Final:  Values{"AP": 0.5, "APs": -1},
	}
	if err := f.WriteResult(want); err != nil {
		t.Fatal(err)
	}
	got, err := f.ReadResult()
	if err != nil {
		t.Fatal(err)
	}
	equal(t, got, want)
	text, err := os.ReadFile(f.Result())
	if err != nil {
		t.Fatal(err)
	}
	for _, key := range []string{`"config_hash": "ab"`, `"search": {`, `"evaluated": 2`, `"APs": -1`, `"macs": 7`} {
		if !strings.Contains(string(text), key) {
			t.Errorf("result.json lacks %s:\n%s", key, text)
		}
	}
	if err := f.WriteResult(Result{}); err != nil {
		t.Fatal(err)
	}
	if text, err = os.ReadFile(f.Result()); err != nil || strings.Contains(string(text), "null") {
		t.Errorf("an empty result has nulls: %s, %v", text, err)
	}
}

func TestStands(t *testing.T) {
	runs := t.TempDir()
	f, err := Create(runs, "r")
	if err != nil || !f.Stands() {
		t.Fatalf("a new run does not stand: %v", err)
	}
	if err := os.RemoveAll(f.Dir()); err != nil {
		t.Fatal(err)
	}
	if f.Stands() {
		t.Error("a folder that was removed stands")
	}
	other, err := Create(runs, "r")
	if err != nil {
		t.Fatal(err)
	}
	if f.Stands() || !other.Stands() {
		t.Error("another folder was taken for the one that was removed")
	}
}

// TestOurs takes a run's folder away in the ways that it can be taken: nothing is
// written at its path any more where somebody else's may be, and what was only
// moved can be put back.
func TestOurs(t *testing.T) {
	for name, tc := range map[string]struct {
		take func(t *testing.T, dir string)
		lost bool
	}{
		"left":    {func(*testing.T, string) {}, false},
		"removed": {func(t *testing.T, dir string) { remove(t, dir) }, true},
		"removed and made anew": {func(t *testing.T, dir string) {
			remove(t, dir)
			anew(t, dir)
		}, true},
		"without its lock": {func(t *testing.T, dir string) { remove(t, filepath.Join(dir, "lock")) }, true},
		"moved":            {func(t *testing.T, dir string) { rename(t, dir, dir+".away") }, false},
		"moved, and another in its place": {func(t *testing.T, dir string) {
			rename(t, dir, dir+".away")
			anew(t, dir)
		}, true},
	} {
		t.Run(name, func(t *testing.T) {
			f := create(t)
			j, _ := open(t, f)
			write(t, j, RunStarted{Run: "r"})
			tc.take(t, f.Dir())
			before := everything(t, filepath.Dir(f.Dir()))
			if err := f.Ours(); errors.Is(err, ErrLost) != tc.lost || err != nil && !strings.Contains(err.Error(), f.Dir()) {
				t.Errorf("%v, want that it is lost: %v", err, tc.lost)
			}
			if !tc.lost {
				return
			}
			for what, err := range map[string]error{
				"an event": j.Append(Warning{}), "the result": f.WriteResult(Result{}), "a preview": f.WritePreview(Preview{}),
				"a listing": f.WriteListing("k", Listing{}), "an edit": f.BeginEdit(Edit{}), "the best": f.KeepBest(1, f.CheckpointPath(1, 2)),
				"removing": f.RemoveCheckpoints(1), "pruning": f.Prune(1, 2, 1),
			} {
				if !errors.Is(err, ErrLost) {
					t.Errorf("%s: %v", what, err)
				}
			}
			if err := errors.Join(j.Close(), f.Unlock()); err != nil {
				t.Error(err)
			}
			equal(t, everything(t, filepath.Dir(f.Dir())), before)
		})
	}
}

func remove(t *testing.T, path string) {
	t.Helper()
	if err := os.RemoveAll(path); err != nil {
		t.Fatal(err)
	}
}

func rename(t *testing.T, from, to string) {
	t.Helper()
	if err := os.Rename(from, to); err != nil {
		t.Fatal(err)
	}
}

// anew makes another run where one was.
func anew(t *testing.T, dir string) {
	t.Helper()
	f, err := Create(filepath.Dir(dir), filepath.Base(dir))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Unlock() }) //nolint:errcheck // the test has ended
}

// everything is what lies in a folder, with the contents of files.
func everything(t *testing.T, dir string) map[string]string {
	t.Helper()
	all := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, e os.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			all[path] = ""
			return err
		}
		text, err := os.ReadFile(path)
		all[path] = string(text)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}
