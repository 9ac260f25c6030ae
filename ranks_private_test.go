package main

import (
	"encoding/hex"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// listening are the addresses at which a process and its children wait for connections,
// but for those of the machine itself.
func listening(t *testing.T, pid int) []string {
	t.Helper()
	var out []string
	for _, p := range append(children(t, pid), pid) {
		sockets := socketsOf(p)
		for _, table := range []string{"tcp", "tcp6", "udp", "udp6"} {
			for _, line := range strings.Split(string(read(t, fmt.Sprintf("/proc/%d/net/%s", p, table))), "\n")[1:] {
				f := strings.Fields(line) // proc(5): number, local address, other address, state, ..., inode
				if len(f) < 10 || !slices.Contains(sockets, f[9]) || strings.HasPrefix(table, "tcp") && f[3] != "0A" {
					continue
				}
				if addr := address(t, f[1]); !addr.IsLoopback() {
					out = append(out, fmt.Sprintf("%s %s (process %d)", table, addr, p))
				}
			}
		}
	}
	return out
}

// address is that of a line of /proc/net/tcp: 4-byte words as the machine has them.
func address(t *testing.T, field string) netip.Addr {
	t.Helper()
	digits, _, _ := strings.Cut(field, ":")
	b, err := hex.DecodeString(digits)
	if err != nil {
		t.Fatal(err)
	}
	for word := range slices.Chunk(b, 4) {
		slices.Reverse(word)
	}
	addr, ok := netip.AddrFromSlice(b)
	if !ok {
		t.Fatalf("no address: %s", field)
	}
	return addr.Unmap()
}

// socketsOf are the inodes of a process's sockets.
func socketsOf(pid int) []string {
	files, _ := filepath.Glob(fmt.Sprintf("/proc/%d/fd/*", pid))
	var out []string
	for _, f := range files {
		if to, err := os.Readlink(f); err == nil && strings.HasPrefix(to, "socket:[") {
			out = append(out, strings.Trim(to, "socket:[]"))
		}
	}
	return out
}

// children are the processes that a process has started.
func children(t *testing.T, pid int) []int {
	t.Helper()
	var out []int
	tasks, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range tasks {
		text, _ := os.ReadFile(f) //nolint:gosec // a thread may have ended
		for _, word := range strings.Fields(string(text)) {
			child, err := strconv.Atoi(word)
			if err != nil {
				t.Fatal(err)
			}
			out = append(out, child)
		}
	}
	return out
}

// TestListening finds the port that a process of its own has open to all, and reads
// addresses of the machine itself as such.
func TestListening(t *testing.T) {
	l, err := net.Listen("tcp", ":0") //nolint:gosec // nothing is accepted
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if open := listening(t, os.Getpid()); len(open) == 0 {
		t.Error("an open port is not found")
	}
	for _, itself := range []string{"0100007F:1F90", "00000000000000000000000001000000:1F90"} {
		if got := address(t, itself); !got.IsLoopback() {
			t.Errorf("%s is %s", itself, got)
		}
	}
}
