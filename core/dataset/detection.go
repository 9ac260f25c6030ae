package dataset

import (
	"fmt"
	"slices"
)

// Category is a class of a detection set, with the id of the annotation file.
type Category struct {
	ID   int64
	Name string
}

// ImageInfo is one image of a detection set.
type ImageInfo struct {
	ID   int64  // of the annotation file; in VOC's and YOLO's form, which have none, the place from 1 on
	File string // path that can be opened
	Name string // file_name of the annotation file; in VOC's form the name in the list, in YOLO's the file's
	W, H int    // pixels, as the annotation file says, or in YOLO's form the image
	// Missing says that there is no such file. The image keeps its place, so that
	// a split and an order of the set are those that they were with it; sources of
	// batches do without it.
	Missing bool
}

// Object is one labelled box.
type Object struct {
	// Box is x1, y1, x2, y2 in pixels, bounded to the image; x2 and y2 are
	// exclusive.
	Box [4]float32
	// Source is x, y, width, height exactly as the file has them, which is what
	// an evaluation against published figures takes. VOC's corners are brought to
	// this form by OpenVOC.
	Source [4]float64
	// Label is the place of the category among the sorted ids, from 0.
	Label int
	// Crowd marks a region of many objects (iscrowd), which is ignored.
	Crowd bool
	// Difficult marks an object that VOC calls hard to recognise: it is not
	// trained on, and it counts neither way in an evaluation.
	Difficult bool
	// Area is the file's area in square pixels (of the mask, in COCO), or width x
	// height where it has none. COCO tells small, medium and large by it.
	Area float64
	// ID is the annotation's id, 0 where it has none.
	ID int64
}

// Ignored reports whether an object is neither learned nor counted.
func (o Object) Ignored() bool { return o.Crowd || o.Difficult }

// Detection is a set of images with boxes.
type Detection struct {
	// Source is the annotation file, the folder and the lists of a set in VOC's
	// form, or the folder of labels of one in YOLO's.
	Source string
	// Categories are sorted by id; a label is a place in it.
	Categories []Category
	// Images are in the order of the annotation file, or of the lists.
	Images []ImageInfo
	// Objects holds the boxes of each image, in the order of the file.
	Objects [][]Object
}

// Len returns the number of images.
func (d *Detection) Len() int { return len(d.Images) }

// Present returns the images whose files are there.
func (d *Detection) Present() *Detection {
	var keep []int
	for i, m := range d.Images {
		if !m.Missing {
			keep = append(keep, i)
		}
	}
	return d.Subset(keep)
}

// Classes returns the categories' names in label order.
func (d *Detection) Classes() []string {
	names := make([]string, len(d.Categories))
	for i, c := range d.Categories {
		names[i] = c.Name
	}
	return names
}

// Boxes returns the number of boxes, and how many of them are ignored: crowds and
// difficult objects.
func (d *Detection) Boxes() (all, ignored int) {
	for _, objects := range d.Objects {
		all += len(objects)
		for _, o := range objects {
			if o.Ignored() {
				ignored++
			}
		}
	}
	return all, ignored
}

// Subset returns the images at the given places, in that order, with all the
// categories.
func (d *Detection) Subset(indices []int) *Detection {
	out := &Detection{Source: d.Source, Categories: d.Categories}
	for _, i := range indices {
		out.Images = append(out.Images, d.Images[i])
		out.Objects = append(out.Objects, d.Objects[i])
	}
	return out
}

// Split draws the given fraction of the images as a held-out set. Both parts
// keep the order; equal seeds give equal parts. It fails when either part would
// be empty.
func (d *Detection) Split(seed uint64, fraction float64) (rest, held *Detection, err error) {
	a, b, err := splitIndices(seed, d.Len(), fraction)
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w", d.Source, err)
	}
	return d.Subset(a), d.Subset(b), nil
}

// FilterEmpty leaves out the images without any box, crowds and difficult objects
// counting as boxes, as mmdet's filter_empty_gt does for training: 117,266 of COCO
// train2017's 118,287 stay.
func (d *Detection) FilterEmpty() *Detection {
	var keep []int
	for i, objects := range d.Objects {
		if len(objects) > 0 {
			keep = append(keep, i)
		}
	}
	return d.Subset(keep)
}

// Relabel makes the labels places in categories, another set's, so that a
// training and an evaluation set agree. It changes nothing unless every category
// that has boxes is among them by id and name.
func (d *Detection) Relabel(categories []Category) error {
	at := make([]int, len(d.Categories))
	for i, c := range d.Categories {
		at[i] = slices.Index(categories, c)
	}
	for _, objects := range d.Objects {
		for _, o := range objects {
			if c := d.Categories[o.Label]; at[o.Label] < 0 {
				return d.stranger(c, categories)
			}
		}
	}
	relabelled := make([][]Object, len(d.Objects))
	for i, objects := range d.Objects {
		relabelled[i] = append([]Object(nil), objects...) // a subset may share them
		for k := range relabelled[i] {
			relabelled[i][k].Label = at[objects[k].Label]
		}
	}
	d.Objects = relabelled
	d.Categories = append([]Category(nil), categories...)
	return nil
}

// stranger is the error of a category that is not among the trained ones.
func (d *Detection) stranger(c Category, trained []Category) error {
	for _, other := range trained {
		if other.Name == c.Name {
			return fmt.Errorf("%s: category %q has boxes and the id %d, but the id %d among the %d categories that are trained; use annotation files with the same ids",
				d.Source, c.Name, c.ID, other.ID, len(trained))
		}
	}
	return fmt.Errorf("%s: category %d %q has boxes but is not among the %d categories that are trained; use annotation files with the same categories",
		d.Source, c.ID, c.Name, len(trained))
}
