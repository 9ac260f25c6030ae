package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"image"
	"image/jpeg"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"unicode/utf8"

	"detnas/core/dataset"
	"detnas/core/input"
	"detnas/detector/cocoeval"
	"detnas/detector/picture"
)

// gallery keeps what predict finds in a folder.
type gallery struct {
	dir        string
	score      float64 // least of what is drawn and counted
	pictures   bool
	categories []dataset.Category
	decode     dataset.DecodeOptions
	images     []galleryImage
	found      []galleryBox
	counts     map[int]int // by label
	names      map[string]bool
	unread     int
	absent     bool // there was no folder before
	begun      bool // now there is one
}

// picturesDir is the folder of the pictures.
const picturesDir = "pictures"

// galleryImage is an image in COCO's annotation format.
type galleryImage struct {
	ID     int64  `json:"id"`
	File   string `json:"file_name"`
	Width  int    `json:"width"`
	Height int    `json:"height"`
}

// galleryBox is a detection in COCO's result format.
type galleryBox struct {
	ImageID    int        `json:"image_id"`
	CategoryID int        `json:"category_id"`
	Box        [4]float64 `json:"bbox"`
	Score      float64    `json:"score"`
}

// galleryClass is a category in COCO's annotation format.
type galleryClass struct {
	ID   int64  `json:"id"`
	Name string `json:"name"`
}

// newGallery wants a folder that is empty or not there yet. It is made once there is
// something to keep in it.
func newGallery(dir string, score float64, pictures bool) (*gallery, error) {
	g := &gallery{
		dir: dir, score: score, pictures: pictures,
		images: []galleryImage{}, found: []galleryBox{}, counts: map[int]int{}, names: map[string]bool{},
	}
	entries, err := os.ReadDir(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		g.absent = true
	case err != nil:
		return nil, fmt.Errorf("looking into the folder for what is found: %w; name another with -o", err)
	case len(entries) > 0:
		return nil, fmt.Errorf("%s holds something already; give an empty folder, or one that is not there yet, with -o", input.Line(dir))
	}
	return g, nil
}

// begin makes the folder, now that there is a detector.
func (g *gallery) begin(classes []dataset.Category, decode dataset.DecodeOptions) error {
	g.categories, g.decode = classes, decode
	inner := g.dir
	if g.pictures {
		inner = filepath.Join(g.dir, picturesDir)
	}
	if err := os.MkdirAll(inner, 0o755); err != nil { //nolint:gosec // there to be looked at
		return fmt.Errorf("making the folder for what is found: %w", err)
	}
	g.begun = true
	return nil
}

// done is how many images were looked through, or could not be.
func (g *gallery) done() int { return len(g.images) + g.unread }

// broken is the error of a work of so many images that err ended early. What is done
// is kept; where nothing is, so is the folder as it was.
func (g *gallery) broken(err error, of int) error {
	switch {
	case !g.begun:
		return err
	case len(g.images) == 0:
		if g.pictures {
			_ = os.Remove(filepath.Join(g.dir, picturesDir)) // nobody misses it, and what is in it stays
		}
		if g.absent {
			_ = os.Remove(g.dir)
		}
		return err
	}
	if lost := g.finish(); lost != nil {
		return fmt.Errorf("%w; what was found on %d of %d images is lost, too: %w", err, len(g.images), of, lost)
	}
	return fmt.Errorf("%w; after %d of %d images, and what was found on %d of them is in %s", err, g.done(), of, len(g.images), input.Line(g.dir))
}

// add takes in an image with what was found on it.
func (g *gallery) add(im dataset.ImageInfo, found []cocoeval.Detection) error {
	g.images = append(g.images, galleryImage{ID: im.ID, File: im.Name, Width: im.W, Height: im.H})
	labels := map[int]int{}
	for label, c := range g.categories {
		labels[int(c.ID)] = label
	}
	var boxes []picture.Box
	for _, d := range found {
		g.found = append(g.found, galleryBox{d.ImageID, d.CategoryID, d.Box, d.Score})
		if d.Score < g.score {
			continue
		}
		label := labels[d.CategoryID]
		g.counts[label]++
		boxes = append(boxes, picture.Box{
			X: d.Box[0], Y: d.Box[1], W: d.Box[2], H: d.Box[3], Class: label, Text: picture.Label(shortName(g.categories[label].Name), d.Score),
		})
	}
	if !g.pictures {
		return nil
	}
	return g.draw(im, boxes)
}

// draw writes an image's picture.
func (g *gallery) draw(im dataset.ImageInfo, boxes []picture.Box) error {
	pixels, err := dataset.Decode(im.File, g.decode)
	if err != nil {
		return fmt.Errorf("drawing what was found: %w", err) // it was there a moment ago
	}
	on := image.NewRGBA(image.Rect(0, 0, pixels.W, pixels.H))
	for i := range pixels.W * pixels.H {
		copy(on.Pix[4*i:], pixels.Pix[3*i:3*i+3])
		on.Pix[4*i+3] = 255
	}
	picture.Draw(on, boxes)
	path := filepath.Join(g.dir, picturesDir, g.name(im.File))
	file, err := os.Create(path)
	if err != nil {
		return fmt.Errorf("drawing what was found: %w", err)
	}
	err = errors.Join(jpeg.Encode(file, on, &jpeg.Options{Quality: 92}), file.Close())
	if err != nil {
		return fmt.Errorf("drawing what was found: writing %s: %w", path, err)
	}
	return nil
}

// mostBase is how many bytes of a file's name a picture's has: a file system takes
// 255, and there is an ending and perhaps a number.
const mostBase = 200

// name is the file's with the ending .jpg, and a number where two are the same.
func (g *gallery) name(file string) string {
	base := strings.TrimSuffix(filepath.Base(file), filepath.Ext(file))
	if len(base) > mostBase {
		end := mostBase
		for end > 0 && !utf8.RuneStart(base[end]) {
			end--
		}
		base = base[:end]
	}
	name := base + ".jpg"
	for n := 2; g.names[name]; n++ {
		name = fmt.Sprintf("%s-%d.jpg", base, n)
	}
	g.names[name] = true
	return name
}

// finish writes the JSON files.
func (g *gallery) finish() error {
	classes := []galleryClass{}
	for _, c := range g.categories {
		classes = append(classes, galleryClass(c))
	}
	for name, v := range map[string]any{
		"detections.json": g.found,
		"images.json":     map[string]any{"images": g.images, "categories": classes, "annotations": []any{}},
	} {
		text, err := json.Marshal(v)
		if err != nil {
			return fmt.Errorf("writing %s: %w", name, err)
		}
		if err := os.WriteFile(filepath.Join(g.dir, name), append(text, '\n'), 0o644); err != nil { //nolint:gosec // there to be read
			return fmt.Errorf("writing what was found: %w", err)
		}
	}
	return nil
}

// mostName is how many characters of a class's name a picture or a table has room for.
const mostName = 40

// shortName is a class's name for a picture or a table, on one line.
func shortName(name string) string {
	line := []rune(input.Line(name))
	if len(line) <= mostName {
		return string(line)
	}
	return string(line[:mostName-3]) + "..."
}
