package shapes

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"image"
	_ "image/jpeg"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// contents reads every file below a folder.
func contents(t *testing.T, dir string) map[string]string {
	t.Helper()
	files := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		text, err := os.ReadFile(path)
		name, _ := filepath.Rel(dir, path)
		files[name] = string(text)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

func ensure(t *testing.T, dir string, cfg Config) (drawn int) {
	t.Helper()
	_, err := Ensure(t.Context(), dir, cfg, func(done, _ int) { drawn = done })
	if err != nil {
		t.Fatalf("Ensure: %v", err)
	}
	return drawn
}

func TestSameBytesForAnyNumberOfWorkers(t *testing.T) {
	var first map[string]string
	for _, workers := range []int{1, 2, 7} {
		dir := filepath.Join(t.TempDir(), "set")
		if err := generate(t.Context(), dir, small(), workers, nil); err != nil {
			t.Fatalf("%d workers: %v", workers, err)
		}
		files := contents(t, dir)
		if first == nil {
			first = files
			continue
		}
		for name, text := range files {
			if first[name] != text {
				t.Errorf("%s differs between 1 and %d workers", name, workers)
			}
		}
		if len(files) != len(first) {
			t.Errorf("%d files with %d workers, %d with 1", len(files), workers, len(first))
		}
	}
	if want := small().Images() + 4; len(first) != want {
		t.Errorf("%d files, want %d", len(first), want)
	}
}

func TestSeedsDiffer(t *testing.T) {
	a, _ := drawScene(small(), "train", 0)
	cfg := small()
	cfg.Seed++
	b, _ := drawScene(cfg, "train", 0)
	c, _ := drawScene(small(), "val", 0)
	if slices.Equal(a.pix, b.pix) || slices.Equal(a.pix, c.pix) {
		t.Error("another seed or split gives the same picture")
	}
}

func TestCOCO(t *testing.T) {
	cfg := small()
	p, err := Ensure(t.Context(), filepath.Join(t.TempDir(), "set"), cfg, nil)
	if err != nil {
		t.Fatal(err)
	}
	for file, count := range map[string]int{p.Train: cfg.Train, p.Val: cfg.Val, p.Test: cfg.Test} {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var set cocoFile
		if err := json.Unmarshal(text, &set); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		if len(set.Images) != count {
			t.Errorf("%s: %d images, want %d", file, len(set.Images), count)
		}
		var names []string
		for i, c := range set.Categories {
			names = append(names, c.Name)
			if c.ID != i+1 {
				t.Errorf("%s: category %q has id %d, want %d", file, c.Name, c.ID, i+1)
			}
		}
		if diff := cmp.Diff(ClassNames()[:cfg.Classes], names); diff != "" {
			t.Errorf("%s: categories (-want +got):\n%s", file, diff)
		}
		images := map[int]image.Rectangle{}
		for _, im := range set.Images {
			if _, twice := images[im.ID]; twice {
				t.Errorf("%s: image id %d stands twice", file, im.ID)
			}
			images[im.ID] = image.Rect(0, 0, im.Width, im.Height)
			checkPicture(t, filepath.Join(p.Images, im.FileName), im.Width, im.Height)
		}
		ids := map[int]bool{}
		for _, a := range set.Annotations {
			bounds, known := images[a.ImageID]
			box := image.Rect(a.BBox[0], a.BBox[1], a.BBox[0]+a.BBox[2], a.BBox[1]+a.BBox[3])
			if !known || ids[a.ID] || box.Empty() || !box.In(bounds) ||
				a.Area < 1 || a.Area > a.BBox[2]*a.BBox[3] ||
				a.CategoryID < 1 || a.CategoryID > cfg.Classes {
				t.Errorf("%s: annotation %+v", file, a)
			}
			ids[a.ID] = true
		}
		if len(ids) == 0 {
			t.Errorf("%s has no annotations", file)
		}
	}
	for _, name := range ClassNames()[:cfg.Classes] {
		checkPicture(t, filepath.Join(p.ClassTrain, name, "000003.jpg"), cfg.ClassSize, cfg.ClassSize)
		checkPicture(t, filepath.Join(p.ClassVal, name, "000001.jpg"), cfg.ClassSize, cfg.ClassSize)
	}
}

func checkPicture(t *testing.T, path string, width, height int) {
	t.Helper()
	file, err := os.Open(path)
	if err != nil {
		t.Error(err)
		return
	}
	defer file.Close()
	img, _, err := image.Decode(file)
	if err != nil {
		t.Errorf("%s: %v", path, err)
		return
	}
	if got := img.Bounds(); got != image.Rect(0, 0, width, height) {
		t.Errorf("%s is %v, want %dx%d", path, got, width, height)
	}
}

func TestEnsureReusesAndRemakes(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "deep", "set")
	cfg := small()
	if drawn := ensure(t, dir, cfg); drawn != cfg.Images() {
		t.Fatalf("%d pictures drawn, want %d", drawn, cfg.Images())
	}
	want := contents(t, dir)
	if drawn := ensure(t, dir, cfg); drawn != 0 {
		t.Errorf("%d pictures drawn for a set that is there", drawn)
	}
	p := PathsIn(dir)
	for _, tt := range []struct {
		name  string
		spoil func() error
	}{
		{"no record", func() error { return os.Remove(filepath.Join(dir, recordName)) }},
		{"broken record", func() error { return os.WriteFile(filepath.Join(dir, recordName), []byte("{"), 0o600) }},
		{"no annotations", func() error { return os.Remove(p.Val) }},
		{"empty annotations", func() error { return os.Truncate(p.Train, 0) }},
		{"a picture missing", func() error { return os.Remove(filepath.Join(p.Images, "test", "000002.jpg")) }},
		{"a class missing", func() error { return os.RemoveAll(filepath.Join(p.ClassVal, "ring")) }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if err := tt.spoil(); err != nil {
				t.Fatal(err)
			}
			if drawn := ensure(t, dir, cfg); drawn != cfg.Images() {
				t.Errorf("%d pictures drawn, want all %d", drawn, cfg.Images())
			}
			if !cmp.Equal(want, contents(t, dir)) {
				t.Error("the set made anew differs from the first")
			}
			aloneIn(t, filepath.Dir(dir), "set")
		})
	}
	other := cfg
	other.Classes, other.Seed = 2, cfg.Seed+1
	_, err := Ensure(t.Context(), dir, other, nil)
	for _, words := range []string{dir, fmt.Sprintf("drawn with another seed, classes = %d and not 2;", cfg.Classes), "name another folder"} {
		if err == nil || !strings.Contains(err.Error(), words) {
			t.Errorf("in place of another set: %v; want %q", err, words)
		}
	}
	if !cmp.Equal(want, contents(t, dir)) {
		t.Error("the set has changed")
	}
}

// aloneIn fails if a folder holds anything but the names.
func aloneIn(t *testing.T, dir string, names ...string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, e := range entries {
		got = append(got, e.Name())
	}
	if diff := cmp.Diff(names, got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", dir, diff)
	}
}

func TestCancelLeavesNothing(t *testing.T) {
	root := t.TempDir()
	dir := filepath.Join(root, "set")
	ctx, cancel := context.WithCancel(t.Context())
	_, err := Ensure(ctx, dir, small(), func(done, _ int) {
		if done == 5 {
			cancel()
		}
	})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("Ensure: %v, want context.Canceled", err)
	}
	aloneIn(t, root)
}

func TestCancelKeepsTheEarlierSet(t *testing.T) {
	root := t.TempDir()
	dir := filepath.Join(root, "set")
	ensure(t, dir, small())
	before := contents(t, dir)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	other := small()
	other.Seed = 99
	if err := Generate(ctx, dir, other, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("Generate: %v, want context.Canceled", err)
	}
	if !cmp.Equal(before, contents(t, dir)) {
		t.Error("the earlier set has changed")
	}
	aloneIn(t, root, "set")
}

// TestDeadRoomsAreRemoved leaves what a killed process leaves beside the set:
// the next process removes it, whether it has to draw or not, but never the room
// of one that lives.
func TestDeadRoomsAreRemoved(t *testing.T) {
	root := t.TempDir()
	dir := filepath.Join(root, "set")
	for _, drawn := range []int{small().Images(), 0} {
		dead := filepath.Join(root, ".set.partial-7", "set", "detection")
		if err := os.MkdirAll(dead, 0o750); err != nil {
			t.Fatal(err)
		}
		live, err := newRoom(dir)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.MkdirAll(dead, 0o750); err != nil { // newRoom has removed it
			t.Fatal(err)
		}
		if got := ensure(t, dir, small()); got != drawn {
			t.Errorf("%d pictures drawn, want %d", got, drawn)
		}
		aloneIn(t, root, filepath.Base(live.path), "set")
		live.close()
		aloneIn(t, root, "set")
	}
}

func TestForeignFilesAreRefused(t *testing.T) {
	dir := t.TempDir()
	keep := filepath.Join(dir, "thesis.tex")
	if err := os.WriteFile(keep, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := Ensure(t.Context(), dir, small(), nil)
	if err == nil || !strings.Contains(err.Error(), "thesis.tex") {
		t.Errorf("Ensure: %v, want an error that names thesis.tex", err)
	}
	aloneIn(t, dir, "thesis.tex")
}

func TestEmptyAndLinkedFolders(t *testing.T) {
	root := t.TempDir()
	target, link := filepath.Join(root, "target"), filepath.Join(root, "link")
	if err := os.Mkdir(target, 0o750); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(target, link); err != nil {
		t.Skip("no symbolic links here")
	}
	ensure(t, link, small())
	if !complete(target, small()) {
		t.Error("the set is not where the link points to")
	}
	aloneIn(t, root, "link", "target")
}

func TestEmptySplits(t *testing.T) {
	cfg := small()
	cfg.Train, cfg.Val, cfg.Test, cfg.PerClassTrain, cfg.PerClassVal = 0, 0, 0, 0, 0
	dir := filepath.Join(t.TempDir(), "set")
	ensure(t, dir, cfg)
	text, err := os.ReadFile(PathsIn(dir).Test)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(text), `"images":[],"annotations":[]`) {
		t.Errorf("an empty split reads %s", text)
	}
}
