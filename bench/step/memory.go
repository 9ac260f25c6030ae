package main

import (
	"fmt"
	"os"
	"strconv"
	"strings"
)

// memory reads the process's resident memory and its peak, in KiB.
func memory() (rss, peak int64, err error) {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0, 0, fmt.Errorf("read the resident memory: %w", err)
	}
	for line := range strings.Lines(string(status)) {
		f := strings.Fields(line)
		if len(f) < 2 || f[0] != "VmRSS:" && f[0] != "VmHWM:" {
			continue
		}
		n, err := strconv.ParseInt(f[1], 10, 64)
		if err != nil {
			return 0, 0, fmt.Errorf("read the resident memory: %w", err)
		}
		if f[0] == "VmRSS:" {
			rss = n
		} else {
			peak = n
		}
	}
	return rss, peak, nil
}

// resetPeak makes the peak begin at what is resident now (proc(5), clear_refs).
func resetPeak() error {
	if err := os.WriteFile("/proc/self/clear_refs", []byte("5"), 0); err != nil {
		return fmt.Errorf("reset the peak of memory: %w", err)
	}
	return nil
}
