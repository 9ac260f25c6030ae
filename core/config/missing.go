package config

import (
	"fmt"
	"os"
	"slices"
	"strings"

	"detnas/core/input"
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
	if !searched && isSubnetFile(c.Search.Subnet) {
		m.file("search.subnet", c.Search.Subnet, "the subnet's YAML file, or its short form")
	}
	var classifies, detects, guided, final bool
	for step := from; step <= to; step++ {
		if !searched && step <= StepSearch {
			continue // a subnet given by hand needs no supernet
		}
		switch step {
		case StepSupernetPretrain, StepSubnetRetrain:
			classifies = true
		default:
			detects = true
			guided = guided || step != StepSubnetFinetune
			final = final || step == StepSubnetFinetune
		}
		if t := c.Step(step); t != nil && t.LoadFrom != "" {
			m.file(StepName(step)+".load_from", t.LoadFrom, "a checkpoint to start from")
		}
	}
	if classifies && c.Data.Classification.Format == FormatFolder {
		m.classification(&c.Data.Classification)
	}
	if detects && c.Data.Detection.Format == FormatCOCO {
		m.detection(&c.Data.Detection, guided, final)
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

func (f *finder) detection(d *Detection, guided, final bool) {
	f.file("data.detection.train", d.Train, "a COCO JSON of training boxes, such as annotations/instances_train2017.json")
	splits := []string{"train"}
	if guided && !d.GuideHeldOut() {
		f.file("data.detection.val", d.Val, "a COCO JSON that guides the search")
		splits = append(splits, "val")
	}
	switch {
	case !final:
	case d.FinalOnVal() && d.Val != "":
		f.file("data.detection.val", d.Val, "a COCO JSON for the final figures")
		splits = append(splits, "val")
	default:
		f.file("data.detection.test", d.Test, "a COCO JSON for the final figures, such as annotations/instances_val2017.json")
		splits = append(splits, "test")
	}
	if d.Images != "" && !slices.ContainsFunc(splits, func(split string) bool { return d.ImageDir(split) != d.Images }) {
		f.dir("data.detection.images", d.Images, "the folder that file names in the JSON start from")
		return
	}
	for _, split := range splits {
		if _, err := os.Stat(d.Annotations(split)); d.ImageDir(split) == "" && err == nil {
			continue // they are looked for beside the file
		}
		f.dir("data.detection."+split+"_images", d.ImageDir(split),
			"the folder of the images of "+split+" (or data.detection.images for all splits)")
	}
}
