package native

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// ErrOutOfMemory is wrapped by the error of an operator that could not have the
// memory that it asked for.
var ErrOutOfMemory = errors.New("out of memory")

// How the allocators of libtorch, CUDA and C++ say that there is no memory, in
// lower case, and how the first two say what was asked for.
var (
	outOfMemory = []string{"out of memory", "can't allocate memory", "cannot allocate memory", "bad_alloc", "alloc_failed"}
	askedFor    = regexp.MustCompile(`(?i)tried to allocate ([0-9.]+) ([a-z]+)`)
)

// errorOf is the error of what libtorch says.
func errorOf(text string) error {
	lower := strings.ToLower(text)
	for _, words := range outOfMemory {
		if !strings.Contains(lower, words) {
			continue
		}
		if m := askedFor.FindStringSubmatch(text); m != nil {
			return fmt.Errorf("%w: %s was asked for", ErrOutOfMemory, amount(m[1], m[2]))
		}
		return fmt.Errorf("%w (%s)", ErrOutOfMemory, text)
	}
	if strings.Contains(text, "gloo/") || strings.HasPrefix(text, ncclSays) || strings.HasPrefix(text, "ranks' memory") { // Gloo names its file
		return fmt.Errorf("%w: %s", ErrGroup, text)
	}
	return errors.New(text)
}

// amount writes bytes in MiB, and what is in another unit as it is.
func amount(number, unit string) string {
	if n, err := strconv.ParseFloat(number, 64); err == nil && unit == "bytes" {
		return fmt.Sprintf("%.1f MiB", n/(1<<20))
	}
	return number + " " + unit
}
