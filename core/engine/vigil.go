package engine

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"strings"
	"syscall"
	"time"

	"detnas/core/tensor"
)

// vigilEvery is how often a rank of an NCCL group looks whether the others are there.
const vigilEvery = 500 * time.Millisecond

// fallenKey says of which rank a group is known to have lost.
func fallenKey(group int) string { return fmt.Sprintf("fallen/%d", group) }

// vigil looks after the members of a group over NCCL, in which GPUs of one machine wait
// without end for a process that has ended, until stop is called. Who sees that a process of
// its own machine has ended tells all others by the store.
func (c *crew) vigil(g *tensor.Group, number int, members []person) (stop func()) {
	quit := make(chan struct{})
	go func() {
		began := map[int]string{} // processes of this machine, by rank
		for r, m := range members {
			if r != c.place.Rank && m.Machine != "" && m.Machine == c.own.Machine {
				began[r], _ = processBegan(m.PID)
			}
		}
		ticker := time.NewTicker(vigilEvery)
		defer ticker.Stop()
		for {
			if why := c.fallen(number, members, began); why != "" {
				g.Fail(why)
				return
			}
			select {
			case <-quit:
				return
			case <-ticker.C:
			}
		}
	}()
	return func() { close(quit) }
}

// fallen is why a group cannot go on, as far as this process sees, or nothing.
func (c *crew) fallen(number int, members []person, began map[int]string) string {
	for r, at := range began {
		now, known := processBegan(members[r].PID)
		if !known || now != "" && (now == at || at == "") { // which it was may not have been known
			continue
		}
		why := fmt.Sprintf("rank %d (process %d on %s) has ended", r, members[r].PID, members[r].Host)
		_ = c.store.Set(fallenKey(number), []byte(why)) // the others may see it themselves
		return why
	}
	switch why, there, err := c.store.Get(fallenKey(number)); {
	case err != nil:
		return fmt.Sprintf("%s has ended or cannot be reached: %v", c.keeper(), err)
	case there:
		return string(why)
	}
	return ""
}

// thisMachine tells processes apart that see each other by their numbers: the kernel that
// runs, and the namespace of its processes. It is empty where that cannot be told.
func thisMachine() string {
	boot, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return ""
	}
	space, err := os.Readlink("/proc/self/ns/pid")
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(boot)) + " " + space
}

// processBegan is when a process of this machine began, in the kernel's count, and empty
// where there is none or it has ended and was not yet fetched by its parent. known is false
// where that cannot be read.
func processBegan(pid int) (began string, known bool) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return "", errors.Is(err, os.ErrNotExist) || errors.Is(err, syscall.ESRCH)
	}
	after := text[bytes.LastIndexByte(text, ')')+1:] // its name, which may hold anything
	const state, start = 0, 19                       // proc(5): fields 3 and 22
	f := strings.Fields(string(after))
	if len(f) <= start {
		return "", false
	}
	if f[state] == "Z" || f[state] == "X" {
		return "", true
	}
	return f[start], true
}
