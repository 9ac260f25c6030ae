package dataset

import (
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"detnas/core/input"
)

// VOCClasses are the twenty classes of VOC 2007 to 2012 in their usual order.
func VOCClasses() []string {
	return []string{
		"aeroplane", "bicycle", "bird", "boat", "bottle", "bus", "car", "cat", "chair", "cow",
		"diningtable", "dog", "horse", "motorbike", "person", "pottedplant", "sheep", "sofa", "train", "tvmonitor",
	}
}

// VOCOptions says how a set in VOC's form is opened. The zero value skips faults.
type VOCOptions struct {
	Policy Policy
	Decode DecodeOptions
	// Classes are the names in the order of the labels; an object of another class
	// is a fault. Without any they are VOC's twenty where the split has no others,
	// and else those that it has, sorted.
	Classes []string
}

// OpenVOC reads the images of a split (see VOCLists) of a set in the form of VOC's
// development kit: Annotations/NAME.xml, JPEGImages/NAME.jpg (or another kind of
// image) and ImageSets/Main/LIST.txt, in root or in folders in it. An empty split is
// every annotation file.
//
// VOC counts pixels from 1 and a box's last pixel is in it. Here the first pixel is
// from 0 to 1: xmin and ymin lose one, and xmax and ymax, which end a box
// exclusively, stay. So do detectron2 (data/datasets/pascal_voc.py), and an overlap
// is then the one of VOC's development kit, which adds 1 to widths and heights.
// mmdet 2 (datasets/xml_style.py) takes one off all four and ends boxes a pixel
// short.
//
// Faults are problems as they are for OpenCOCO. A list that cannot be read, or of
// which no image can be used, is an error under either policy. Lists have up to
// 32 million images, and annotation files up to 8 MiB and 20,000 objects each; it
// takes memory and time in proportion to what is read.
func OpenVOC(root, split string, opts VOCOptions) (*Detection, []Problem, error) {
	if err := opts.Policy.check(); err != nil {
		return nil, nil, fmt.Errorf("open %s: %w", input.Line(root), err)
	}
	listed, err := vocImages(root, split)
	if err != nil {
		return nil, nil, err
	}
	b := &vocBuilder{
		set: &Detection{Source: filepath.Join(root, split)}, decode: opts.Decode,
		files: map[string]map[string]string{}, first: map[string]string{},
	}
	for _, m := range listed {
		b.addImage(m)
	}
	if !slices.ContainsFunc(b.set.Images, func(m ImageInfo) bool { return !m.Missing }) {
		return nil, b.problems, fmt.Errorf("%s: none of its %d images can be used; first: %s", input.Line(b.set.Source), len(listed), b.problems[0])
	}
	b.addClasses(opts.Classes)
	b.addObjects()
	problems := b.listed(b.set.Source)
	if err := refuse(opts.Policy, problems); err != nil {
		return nil, problems, err
	}
	return b.set, problems, nil
}

// vocBuilder turns annotation files into a set, gathering problems on the way.
type vocBuilder struct {
	decode DecodeOptions
	files  map[string]map[string]string // folder to the image files in it, by name without ending
	first  map[string]string            // annotation file to the place that named it first
	parsed []vocParsed                  // by place in set.Images
	muted  bool                         // what is found belongs to an image that is missing, which was noted
	set    *Detection
	faults
}

// problem notes a fault, unless it is one of an image that is missing.
func (b *vocBuilder) problem(kind, where, what, cure string) {
	if !b.muted {
		b.note(kind, where, what, cure)
	}
}

// vocParsed is an annotation file that was read.
type vocParsed struct {
	path string
	file *vocFile
}

// addImage keeps an image that is there and whose annotation can be read.
func (b *vocBuilder) addImage(m vocImage) {
	path := m.annotation()
	if first, twice := b.first[path]; twice {
		b.note(KindDuplicateID, m.where, fmt.Sprintf("%s is listed at %s already; left out", m.name, first), "list every image once")
		return
	}
	b.first[path] = m.where
	image := b.image(m)
	if image == "" {
		b.note(KindMissingFile, m.where, fmt.Sprintf("no image %s in %s; left out", m.name, filepath.Join(m.dir, "JPEGImages")), "put the image there or take it off the list")
		b.keepMissing(m, path)
		return
	}
	file, err := readVOC(path)
	if err != nil {
		b.unread(m, path, err)
		return
	}
	w, h := pixels(file.width), pixels(file.height)
	if w == 0 || h == 0 {
		if w, h, err = Size(image, b.decode); err != nil {
			b.note(KindBrokenImage, image, err.Error()+"; left out", "replace the file")
			return
		}
	}
	b.keep(vocParsed{path, file}, ImageInfo{File: image, Name: m.name, W: w, H: h})
}

// keepMissing keeps the place of an image without a file, as OpenCOCO does.
func (b *vocBuilder) keepMissing(m vocImage, path string) {
	file, err := readVOC(path)
	if err != nil {
		return
	}
	if w, h := pixels(file.width), pixels(file.height); w > 0 && h > 0 {
		image := filepath.Join(m.dir, "JPEGImages", m.name+".jpg")
		b.keep(vocParsed{path, file}, ImageInfo{File: image, Name: m.name, W: w, H: h, Missing: true})
	}
}

func (b *vocBuilder) keep(p vocParsed, m ImageInfo) {
	b.parsed = append(b.parsed, p)
	m.ID = int64(len(b.parsed))
	b.set.Images = append(b.set.Images, m)
}

// unread notes an annotation file that is absent or cannot be read.
func (b *vocBuilder) unread(m vocImage, path string, err error) {
	var at *lineError
	switch {
	case errors.Is(err, fs.ErrNotExist):
		b.note(KindMissingFile, m.where, "no annotation "+path+"; the image is left out", "put the file there or take the image off the list")
	case errors.As(err, &at):
		b.note(KindBrokenAnnotation, fmt.Sprintf("%s:%d", path, at.line), at.err.Error()+"; left out with its image", "mend or replace the file")
	default:
		b.note(KindBrokenAnnotation, path, err.Error()+"; left out with its image", "mend or replace the file")
	}
}

// image is the file of an image, or "" where there is none. Each folder is listed
// once.
func (b *vocBuilder) image(m vocImage) string {
	dir := filepath.Join(m.dir, "JPEGImages")
	files, ok := b.files[dir]
	if !ok {
		files = map[string]string{}
		entries, _ := os.ReadDir(dir) // of one that cannot be listed every image is missing
		for _, e := range entries {
			stem := strings.TrimSuffix(e.Name(), filepath.Ext(e.Name()))
			if _, known := files[stem]; !known && !e.IsDir() && imageExtension(e.Name()) {
				files[stem] = filepath.Join(dir, e.Name())
			}
		}
		b.files[dir] = files
	}
	return files[m.name]
}

// pixels reads a width or a height, and gives 0 where it is none.
func pixels(text string) int {
	v, err := strconv.ParseFloat(text, 64)
	if err != nil {
		return 0
	}
	return side(v)
}

// addClasses takes the classes that are given, or finds them.
func (b *vocBuilder) addClasses(classes []string) {
	if len(classes) == 0 {
		classes = b.classes()
	}
	for label, name := range classes {
		b.set.Categories = append(b.set.Categories, Category{ID: int64(label + 1), Name: name})
	}
}

// classes are VOC's twenty where there are no others, or else those that there are.
func (b *vocBuilder) classes() []string {
	found, voc, others := map[string]bool{}, VOCClasses(), false
	for _, p := range b.parsed {
		for _, o := range p.file.objects {
			if o.name != "" && !found[o.name] {
				found[o.name] = true
				others = others || !slices.Contains(voc, o.name)
			}
		}
	}
	if !others {
		return voc
	}
	names := make([]string, 0, len(found))
	for name := range found {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

func (b *vocBuilder) addObjects() {
	labels := map[string]int{}
	for label, c := range b.set.Categories {
		labels[c.Name] = label
	}
	for i, p := range b.parsed {
		b.muted = b.set.Images[i].Missing
		var kept []Object
		for k, o := range p.file.objects {
			where := fmt.Sprintf("%s:%d: object %d (%s)", p.path, o.line, k+1, o.name)
			label, ok := labels[o.name]
			if !ok {
				b.problem(KindUnknownCategory, where, fmt.Sprintf("the class %q is not among the %d that are known; left out", o.name, len(labels)), "correct the name or remove the object")
				continue
			}
			if object, ok := b.object(where, o, b.set.Images[i]); ok {
				object.Label = label
				kept = append(kept, object)
			}
		}
		b.set.Objects = append(b.set.Objects, kept)
	}
}

// object checks one box against its image and bounds it to it.
func (b *vocBuilder) object(where string, o vocObject, m ImageInfo) (Object, bool) {
	var corners [4]float64
	for i, text := range o.box {
		v, err := strconv.ParseFloat(text, 64)
		if err != nil || math.IsNaN(v) || math.Abs(v) > 1<<30 {
			b.problem(KindBadBox, where, fmt.Sprintf("%s is %q; left out", [4]string{"xmin", "ymin", "xmax", "ymax"}[i], text),
				"write bndbox with xmin, ymin, xmax and ymax in pixels")
			return Object{}, false
		}
		corners[i] = v
	}
	box := fmt.Sprintf("the box from (%g, %g) to (%g, %g)", corners[0], corners[1], corners[2], corners[3])
	x, y := corners[0]-1, corners[1]-1
	w, h := corners[2]-x, corners[3]-y
	if !(w > 0 && h > 0) {
		b.problem(KindEmptyBox, where, box+" has no area; left out", "correct or remove it")
		return Object{}, false
	}
	source := [4]float64{x, y, w, h}
	bounds, over := bounded(source, m)
	if bounds[2] <= bounds[0] || bounds[3] <= bounds[1] {
		b.problem(KindBoxOutside, where, fmt.Sprintf("%s lies outside its %dx%d image; left out", box, m.W, m.H), "correct or remove it")
		return Object{}, false
	}
	if over > roundingSlack {
		b.problem(KindBoxOutside, where, fmt.Sprintf("%s reaches %.4g px out of its %dx%d image; cut at the edge", box, over, m.W, m.H), "correct it")
	}
	return Object{Box: bounds, Source: source, Difficult: o.difficult, Area: w * h}, true
}
