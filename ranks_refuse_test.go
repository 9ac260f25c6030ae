package main

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// byHand starts the two ranks of a run as people do without launch, each by itself: rank 1
// first, which waits for rank 0 at addr.
func byHand(t *testing.T, dir, addr string, port int, args ...string) (zero, one *process) {
	t.Helper()
	var started [2]*process
	for rank := 1; rank >= 0; rank-- {
		cmd := command(t, dir, append([]string{"run", "--headless"}, args...)...)
		cmd.Env = append(cmd.Env, "RANK="+strconv.Itoa(rank), "WORLD_SIZE=2", "MASTER_ADDR="+addr, "MASTER_PORT="+strconv.Itoa(port))
		started[rank] = start(t, cmd)
	}
	return started[0], started[1]
}

// TestRank0Refuses has rank 0 begin nothing, for several reasons. Rank 1 ends, too, long
// before its --rank-timeout, and leaves it to rank 0 to say why.
func TestRank0Refuses(t *testing.T) {
	if testing.Short() {
		t.Skip("trains networks")
	}
	dir := t.TempDir()
	broken := filepath.Join(dir, "broken.toml")
	if err := os.WriteFile(broken, []byte("preset = \"tiny\"\nbatch = = 3\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	detnas(t, dir, "run", "--headless", "tiny", "--name", "there", "--to", "1", "--set", "threads=1", "--set", "supernet-pretrain.iterations=2").succeed()
	for name, tt := range map[string]struct {
		addr string
		args []string
		want string
	}{
		"a config with an error": {"127.0.0.1", []string{broken}, "broken.toml"},
		"between machines":       {ownNode(), []string{broken}, "broken.toml"},
		"a folder that is there": {"127.0.0.1", []string{"tiny", "--name", "there"}, "there"},
		"a device that is none":  {"127.0.0.1", []string{"tiny", "--set", "device=cuda:7"}, "device cuda:7"},
	} {
		zero, one := byHand(t, dir, tt.addr, 20000+freeJob(t), tt.args...)
		zero.fail(tt.want)
		one.fail("rank 0 has refused the run, and says why")
		oneLineOf(t, zero)
		oneLineOf(t, one)
		if strings.Contains(one.text(), tt.want) {
			t.Errorf("%s: rank 1 says why, as well: %s", name, one.text())
		}
	}
	zero, one := byHand(t, dir, "127.0.0.1", 20000+freeJob(t), "--resume", "there")
	if said := zero.succeed(); !strings.Contains(said, "has finished these steps already") {
		t.Errorf("a run that has finished: rank 0 says %s", said)
	}
	if said := one.succeed(); said != "" {
		t.Errorf("a run that has finished: rank 1 says %s", said)
	}
}
