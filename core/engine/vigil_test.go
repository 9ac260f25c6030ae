package engine

import (
	"fmt"
	"os/exec"
	"strings"
	"testing"
	"time"

	"detnas/core/ranks"
	"detnas/core/ranks/local"
	"detnas/core/tensor"
)

// A rank sees that a process of its machine has ended, also before that process's parent
// has fetched its end, and tells the others.
func TestVigilSeesWhoHasEnded(t *testing.T) {
	name := fmt.Sprintf("vigil-%d", time.Now().UnixNano())
	if err := local.Serve(name); err != nil {
		t.Fatal(err)
	}
	store, err := tensor.OpenLocalStore(name, "test", time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	other := exec.Command("sleep", "600")
	if err := other.Start(); err != nil {
		t.Fatal(err)
	}
	defer other.Wait() //nolint:errcheck // it is killed
	c := &crew{store: store, place: ranks.Place{World: 3, Store: name}}
	members := []person{{}, {PID: other.Process.Pid, Host: "here"}, {}}
	began := map[int]string{}
	began[1], _ = processBegan(other.Process.Pid)
	if began[1] == "" || thisMachine() == "" {
		t.Fatalf("a process that runs began at %q on %q", began[1], thisMachine())
	}
	for _, at := range []string{began[1], ""} { // it could not be read at first
		if why := c.fallen(1, members, map[int]string{1: at}); why != "" {
			t.Fatalf("all live, and %s", why)
		}
	}
	if why := c.fallen(2, members, map[int]string{1: began[1] + "0"}); why == "" {
		t.Error("another process with the rank's number is taken for it")
	}
	if err := other.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	why := ""
	for until := time.Now().Add(time.Minute); why == "" && time.Now().Before(until); time.Sleep(time.Millisecond) {
		why = c.fallen(1, members, began)
	}
	if want := fmt.Sprintf("rank 1 (process %d on here) has ended", other.Process.Pid); why != want {
		t.Errorf("%q, want %q", why, want)
	}
	far := map[int]string{} // a rank of another machine, which is told
	if got := c.fallen(1, members, far); got != why {
		t.Errorf("the others are told %q", got)
	}
	if got := c.fallen(3, members, far); got != "" {
		t.Errorf("another group is told %q", got)
	}
}

// Ranks that add up by other means are refused by one line before they connect.
func TestRanksOfTwoKinds(t *testing.T) {
	name := fmt.Sprintf("kinds-%d", time.Now().UnixNano())
	place := ranks.Place{World: 2, Store: name}
	c, err := join(t.Context(), place, "test", time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	c.own.Sums = "Gloo"
	for rank, sums := range []string{"Gloo", "NCCL"} {
		if err := c.say(rankKey(rank), fmt.Sprintf(`{"version":"test","host":"there","pid":1,"came":1,"sums":%q}`, sums)); err != nil {
			t.Fatal(err)
		}
	}
	_, err = c.assemble(t.Context(), nil)
	if err == nil || !strings.Contains(err.Error(), "rank 1 (there) adds up by NCCL, on GPUs, and this rank by Gloo, on CPUs") {
		t.Error(err)
	}
}
