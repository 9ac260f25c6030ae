package dataset

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"detnas/core/input"
)

// YOLOOptions says how a set in YOLO's form is opened. The zero value skips faults.
type YOLOOptions struct {
	Policy Policy
	Decode DecodeOptions
	// Names is the file of the classes' names; see YOLONames.
	Names string
}

// OpenYOLO reads a folder of labels in YOLO's text form, NAME.txt for each image
// NAME.jpg (or another kind of image) of imagesDir, neither below their folders. An
// empty imagesDir is the one that YOLOImages tells. Images are in the order of their
// names, sorted by bytes; the category's id is the class's number in the labels,
// from 0.
//
// A line is "class x y width height": the class's number, and the box's centre and
// size as shares of the image's width and height. The form does not hold the sizes
// of images, so the header of each is read.
//
// Faults are problems as they are for OpenCOCO. An image without a label file is one
// (an image without objects has an empty file), and so is a label file without an
// image. Names that cannot be read, folders that cannot be listed or of which no
// image can be used, are errors under either policy. Label files have up to 8 MiB and
// 20,000 lines; it takes memory and time in proportion to what is read.
func OpenYOLO(labelsDir, imagesDir string, opts YOLOOptions) (*Detection, []Problem, error) {
	if err := opts.Policy.check(); err != nil {
		return nil, nil, fmt.Errorf("open %s: %w", input.Line(labelsDir), err)
	}
	names, err := YOLONames(opts.Names)
	if err != nil {
		return nil, nil, err
	}
	if imagesDir == "" {
		imagesDir = YOLOImages(labelsDir)
	}
	b := &yoloBuilder{labels: labelsDir, images: imagesDir, decode: opts.Decode, set: &Detection{Source: labelsDir}}
	for k, name := range names {
		b.set.Categories = append(b.set.Categories, Category{ID: int64(k), Name: name})
	}
	if err := b.addAll(opts.Names); err != nil {
		return nil, b.problems, err
	}
	problems := b.listed(labelsDir)
	if err := refuse(opts.Policy, problems); err != nil {
		return nil, problems, err
	}
	return b.set, problems, nil
}

// YOLOImages is the folder of the images of a folder of labels: the one with
// "images" in place of the last "labels" of its path, as in Ultralytics' sets, or,
// where the path has none, the folder itself, as in Darknet's.
func YOLOImages(labelsDir string) string {
	clean := filepath.Clean(labelsDir)
	parts := strings.Split(clean, string(filepath.Separator))
	for i, part := range slices.Backward(parts) {
		if part == "labels" {
			parts[i] = "images"
			return strings.Join(parts, string(filepath.Separator))
		}
	}
	return clean
}

// yoloBuilder turns label files into a set, gathering problems on the way.
type yoloBuilder struct {
	labels, images string
	decode         DecodeOptions
	set            *Detection
	faults
}

// addAll reads all images that have labels.
func (b *yoloBuilder) addAll(namesFile string) error {
	labels, err := b.list(b.labels, "labels", func(name string) bool {
		// labelImg puts classes.txt beside the labels that it writes
		return strings.EqualFold(filepath.Ext(name), ".txt") && name != "classes.txt" && filepath.Join(b.labels, name) != filepath.Clean(namesFile)
	})
	if err != nil {
		return err
	}
	images, err := b.list(b.images, "images", imageExtension)
	if err != nil {
		return err
	}
	if len(images) == 0 {
		return fmt.Errorf("%s: no image is in %s; name the folder that holds them", input.Line(b.labels), input.Line(b.images))
	}
	if len(labels) == 0 {
		return fmt.Errorf("%s holds no label files; name the folder with a .txt file for each image", input.Line(b.labels))
	}
	byStem := map[string]string{}
	for _, name := range labels {
		byStem[stem(name)] = name
	}
	b.pair(images, byStem)
	if b.set.Len() == 0 {
		return fmt.Errorf("%s: none of the %d images in %s can be used; first: %s", input.Line(b.labels), len(images), input.Line(b.images), b.problems[0])
	}
	return nil
}

// pair adds each image with its labels, and notes what has no other half.
func (b *yoloBuilder) pair(images []string, labels map[string]string) {
	taken := map[string]string{}
	for _, name := range images {
		file := filepath.Join(b.images, name)
		label, ok := labels[stem(name)]
		if first, twice := taken[stem(name)]; twice {
			b.note(KindDuplicateID, file, fmt.Sprintf("it would have the labels of %s; left out", first), "give each image a name of its own, or remove one")
			continue
		}
		taken[stem(name)] = name
		if !ok {
			b.note(KindMissingFile, file, fmt.Sprintf("no labels %s; the image is left out", filepath.Join(b.labels, stem(name)+".txt")),
				"put the file there, an empty one where there are no objects, or remove the image")
			continue
		}
		b.add(file, name, filepath.Join(b.labels, label))
	}
	for _, name := range sortedValues(labels) {
		if _, ok := taken[stem(name)]; !ok {
			b.note(KindMissingFile, filepath.Join(b.labels, name), fmt.Sprintf("no image %s in %s; left out", stem(name), b.images), "put the image there or remove the labels")
		}
	}
}

// add reads one image's header and labels.
func (b *yoloBuilder) add(file, name, label string) {
	w, h, err := Size(file, b.decode)
	if err != nil {
		b.note(KindBrokenImage, file, err.Error()+"; left out", "replace the file")
		return
	}
	lines, err := readYOLO(label)
	if err != nil {
		b.note(KindBrokenAnnotation, label, err.Error()+"; left out with its image", "mend or replace the file")
		return
	}
	m := ImageInfo{ID: int64(b.set.Len() + 1), File: file, Name: name, W: w, H: h}
	var objects []Object
	for _, l := range lines {
		if o, ok := b.object(fmt.Sprintf("%s:%d", label, l.line), l, m); ok {
			objects = append(objects, o)
		}
	}
	b.set.Images = append(b.set.Images, m)
	b.set.Objects = append(b.set.Objects, objects)
}

// object checks one line against its image.
func (b *yoloBuilder) object(where string, l yoloLine, m ImageInfo) (Object, bool) {
	kind, what, cure := l.fault(len(b.set.Categories))
	if kind != "" {
		b.note(kind, where, what+"; left out", cure)
		return Object{}, false
	}
	fw, fh := float64(m.W), float64(m.H)
	w, h := l.box[2]*fw, l.box[3]*fh
	source := [4]float64{l.box[0]*fw - w/2, l.box[1]*fh - h/2, w, h}
	box, over := bounded(source, m)
	text := fmt.Sprintf("the box around (%g, %g) of %g x %g", l.box[0], l.box[1], l.box[2], l.box[3])
	switch {
	case box[2] <= box[0] || box[3] <= box[1]:
		b.note(KindEmptyBox, where, text+" has no area; left out", "correct or remove it")
		return Object{}, false
	case over > roundingSlack:
		b.note(KindBoxOutside, where, fmt.Sprintf("%s reaches %.4g px out of its %dx%d image; cut at the edge", text, over, m.W, m.H), "correct it")
	}
	return Object{Box: box, Source: source, Label: l.class, Area: w * h}, true
}

// list are the files of a folder that are taken, sorted.
func (b *yoloBuilder) list(dir, what string, take func(string) bool) ([]string, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("list the %s of a set in YOLO's form: %w", what, input.Plain(err))
	}
	var names []string
	for _, e := range entries {
		if take(e.Name()) && !hidden(e.Name()) && e.Type()&fs.ModeDir == 0 {
			names = append(names, e.Name())
		}
	}
	slices.Sort(names)
	return names, nil
}

func stem(name string) string { return strings.TrimSuffix(name, filepath.Ext(name)) }

func sortedValues(m map[string]string) []string {
	values := make([]string, 0, len(m))
	for _, v := range m {
		values = append(values, v)
	}
	slices.Sort(values)
	return values
}
