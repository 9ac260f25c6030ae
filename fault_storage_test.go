package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"detnas/core/run"
)

// nobody is a user who may not do what modes forbid, as root may.
const nobody = 65534

// disturbed are runs up to some step that are disturbed, and what one that was left
// alone came to.
type disturbed struct {
	images string // that all of them train on
	to     int
	result run.Result
	arrays map[string]string
}

// undisturbed runs the steps up to one.
func undisturbed(t *testing.T, images string, to int) *disturbed {
	t.Helper()
	f, dir := &disturbed{images: images, to: to}, t.TempDir()
	detnas(t, dir, f.args("plain")...).succeed()
	f.result, f.arrays = outcome(t, filepath.Join(dir, "runs", "plain"))
	if len(f.result.Steps) != to || len(f.arrays) == 0 {
		t.Fatalf("the run left %d steps and %d arrays", len(f.result.Steps), len(f.arrays))
	}
	return f
}

// args are those of a run with a checkpoint every three of its iterations: 20 in
// step 1, 6 in step 2.
func (f *disturbed) args(name string) []string {
	return []string{
		"run", "tiny", "--headless", "--name", name, "--to", fmt.Sprint(f.to), "--set", "device=cpu", "--set", "data.shapes.dir=" + f.images,
		"--set", "supernet-pretrain.iterations=20", "--set", "supernet-pretrain.checkpoint_every=3",
		"--set", "supernet-finetune.iterations=6", "--set", "supernet-finetune.checkpoint_every=3",
	}
}

// same wants the run in dir to have come to what the undisturbed one did.
func (f *disturbed) same(t *testing.T, dir string) {
	t.Helper()
	result, arrays := outcome(t, dir)
	if d := cmp.Diff(f.result, result); d != "" {
		t.Errorf("the result differs (-undisturbed +%s):\n%s", filepath.Base(dir), d)
	}
	if !cmp.Equal(f.arrays, arrays) {
		t.Errorf("the %d arrays of %s differ from the %d of a run that was left alone", len(arrays), filepath.Base(dir), len(f.arrays))
	}
}

// open is a folder of the test's own that every user may write to.
func open(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "detnas-fault-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) }) //nolint:errcheck // what is left does no harm
	chmod(t, dir, 0o777)
	return dir
}

func chmod(t *testing.T, path string, mode os.FileMode) {
	t.Helper()
	if err := os.Chmod(path, mode); err != nil {
		t.Fatal(err)
	}
}

// mount mounts a file system of that size in memory.
func mount(t *testing.T, size string) string {
	t.Helper()
	dir := t.TempDir()
	if err := syscall.Mount("detnas-test", dir, "tmpfs", 0, "size="+size); err != nil {
		t.Skipf("a small file system cannot be mounted here: %v", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, syscall.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	return dir
}

// resize gives a mounted file system another size.
func resize(t *testing.T, dir, size string) {
	t.Helper()
	if err := syscall.Mount("detnas-test", dir, "tmpfs", syscall.MS_REMOUNT, "size="+size); err != nil {
		t.Fatal(err)
	}
}

// fill takes what room there is.
func fill(t *testing.T, dir string) {
	t.Helper()
	file, err := os.Create(filepath.Join(dir, "filler"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	for room := make([]byte, 1<<10); err == nil; {
		_, err = file.Write(room)
	}
	if !errors.Is(err, syscall.ENOSPC) {
		t.Fatal(err)
	}
}

// unprivileged makes a command that of a user who is not root.
func unprivileged(t *testing.T, cmd *exec.Cmd) *exec.Cmd {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("wants to be root, to be somebody else")
	}
	program := filepath.Join(open(t), "detnas") // the test's own is where nobody else may look
	if out, err := exec.Command("cp", cmd.Path, program).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	chmod(t, program, 0o755)
	cmd.Path = program
	cmd.SysProcAttr.Credential = &syscall.Credential{Uid: nobody, Gid: nobody}
	return cmd
}

// paused waits until the run in dir stands paused by its storage, and wants the
// cause to have these words, in its journal and in what detnas status says.
func paused(t *testing.T, dir string, words ...string) {
	t.Helper()
	f, err := run.Find("", dir)
	if err != nil {
		t.Fatal(err)
	}
	var s run.State
	until(t, "the run is paused", func() bool {
		if s, err = f.Status(); err != nil {
			t.Fatal(err)
		}
		if s.State == run.StateFinished || s.State == run.StateFailed {
			t.Fatalf("the run has %s: %s", s.State, s.Error)
		}
		return s.State == run.StatePaused
	})
	said := detnas(t, dir, "status", dir).succeed()
	for _, w := range words {
		if !strings.Contains(s.Cause, w) || !says(said, w) {
			t.Errorf("the run is paused by %q, and its status says\n%s\nwant %q", s.Cause, said, w)
		}
	}
	if !strings.Contains(detnas(t, dir, "status", dir, "--json").succeed(), `"cause"`) {
		t.Error("the status has no cause in JSON")
	}
}

// says reports whether a text has these words, wherever its lines are broken.
func says(text, words string) bool {
	joined := func(s string) string { return strings.Join(strings.Fields(s), "") }
	return strings.Contains(joined(text), joined(words))
}

// TestFaultsOfStorage disturbs runs by their storage: each ends with the bits of
// one that was left alone.
func TestFaultsOfStorage(t *testing.T) {
	if testing.Short() {
		t.Skip("trains networks")
	}
	images := filepath.Join(open(t), "images")
	f := undisturbed(t, images, 1)
	t.Run("a disk that is full in two steps", func(t *testing.T) {
		f := undisturbed(t, images, 2)
		dir := mount(t, "1m")
		own := filepath.Join(dir, "runs", "full")
		p := detnas(t, dir, f.args("full")...)
		until(t, "the run has begun", func() bool { return len(journal(t, own)) > 0 })
		paused(t, own, "step-1-3.safetensors cannot be written", "no space is left", "it takes 1.1 MiB", "are free", "make room", "resume")
		resize(t, dir, "4m")
		detnas(t, dir, "resume", "full").succeed()
		until(t, "the run goes on to step 2", func() bool {
			_, done := find[run.StepFinished](journal(t, own))
			return done
		})
		paused(t, own, "step-2-last.safetensors", "no space is left")
		resize(t, dir, "64m")
		detnas(t, dir, "resume", "full").succeed()
		p.succeed()
		f.same(t, own)
		if text := p.text(); strings.Count(text, "paused: ") != 2 || !strings.Contains(text, "make room") {
			t.Errorf("the run printed\n%s", text)
		}
	})
	t.Run("a disk that the images do not fit on", func(t *testing.T) {
		dir, small := t.TempDir(), mount(t, "64k")
		images := filepath.Join(small, "images")
		own := filepath.Join(dir, "runs", "drawing")
		p := detnas(t, dir, append(f.args("drawing"), "--set", "data.shapes.dir="+images)...)
		until(t, "the run has begun", func() bool { return len(journal(t, own)) > 0 })
		paused(t, own, images+" cannot be written", "no space is left", "make room", "resume")
		if left, err := os.ReadDir(small); err != nil || len(left) > 0 {
			t.Errorf("half a set is left: %v, %v", left, err)
		}
		detnas(t, dir, "resume", "drawing").succeed() // nothing has changed
		until(t, "it is paused again", func() bool {
			n := 0
			for _, ev := range journal(t, own) {
				if c, ok := ev.(run.Control); ok && c.What == run.ActPause && c.Phase == run.PhaseDone {
					n++
				}
			}
			return n == 2
		})
		resize(t, small, "64m")
		detnas(t, dir, "resume", "drawing").succeed()
		p.succeed()
		f.same(t, own)
	})
	t.Run("a disk that is full where a step is to go back to", func(t *testing.T) {
		dir := mount(t, "1m")
		own := filepath.Join(dir, "runs", "back")
		p := detnas(t, dir, append(f.args("back"), set("supernet-pretrain.on_nan=back", "supernet-pretrain.lr=100", "supernet-pretrain.nan_lr_factor=0.001", "supernet-pretrain.checkpoint_every=0")...)...)
		until(t, "the run has begun", func() bool { return len(journal(t, own)) > 0 })
		paused(t, own, "step-1-0.safetensors cannot be written", "no space is left", "make room")
		resize(t, dir, "64m")
		detnas(t, dir, "resume", "back").succeed()
		p.succeed()
		if w, ok := find[run.Warning](journal(t, own)); !ok || !strings.Contains(w.What, "back to iteration") {
			t.Errorf("it has not gone back: %q", w.What)
		}
	})
	t.Run("a disk that is full, and a kill", func(t *testing.T) {
		dir := mount(t, "1m")
		own := filepath.Join(dir, "runs", "killed")
		p := detnas(t, dir, f.args("killed")...)
		until(t, "the run has begun", func() bool { return len(journal(t, own)) > 0 })
		paused(t, own, "no space is left")
		p.kill()
		if said := detnas(t, dir, "status", "killed").succeed(); !strings.Contains(said, run.StateInterrupted) || !says(said, "no space is left") {
			t.Errorf("a run that was killed in its pause:\n%s", said)
		}
		fill(t, dir)
		again := detnas(t, dir, "run", "--resume", "killed", "--headless")
		until(t, "the run is resumed", func() bool {
			_, resumed := find[run.RunResumed](journal(t, own))
			return resumed
		})
		paused(t, own, "no space is left") // as there is none still
		resize(t, dir, "64m")
		detnas(t, dir, "resume", "killed").succeed()
		again.succeed()
		f.same(t, own)
	})
	t.Run("a disk that is full, and a stop", func(t *testing.T) {
		dir := mount(t, "1m")
		own := filepath.Join(dir, "runs", "stopped")
		p := detnas(t, dir, f.args("stopped")...)
		until(t, "the run has begun", func() bool { return len(journal(t, own)) > 0 })
		paused(t, own, "no space is left")
		detnas(t, dir, "stop", "stopped").succeed()
		p.fail("the run was stopped", "no space left on device", "go on from the checkpoint before")
		if _, stopped := find[run.RunStopped](journal(t, own)); !stopped {
			t.Error("the journal does not say that the run was stopped")
		}
		resize(t, dir, "64m")
		detnas(t, dir, "run", "--resume", "stopped", "--headless").succeed()
		f.same(t, own)
	})
	for name, folder := range map[string]string{"checkpoints": "checkpoints", "result": "."} {
		t.Run("a folder of the "+name+" that is read-only", func(t *testing.T) {
			dir := open(t)
			own := filepath.Join(dir, "runs", name)
			p := start(t, unprivileged(t, command(t, dir, f.args(name)...)))
			until(t, "the run trains", func() bool {
				_, trains := find[run.Train](journal(t, own))
				return trains
			})
			closed := filepath.Join(own, folder)
			chmod(t, closed, 0o555)
			paused(t, own, closed, "permission denied", fmt.Sprintf("let user %d", nobody), "chmod", "resume")
			chmod(t, closed, 0o755)
			detnas(t, dir, "resume", name).succeed()
			p.succeed()
			f.same(t, own)
		})
	}
}
