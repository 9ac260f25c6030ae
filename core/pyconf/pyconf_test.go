package pyconf

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"detnas/core/input/inputtest"
)

// put writes files into a new folder and returns the path of the first.
func put(tb testing.TB, files ...[2]string) string {
	tb.Helper()
	dir := tb.TempDir()
	for _, f := range files {
		path := filepath.Join(dir, filepath.FromSlash(f[0]))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			tb.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(f[1]), 0o600); err != nil {
			tb.Fatal(err)
		}
	}
	return filepath.Join(dir, filepath.FromSlash(files[0][0]))
}

// plain is a value as Go has it.
func plain(v *Value) any {
	switch {
	case v == nil:
		return "absent"
	case v.Kind == None:
		return nil
	case v.Kind == Bool:
		return v.Num == 1
	case v.Kind == Number && v.Int:
		return int(v.Num)
	case v.Kind == Number:
		return v.Num
	case v.Kind == Text:
		return v.Text
	}
	return "container"
}

func at(v *Value, path string) *Value {
	for key := range strings.SplitSeq(path, ".") {
		if v.Kind == List {
			v = v.Items[key[0]-'0']
			continue
		}
		if v = v.Get(key); v == nil {
			return nil
		}
	}
	return v
}

// Literals, names, dotted names and inheritance come to what Python would make of
// them; what is none of these is told with its line, and the rest is read.
func TestLoad(t *testing.T) {
	path := put(t,
		[2]string{"nas/child.py", `# a comment
"""and one
of two lines"""
import os.path as p
_base_ = ['../base/a.py', '../base/gone.py', 'mmdet::_base_/b.py']
root = 'data/'
norm = dict(type='BN', eps=1e-5,)
model = dict(
    head=dict(_delete_=True, kind="It's", norm=norm),  # replaced
    neck={'out': 2_56, "names": ('a', 'b' 'c',), 'one': (3)},
    flops=300 * 1e6, neg=-1.5, none=None, ok=True,
    path=root + 'train.json')
copied = _base_.model.body.depth
model.neck.added = \
    .25
def f(x):
    return x
    y = 3
n = len([1, 2])
t = f'{root}x'
for i in (1, 2): pass
late = 7; later = 8
model.nothing.x = 1
`},
		[2]string{"base/a.py", "model = dict(head=dict(kind='old', lost=1), body=dict(depth=4), kept=r'a\\b')\nover = 1\n"})
	c, err := Load(path, nil)
	if err != nil {
		t.Fatal(err)
	}
	for key, want := range map[string]any{
		"model.head.kind": "It's", "model.head.lost": "absent", "model.head.norm.eps": 1e-5, "model.head._delete_": "absent",
		"model.neck.out": 256, "model.neck.names.1": "bc", "model.neck.one": 3, "model.neck.added": 0.25,
		"model.flops": 300e6, "model.neg": -1.5, "model.none": nil, "model.ok": true, "model.path": "data/train.json",
		"model.body.depth": 4, "model.kept": `a\b`, "copied": 4, "over": 1, "late": 7, "later": 8, "y": "absent",
		"root": "absent", "norm": "absent", "_base_": "absent", // they stand for parts of others
	} {
		if got := plain(at(c.Values, key)); got != want {
			t.Errorf("%s is %v, want %v", key, got, want)
		}
	}
	if v := at(c.Values, "model.head.norm.eps"); v.Line != 7 || filepath.Base(v.File) != "child.py" {
		t.Errorf("eps stands at %s", v.Place())
	}
	var lines []int
	for _, s := range c.Strange {
		lines = append(lines, s.Line)
	}
	want := []int{4, 16, 19, 20, 21, 23}
	if len(lines) != len(want) {
		t.Fatalf("not understood: %v", c.Strange)
	}
	for i := range want {
		if lines[i] != want[i] {
			t.Errorf("not understood: %v", c.Strange)
			break
		}
	}
	if len(c.Absent) != 2 || c.Absent[0].Line != 5 || !strings.Contains(c.Absent[0].What, "gone.py") || !strings.Contains(c.Absent[1].What, "a package") {
		t.Errorf("absent: %v", c.Absent)
	}
}

func TestLoadRefuses(t *testing.T) {
	bomb := "a = [0, 0, 0, 0, 0, 0, 0, 0]\n"
	for range 12 {
		bomb += "a = [a, a, a, a, a, a, a, a]\n"
	}
	for name, tt := range map[string]struct{ text, want string }{
		"string":  {"a = 1\nb = 'x\nc = 2\n", "line 2: a string does not end"},
		"bomb":    {bomb, "more values"},
		"circle":  {"a = dict()\na.b = a\n", "more values, or to deeper ones"},
		"itself":  {"_base_ = 'a.py'\n", "inherit one another"},
		"large":   {strings.Repeat("#", mostBytes+1), "too large"},
		"strange": {strings.Repeat("f()\n", 2000), "more than 1000"},
	} {
		_, err := Load(put(t, [2]string{"a.py", tt.text}), nil)
		if err == nil || !strings.Contains(err.Error(), tt.want) || !strings.Contains(err.Error(), "a.py") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if c, err := Load(put(t, [2]string{"a.py", "a = " + strings.Repeat("[", 5000) + "\n"}), nil); err == nil && len(c.Strange) != 1 {
		t.Errorf("deep brackets: %+v", c)
	}
}

func FuzzLoad(f *testing.F) {
	for _, s := range []string{
		"a = dict(b=[1, 2.5, -3], c={'d': None})\n", "_base_ = 'a.py'", "a = dict()\na.b = a\n", "x = '''a\n'''\n", "a = 'b' 'c' + \"d\"\n",
		"a = 1e-5 * 3\n", "a = (1,)\nb = ()\n", "a=dict(", "\\\n", "a = '\\x", "def f():\n  x\ny = _base_.z\n", "_base_.a = 1\n",
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		if len(text) > 1<<16 {
			return
		}
		path := put(t, [2]string{"a.py", string(text)})
		var c *Config
		var err error
		took := inputtest.Allocated(func() { c, err = Load(path, nil) })
		if took > 256<<20 {
			t.Errorf("%d bytes were allocated for %d", took, len(text))
		}
		if err != nil {
			inputtest.Clear(t, err)
		} else if c.Values == nil || c.Values.Kind != Dict {
			t.Error("no dict")
		}
	})
}
