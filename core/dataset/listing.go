package dataset

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
)

// ListImages lists the image files that paths name: a file itself, and of a folder
// the files in it, though not below it, that are named like images, sorted. An
// error names the path that is not there, or the folder without an image.
func ListImages(paths []string) ([]string, error) {
	var files []string
	for _, path := range paths {
		info, err := os.Stat(path)
		if err != nil && isLink(path) { // to nowhere, and so as bad as a broken file
			files = append(files, path)
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("looking for images: %w", err)
		}
		if !info.IsDir() {
			files = append(files, path)
			continue
		}
		entries, err := os.ReadDir(path)
		if err != nil {
			return nil, fmt.Errorf("looking for images: %w", err)
		}
		var in []string
		for _, e := range entries {
			if file := filepath.Join(path, e.Name()); !hidden(e.Name()) && imageExtension(e.Name()) && !isDir(file, e) {
				in = append(in, file)
			}
		}
		if len(in) == 0 {
			return nil, fmt.Errorf("looking for images: there is none in %s; give image files, or a folder that holds some", path)
		}
		slices.Sort(in)
		files = append(files, in...)
	}
	return files, nil
}

func isLink(path string) bool {
	info, err := os.Lstat(path)
	return err == nil && info.Mode()&os.ModeSymlink != 0
}
