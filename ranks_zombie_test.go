package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestAZombieIsDead kills a rank whose parent does not ask for it, so that its number stays
// in the table of processes, while rank 0 waits for it in the memory that they share. The
// program has a name that looks like such a process in /proc.
func TestAZombieIsDead(t *testing.T) {
	if testing.Short() {
		t.Skip("trains networks")
	}
	dir := t.TempDir()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	odd := filepath.Join(dir, "a) Z 1 (y")
	if err := os.Symlink(self, odd); err != nil {
		t.Fatal(err)
	}
	args := with([]string{"run", "--headless", "tiny", "--name", "r", "--to", "1"}, rankSettings...)
	args = with(args, "supernet-pretrain.iterations=100000", "supernet-pretrain.batch=8")
	env := []string{"WORLD_SIZE=2", "MASTER_ADDR=127.1", fmt.Sprintf("MASTER_PORT=%d", 20000+freeJob(t))}
	one := command(t, dir, args...)
	one.Path, one.Env = odd, append(append(one.Env, env...), "RANK=1")
	if err := one.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = one.Process.Kill()
		_ = one.Wait()
	})
	cmd := command(t, dir, args...)
	cmd.Path, cmd.Env = odd, append(append(cmd.Env, env...), "RANK=0")
	zero := start(t, cmd)
	folder := filepath.Join(dir, "runs", "r")
	until(t, "it trains", func() bool {
		_, err := os.Stat(filepath.Join(folder, "events.jsonl"))
		return err == nil && status(t, folder).Iteration >= 3
	})
	if maps := string(read(t, fmt.Sprintf("/proc/%d/maps", zero.cmd.Process.Pid))); !strings.Contains(maps, "/dev/shm/detnas-") {
		t.Error("the ranks share no memory")
	}
	if err := one.Process.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	time.Sleep(200 * time.Millisecond) // so that rank 0 waits for it
	if err := one.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	zero.fail(fmt.Sprintf("rank 1 (process %d", one.Process.Pid), "has ended or cannot be reached")
}
