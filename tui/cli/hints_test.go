package cli

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"detnas/configs"
	"detnas/core/config"
	"detnas/core/run"
)

// standing makes a run whose last words are these events, in a folder.
func standing(t *testing.T, runs, name string, last ...run.Event) *run.Folder {
	t.Helper()
	j, err := create(runArgs{config: "tiny", runs: runs, runsBy: true, name: name})
	if err != nil {
		t.Fatal(err)
	}
	journal, err := j.folder.OpenJournal(func(run.Entry) error { return nil })
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range append([]run.Event{run.RunStarted{Run: name, ConfigHash: j.cfg.Hash(), From: 1, To: 5}}, last...) {
		if err := journal.Append(e); err != nil {
			t.Fatal(err)
		}
	}
	if err := journal.Close(); err != nil {
		t.Fatal(err)
	}
	return j.folder
}

// typed has a shell take a command line of detnas apart, and returns its words.
func typed(t *testing.T, line string) []string {
	t.Helper()
	out, err := exec.Command("bash", "-c", `detnas() { printf '%s\0' "$@"; }; `+line).Output() //nolint:gosec // what detnas prints
	if err != nil {
		t.Fatalf("%s: %v", line, err)
	}
	return strings.Split(strings.TrimSuffix(string(out), "\x00"), "\x00")
}

// goesOn is the command that status tells to go on with.
func goesOn(t *testing.T, f *run.Folder) string {
	t.Helper()
	c := detnas(t, nil, "status", f.Handle())
	c.succeeds(t)
	_, line, ok := strings.Cut(c.out, "go on")
	if !ok {
		t.Fatalf("status says\n%s", c.out)
	}
	line, rest, _ := strings.Cut(strings.TrimSpace(line), "\n")
	if rest != "" {
		t.Errorf("after the command there is %q", rest)
	}
	return line
}

// TestWhatIsToBeTypedNext wants the command that status tells to find its run,
// whatever signs its name and path have, and however long they are.
func TestWhatIsToBeTypedNext(t *testing.T) {
	for _, dirs := range [][2]string{
		{"runs", "plain"},
		{"runs", "my run"},
		{"my runs", "it's $HOME; rm *"},
		{"far/off/runs", "x"},
		{".", "x"},
		{"-r", "x"},
		{strings.Repeat("long name/", 12), strings.Repeat("and long ", 9) + "!"},
	} {
		t.Chdir(t.TempDir())
		f := standing(t, dirs[0], dirs[1], run.RunStopped{Why: "stop"})
		detnas(t, nil, "run", "--resume", f.Handle()).fails(t, exitFailed, "is being written by", "attach ")
		if err := f.Unlock(); err != nil {
			t.Fatal(err)
		}
		resumed := false
		looks := func(_ context.Context, _ *config.Config, g *run.Folder, _ RunOptions) (run.Result, error) {
			resumed = g.Name() == f.Name()
			return result(g), nil
		}
		if c := detnas(t, looks, typed(t, goesOn(t, f))...); c.code != exitOK || !resumed {
			t.Errorf("%s: ended with %d: %s", goesOn(t, f), c.code, c.err)
		}
		idle := detnas(t, nil, "pause", f.Handle())
		idle.fails(t, exitFailed, "nothing runs it", goesOn(t, f))
	}
}

// TestARunThatFailedGoesOnWithItsCure wants the command that goes on with a run to
// carry what has to change in its config, until it has.
func TestARunThatFailedGoesOnWithItsCure(t *testing.T) {
	t.Chdir(t.TempDir())
	f := standing(t, "runs", "r", run.StepStarted{Step: 1, Iterations: 10}, run.RunFailed{Error: "NaN", Cure: []string{"supernet-pretrain.lr=0.05", "seed=3"}})
	if err := f.Unlock(); err != nil {
		t.Fatal(err)
	}
	if got, want := goesOn(t, f), "detnas run --resume r --set supernet-pretrain.lr=0.05 --set seed=3"; got != want {
		t.Errorf("goes on with %s, want %s", got, want)
	}
	fails := func(_ context.Context, _ *config.Config, f *run.Folder, _ RunOptions) (run.Result, error) {
		journal, err := f.OpenJournal(func(run.Entry) error { return nil })
		if err != nil {
			return run.Result{}, err
		}
		why := errors.New("the image is gone")
		return run.Result{}, errors.Join(why, journal.Append(run.RunResumed{From: 1, To: 5}), journal.Append(run.RunFailed{Error: why.Error()}), journal.Close())
	}
	c := detnas(t, fails, "run", "--resume", "r", "--headless")
	if want := "detnas: the image is gone; once that is mended, go on with: detnas run --resume r\n"; c.code != exitFailed || c.err != want {
		t.Errorf("ended with %d, %q, want %q", c.code, c.err, want)
	}
	if got := goesOn(t, f); got != "detnas run --resume r" {
		t.Errorf("goes on with %s", got)
	}
}

// TestAPausedRunIsNotResumedTwice wants who starts a second process on a run to
// hear how to reach the one there is.
func TestAPausedRunIsNotResumedTwice(t *testing.T) {
	t.Chdir(t.TempDir())
	for state, tt := range map[string]struct {
		last []run.Event
		want []string
	}{
		run.StateRunning: {nil, []string{"it is running: detnas attach 'a b' opens"}},
		run.StatePaused: {
			[]run.Event{run.Control{What: run.ActPause, Who: "ann", Phase: run.PhaseDone}},
			[]string{"it is paused: detnas resume 'a b' lets it go on, detnas attach 'a b' opens"},
		},
	} {
		f := standing(t, "runs", "a b", tt.last...)
		for _, args := range [][]string{{"run", "--resume", "a b"}, {"run", "tiny", "--name", "a b", "--or-resume"}, {"run", "--resume", "a b", "--set", "subnet-retrain.lr=0.5"}} {
			detnas(t, nil, args...).fails(t, exitFailed, append(tt.want, "is being written by process")...)
		}
		if state == run.StatePaused && goesOn(t, f) != "detnas resume 'a b'" {
			t.Errorf("goes on with %s", goesOn(t, f))
		}
		if err := f.Unlock(); err != nil {
			t.Fatal(err)
		}
		if err := os.RemoveAll(f.Dir()); err != nil {
			t.Fatal(err)
		}
	}
}

// TestWhatAHalfMadeStartLeaves wants a name to be free again, and all that is said
// of the folder to lead to a start, at every point at which the start of a run can
// be killed before its config is there.
func TestWhatAHalfMadeStartLeaves(t *testing.T) {
	for name, left := range map[string][]string{
		"the folder":     nil,
		"the lock":       {"lock"},
		"its folders":    {"lock", "checkpoints/"},
		"half an ask":    {"lock", "checkpoints/", "..asked.json.123.tmp"},
		"an ask":         {"lock", "checkpoints/", ".asked.json"},
		"half a config":  {"lock", "checkpoints/", ".asked.json", ".config.toml.123.tmp"},
		"without a lock": {"..asked.json.123.tmp"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Chdir(t.TempDir())
			runs := "my runs"
			dir := filepath.Join(runs, "half")
			for _, l := range append(left, "") {
				path := filepath.Join(dir, l)
				if l == "" || strings.HasSuffix(l, "/") {
					if err := os.MkdirAll(path, 0o750); err != nil {
						t.Fatal(err)
					}
					continue
				}
				if err := os.MkdirAll(dir, 0o750); err != nil {
					t.Fatal(err)
				}
				write(t, path, "{")
			}
			anew := "detnas run CONFIG --name half --runs 'my runs'"
			if f, err := run.Find(runs, "half"); err == nil { // where there is a lock
				if got := goesOn(t, f); got != anew {
					t.Errorf("status goes on with %s", got)
				}
				detnas(t, nil, "run", "--resume", dir).fails(t, exitFailed, "never began", anew)
				detnas(t, nil, "resume", dir).fails(t, exitFailed, anew)
			} else {
				detnas(t, nil, "run", "--resume", dir).fails(t, exitFailed, "no run in")
			}
			words := typed(t, strings.Replace(anew, "CONFIG", "tiny", 1))
			detnas(t, journaling(t, new(RunOptions), 5), words...).succeeds(t)
		})
	}
}

// TestNamesThatNoRunHas wants them refused before anything is made.
func TestNamesThatNoRunHas(t *testing.T) {
	t.Chdir(t.TempDir())
	for _, name := range []string{"a\nb", "\x1b[2J", "-x", ".x", "a/b", "..", " ", strings.Repeat("x", 300)} {
		detnas(t, nil, "run", "tiny", "--name="+name).fails(t, exitFailed, "cannot be a run's name", "write 1 to 200 bytes", "--name")
	}
	text, err := fs.ReadFile(configs.Files, "tiny.toml")
	if err != nil {
		t.Fatal(err)
	}
	detnas(t, nil, "run", "./"+write(t, "-x.toml", string(text))).fails(t, exitFailed, "cannot be a run's name", "--name")
	if left, err := os.ReadDir("runs"); err == nil {
		t.Errorf("left behind: %v", left)
	}
}

// TestFoldersThatTakeNoRuns wants what would help.
func TestFoldersThatTakeNoRuns(t *testing.T) {
	file := write(t, filepath.Join(t.TempDir(), "file"), "")
	for _, args := range [][]string{{"run", "tiny", "--name", "x"}, {"runs"}, {"runs", "--json"}} {
		detnas(t, nil, append(args, "--runs", file)...).fails(t, exitFailed, file+" is not a folder", "--runs")
	}
	detnas(t, nil, "status", "x", "--runs", file).fails(t, exitFailed, "no run in", "--runs")
}
