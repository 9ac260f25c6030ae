package main

import (
	"os"
	"path/filepath"
	"testing"

	"detnas/core/run"
)

// lostArgs are those of a run of step 1 that lasts a moment, on images that are
// there.
func lostArgs(images string) []string {
	return append([]string{"run", "tiny", "--headless", "--name", "mine", "--to", "1"}, set(
		"device=cpu", "threads=1", "data.shapes.dir="+images, "supernet-pretrain.iterations=60", "supernet-pretrain.checkpoint_every=5")...)
}

// TestFolderThatIsRemoved deletes the folder of a run that trains, and of one that is
// paused, and starts another of that name at once: the first process ends with a
// line, and the second comes to what it would have come to alone.
func TestFolderThatIsRemoved(t *testing.T) {
	if testing.Short() {
		t.Skip("trains networks")
	}
	images, alone := filepath.Join(t.TempDir(), "images"), t.TempDir()
	detnas(t, alone, lostArgs(images)...).succeed()
	for _, how := range []string{"training", "paused"} {
		t.Run(how, func(t *testing.T) {
			dir := t.TempDir()
			own := filepath.Join(dir, "runs", "mine")
			first := detnas(t, dir, append(lostArgs(images), "--set", "supernet-pretrain.iterations=100000")...)
			saves := func() bool {
				_, saved := find[run.CheckpointWritten](journal(t, own))
				return saved
			}
			until(t, "the run has a checkpoint", saves)
			if how == "paused" {
				detnas(t, dir, "pause", "mine").succeed()
				until(t, "the run is paused", func() bool { return status(t, own).State == run.StatePaused })
			}
			until(t, "the folder is removed", func() bool { return os.RemoveAll(own) == nil })
			second := detnas(t, dir, lostArgs(images)...)
			first.fail("the folder of the run, ", "runs/mine, was removed, or another put in its place", "this process ends")
			second.succeed()
			sameRun(t, filepath.Join(alone, "runs", "mine"), own)
		})
	}
}

// TestFolderThatIsMoved renames the folder of runs under a run: it pauses when it
// has something to keep, and goes on when the folder is back.
func TestFolderThatIsMoved(t *testing.T) {
	if testing.Short() {
		t.Skip("trains networks")
	}
	images, alone, dir := filepath.Join(t.TempDir(), "images"), t.TempDir(), t.TempDir()
	detnas(t, alone, lostArgs(images)...).succeed()
	runs := filepath.Join(dir, "runs")
	own := filepath.Join(runs, "mine")
	p := detnas(t, dir, lostArgs(images)...)
	until(t, "the run has a checkpoint", func() bool {
		_, saved := find[run.CheckpointWritten](journal(t, own))
		return saved
	})
	away := filepath.Join(dir, "away")
	rename(t, runs, away)
	paused(t, filepath.Join(away, "mine"), "runs/mine/checkpoints is not there any more", "put it back")
	if _, err := os.Stat(runs); err == nil {
		t.Error("the folder of runs was made anew")
	}
	rename(t, away, runs)
	detnas(t, dir, "resume", "mine").succeed()
	p.succeed()
	for _, ev := range journal(t, own) {
		if c, ok := ev.(run.Control); ok && c.What == run.ActPause && c.Who != "detnas" {
			t.Errorf("paused by %s", c.Who)
		}
	}
	if a, b := tell(t, filepath.Join(alone, "runs", "mine")), tell(t, own); len(a.Train) != len(b.Train) {
		t.Errorf("%d iterations are told of, and %d of the run left alone", len(b.Train), len(a.Train))
	}
	sameRun(t, filepath.Join(alone, "runs", "mine"), own)
}
