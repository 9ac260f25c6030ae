package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"detnas/core/run"
)

// TestOneRunOneOwner starts a second process on a run that one has, and then on
// what that one left when it was killed: a lock file that nobody holds.
func TestOneRunOneOwner(t *testing.T) {
	if testing.Short() {
		t.Skip("trains a network")
	}
	dir := t.TempDir()
	own := filepath.Join(dir, "runs", "mine")
	first := detnas(t, dir, "run", "tiny", "--headless", "--name", "mine", "--set", "supernet-pretrain.iterations=100000")
	until(t, "the run trains", func() bool {
		_, trains := find[run.Train](journal(t, own))
		return trains
	})
	detnas(t, dir, "run", "--resume", "mine", "--headless").fail("run mine is being written by process", "stop that first", "it is running: detnas attach mine")
	first.kill()
	if _, err := os.Stat(filepath.Join(own, "lock")); err != nil {
		t.Fatal(err)
	}
	if said := detnas(t, dir, "status", "mine", "--json").succeed(); !strings.Contains(said, `"interrupted"`) {
		t.Errorf("a killed run is %s", said)
	}
	second := detnas(t, dir, "run", "--resume", "mine", "--headless")
	until(t, "the run is resumed", func() bool {
		_, resumed := find[run.RunResumed](journal(t, own))
		return resumed
	})
	second.kill()
}

// find returns the first event of a kind.
func find[E run.Event](events []run.Event) (E, bool) {
	for _, ev := range events {
		if e, ok := ev.(E); ok {
			return e, true
		}
	}
	var none E
	return none, false
}
