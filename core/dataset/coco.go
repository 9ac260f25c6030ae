package dataset

import (
	"bufio"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"

	"detnas/core/input"
)

// COCOOptions says how a COCO set is opened. The zero value skips faults.
type COCOOptions struct {
	Policy Policy
	Decode DecodeOptions
}

// OpenCOCO reads a COCO detection file and looks its images up in imagesDir, or,
// when that is empty, in a folder "images" beside the file, or else beside the
// file itself. Labels are places among the category ids in ascending order.
//
// Faults are returned as problems: under PolicySkip what is faulty is left out or
// mended, as each problem says; under PolicyRefuse the first one is the error and
// the set is nil. An image without a file of which the annotation file tells the
// size stays in the set as Missing, with its boxes: whether it is there today must
// not bear on how the others are split and ordered. A file that is no COCO detection
// file, has ids that are no integers, or finds none of its images, is an error under
// either. The first 100,000 problems are listed and the others counted. It takes up
// to 500 bytes of memory for each image and box, and time in proportion to the file.
func OpenCOCO(jsonPath, imagesDir string, opts COCOOptions) (*Detection, []Problem, error) {
	if err := opts.Policy.check(); err != nil {
		return nil, nil, fmt.Errorf("open %s: %w", jsonPath, err)
	}
	raw, err := readCOCO(jsonPath)
	if err != nil {
		return nil, nil, err
	}
	b := &cocoBuilder{
		path: jsonPath, dir: imagesFolder(jsonPath, imagesDir), decode: opts.Decode,
		labels: map[int64]int{}, places: map[int64]int{}, dropped: map[int64]bool{},
		set: &Detection{Source: jsonPath},
	}
	b.addCategories(raw.categories)
	if err := b.addImages(raw.images); err != nil {
		return nil, b.problems, err
	}
	b.addObjects(raw.annotations)
	problems := b.listed(jsonPath)
	if err := refuse(opts.Policy, problems); err != nil {
		return nil, problems, err
	}
	return b.set, problems, nil
}

// readCOCO parses the file at path; errors name it.
func readCOCO(path string) (*cocoFile, error) {
	f, _, err := input.Open(path)
	if err != nil {
		return nil, fmt.Errorf("read annotations: %w", err)
	}
	defer f.Close()
	raw, err := parseCOCO(bufio.NewReaderSize(f, 1<<20))
	if err != nil {
		return nil, fmt.Errorf("read annotations %s: %w", input.Line(path), err)
	}
	return raw, nil
}

// imagesFolder finds the folder of the images of an annotation file.
func imagesFolder(jsonPath, imagesDir string) string {
	if imagesDir != "" {
		return imagesDir
	}
	beside := filepath.Join(filepath.Dir(jsonPath), "images")
	if info, err := os.Stat(beside); err == nil && info.IsDir() {
		return beside
	}
	return filepath.Dir(jsonPath)
}

// cocoBuilder turns a parsed file into a set, gathering problems on the way.
type cocoBuilder struct {
	path, dir string
	decode    DecodeOptions
	labels    map[int64]int  // category id to label
	places    map[int64]int  // image id to place in set.Images
	dropped   map[int64]bool // ids of images left out, whose boxes go with them
	muted     bool           // what is found belongs to an image that is missing, which was noted
	set       *Detection
	faults
}

// problem notes a fault of element i of a list.
func (b *cocoBuilder) problem(kind, list string, i int, name, what, cure string) {
	if b.muted {
		return
	}
	b.note(kind, fmt.Sprintf("%s: %s[%d] (%s)", b.path, list, i, name), what, cure)
}

func (b *cocoBuilder) addCategories(list []cocoCategory) {
	seen := map[int64]bool{}
	for i, c := range list {
		name := fmt.Sprintf("id %d", c.ID.value)
		if !c.ID.set || seen[c.ID.value] {
			b.problem(KindDuplicateID, "categories", i, name, "the id is absent or given before; left out", "give every category an id of its own")
			continue
		}
		seen[c.ID.value] = true
		if c.Name == "" {
			c.Name = fmt.Sprintf("category-%d", c.ID.value)
			b.problem(KindNoName, "categories", i, name, "no name; called "+c.Name, "name it")
		}
		b.set.Categories = append(b.set.Categories, Category{ID: c.ID.value, Name: c.Name})
	}
	slices.SortFunc(b.set.Categories, func(a, c Category) int {
		if a.ID < c.ID {
			return -1
		}
		return 1 // ids differ
	})
	for label, c := range b.set.Categories {
		b.labels[c.ID] = label
	}
}

// addImages keeps the images that can be found. When none can, the folder is
// wrong and no policy helps.
func (b *cocoBuilder) addImages(list []cocoImage) error {
	folders := map[string]map[string]bool{}
	missing, firstMissing := 0, ""
	for i, m := range list {
		name := m.FileName
		if !m.ID.set || b.known(m.ID.value) {
			b.problem(KindDuplicateID, "images", i, name, fmt.Sprintf("the id %d is absent or given before; the image is left out", m.ID.value), "give every image an id of its own")
			continue
		}
		file := name
		if !filepath.IsAbs(name) {
			file = filepath.Join(b.dir, filepath.FromSlash(name))
		}
		if name == "" || !exists(folders, file) {
			b.problem(KindMissingFile, "images", i, name, "no file "+file+"; left out with its boxes", "put the file there or name the folder of the images")
			missing++
			if firstMissing == "" {
				firstMissing = file
			}
			b.keepMissing(m, file)
			continue
		}
		b.addImage(i, m, file)
	}
	if missing == len(list) {
		return fmt.Errorf("%s: none of its %d images is in %s (the first would be %s); name the folder that holds them",
			input.Line(b.path), len(list), input.Line(b.dir), input.Line(firstMissing))
	}
	if b.set.Present().Len() == 0 {
		return fmt.Errorf("%s: none of its %d images can be used; first: %s", input.Line(b.path), len(list), b.problems[0])
	}
	return nil
}

// known reports whether an image id was met before, kept or not.
func (b *cocoBuilder) known(id int64) bool {
	_, kept := b.places[id]
	return kept || b.dropped[id]
}

// addImage keeps one image; where the file has no size the image's own header
// is asked.
func (b *cocoBuilder) addImage(i int, m cocoImage, file string) {
	w, h := side(m.Width), side(m.Height)
	if w == 0 || h == 0 {
		var err error
		if w, h, err = Size(file, b.decode); err != nil {
			b.dropped[m.ID.value] = true
			b.problem(KindBrokenImage, "images", i, m.FileName, err.Error()+"; left out with its boxes", "replace the file")
			return
		}
	}
	b.keep(ImageInfo{ID: m.ID.value, File: file, Name: m.FileName, W: w, H: h})
}

// keepMissing keeps the place of an image without a file. One of unknown size has
// none: neither its boxes nor its group in an order can be told.
func (b *cocoBuilder) keepMissing(m cocoImage, file string) {
	w, h := side(m.Width), side(m.Height)
	if m.FileName == "" || w == 0 || h == 0 {
		b.dropped[m.ID.value] = true
		return
	}
	b.keep(ImageInfo{ID: m.ID.value, File: file, Name: m.FileName, W: w, H: h, Missing: true})
}

func (b *cocoBuilder) keep(m ImageInfo) {
	b.places[m.ID] = len(b.set.Images)
	b.set.Images = append(b.set.Images, m)
	b.set.Objects = append(b.set.Objects, nil)
}

// side is a width or height as whole pixels, and 0 where it is none.
func side(v float64) int {
	if v >= 1 && v <= 1<<30 && v == math.Trunc(v) {
		return int(v)
	}
	return 0
}

// exists looks a file up, listing each folder once: on a network disk that is
// far cheaper than a question for every image.
func exists(folders map[string]map[string]bool, file string) bool {
	dir := filepath.Dir(file)
	names, ok := folders[dir]
	if !ok {
		names = map[string]bool{}
		if entries, err := os.ReadDir(dir); err == nil {
			for _, e := range entries {
				names[e.Name()] = !e.IsDir()
			}
		}
		folders[dir] = names
	}
	return names[filepath.Base(file)]
}

func (b *cocoBuilder) addObjects(list []cocoAnnotation) {
	first := map[int64]int{} // annotation id to its first place
	for i, a := range list {
		name := fmt.Sprintf("id %d of image %d", a.ID.value, a.ImageID.value)
		if b.dropped[a.ImageID.value] && a.ImageID.set {
			continue
		}
		place, ok := b.places[a.ImageID.value]
		b.muted = ok && a.ImageID.set && b.set.Images[place].Missing
		if !ok || !a.ImageID.set {
			b.problem(KindUnknownImage, "annotations", i, name, "no image has this image_id; left out", "add the image or remove the box")
			continue
		}
		label, ok := b.labels[a.CategoryID.value]
		if !ok || !a.CategoryID.set {
			b.problem(KindUnknownCategory, "annotations", i, name, fmt.Sprintf("no category has the id %d; left out", a.CategoryID.value), "add the category or correct the category_id")
			continue
		}
		if a.ID.set {
			if j, twice := first[a.ID.value]; twice {
				same := sameAnnotation(list[j], a)
				b.duplicate(i, j, name, same)
				if same {
					continue
				}
			} else {
				first[a.ID.value] = i
			}
		}
		if o, ok := b.object(i, name, a, b.set.Images[place]); ok {
			o.Label = label
			b.set.Objects[place] = append(b.set.Objects[place], o)
		}
	}
}

// sameAnnotation tells a box written twice from two boxes that share an id, as
// they do in files that were merged.
func sameAnnotation(a, b cocoAnnotation) bool {
	return a.ImageID == b.ImageID && a.CategoryID == b.CategoryID && slices.Equal(a.BBox, b.BBox)
}

func (b *cocoBuilder) duplicate(i, j int, name string, same bool) {
	what := fmt.Sprintf("the id is that of annotations[%d], another box; both are kept", j)
	if same {
		what = fmt.Sprintf("the box stands at annotations[%d] already; left out", j)
	}
	b.problem(KindDuplicateID, "annotations", i, name, what, "give every annotation an id of its own")
}

// roundingSlack is how far, in pixels, a box may reach over the edge before it is
// called outside: annotation tools round, and COCO's own boxes do so.
const roundingSlack = 1

// object checks one box against its image and bounds it to it.
func (b *cocoBuilder) object(i int, name string, a cocoAnnotation, m ImageInfo) (Object, bool) {
	if len(a.BBox) != 4 {
		n := fmt.Sprint(len(a.BBox))
		if len(a.BBox) > 4 {
			n = "more"
		}
		b.problem(KindBadBox, "annotations", i, name, fmt.Sprintf("bbox has %s numbers, not 4; left out", n), "write bbox as [x, y, width, height]")
		return Object{}, false
	}
	x, y, w, h := a.BBox[0], a.BBox[1], a.BBox[2], a.BBox[3]
	if !(w > 0 && h > 0) {
		b.problem(KindEmptyBox, "annotations", i, name, fmt.Sprintf("bbox %v has no area; left out", a.BBox), "correct or remove it")
		return Object{}, false
	}
	source := [4]float64{x, y, w, h}
	box, over := bounded(source, m)
	if box[2] <= box[0] || box[3] <= box[1] {
		b.problem(KindBoxOutside, "annotations", i, name, fmt.Sprintf("bbox %v lies outside its %dx%d image; left out", a.BBox, m.W, m.H), "correct or remove it")
		return Object{}, false
	}
	area := w * h
	if math.IsInf(area, 0) {
		b.problem(KindBadBox, "annotations", i, name, fmt.Sprintf("bbox %v has numbers that no image has; left out", a.BBox), "correct or remove it")
		return Object{}, false
	}
	if over > roundingSlack {
		b.problem(KindBoxOutside, "annotations", i, name, fmt.Sprintf("bbox %v reaches %.4g px out of its %dx%d image; cut at the edge", a.BBox, over, m.W, m.H), "correct it")
	}
	if a.Area != nil {
		area = *a.Area
	}
	return Object{Box: box, Source: source, Crowd: bool(a.Crowd), Area: area, ID: a.ID.value}, true
}

// bounded cuts a box, given as x, y, width and height, at the edges of its image,
// and tells by how many pixels it reaches over them. The box is empty where all
// of it lies outside.
func bounded(source [4]float64, m ImageInfo) (box [4]float32, over float64) {
	x, y, fw, fh := source[0], source[1], float64(m.W), float64(m.H)
	right, bottom := x+source[2], y+source[3]
	box = [4]float32{
		float32(min(max(x, 0), fw)), float32(min(max(y, 0), fh)),
		float32(min(max(right, 0), fw)), float32(min(max(bottom, 0), fh)),
	}
	return box, max(-x, -y, right-fw, bottom-fh)
}

// decodeFor reads an image of the set and holds it against the size that the
// annotation file gives, since boxes in another frame are worse than none.
func (m ImageInfo) decodeFor(opts DecodeOptions) (Image, error) {
	img, err := Decode(m.File, opts)
	if err != nil {
		return Image{}, err
	}
	if img.W != m.W || img.H != m.H {
		return Image{}, fmt.Errorf("image %s: %w", input.Line(m.File), &sizeError{img.W, img.H, m.W, m.H})
	}
	return img, nil
}

// sizeError is an image that is not of the size that was written down.
type sizeError struct{ w, h, wantW, wantH int }

// Error implements error.
func (e *sizeError) Error() string {
	return fmt.Sprintf("the file is %dx%d but its annotation says %dx%d", e.w, e.h, e.wantW, e.wantH)
}

// ImageProblem describes an image that could not be used.
func ImageProblem(file string, err error) Problem {
	var size *sizeError
	if errors.As(err, &size) {
		return Problem{
			Kind: KindSizeMismatch, Where: file, What: size.Error() + "; left out",
			Cure: "correct width and height, or the file's EXIF orientation is meant to be applied and a key must say so",
		}
	}
	return Problem{Kind: KindBrokenImage, Where: file, What: err.Error() + "; left out", Cure: "replace or remove the file"}
}
