package input_test

import (
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"unicode"

	"detnas/core/input"
	"detnas/core/input/inputtest"
)

func put(t testing.TB, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestFile(t *testing.T) {
	for _, text := range []string{"", "a", strings.Repeat("x", 4096)} {
		got, err := input.File(put(t, "f", text), 4096)
		if err != nil || string(got) != text {
			t.Errorf("%d bytes of %d, %v", len(got), len(text), err)
		}
	}
	if got, err := input.File("/proc/self/status", 1<<20); err != nil || len(got) < 100 {
		t.Errorf("a file that does not tell its size: %d bytes, %v", len(got), err)
	}
}

func TestFileRefuses(t *testing.T) {
	dir := t.TempDir()
	pipe := filepath.Join(dir, "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	loop := filepath.Join(dir, "loop")
	if err := os.Symlink(loop, loop); err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct {
		path string
		is   error
		want string
	}{
		"absent":          {filepath.Join(dir, "none"), os.ErrNotExist, "no such file"},
		"a folder":        {dir, input.ErrNotFile, "not a file"},
		"a pipe":          {pipe, input.ErrNotFile, "not a file"},
		"a device":        {"/dev/zero", input.ErrNotFile, "not a file"},
		"a loop of links": {loop, syscall.ELOOP, "links"},
		"large":           {put(t, "large", strings.Repeat("x", 11)), input.ErrTooLarge, "11 bytes, where 10 may be"},
		"odd name":        {filepath.Join(dir, "a\n\x1b[2J\xff"), os.ErrNotExist, `a\n\x1b[2J\xff`},
		"zero in name":    {filepath.Join(dir, "a\x00b"), syscall.EINVAL, `a\x00b`},
		"endless":         {"/proc/self/maps", input.ErrTooLarge, "where 10 may be"}, // and says that it is empty
	} {
		_, err := input.File(tt.path, 10)
		inputtest.Clear(t, err, tt.want)
		if !errors.Is(err, tt.is) {
			t.Errorf("%s: %v, want %v", name, err, tt.is)
		}
	}
}

// TestFileAllocatesTheFile wants the memory of a read to be that of the file, and
// that of a refused one to be nearly none.
func TestFileAllocatesTheFile(t *testing.T) {
	path := put(t, "f", strings.Repeat("x", 1<<20))
	for most, want := range map[int64]int64{1 << 20: 1<<20 + 16<<10, 1 << 19: 16 << 10} {
		if got := inputtest.Allocated(func() { _, _ = input.File(path, most) }); got > want {
			t.Errorf("%d bytes allocated to read at most %d, want %d", got, most, want)
		}
	}
}

func TestLine(t *testing.T) {
	for text, want := range map[string]string{
		"":                              "",
		"plain ärger 漢字 \uFFFD":         "plain ärger 漢字 \uFFFD",
		"a\nb\t\r":                      `a\nb\t\r`,
		"\x1b[2J\u009b":                 `\x1b[2J\u009b`,
		"\xff\u202e\u00a0":              `\xff\u202e\u00a0`,
		strings.Repeat("é", 500):        strings.Repeat("é", 500),
		strings.Repeat("é", 501):        strings.Repeat("é", 500) + "...",
		strings.Repeat("x", 998) + "\n": strings.Repeat("x", 998) + `\n`,
		strings.Repeat("x", 999) + "\n": strings.Repeat("x", 999) + "...",
	} {
		if got := input.Line(text); got != want {
			t.Errorf("%q is %q, want %q", text, got, want)
		}
	}
}

func FuzzLine(f *testing.F) {
	f.Add("a\n\x1b[31m\xff\u202e" + strings.Repeat("é", 600))
	f.Fuzz(func(t *testing.T, text string) {
		line := input.Line(text)
		if strings.ContainsFunc(line, func(r rune) bool { return !unicode.IsPrint(r) }) || len(line) > 1003 {
			t.Errorf("%q is %q", text, line)
		}
		shown := input.Shown(text)
		if strings.ContainsFunc(shown, func(r rune) bool { return !unicode.IsPrint(r) }) || !strings.HasPrefix(shown, strings.TrimSuffix(line, "...")) {
			t.Errorf("%q is shown as %q", text, shown)
		}
		if again := input.Line(line); again != line && len(line) < 1000 {
			t.Errorf("%q is %q, and that %q", text, line, again)
		}
	})
}

func TestPlainKeepsWhatIsPlain(t *testing.T) {
	if err := errors.New("plain"); input.Plain(err) != err { //nolint:errorlint // the very same
		t.Error("another error")
	}
	if input.Plain(nil) != nil {
		t.Error("an error of none")
	}
	err := input.Plain(&os.PathError{Op: "open", Path: "a\nb", Err: os.ErrNotExist})
	if err.Error() != `open a\nb: file does not exist` || !errors.Is(err, os.ErrNotExist) {
		t.Errorf("%q", err)
	}
}

// endless is a reader of a text that is repeated without end, up to so many bytes.
type endless struct {
	text string
	at   int
	left int
}

func (e *endless) Read(p []byte) (int, error) {
	p = p[:min(len(p), e.left)]
	if len(p) == 0 {
		return 0, io.EOF
	}
	for n := 0; n < len(p); {
		c := copy(p[n:], e.text[e.at:])
		n, e.at = n+c, (e.at+c)%len(e.text)
	}
	e.left -= len(p)
	return len(p), nil
}

// stream is head, and then text again and again up to n bytes.
func stream(head, text string, n int) io.Reader {
	return io.MultiReader(strings.NewReader(head), &endless{text: text, left: n})
}

// TestDecoderHoldsAPiece wants values that never end to be refused, and never to
// be held, and long sections to be skipped without being held.
func TestDecoderHoldsAPiece(t *testing.T) {
	const most, long = 64 << 10, 2 << 20
	for name, tt := range map[string]struct {
		head, text string
		skip       bool
		want       error
	}{
		"a string":        {`"`, "x", false, input.ErrTooLarge},
		"a list":          {`[`, "1,", false, input.ErrTooLarge},
		"space":           {"", " \n", false, input.ErrTooLarge},
		"a number":        {"", "7", false, input.ErrTooLarge},
		"skipped list":    {`[`, `{"a": [1e999, "x"]}, `, true, io.EOF},
		"skipped string":  {`[`, `x`, true, nil}, // no JSON
		"skipped strings": {`["`, `x`, true, input.ErrTooLarge},
		"skipped depth":   {``, `[`, true, input.ErrTooLarge},
	} {
		var err error
		held := inputtest.Held(stream(tt.head, tt.text, long), 128<<10, func(r io.Reader) {
			dec := input.Decoder(r, most)
			if tt.skip {
				err = input.Skip(dec)
			} else {
				var v json.RawMessage
				err = dec.Decode(&v)
			}
		})
		if err == nil || tt.want != nil && !errors.Is(err, tt.want) {
			t.Errorf("%s: %v, want %v", name, err, tt.want)
		}
		if held > 4*most+64<<10 {
			t.Errorf("%s: %d bytes were held", name, held)
		}
	}
}

func TestDecoderReadsWhatFits(t *testing.T) {
	dec := input.Decoder(strings.NewReader(`{"a": [1, 2], "b": {"c": [{}]}} "next"`), 10)
	if err := input.Skip(dec); err != nil {
		t.Fatal(err)
	}
	var s string
	if err := dec.Decode(&s); err != nil || s != "next" {
		t.Errorf("%q, %v", s, err)
	}
}
