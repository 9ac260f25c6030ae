package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"detnas/core/run"
)

// host is a network of its own, with an address, as a machine has; a process that
// sleeps holds it.
type host struct {
	t    *testing.T
	pid  string
	addr string
}

// hosts are two networks with a link between them. The test is skipped where they
// cannot be made.
func hosts(t *testing.T) (a, b host) {
	t.Helper()
	for _, program := range []string{"ip", "nsenter"} {
		if _, err := exec.LookPath(program); err != nil {
			t.Skipf("%s is not installed (apt install iproute2 util-linux)", program)
		}
	}
	made := []host{{t: t, addr: "10.213.0.1"}, {t: t, addr: "10.213.0.2"}}
	for i := range made {
		cmd := exec.Command("sleep", "600")
		cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET, Pdeathsig: syscall.SIGKILL}
		if err := cmd.Start(); err != nil {
			t.Skipf("no network of its own can be made (it takes root): %v", err)
		}
		t.Cleanup(func() {
			_ = cmd.Process.Kill()
			_ = cmd.Wait()
		})
		made[i].pid = strconv.Itoa(cmd.Process.Pid)
	}
	if out, err := exec.Command("ip", "link", "add", "dn0", "netns", made[0].pid, "type", "veth", "peer", "name", "dn0", "netns", made[1].pid).CombinedOutput(); err != nil {
		t.Skipf("no link between two networks can be made: %s", out)
	}
	for _, h := range made {
		h.ip("address", "add", h.addr+"/24", "dev", "dn0")
		h.ip("link", "set", "lo", "up")
		h.ip("link", "set", "dn0", "up")
	}
	return made[0], made[1]
}

// ip runs ip in the host's network.
func (h host) ip(args ...string) {
	h.t.Helper()
	if out, err := exec.Command("nsenter", append([]string{"--target", h.pid, "--net", "ip"}, args...)...).CombinedOutput(); err != nil {
		h.t.Fatalf("ip %s: %v: %s", strings.Join(args, " "), err, out)
	}
}

// rank starts a rank of two on the host; rank 0 is at master.
func (h host) rank(dir string, rank int, master host, args ...string) *process {
	h.t.Helper()
	cmd := command(h.t, dir, args...)
	cmd.Args = append([]string{"nsenter", "--target", h.pid, "--net", cmd.Path}, cmd.Args[1:]...)
	cmd.Path = "/usr/bin/nsenter"
	cmd.Env = append(cmd.Env, "RANK="+strconv.Itoa(rank), "WORLD_SIZE=2", "LOCAL_RANK=0", "LOCAL_WORLD_SIZE=1", "MASTER_ADDR="+master.addr, "MASTER_PORT=29500")
	return start(h.t, cmd)
}

// TestRanksOfTwoHosts trains by a rank in each of two networks, which comes to what one
// process does, kills one of them, and cuts the link. Each time the run goes on.
func TestRanksOfTwoHosts(t *testing.T) {
	if os.Getenv("DETNAS_RANK_ITERATIONS") == "" {
		t.Skip("make ranks does it")
	}
	a, b := hosts(t)
	dir := t.TempDir()
	sets := append([]string{"data.shapes.dir=" + filepath.Join(dir, "images")}, rankSettings...)
	both := func(args ...string) (first, second *process) {
		args = append(args, "--headless", "--rank-timeout", "10s")
		return a.rank(dir, 0, a, args...), b.rank(dir, 1, a, args...)
	}

	for name, half := range rankHalves {
		sets := append(sets[:len(sets):len(sets)], half.sets...)
		args := with([]string{"tiny", "--name", name, "--to", half.to}, sets...)
		detnas(t, dir, append([]string{"run", "--headless", "--runs", "alone"}, args...)...).succeed()
		p, q := both(append([]string{"run"}, args...)...)
		if text := p.succeed(); !strings.Contains(text, "port 29500 is open on all addresses") {
			t.Errorf("rank 0 does not warn of its open port:\n%s", text)
		}
		q.succeed()
		sameLosses(t, name+", 2 hosts", losses(t, filepath.Join(dir, "runs", name)), losses(t, filepath.Join(dir, "alone", name)), 1e-5)
	}

	folder := filepath.Join(dir, "runs", "lost")
	long := with([]string{"run", "tiny", "--name", "lost", "--to", "1"}, append(sets, "supernet-pretrain.iterations=120", "supernet-pretrain.batch=8", "supernet-pretrain.checkpoint_every=5")...)
	trains := func() {
		before := 0
		if _, err := os.Stat(filepath.Join(folder, "events.jsonl")); err == nil {
			before = status(t, folder).Iteration
		}
		until(t, "it trains", func() bool {
			_, err := os.Stat(filepath.Join(folder, "events.jsonl"))
			return err == nil && status(t, folder).Iteration > before+5
		})
	}
	p, q := both(long...)
	trains()
	q.kill()
	p.fail("rank 1 (process", "has ended or cannot be reached", "--resume lost")

	p, q = both("run", "--resume", "lost")
	trains()
	a.ip("link", "set", "dn0", "down")
	p.fail("rank 1 (process", "has ended or cannot be reached", "--resume lost")
	if code := q.wait(); code != 1 {
		t.Errorf("rank 1 ended with %d:\n%s", code, q.text())
	}
	if text := string(read(t, filepath.Join(folder, "ranks", "1.txt"))); !strings.Contains(text, "rank 0 at 10.213.0.1 has ended or cannot be reached") {
		t.Errorf("the log of rank 1 does not say that rank 0 cannot be reached:\n%s", text)
	}
	detnas(t, dir, "run", "--headless", "--resume", "lost").succeed()
	if s := status(t, folder); s.State != run.StateFinished {
		t.Errorf("after one process went on, the run is %s", s.State)
	}
}
