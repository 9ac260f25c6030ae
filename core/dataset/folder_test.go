package dataset

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"detnas/core/input/inputtest"
)

// classFolder writes a class folder of n tiny images a class.
func classFolder(tb testing.TB, n int, classes ...string) string {
	tb.Helper()
	dir := tb.TempDir()
	for k, c := range classes {
		for i := range n {
			m := pattern(12+k, 10+i)
			writePNG(tb, filepath.Join(dir, c, string(rune('a'+i))+".png"), toRGBA(m))
		}
	}
	return dir
}

func TestOpenFolder(t *testing.T) {
	dir := classFolder(t, 2, "dog", "cat")
	writePNG(t, filepath.Join(dir, "cat", "deep", "z.PNG"), toRGBA(pattern(3, 3)))
	write(t, filepath.Join(dir, "cat", "notes.txt"), []byte("no image"))
	write(t, filepath.Join(dir, "cat", ".hidden.png"), nil)
	write(t, filepath.Join(dir, "README"), nil)
	set, err := OpenFolder(dir)
	if err != nil {
		t.Fatal(err)
	}
	if want := []string{"cat", "dog"}; !slices.Equal(set.Classes, want) {
		t.Errorf("classes %v, want %v", set.Classes, want)
	}
	var names []string
	for _, f := range set.Files {
		rel, err := filepath.Rel(dir, f)
		if err != nil {
			t.Fatal(err)
		}
		names = append(names, filepath.ToSlash(rel))
	}
	if want := []string{"cat/a.png", "cat/b.png", "cat/deep/z.PNG", "dog/a.png", "dog/b.png"}; !slices.Equal(names, want) {
		t.Errorf("files %v, want %v", names, want)
	}
	if want := []int{0, 0, 0, 1, 1}; !slices.Equal(set.Labels, want) {
		t.Errorf("labels %v, want %v", set.Labels, want)
	}
}

func TestOpenFolderErrors(t *testing.T) {
	empty := classFolder(t, 1, "cat")
	for _, c := range []string{"eel", "fox"} {
		if err := os.Mkdir(filepath.Join(empty, c), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	loop := classFolder(t, 1, "cat")
	if err := os.Symlink(loop, filepath.Join(loop, "cat", "up")); err != nil {
		t.Skip("links cannot be made here")
	}
	twice := classFolder(t, 1, "cat", "dog")
	if err := os.Symlink(filepath.Join(twice, "dog"), filepath.Join(twice, "cat", "a link")); err != nil {
		t.Fatal(err)
	}
	deep := classFolder(t, 1, "cat")
	writePNG(t, filepath.Join(deep, "cat", strings.Repeat("d/", maxFolderDepth+1), "a.png"), toRGBA(pattern(3, 3)))
	odd := t.TempDir()
	if err := os.Mkdir(filepath.Join(odd, "a\n\x1b[2J\xff"), 0o755); err != nil {
		t.Fatal(err)
	}
	tests := map[string]struct{ dir, want string }{
		"linked twice":  {twice, "are the same folder; remove the link"},
		"deep":          {deep, "folders deep"},
		"odd name":      {odd, `no images in a\n\x1b[2J\xff; put`},
		"absent":        {filepath.Join(empty, "nowhere"), "no such file"},
		"no classes":    {t.TempDir(), "no folders in it"},
		"empty classes": {empty, "no images in eel, fox"},
		"splits":        {classFolder(t, 1, "train", "val"), "holds the splits train, val"},
		"link loop":     {loop, "are the same folder; remove the link"},
	}
	for name, tt := range tests {
		_, err := OpenFolder(tt.dir)
		if err == nil || !strings.Contains(err.Error(), tt.want) || !strings.Contains(err.Error(), tt.dir) {
			t.Errorf("%s: error %v; want one with %q and %q", name, err, tt.want, tt.dir)
		}
		inputtest.Clear(t, err)
	}
}

// TestEveryFolderIsListedOnce links folders so that there are 2^40 ways through
// them, none of which leads back.
func TestEveryFolderIsListedOnce(t *testing.T) {
	dir := t.TempDir()
	at := func(i int) string { return filepath.Join(dir, "elsewhere", fmt.Sprint(i)) }
	for i := range 10 {
		writePNG(t, filepath.Join(at(i), "a.png"), toRGBA(pattern(3, 3)))
		if i == 0 {
			continue
		}
		for k := range 16 {
			if err := os.Symlink(at(i-1), filepath.Join(at(i), fmt.Sprint(k))); err != nil {
				t.Fatal(err)
			}
		}
	}
	class := filepath.Join(dir, "set", "cat")
	if err := os.MkdirAll(class, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(at(9), filepath.Join(class, "all")); err != nil {
		t.Fatal(err)
	}
	_, err := OpenFolder(filepath.Dir(class))
	inputtest.Clear(t, err, "same folder")
}

func TestClassificationRelabel(t *testing.T) {
	set, err := OpenFolder(classFolder(t, 1, "cat", "eel"))
	if err != nil {
		t.Fatal(err)
	}
	if err := set.Relabel([]string{"cat", "dog", "eel"}); err != nil {
		t.Fatal(err)
	}
	if want := []int{0, 2}; !slices.Equal(set.Labels, want) || len(set.Classes) != 3 {
		t.Errorf("labels %v of %v, want %v", set.Labels, set.Classes, want)
	}
	if err := set.Relabel([]string{"cat"}); err == nil || !strings.Contains(err.Error(), "dog") {
		t.Errorf("error %v; want one that names dog", err)
	}
}

func TestSplitIndices(t *testing.T) {
	rest, held, err := splitIndices(1, 100, 0.2)
	if err != nil {
		t.Fatal(err)
	}
	both := append(slices.Clone(rest), held...)
	slices.Sort(both)
	if len(held) != 20 || len(both) != 100 || len(slices.Compact(both)) != 100 {
		t.Errorf("%d held out, %d together", len(held), len(both))
	}
	if !slices.IsSorted(rest) || !slices.IsSorted(held) {
		t.Error("a part is not in order")
	}
	_, again, _ := splitIndices(1, 100, 0.2)
	_, other, _ := splitIndices(2, 100, 0.2)
	if !slices.Equal(held, again) || slices.Equal(held, other) {
		t.Error("the split must depend on the seed and nothing else")
	}
	for _, tt := range []struct {
		n    int
		f    float64
		held int
	}{{2, 0.01, 1}, {2, 0.99, 1}, {1, 0.5, -1}, {10, 0, -1}, {10, 1, -1}, {10, -1, -1}} {
		_, held, err := splitIndices(1, tt.n, tt.f)
		if (err != nil) != (tt.held < 0) || err == nil && len(held) != tt.held {
			t.Errorf("%v of %d: %d held out, error %v", tt.f, tt.n, len(held), err)
		}
	}
}
