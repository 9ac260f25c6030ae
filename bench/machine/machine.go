// Package machine tells what a measurement was taken on.
package machine

import (
	"fmt"
	"os"
	"runtime"
	"strings"
)

// Describe is the processor, the memory, the system and Go, a line each.
func Describe() []string {
	return []string{
		fmt.Sprintf("%s, %d cores, %s of memory", field("/proc/cpuinfo", "model name"), runtime.NumCPU(), gib(field("/proc/meminfo", "MemTotal"))),
		fmt.Sprintf("%s, Linux %s, %s", strings.Trim(field("/etc/os-release", "PRETTY_NAME"), `"`), kernel(), runtime.Version()),
	}
}

// field is the first value of a key in a file of "key: value" or "key=value".
func field(path, key string) string {
	text, err := os.ReadFile(path) //nolint:gosec // one of the system's own
	if err != nil {
		return "unknown"
	}
	for line := range strings.Lines(string(text)) {
		at := strings.IndexAny(line, ":=")
		if at > 0 && strings.TrimSpace(line[:at]) == key {
			return strings.TrimSpace(line[at+1:])
		}
	}
	return "unknown"
}

func gib(kib string) string {
	var n float64
	if _, err := fmt.Sscanf(kib, "%f kB", &n); err != nil {
		return kib
	}
	return fmt.Sprintf("%.0f GiB", n/(1<<20))
}

func kernel() string {
	text, err := os.ReadFile("/proc/sys/kernel/osrelease")
	if err != nil {
		return "unknown"
	}
	return strings.TrimSpace(string(text))
}

// Load is the load average of the last minute.
func Load() string {
	text, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return "unknown"
	}
	load, _, _ := strings.Cut(string(text), " ")
	return load
}
