// Package inputtest is what the tests of readers share: what a clear error is,
// and how much memory a read takes.
package inputtest

import (
	"io"
	"runtime"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

// Clear wants an error in the words of which people see what is wrong and where:
// one line that prints, of some length but not of any, with these words in it.
func Clear(t testing.TB, err error, words ...string) {
	t.Helper()
	if err == nil {
		t.Fatal("no error")
	}
	text := err.Error()
	if text == "" || strings.TrimRight(text, " ") != text {
		t.Errorf("the error is %q", text)
	}
	const most = 4000 // bytes: a few names in full
	if len(text) > most {
		t.Errorf("an error of %d bytes: %.500q", len(text), text)
	}
	if !utf8.ValidString(text) || strings.ContainsFunc(text, func(r rune) bool { return !unicode.IsPrint(r) }) {
		t.Errorf("the error does not print on a line: %q", text)
	}
	for _, w := range words {
		if !strings.Contains(text, w) {
			t.Errorf("%q; want %q in it", text, w)
		}
	}
}

// Allocated is how many bytes are allocated while f runs, those that are freed
// again included.
func Allocated(f func()) int64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return int64(after.TotalAlloc - before.TotalAlloc) //nolint:gosec // far below
}

// Linear wants work on an input of twice the size to be about twice as much, by
// what it allocates. work is given sizes n and 2n; the first of them has to
// allocate some megabytes, so that what it always does is little beside.
func Linear(t testing.TB, n int, work func(n int)) {
	t.Helper()
	once, twice := Allocated(func() { work(n) }), Allocated(func() { work(2 * n) })
	if float64(twice) > 2.6*float64(once) { // a list that grows may just have been doubled
		t.Errorf("%d bytes are allocated for a size of %d, and %d for twice as much", once, n, twice)
	}
}

// Held is the most memory in bytes that a reader of src holds at a time: read is
// given src through a reader that looks at the heap after every so many bytes.
func Held(src io.Reader, every int64, read func(io.Reader)) int64 {
	w := &watch{src: src, every: every, least: live()}
	read(w)
	return w.most - w.least
}

// watch looks at what is alive on the heap while it is read.
type watch struct {
	src         io.Reader
	every       int64
	read, next  int64
	least, most int64
}

// Read implements io.Reader.
func (w *watch) Read(p []byte) (int, error) {
	if w.read >= w.next {
		w.most = max(w.most, live())
		w.next = w.read + w.every
	}
	n, err := w.src.Read(p)
	if w.read += int64(n); err != nil {
		w.most = max(w.most, live())
	}
	return n, err //nolint:wrapcheck // as it is
}

// live is what is alive on the heap, in bytes.
func live() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc) //nolint:gosec // far below
}
