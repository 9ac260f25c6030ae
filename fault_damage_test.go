package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"detnas/core/run"
	"detnas/core/steer"
)

// killed is a run that was killed in step 1, with two checkpoints at least, of
// which damaged copies are made.
type killed struct {
	*disturbed
	dir string // holds its runs
}

func kill(t *testing.T, f *disturbed) *killed {
	t.Helper()
	k := &killed{disturbed: f, dir: open(t)}
	own := k.path("killed")
	p := detnas(t, k.dir, f.args("killed")...)
	until(t, "a second checkpoint is written", func() bool {
		n := 0
		for _, e := range journal(t, own) {
			if _, ok := e.(run.CheckpointWritten); ok {
				n++
			}
		}
		return n >= 2
	})
	folder, err := run.Find("", own)
	if err != nil {
		t.Fatal(err)
	}
	v, err := steer.Watch(folder)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(v.Do(steer.Command{Act: run.ActPause, Who: "the test"}), v.Close()); err != nil {
		t.Fatal(err)
	}
	until(t, "the run is paused", func() bool { return status(t, own).State == run.StatePaused })
	p.kill()
	return k
}

func (k *killed) path(name string) string { return filepath.Join(k.dir, "runs", name) }

// copied makes a copy of the run of that name.
func (k *killed) copied(t *testing.T, name string) (own string) {
	t.Helper()
	own = k.path(name)
	if out, err := exec.Command("cp", "-r", k.path("killed"), own).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return own
}

// resume resumes a copy.
func (k *killed) resume(t *testing.T, name string, args ...string) *process {
	t.Helper()
	return detnas(t, k.dir, append([]string{"run", "--headless", "--resume", name}, args...)...)
}

// change changes the bytes of a file.
func change(t *testing.T, path string, how func([]byte) []byte) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, how(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func cut(text []byte) []byte  { return text[:len(text)*2/3] }
func flip(text []byte) []byte { text[len(text)/2] ^= 4; return text }

// TestDamagedFiles damages what a run that was killed has left: what can be done
// without is passed over, with a word, and what cannot is one error with its cure.
func TestDamagedFiles(t *testing.T) {
	if testing.Short() {
		t.Skip("trains networks")
	}
	images := filepath.Join(open(t), "images")
	k := kill(t, undisturbed(t, images, 1))
	for name, how := range map[string]func([]byte) []byte{"cut": cut, "flipped": flip} {
		t.Run("the newest checkpoint is "+name, func(t *testing.T) { k.newest(t, name, how) })
	}
	t.Run("the newest checkpoint is gone", func(t *testing.T) { k.gone(t, 1) })
	t.Run("all checkpoints are gone", func(t *testing.T) { k.gone(t, 2) })
	t.Run("the checkpoint that a later step rests on", func(t *testing.T) {
		two := undisturbed(t, images, 2)
		own := k.copied(t, "later")
		k.resume(t, "later").succeed()
		last := filepath.Join(own, "checkpoints", "step-1-last.safetensors")
		change(t, last, flip)
		k.resume(t, "later", "--to", "2").
			fail("the weights of step 1 (supernet-pretrain) are lost", "runs/later/checkpoints/step-1-last.safetensors", "the file is damaged",
				"--resume later --from supernet-pretrain")
		k.resume(t, "later", "--from", "supernet-pretrain", "--to", "2").succeed()
		two.same(t, own)
	})
	t.Run("a line of the journal", func(t *testing.T) {
		own := k.copied(t, "journal")
		path := filepath.Join(own, "events.jsonl")
		change(t, path, func(text []byte) []byte {
			lines := strings.SplitAfter(string(text), "\n")
			lines[4] = lines[4][:20] + "\x00\x00\n"
			return []byte(strings.Join(lines, ""))
		})
		want := []string{"runs/journal/events.jsonl:5: not an event", "keep the lines before it (head -n 4)"}
		k.resume(t, "journal").fail(want...)
		detnas(t, k.dir, "status", "journal").fail(want...)
		change(t, path, func(text []byte) []byte { return []byte(strings.Join(strings.SplitAfter(string(text), "\n")[:4], "")) })
		k.resume(t, "journal").succeed()
		k.same(t, own)
	})
	t.Run("what a dead process has left", func(t *testing.T) {
		own := k.copied(t, "left")
		socket := filepath.Join(own, "control.sock")
		if info, err := os.Stat(socket); err != nil || info.Mode()&os.ModeSocket == 0 {
			t.Fatalf("no socket was left: %v, %v", info, err)
		}
		temps := []string{filepath.Join(own, ".result.json.1.tmp"), filepath.Join(own, "checkpoints", ".step-1-9.safetensors.2.tmp")}
		for _, path := range append(temps, filepath.Join(own, "lock")) {
			if err := os.WriteFile(path, []byte("\xff\x00 neither this nor that"), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		detnas(t, k.dir, "pause", "left").fail("nothing runs it")
		k.resume(t, "left").succeed()
		k.same(t, own)
		for _, path := range append(temps, socket) {
			if _, err := os.Stat(path); err == nil {
				t.Errorf("%s is there still", path)
			}
		}
	})
	t.Run("files that may not be read", func(t *testing.T) { k.forbidden(t) })
}

// newest damages the newest checkpoint: the one before it is used.
func (k *killed) newest(t *testing.T, name string, how func([]byte) []byte) {
	own := k.copied(t, name)
	f, err := run.Find("", own)
	if err != nil {
		t.Fatal(err)
	}
	saved, err := f.Saved(1)
	if err != nil || len(saved) != 2 {
		t.Fatalf("%v, %v", saved, err)
	}
	change(t, saved[0].Path, how)
	said := k.resume(t, name).succeed()
	k.same(t, own)
	relative := filepath.Join("runs", name, "checkpoints", filepath.Base(saved[1].Path))
	for _, want := range []string{"a damaged checkpoint is passed over, and " + relative + " is used instead", filepath.Base(saved[0].Path)} {
		if w, ok := find[run.Warning](journal(t, own)); !ok || !strings.Contains(w.What, want) || !strings.Contains(said, want) {
			t.Errorf("the journal warns of %q, and the run said\n%s\nwant %q", w.What, said, want)
		}
	}
	begun := 0
	for _, e := range journal(t, own) {
		if s, ok := e.(run.StepStarted); ok {
			begun = s.Iteration
		}
	}
	if begun != saved[1].Iteration {
		t.Errorf("it went on from iteration %d, want %d", begun, saved[1].Iteration)
	}
}

// gone removes the newest checkpoints: the run says so once, and does again what
// was in them.
func (k *killed) gone(t *testing.T, newest int) {
	name := fmt.Sprintf("gone-%d", newest)
	own := k.copied(t, name)
	f, err := run.Find("", own)
	if err != nil {
		t.Fatal(err)
	}
	saved, err := f.Saved(1)
	if err != nil || len(saved) != 2 {
		t.Fatalf("%v, %v", saved, err)
	}
	want := "nothing, so that the step begins anew, is used instead"
	if newest < len(saved) {
		want = filepath.Join("runs", name, "checkpoints", filepath.Base(saved[newest].Path)) + " is used instead"
	}
	for _, s := range saved[:newest] {
		if err := os.Remove(s.Path); err != nil {
			t.Fatal(err)
		}
	}
	said := k.resume(t, name).succeed()
	k.same(t, own)
	var warned []string
	for _, ev := range journal(t, own) {
		if w, ok := ev.(run.Warning); ok {
			warned = append(warned, w.What)
		}
	}
	if len(warned) != 1 || !strings.Contains(warned[0], want) || !strings.Contains(warned[0], "is not there any more ("+filepath.Join("runs", name, "checkpoints", filepath.Base(saved[0].Path))) || !strings.Contains(said, want) {
		t.Errorf("it warned of %q and printed\n%s\nwant %q", warned, said, want)
	}
}

// forbidden takes from the user who runs it what may be done with a run's files.
func (k *killed) forbidden(t *testing.T) {
	own := k.copied(t, "forbidden")
	chmod(t, filepath.Join(k.dir, "runs"), 0o777)
	if out, err := exec.Command("chown", "-R", fmt.Sprint(nobody), own).CombinedOutput(); err != nil {
		t.Skipf("wants to be root, to be somebody else: %v: %s", err, out)
	}
	resume := func() *process {
		t.Helper()
		return start(t, unprivileged(t, command(t, k.dir, "run", "--headless", "--resume", "forbidden")))
	}
	f, err := run.Find("", own)
	if err != nil {
		t.Fatal(err)
	}
	saved, err := f.Saved(1)
	if err != nil || len(saved) == 0 {
		t.Fatal(saved, err)
	}
	for _, tc := range []struct {
		path string
		mode os.FileMode
		cure string
	}{
		{f.Config(), 0, "read it"},
		{f.JournalPath(), 0, "read "},
		{f.JournalPath(), 0o444, "read and write "},
		{filepath.Join(own, "lock"), 0o444, "write "},
		{saved[0].Path, 0, "read "},
		{own, 0, "look into "},
	} {
		relative, err := filepath.Rel(k.dir, tc.path)
		if err != nil {
			t.Fatal(err)
		}
		info, err := os.Stat(tc.path)
		if err != nil {
			t.Fatal(err)
		}
		chmod(t, tc.path, tc.mode)
		resume().fail(relative, "permission denied", fmt.Sprintf("let user %d, who runs this, %s", nobody, tc.cure), "chmod")
		chmod(t, tc.path, info.Mode())
	}
	resume().succeed()
	k.same(t, own)
}
