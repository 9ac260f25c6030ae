package cli

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"detnas/core/ranks"
	"detnas/core/ranks/local"
	"detnas/core/run"
)

func TestWorkersAreGivenTheSameArguments(t *testing.T) {
	a, r, workers := &App{}, runArgs{}, 0
	var got []string
	cmd := &cobra.Command{Use: "launch", RunE: func(cmd *cobra.Command, args []string) error {
		got = again(cmd, args)
		return nil
	}}
	a.runFlags(cmd, &r)
	cmd.Flags().IntVar(&workers, "workers", 1, "")
	cmd.SetArgs([]string{"--workers", "3", "tiny", "--set", "seed=1", "--headless", "--set", "name=a, b", "--rank-timeout", "30s"})
	if err := cmd.Execute(); err != nil {
		t.Fatal(err)
	}
	want := []string{"--headless=true", "--rank-timeout=30s", "--set=seed=1", "--set=name=a, b", "--", "tiny"}
	if !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}

func TestRanksRefuse(t *testing.T) {
	here := func(rank string) map[string]string {
		return map[string]string{"RANK": rank, "WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": "1"}
	}
	broken := filepath.Join(t.TempDir(), "broken.toml")
	if err := os.WriteFile(broken, []byte("seed = \n"), 0o600); err != nil {
		t.Fatal(err)
	}
	launched := here("0")
	launched["DETNAS_STORE"] = "launch-x"
	tests := []struct {
		name     string
		env      map[string]string
		args     []string
		code     int
		want     string
		declines bool // the others are told
	}{
		{"half a place", map[string]string{"RANK": "0"}, []string{"run", "tiny"}, exitFailed, "WORLD_SIZE is not", false},
		{"nowhere to meet", map[string]string{"RANK": "0", "WORLD_SIZE": "2"}, []string{"run", "tiny"}, exitFailed, "MASTER_ADDR", false},
		{"in the background", here("0"), []string{"run", "tiny", "--detach"}, exitUsage, "--detach does not go with several processes", true},
		{"a config that is none", here("0"), []string{"run", broken}, exitFailed, "broken.toml", true},
		{"a step that is none", here("0"), []string{"run", "tiny", "--from", "9"}, exitUsage, "--from", true},
		{"a run that is none", here("0"), []string{"run", "--resume", "nowhere"}, exitFailed, "nowhere", true},
		{"launched", launched, []string{"run", broken}, exitFailed, "broken.toml", false},
		{"alone", nil, []string{"run", broken}, exitFailed, "broken.toml", false},
		{"launch under torchrun", here("0"), []string{"launch", "tiny"}, exitUsage, "under torchrun or Slurm start detnas run", false},
		{"no workers", nil, []string{"launch", "tiny", "--workers", "0"}, exitUsage, "--workers wants a number", false},
		{"nothing to launch", nil, []string{"launch"}, exitUsage, "wants a preset", false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			for name, value := range tt.env {
				t.Setenv(name, value)
			}
			c := detnas(t, nil, tt.args...)
			c.fails(t, tt.code, tt.want)
			if told := len(c.declined) == 1 && c.declined[0].Refused; told != tt.declines || !told && len(c.declined) > 0 {
				t.Errorf("the others are told %+v", c.declined)
			}
		})
	}
}

// TestFollowKeepsALog has another rank than 0 follow: its events and its error are in
// the run's folder, or sent there, where it has not that folder.
func TestFollowKeepsALog(t *testing.T) {
	folder := t.TempDir()
	var far bytes.Buffer
	a := &App{Out: os.Stdout, Err: os.Stderr}
	a.Follow = func(_ context.Context, _ ranks.Place, o FollowOptions) error {
		o.Where(folder, &far)
		o.Watch(run.Warning{What: "a word of warning"})
		return errors.New("boom")
	}
	err := a.follow(context.Background(), runArgs{}, ranks.Place{Rank: 2, World: 3})
	if err == nil || err.Error() != "rank 2: boom" {
		t.Errorf("error %v", err)
	}
	text, err := os.ReadFile(filepath.Join(folder, "ranks", "2.txt"))
	if err != nil {
		t.Fatal(err)
	}
	if far.Len() > 0 {
		t.Errorf("a rank that has the run's folder sends %q", far.String())
	}
	folder = filepath.Join(folder, "elsewhere")
	if err := a.follow(context.Background(), runArgs{}, ranks.Place{Rank: 2, World: 3}); err == nil {
		t.Error("there is no error")
	}
	if _, err := os.Stat(folder); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a folder was made: %v", err)
	}
	for _, want := range []string{"rank 2 of 3", "a word of warning", "boom"} {
		if !strings.Contains(string(text), want) || !strings.Contains(far.String(), want) {
			t.Errorf("the log has no %q:\n%s\nor, far away:\n%s", want, text, far.String())
		}
	}
}

// TestWorkersEndTogether has one of two processes die, and the other fail by it.
func TestWorkersEndTogether(t *testing.T) {
	if err := endsOf(t, "sleep 0.1; exit 1", "kill -9 $$"); err == nil || !strings.Contains(err.Error(), "worker 1 has died (signal: killed)") {
		t.Errorf("error %v", err)
	}
}

// endsOf waits for workers that are scripts.
func endsOf(t *testing.T, scripts ...string) error {
	t.Helper()
	w := newWorkers(len(scripts), "", t.Logf, func(rank int) *exec.Cmd { return exec.Command("sh", "-c", scripts[rank]) }) //nolint:gosec // of this test
	for rank := range scripts {
		if err := w.start(rank); err != nil {
			t.Fatal(err)
		}
	}
	return w.wait(context.Background())
}

// TestWorkersEndWithRank0 has rank 0 end while the other waits, as one does for which
// nobody keeps a store: it is told to end at once, and only rank 0's end counts.
func TestWorkersEndWithRank0(t *testing.T) {
	for _, end := range []string{"exit 0", "exit 1"} {
		dir := t.TempDir()
		err := endsOf(t, "until [ -e "+dir+"/there ]; do sleep 0.02; done; "+end,
			"trap 'touch "+dir+"/told; kill $!; exit 1' TERM; sleep 10 & touch "+dir+"/there; wait")
		if failed := errors.Is(err, errSaid); failed != (end == "exit 1") || !failed && err != nil {
			t.Errorf("rank 0 ends by %s: error %v", end, err)
		}
		if _, err := os.Stat(filepath.Join(dir, "told")); err != nil {
			t.Errorf("rank 0 ends by %s, and the other is not told: %v", end, err)
		}
	}
}

// TestFollowLeavesItToRank0 has a rank end because of rank 0 before it has a log.
func TestFollowLeavesItToRank0(t *testing.T) {
	a := &App{Out: os.Stdout, Err: os.Stderr}
	a.Follow = func(context.Context, ranks.Place, FollowOptions) error {
		return &ranks.ElsewhereError{Err: errors.New("stopped by rank 0")}
	}
	for _, launched := range []bool{true, false} {
		err := a.follow(context.Background(), runArgs{}, ranks.Place{Rank: 1, World: 2, Launched: launched})
		if err == nil || errors.Is(err, errSaid) != launched {
			t.Errorf("launched %v: error %v", launched, err)
		}
	}
}

// TestWorkersStartAgain has a process die while rank 0 goes on to the end: it is started
// again, and the run is as good as any.
func TestWorkersStartAgain(t *testing.T) {
	mark := filepath.Join(t.TempDir(), "mark")
	if err := endsOf(t, "until [ -e "+mark+"-2 ]; do sleep 0.02; done", "[ -e "+mark+" ] && touch "+mark+"-2 && exit; touch "+mark+"; kill -9 $$"); err != nil {
		t.Errorf("error %v", err)
	}
}

// TestWorkersGiveUp has a process die each time that it is started: rank 0 is told in the
// end that it will not come again.
func TestWorkersGiveUp(t *testing.T) {
	name := fmt.Sprintf("gives-up-%d", os.Getpid())
	if err := local.Serve(name); err != nil {
		t.Fatal(err)
	}
	mark := filepath.Join(t.TempDir(), "mark")
	scripts := []string{"until [ -e " + mark + " ]; do sleep 0.02; done; exit 1", "kill -9 $$"}
	var said []string
	warn := func(format string, args ...any) {
		said = append(said, fmt.Sprintf(format, args...))
		if len(said) == mostAgain+1 {
			_ = os.WriteFile(mark, nil, 0o600)
		}
	}
	w := newWorkers(2, name, warn, func(rank int) *exec.Cmd { return exec.Command("sh", "-c", scripts[rank]) }) //nolint:gosec // of this test
	for rank := range scripts {
		if err := w.start(rank); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.wait(context.Background()); !errors.Is(err, errSaid) {
		t.Errorf("error %v", err)
	}
	if last := said[len(said)-1]; !strings.Contains(last, "worker 1 has died (signal: killed), and is not started again") {
		t.Errorf("the last word is %q", last)
	}
	key := ranks.Place{Attempt: ranks.FirstAttempt}.Prefix() + "/" + ranks.OverKey(1)
	if text, there := storeHas(t, name, key); !there || !strings.Contains(text, "signal: killed") {
		t.Errorf("the store has %q (%v)", text, there)
	}
}

// storeHas asks the store of that name for a key.
func storeHas(t *testing.T, name, key string) (value string, there bool) {
	t.Helper()
	conn, err := net.Dial("unix", local.Address(name))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	request := binary.LittleEndian.AppendUint32(nil, uint32(5+len(key)))               //nolint:gosec // short
	request = binary.LittleEndian.AppendUint32(append(request, 'g'), uint32(len(key))) //nolint:gosec // short
	if _, err := conn.Write(append(request, key...)); err != nil {
		t.Fatal(err)
	}
	var head [5]byte
	if _, err := io.ReadFull(conn, head[:]); err != nil {
		t.Fatal(err)
	}
	rest := make([]byte, binary.LittleEndian.Uint32(head[:])-1)
	if _, err := io.ReadFull(conn, rest); err != nil {
		t.Fatal(err)
	}
	return string(rest), head[4] == 1
}
