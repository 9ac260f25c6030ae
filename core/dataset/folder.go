package dataset

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"detnas/core/input"
)

// Classification is a set of labelled images.
type Classification struct {
	// Source is the folder.
	Source string
	// Classes are the names of the classes, sorted; a label is a place in it.
	Classes []string
	// Files are the paths of the images, sorted by class and then by path.
	Files []string
	// Labels holds the label of each file.
	Labels []int
}

// Len returns the number of images.
func (c *Classification) Len() int { return len(c.Files) }

// OpenFolder reads a class folder: every folder in dir is a class, and the images
// in it, at any depth, are its examples. Classes are sorted by name as
// torchvision's ImageFolder sorts them. A folder without classes, classes without
// images, and a link to a folder that is there anyway, are errors; no image is
// opened. Every folder is listed once, down to 16 below its class, and memory is
// that of the paths.
func OpenFolder(dir string) (*Classification, error) {
	set, problems, err := scanFolder(dir)
	if err != nil {
		return nil, err
	}
	var empty []string
	for _, p := range problems {
		if p.Kind == KindEmptyClass {
			empty = append(empty, filepath.Base(p.Where))
		}
	}
	if len(empty) > 0 {
		return nil, fmt.Errorf("class folder %s: no images in %s; put images there or remove the folders",
			input.Line(dir), input.Line(strings.Join(empty, ", ")))
	}
	return set, nil
}

// scanFolder reads a class folder and lists its faults.
func scanFolder(dir string) (*Classification, []Problem, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, nil, fmt.Errorf("open class folder: %w", input.Plain(err))
	}
	set := &Classification{Source: dir}
	var problems []Problem
	w := &walk{seen: map[place]entered{}}
	if err := w.enter(dir, false); err != nil {
		return nil, nil, err
	}
	for _, e := range entries { // ReadDir sorts by name
		path := filepath.Join(dir, e.Name())
		if hidden(e.Name()) || !isDir(path, e) {
			continue
		}
		w.files, w.odd = nil, nil
		if err := w.under(path, e, 0); err != nil {
			return nil, nil, fmt.Errorf("class folder %s: %w", input.Line(dir), err)
		}
		problems = append(problems, w.odd...)
		if len(w.files) == 0 {
			problems = append(problems, Problem{
				Kind: KindEmptyClass, Where: path,
				What: "the class has no images", Cure: "put images there or remove the folder",
			})
		}
		label := len(set.Classes)
		set.Classes = append(set.Classes, e.Name())
		for _, f := range w.files {
			set.Files = append(set.Files, f)
			set.Labels = append(set.Labels, label)
		}
	}
	if err := checkClasses(dir, set); err != nil {
		return nil, nil, err
	}
	return set, problems, nil
}

// checkClasses refuses a folder that has no classes, or splits in their place.
func checkClasses(dir string, set *Classification) error {
	if len(set.Classes) == 0 {
		return fmt.Errorf("class folder %s: no folders in it; make one folder of images for each class", input.Line(dir))
	}
	splits := []string{"test", "train", "val", "valid", "validation"}
	for _, c := range set.Classes {
		if !slices.Contains(splits, c) {
			return nil
		}
	}
	return fmt.Errorf("class folder %s: it holds the splits %s and no classes; name one of them, as %s",
		input.Line(dir), strings.Join(set.Classes, ", "), input.Line(filepath.Join(dir, set.Classes[0])))
}

// maxFolderDepth bounds the walk below a class.
const maxFolderDepth = 16

// walk is the way through the folders of a class folder.
type walk struct {
	seen  map[place]entered
	files []string  // images of the class, sorted
	odd   []Problem // files of the class that are not taken for images
}

// entered is how a folder was reached.
type entered struct {
	path   string
	linked bool
}

// place is what a folder is, whichever path leads to it.
type place struct {
	dev, ino uint64
}

// enter notes that a folder is listed. It must not be met again over a link:
// links that lead back up never end, and others give images twice.
func (w *walk) enter(dir string, linked bool) error {
	info, err := os.Stat(dir)
	if err != nil {
		return fmt.Errorf("list images: %w", input.Plain(err))
	}
	at, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return nil // not a Unix
	}
	is := place{at.Dev, at.Ino}
	if before, twice := w.seen[is]; twice && (linked || before.linked) {
		return fmt.Errorf("%s and %s are the same folder; remove the link", input.Line(before.path), input.Line(dir))
	}
	w.seen[is] = entered{dir, linked}
	return nil
}

// under lists the image files below dir, which the entry e of its parent is, and
// the files that are not taken for images.
func (w *walk) under(dir string, e os.DirEntry, depth int) error {
	if depth > maxFolderDepth {
		return fmt.Errorf("%s lies more than %d folders deep; put the images closer to their class", input.Line(dir), maxFolderDepth)
	}
	if err := w.enter(dir, e.Type()&os.ModeSymlink != 0); err != nil {
		return err
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return fmt.Errorf("list images: %w", input.Plain(err))
	}
	for _, e := range entries {
		path := filepath.Join(dir, e.Name())
		switch {
		case hidden(e.Name()):
		case isDir(path, e):
			if err := w.under(path, e, depth+1); err != nil {
				return err
			}
		case imageExtension(e.Name()):
			w.files = append(w.files, path)
		default:
			w.odd = append(w.odd, Problem{
				Kind: KindUnknownExtension, Where: path,
				What: "not taken for an image, left out",
				Cure: "remove it, or name it .jpg, .jpeg, .png, .bmp, .webp, .tif or .tiff",
			})
		}
	}
	return nil
}

func hidden(name string) bool { return strings.HasPrefix(name, ".") }

// isDir follows links, which large sets are often put together from.
func isDir(path string, e os.DirEntry) bool {
	if e.Type()&os.ModeSymlink == 0 {
		return e.IsDir()
	}
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}

// imageExtension reports whether a file's name looks like an image's. Only the
// listing goes by it; the format is told by the content.
func imageExtension(name string) bool {
	switch strings.ToLower(filepath.Ext(name)) {
	case ".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff":
		return true
	}
	return false
}

// Relabel makes the labels places in classes, another set's, so that a training
// and a validation folder agree even where one lacks a class. A class that is
// not among them is an error.
func (c *Classification) Relabel(classes []string) error {
	at := make([]int, len(c.Classes))
	for i, name := range c.Classes {
		at[i] = slices.Index(classes, name)
		if at[i] < 0 {
			return fmt.Errorf("class %q is not among the %d classes that are trained; use folders with the same class names", name, len(classes))
		}
	}
	for i, l := range c.Labels {
		c.Labels[i] = at[l]
	}
	c.Classes = slices.Clone(classes)
	return nil
}

// Subset returns the images at the given places, in that order, with all the
// classes.
func (c *Classification) Subset(indices []int) *Classification {
	out := &Classification{Source: c.Source, Classes: c.Classes}
	for _, i := range indices {
		out.Files = append(out.Files, c.Files[i])
		out.Labels = append(out.Labels, c.Labels[i])
	}
	return out
}

// Split draws the given fraction of the images as a held-out set. Both parts
// keep the order; equal seeds give equal parts. It fails when either part would
// be empty.
func (c *Classification) Split(seed uint64, fraction float64) (rest, held *Classification, err error) {
	a, b, err := splitIndices(seed, c.Len(), fraction)
	if err != nil {
		return nil, nil, err
	}
	return c.Subset(a), c.Subset(b), nil
}
