package config

import (
	"fmt"
	"os"
	"slices"
	"strings"

	"detnas/core/dataset"
	"detnas/core/input"
	"detnas/nas"
)

// Missing is one path that a run needs and does not find.
type Missing struct {
	Key  string // dotted
	Path string // as set; may be empty
	Want string // what belongs there
}

// MissingError lists every path that a run needs and does not find.
type MissingError struct {
	File  string
	Paths []Missing
}

// Error is one line with every path.
func (e *MissingError) Error() string {
	parts := make([]string, len(e.Paths))
	for i, m := range e.Paths {
		what := "is not set"
		if m.Path != "" {
			what = fmt.Sprintf("%q is not there", m.Path)
		}
		parts[i] = fmt.Sprintf("%s %s: %s", m.Key, what, m.Want)
	}
	noun := "paths are"
	if len(parts) == 1 {
		noun = "path is"
	}
	return fmt.Sprintf("config %s: %d %s missing; set them in the file or with --set: %s",
		input.Line(e.File), len(parts), noun, strings.Join(parts, "; "))
}

// CheckPaths looks for every file and folder that the steps from..to (1 to 5)
// read from outside the run, and returns a *MissingError when some are absent.
func (c *Config) CheckPaths(from, to int) error {
	m := &finder{}
	searched := c.Search.Subnet == ""
	if !searched && !nas.IsShort(c.Search.Subnet) {
		m.file("search.subnet", c.Search.Subnet, "the subnet's YAML file, or its short form")
	}
	var classifies, detects, guided, final bool
	for step := from; step <= to; step++ {
		if c.Skips(step) || !searched && step == StepSearch {
			continue
		}
		switch {
		case step == StepSupernetPretrain || step == StepSubnetRetrain || step == StepSearch && c.Search.Guide == GuideClassification:
			classifies = true
		default:
			detects = true
			guided = guided || step != StepSubnetFinetune
			final = final || step == StepSubnetFinetune
		}
		if step == StepSearch && c.Search.LoadFrom != "" {
			m.file("search.load_from", c.Search.LoadFrom, fmt.Sprintf("a checkpoint of step %d, such as step-%[1]d-last.safetensors of a run", c.Search.SupernetStep()))
		}
		if t := c.Step(step); t != nil && t.LoadFrom != "" {
			m.file(StepName(step)+".load_from", t.LoadFrom, "a checkpoint to start from")
		}
	}
	if classifies && c.Data.Classification.Format == FormatFolder {
		m.classification(&c.Data.Classification)
	}
	if d := &c.Data.Detection; detects && d.Format == FormatCOCO {
		m.coco(d, d.read(guided, final))
	} else if detects && d.Format == FormatVOC {
		m.voc(d, d.read(guided, final))
	} else if detects && d.Format == FormatYOLO {
		m.yolo(d, d.read(guided, final))
	}
	if len(m.missing) == 0 {
		return nil
	}
	file := "in use"
	if c.src != nil {
		file = c.src.file
	}
	return &MissingError{File: file, Paths: m.missing}
}

// finder collects what is missing.
type finder struct {
	missing []Missing
}

func (f *finder) file(key, path, want string) { f.look(key, path, want, false) }
func (f *finder) dir(key, path, want string)  { f.look(key, path, want, true) }

func (f *finder) look(key, path, want string, dir bool) {
	listed := slices.ContainsFunc(f.missing, func(m Missing) bool { return m.Key == key })
	if info, err := os.Stat(path); !listed && (path == "" || err != nil || info.IsDir() != dir) {
		f.missing = append(f.missing, Missing{Key: key, Path: path, Want: want})
	}
}

func (f *finder) classification(c *Classification) {
	f.dir("data.classification.train", c.Train, "a folder with one folder of images a class, such as ImageNet's train")
	f.dir("data.classification.val", c.Val, "the same for validation, such as ImageNet's val sorted into classes")
}

// splitRead is a split that is read, and what for.
type splitRead struct{ split, use string }

// read lists the splits that are read where a search is guided and where final
// figures are taken.
func (d *Detection) read(guided, final bool) []splitRead {
	splits := []splitRead{{"train", "to train on"}}
	if len(d.Shares) > 0 {
		return splits
	}
	if guided && !d.GuideHeldOut() {
		splits = append(splits, splitRead{"val", "that guides the search"})
	}
	switch {
	case !final:
	case d.FinalOnVal() && d.Val != "":
		splits = append(splits, splitRead{"val", "for the final figures"})
	default:
		splits = append(splits, splitRead{"test", "for the final figures"})
	}
	return splits
}

func (f *finder) coco(d *Detection, splits []splitRead) {
	like := map[string]string{
		"train": ", such as annotations/instances_train2017.json", "test": ", such as annotations/instances_val2017.json",
	}
	for _, s := range splits {
		f.file("data.detection."+s.split, d.Annotations(s.split), "a COCO JSON "+s.use+like[s.split])
	}
	if d.Images != "" && !slices.ContainsFunc(splits, func(s splitRead) bool { return d.ImageDir(s.split) != d.Images }) {
		f.dir("data.detection.images", d.Images, "the folder that file names in the JSON start from")
		return
	}
	for _, s := range splits {
		if _, err := os.Stat(d.Annotations(s.split)); d.ImageDir(s.split) == "" && err == nil {
			continue // they are looked for beside the file
		}
		f.dir("data.detection."+s.split+"_images", d.ImageDir(s.split),
			"the folder of the images of "+s.split+" (or data.detection.images for all splits)")
	}
}

func (f *finder) yolo(d *Detection, splits []splitRead) {
	f.file("data.detection.names", d.Names, "the classes' names: a data.yaml, or a text file with a name a line")
	for _, s := range splits {
		f.dir("data.detection."+s.split, d.Annotations(s.split), "a folder of YOLO's labels "+s.use+", such as labels/"+s.split)
	}
	if d.Images != "" && !slices.ContainsFunc(splits, func(s splitRead) bool { return d.ImageDir(s.split) != d.Images }) {
		f.dir("data.detection.images", d.Images, "the folder of the images")
		return
	}
	for _, s := range splits {
		dir := d.ImageDir(s.split)
		if labels := d.Annotations(s.split); dir == "" && labels != "" {
			dir = dataset.YOLOImages(labels)
		}
		f.dir("data.detection."+s.split+"_images", dir, "the folder of the images of "+s.split)
	}
}

// voc looks for the root, and in one that is there for the lists.
func (f *finder) voc(d *Detection, splits []splitRead) {
	f.dir("data.detection.root", d.Root, "the folder of a tree in VOC's form, which holds VOC2007 and so on")
	rooted := len(f.missing) == 0 || f.missing[len(f.missing)-1].Key != "data.detection.root"
	like := map[string]string{"train": "VOC2007/trainval + VOC2012/trainval", "val": "VOC2007/val", "test": "VOC2007/test"}
	for _, s := range splits {
		key, want := "data.detection."+s.split, "a list of images "+s.use+", such as "+like[s.split]
		lists, err := dataset.VOCLists(d.Root, d.Annotations(s.split))
		if err != nil { // it is empty: others were refused before
			f.file(key, "", want)
		}
		for _, list := range lists {
			if rooted {
				f.file(key, list, want)
			}
		}
	}
}
