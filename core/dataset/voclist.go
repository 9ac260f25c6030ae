package dataset

import (
	"bufio"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"detnas/core/input"
)

// maxVOCLists is how many lists a split may join.
const maxVOCLists = 100

// VOCLists returns the files of the lists that a split of a set in VOC's form
// names. A split is one list or several joined by +, and a list is its folder below
// root and its name, so that
//
//	VOC2007/trainval + VOC2012/trainval
//
// is ImageSets/Main/trainval.txt of both years. A name alone is of root itself.
func VOCLists(root, split string) ([]string, error) {
	if n := strings.Count(split, "+") + 1; n > maxVOCLists {
		return nil, fmt.Errorf("%d lists of images are joined, where %d may be", n, maxVOCLists)
	}
	var files []string
	for term := range strings.SplitSeq(split, "+") {
		term = strings.TrimSpace(term)
		dir, name := filepath.Split(filepath.FromSlash(term))
		if name == "" || name == "." || !filepath.IsLocal(term) {
			return nil, fmt.Errorf("%q names no list of images; write one such as VOC2007/trainval, or several joined by +", input.Line(split))
		}
		files = append(files, filepath.Join(root, dir, "ImageSets", "Main", name+".txt"))
	}
	return files, nil
}

// vocImage is one image that a list names.
type vocImage struct {
	dir   string // holds Annotations and JPEGImages
	name  string
	where string // the place that names it, for a problem
}

func (m vocImage) annotation() string { return filepath.Join(m.dir, "Annotations", m.name+".xml") }

// vocImages are the images of a split, or, of one that is empty, all that have an
// annotation file.
func vocImages(root, split string) ([]vocImage, error) {
	if split == "" {
		return annotatedImages(root)
	}
	files, err := VOCLists(root, split)
	if err != nil {
		return nil, err
	}
	var images []vocImage
	for _, file := range files {
		listed, err := readVOCList(file)
		if err != nil {
			return nil, err
		}
		images = append(images, listed...)
	}
	return images, nil
}

// maxVOCName bounds the line of a list in bytes.
const maxVOCName = 4096

// readVOCList reads a list of images, one name a line.
func readVOCList(file string) ([]vocImage, error) {
	f, _, err := input.Open(file)
	if err != nil {
		return nil, fmt.Errorf("read a list of images: %w; a split is written as FOLDER/LIST, such as VOC2007/trainval", err)
	}
	defer f.Close()
	dir := filepath.Dir(filepath.Dir(filepath.Dir(file)))
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, maxVOCName)
	var images []vocImage
	n := 0
	for lines.Scan() {
		n++
		fields := strings.Fields(lines.Text())
		if len(fields) > 1 {
			return nil, fmt.Errorf("list of images %s:%d: %q has %d words, as the lists of a single class do; name a list that has an image's name alone on each line",
				input.Line(file), n, input.Line(lines.Text()), len(fields))
		}
		if len(images) == maxElements {
			return nil, fmt.Errorf("list of images %s: it has more than %d, which are too many for one list; part it", input.Line(file), maxElements)
		}
		if len(fields) == 1 {
			images = append(images, vocImage{dir: dir, name: fields[0], where: fmt.Sprintf("%s:%d", file, n)})
		}
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("list of images %s:%d: %w", input.Line(file), n+1, err)
	}
	if len(images) == 0 {
		return nil, fmt.Errorf("list of images %s is empty", input.Line(file))
	}
	return images, nil
}

// annotatedImages are the images of all annotation files, of root itself or of
// every folder in it.
func annotatedImages(root string) ([]vocImage, error) {
	dirs := []string{root}
	if info, err := os.Stat(filepath.Join(root, "Annotations")); err != nil || !info.IsDir() {
		entries, err := os.ReadDir(root)
		if err != nil {
			return nil, fmt.Errorf("list a set in VOC's form: %w", input.Plain(err))
		}
		dirs = nil
		for _, e := range entries {
			dirs = append(dirs, filepath.Join(root, e.Name()))
		}
	}
	var images []vocImage
	for _, dir := range dirs {
		entries, err := os.ReadDir(filepath.Join(dir, "Annotations"))
		if err != nil && dir != root && (errors.Is(err, fs.ErrNotExist) || !isFolder(dir)) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("list annotation files: %w", input.Plain(err))
		}
		for _, e := range entries {
			if name, ok := strings.CutSuffix(e.Name(), ".xml"); ok && !hidden(name) {
				m := vocImage{dir: dir, name: name}
				m.where = m.annotation()
				images = append(images, m)
			}
		}
	}
	if len(images) == 0 {
		return nil, fmt.Errorf("%s has no annotation files; a set in VOC's form has a folder Annotations in it, or in the folders in it, with an .xml file for each image", input.Line(root))
	}
	return images, nil
}

func isFolder(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}
