package dataset

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestListImages(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"b.PNG", "a.jpg", "notes.txt", ".hidden.jpg", "sub/c.jpg", "folder.jpg/x.jpg"} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	at := func(names ...string) (out []string) {
		for _, n := range names {
			out = append(out, filepath.Join(dir, n))
		}
		return out
	}
	got, err := ListImages(at("notes.txt", ".", "sub"))
	if want := at("notes.txt", "a.jpg", "b.PNG", "sub/c.jpg"); err != nil || !slices.Equal(got, want) {
		t.Errorf("%v, %v; want %v", got, err, want)
	}
	for _, link := range at("sub/d.jpg", "link") {
		if err := os.Symlink("/nowhere/at/all", link); err != nil {
			t.Fatal(err)
		}
	}
	got, err = ListImages(at("sub", "link"))
	if want := at("sub/c.jpg", "sub/d.jpg", "link"); err != nil || !slices.Equal(got, want) {
		t.Errorf("with links to nowhere: %v, %v; want %v", got, err, want)
	}
	if _, err := ListImages(at("nowhere.jpg")); err == nil || !strings.Contains(err.Error(), "nowhere.jpg") {
		t.Errorf("a missing file: %v", err)
	}
	empty := t.TempDir()
	if _, err := ListImages([]string{empty}); err == nil || !strings.Contains(err.Error(), empty) {
		t.Errorf("a folder without images: %v", err)
	}
}
