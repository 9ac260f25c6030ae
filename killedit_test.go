package main

import (
	"bytes"
	"path/filepath"
	"testing"

	"detnas/core/config"
	"detnas/core/run"
	"detnas/core/steer"
)

// The edit of these tests: of a step that is still to come.
const editedRate = "supernet-finetune.lr=0.02"

// editThings are what an edit does to files whose names tell of the config: two
// temporary files are made, filled and put in their places, and the first is
// removed when the edit is in the journal.
const editThings = 7

// TestKillWhileTheConfigIsEdited kills the process that edits a run's config
// between any two things that it does to files. The run goes on with the one
// config or the other, and comes to the same as one left alone with that.
func TestKillWhileTheConfigIsEdited(t *testing.T) {
	if testing.Short() {
		t.Skip("trains a network")
	}
	first, to := config.StepSupernetPretrain, config.StepSupernetFinetune
	sets := append([]string{"supernet-pretrain.iterations=100"}, stopSettings...)
	plain := newAttempt(t, sets...)
	plain.start(first).succeed()
	template := copyOf(t, plain.folder)
	plain.start(to).succeed()

	t.Run("while it runs", func(t *testing.T) {
		t.Parallel()
		edited := newAttempt(t, sets...)
		p := edited.start(to)
		edited.takenUp(t, p)
		if err := edit(edited); err != nil {
			t.Fatal(err)
		}
		p.succeed()
		for nth := range editThings {
			a := newAttempt(t, sets...)
			p, s := a.start(to), a.watch(t)
			a.takenUp(t, p)
			answered := make(chan struct{})
			var answer error // also where it was not heard
			go func() {
				defer close(answered)
				answer = edit(a)
			}()
			landed := s.await(p, edits, nth+1)
			p.kill()
			s.close()
			if <-answered; !landed {
				t.Errorf("the edit did not come to %d things: %v", nth+1, answer)
			}
			comesTo(t, a, to, plain, edited)
		}
	})
	t.Run("while it stands still", func(t *testing.T) {
		t.Parallel()
		set := []string{"run", "--headless", "--resume", killRun, "--to", "1", "--set", editedRate}
		edited := copyOf(t, template.folder)
		detnas(t, edited.dir, set...).succeed()
		edited.start(to).succeed()
		for nth := range editThings {
			a := copyOf(t, template.folder)
			s := a.watch(t)
			p := detnas(t, a.dir, set...)
			s.await(p, edits, nth+1) // it may have come to its end by now, which is all right
			p.kill()
			s.close()
			comesTo(t, a, to, plain, edited)
		}
	})
}

// edit asks the process that runs a run for the edit.
func edit(a *attempt) error {
	f, err := run.Find("", a.folder)
	if err != nil {
		return err
	}
	cfg, err := config.Load(f.Config(), []string{editedRate})
	if err != nil {
		return err
	}
	v, err := steer.Watch(f)
	if err != nil {
		return err
	}
	defer v.Close()
	return v.Do(steer.Command{Act: run.ActConfigure, Who: "the test", Text: cfg.Resolved()})
}

// comesTo lets a run go on and compares it with that which has the same config.
func comesTo(t *testing.T, a *attempt, to int, plain, edited *attempt) {
	t.Helper()
	a.start(to).succeed()
	want := plain
	if bytes.Contains(read(t, filepath.Join(a.folder, "config.toml")), []byte("lr = 0.02")) {
		want = edited
	}
	sameRun(t, want.folder, a.folder)
}
