package config

import (
	"math"
	"slices"

	"detnas/core/dataset"
)

func (v *validator) data(c *Config) {
	d := &c.Data
	v.oneOf("data.on_bad", d.OnBad, OnBadRefuse, OnBadSkip)
	within(v, "data.cache_mb", d.CacheMB, 0, 1<<24)
	each(v, "data.mean", d.Mean, 3, 0, 255)
	each(v, "data.std", d.Std, 3, 1e-3, 1e3)
	v.shapes(&d.Shapes)
	v.classification(&d.Classification)
	v.detection(&d.Detection)
}

func (v *validator) shapes(s *Shapes) {
	const most = 999_999 // the file names have six digits
	within(v, "data.shapes.classes", s.Classes, 1, 100)
	within(v, "data.shapes.train", s.Train, 1, most)
	within(v, "data.shapes.val", s.Val, 1, most)
	within(v, "data.shapes.test", s.Test, 1, most)
	each(v, "data.shapes.image_size", s.ImageSize, 2, 32, 4096)
	if each(v, "data.shapes.objects", s.Objects, 2, 0, 100) {
		rising(v, "data.shapes.objects", s.Objects)
	}
	within(v, "data.shapes.hue_cue", s.HueCue, 0, 1)
	if each(v, "data.shapes.object_size", s.ObjectSize, 2, 0, 4096) && s.ObjectSize[1] > 0 {
		rising(v, "data.shapes.object_size", s.ObjectSize)
	}
	within(v, "data.shapes.per_class_train", s.PerClassTrain, 1, most)
	within(v, "data.shapes.per_class_val", s.PerClassVal, 1, most)
	within(v, "data.shapes.class_size", s.ClassSize, 16, 1024)
}

func (v *validator) classification(c *Classification) {
	v.oneOf("data.classification.format", c.Format, FormatFolder, FormatShapes)
	within(v, "data.classification.size", c.Size, 16, maxPixels)
	v.oneOf("data.classification.crop", c.Crop, CropResized, CropPad)
	within(v, "data.classification.crop_scale", c.CropScale, 1e-3, 1)
	each(v, "data.classification.jitter", c.Jitter, 3, 0, 10)
}

func (v *validator) detection(d *Detection) {
	v.oneOf("data.detection.format", d.Format, FormatCOCO, FormatVOC, FormatYOLO, FormatShapes)
	if d.Format == FormatVOC {
		v.voc(d)
	} else if d.Root != "" {
		v.add("data.detection.root", `is the folder of a tree in VOC's form; leave it out, or set data.detection.format = "voc"`)
	}
	if d.Names != "" && d.Format != FormatYOLO {
		v.add("data.detection.names", `is for YOLO's form; leave it out, or set data.detection.format = "yolo"`)
	}
	v.shares(d)
	v.oneOf("data.detection.guide", d.Guide, GuideHeldOut, GuideVal)
	within(v, "data.detection.hold_out", d.HoldOut, 0, 0.9)
	if d.GuideHeldOut() && d.HoldOut == 0 {
		v.add("data.detection.hold_out", "is 0, and the search is guided by what is held out of train; "+
			`write a share such as 0.1, or give val and set guide = "val"`)
	}
	if each(v, "data.detection.short", d.Short, 0, 16, maxPixels) {
		for _, s := range d.Short {
			if s > d.Max {
				v.add("data.detection.max", "%d is below the short side %d", d.Max, s)
				break
			}
		}
	}
	within(v, "data.detection.max", d.Max, 16, maxPixels)
	within(v, "data.detection.pad_to", d.PadTo, 1, 1024)
	if !d.AllowSharedSplit && d.Format != FormatShapes {
		v.splits(d)
	}
}

// voc checks what a tree in VOC's form is described by, as far as that can be told
// without a look at it.
func (v *validator) voc(d *Detection) {
	for _, split := range []string{"train", "val", "test"} {
		key := "data.detection." + split
		if lists := d.Annotations(split); lists != "" {
			if _, err := dataset.VOCLists(d.Root, lists); err != nil {
				v.add(key, "%v", err)
			}
		}
		if d.ImageDir(split) != "" {
			if d.Images != "" {
				v.add("data.detection.images", "is for COCO's form; leave it out, as the images of a tree in VOC's form are in its JPEGImages")
				return
			}
			v.add(key+"_images", "is for COCO's form; leave it out, as the images of a tree in VOC's form are in its JPEGImages")
		}
	}
}

// shares checks those of one set that is parted.
func (v *validator) shares(d *Detection) {
	const key = "data.detection.shares"
	if len(d.Shares) == 0 {
		return
	}
	sum := 0.0
	for _, s := range d.Shares {
		if !within(v, key, s, 0.001, 0.999) {
			return
		}
		sum += s
	}
	switch {
	case len(d.Shares) != 2 && len(d.Shares) != 3:
		v.add(key, "has %d values; write 2, of train and val, or 3, of train, val and test", len(d.Shares))
	case math.Abs(sum-1) > 1e-6:
		v.add(key, "come to %g; write shares that come to 1, such as [0.8, 0.2]", sum)
	case d.Format == FormatShapes:
		v.add(key, "part a set that is there; leave them out, as synthetic images are drawn for each split")
	case !d.AllowSharedSplit && !d.GuideHeldOut() && d.FinalOnVal():
		v.add(key, "the search would be guided by val, on which the final figures are taken, which makes them too good; "+
			`give a third share for test, or set data.detection.guide = "held-out"`)
	}
	for _, split := range []struct{ name, given string }{
		{"val", d.Val}, {"test", d.Test}, {"val_images", d.ValImages}, {"test_images", d.TestImages},
	} {
		if split.given != "" {
			v.add("data.detection."+split.name, "is given, and data.detection.shares part train into the splits; leave out one of the two")
		}
	}
}

// splits refuses a final figure on images that chose or trained the detector.
func (v *validator) splits(d *Detection) {
	const cure = "give data.detection.test a split of its own, or set data.detection.allow_shared_split = true"
	final, key := d.Test, "data.detection.test"
	if d.FinalOnVal() {
		final, key = d.Val, "data.detection.val"
	}
	switch {
	case final == "":
	case !d.GuideHeldOut() && d.same(d.Val, d.Train):
		v.add("data.detection.val", "the search would be guided by the images trained on; give it a split of its own, or set data.detection.guide = \"held-out\"")
	case d.same(final, d.Train):
		v.add(key, "the final figures would be taken on the images trained on; %s", cure)
	case !d.GuideHeldOut() && d.same(final, d.Val):
		v.add(key, "the search would be guided by the split of the final figures, which makes them too good; %s", cure)
	}
}

// same reports whether two splits are one file, or have a list in common.
func (d *Detection) same(a, b string) bool {
	if d.Format != FormatVOC {
		return samePath(a, b)
	}
	x, errX := dataset.VOCLists(d.Root, a)
	y, errY := dataset.VOCLists(d.Root, b)
	return errX == nil && errY == nil && slices.ContainsFunc(x, func(list string) bool { return slices.Contains(y, list) })
}

// samePath compares two paths after making them absolute.
func samePath(a, b string) bool {
	if a == "" || b == "" {
		return false
	}
	x, errX := expand(a)
	y, errY := expand(b)
	return errX == nil && errY == nil && x == y
}
