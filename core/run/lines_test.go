package run

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// text is a file of lines and what is known of it.
func text(t testing.TB, content string) (*Lines, string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "log.txt")
	put(t, path, content)
	l := NewLines(path)
	if err := l.Refresh(); err != nil {
		t.Fatal(err)
	}
	return l, path
}

func put(t testing.TB, path, content string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

func add(t testing.TB, path, content string) {
	t.Helper()
	file, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if _, err := file.WriteString(content); err != nil {
		t.Fatal(err)
	}
}

// lines wants l to hold want.
func lines(t *testing.T, l *Lines, want ...string) {
	t.Helper()
	if err := l.Refresh(); err != nil {
		t.Fatal(err)
	}
	got, err := l.Read(0, 1<<30)
	if err != nil {
		t.Fatal(err)
	}
	equal(t, strings.Join(got, "|"), strings.Join(want, "|"))
	if l.Len() != len(want) {
		t.Errorf("%d lines, want %d", l.Len(), len(want))
	}
}

func TestLinesOfAGrowingFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log.txt")
	l := NewLines(path)
	lines(t, l)
	put(t, path, "")
	lines(t, l)
	for _, tc := range []struct {
		more string
		want []string
	}{
		{"a\n", []string{"a"}},
		{"\n", []string{"a", ""}},
		{"to", []string{"a", "", "to"}}, // torn
		{"rn", []string{"a", "", "torn"}},
		{"\r\nb\n", []string{"a", "", "torn", "b"}},
		{"\xff\n", []string{"a", "", "torn", "b", "?"}},
	} {
		add(t, path, tc.more)
		lines(t, l, tc.want...)
	}
	put(t, path, "new\n")
	lines(t, l, "new")
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if got, err := l.Read(0, 5); err != nil || len(got) != 0 {
		t.Errorf("of a file that is gone: %q, %v", got, err)
	}
	lines(t, l)
	put(t, path, "another\nfile\n")
	lines(t, l, "another", "file")
	other := path + ".2"
	put(t, other, "moved here\nin its place\n")
	if err := os.Rename(other, path); err != nil {
		t.Fatal(err)
	}
	lines(t, l, "moved here", "in its place")
}

func TestLinesAreWhatTheyWereAtTheRefresh(t *testing.T) {
	l, path := text(t, "a\nb")
	add(t, path, "c\nd\n")
	got, err := l.Read(0, 10)
	if err != nil {
		t.Fatal(err)
	}
	equal(t, got, []string{"a", "b"})
	put(t, path, "a\n")
	if got, err = l.Read(0, 10); err != nil {
		t.Fatal(err)
	}
	equal(t, got, []string{"a"})
}

func TestLinesAreClipped(t *testing.T) {
	long := strings.Repeat("x", clipAt)
	l, _ := text(t, long+"\n"+long+"y\n"+long+"\r\n"+strings.Repeat(long, 100)+"\nshort\n"+long+long)
	got, err := l.Read(0, 10)
	if err != nil {
		t.Fatal(err)
	}
	equal(t, got, []string{long, long, long, long, "short", long})
}

// TestLinesFromAnywhere reads windows of a file whose every line is its number.
func TestLinesFromAnywhere(t *testing.T) {
	const n = 5*firstStep + 7
	var b strings.Builder
	for i := range n {
		fmt.Fprintln(&b, i)
	}
	l, path := text(t, b.String())
	check := func() {
		t.Helper()
		for from := 0; from < l.Len(); from += 41 {
			got, err := l.Read(from, 3)
			if err != nil || len(got) != min(3, l.Len()-from) {
				t.Fatalf("from %d: %q, %v", from, got, err)
			}
			for i, line := range got {
				if line != fmt.Sprint(from+i) {
					t.Fatalf("line %d is %q", from+i, line)
				}
			}
		}
	}
	check()
	for _, outside := range [][2]int{{n, 1}, {n + 100, 5}, {0, 0}, {3, -1}} {
		if got, err := l.Read(outside[0], outside[1]); err != nil || got != nil {
			t.Errorf("Read(%v) = %q, %v", outside, got, err)
		}
	}
	if got, err := l.Read(-4, 1); err != nil || len(got) != 1 || got[0] != "0" {
		t.Errorf("before the start: %q, %v", got, err)
	}
	b.Reset()
	for i := n; i < 3*n; i++ {
		fmt.Fprintln(&b, i)
	}
	add(t, path, b.String())
	if err := l.Refresh(); err != nil {
		t.Fatal(err)
	}
	check()
}

// TestLinesKeepFewMarks indexes a file with more lines than there may be marks.
func TestLinesKeepFewMarks(t *testing.T) {
	const n = 3*mostMarks*firstStep + 5
	l, path := text(t, strings.Repeat("\n", n))
	add(t, path, "the last\n")
	if err := l.Refresh(); err != nil {
		t.Fatal(err)
	}
	if l.Len() != n+1 || len(l.marks) > mostMarks || len(l.marks) < mostMarks/2 || l.step != 4*firstStep {
		t.Errorf("%d lines, %d marks at every %d", l.Len(), len(l.marks), l.step)
	}
	for i, off := range l.marks { // every line is a byte
		if off != int64(i*l.step) {
			t.Fatalf("mark %d at %d", i, off)
		}
	}
	if got, err := l.Read(n-1, 5); err != nil || len(got) != 2 || got[1] != "the last" {
		t.Errorf("%q, %v", got, err)
	}
}

// FuzzLines wants the lines that splitting gives, however the file grew.
func FuzzLines(f *testing.F) {
	f.Add("a\nb\n\nc", uint16(3), uint16(1), uint16(2))
	f.Add("\n\n\r\n\xff\r", uint16(1), uint16(0), uint16(9))
	f.Add(strings.Repeat("line\n", 2*firstStep), uint16(700), uint16(firstStep), uint16(3))
	f.Fuzz(func(t *testing.T, content string, cut, from, n uint16) {
		at := min(int(cut), len(content))
		l, path := text(t, content[:at])
		add(t, path, content[at:])
		if err := l.Refresh(); err != nil {
			t.Fatal(err)
		}
		want := strings.Split(content, "\n")
		if want[len(want)-1] == "" {
			want = want[:len(want)-1]
		}
		if l.Len() != len(want) {
			t.Fatalf("%d lines, want %d", l.Len(), len(want))
		}
		got, err := l.Read(int(from), int(n))
		if err != nil {
			t.Fatal(err)
		}
		want = want[min(int(from), len(want)):]
		want = want[:min(int(n), len(want))]
		if len(got) != len(want) {
			t.Fatalf("%d lines from %d, want %d", len(got), from, len(want))
		}
		for i, line := range want {
			line = strings.TrimSuffix(line, "\r")
			if line = strings.ToValidUTF8(line[:min(len(line), clipAt)], "?"); got[i] != line {
				t.Fatalf("line %d is %q, want %q", i, got[i], line)
			}
		}
	})
}

// BenchmarkLinesOfAMillion indexes a million lines and reads the last ones.
func BenchmarkLinesOfAMillion(b *testing.B) {
	path := filepath.Join(b.TempDir(), "log.txt")
	const n = 1_000_000
	put(b, path, strings.Repeat(strings.Repeat("x", 200)+"\n", n))
	for b.Loop() {
		l := NewLines(path)
		if err := l.Refresh(); err != nil {
			b.Fatal(err)
		}
		if got, err := l.Read(n-10, 10); err != nil || len(got) != 10 || l.Len() != n {
			b.Fatalf("%d of %d lines, %v", len(got), l.Len(), err)
		}
	}
}
