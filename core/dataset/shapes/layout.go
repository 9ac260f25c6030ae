package shapes

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"strings"

	"detnas/core/input"
)

// Paths says where the parts of a set lie.
type Paths struct {
	// Root is the set's folder.
	Root string
	// Images is the folder that file_name in the annotation files starts from.
	Images string
	// Train, Val and Test are the COCO annotation files.
	Train, Val, Test string
	// ClassTrain and ClassVal hold a folder of pictures for each class.
	ClassTrain, ClassVal string
}

// PathsIn returns the layout of a set in dir, whether it is there or not.
func PathsIn(dir string) Paths {
	detection := filepath.Join(dir, "detection")
	return Paths{
		Root:       dir,
		Images:     filepath.Join(detection, "images"),
		Train:      filepath.Join(detection, "train.json"),
		Val:        filepath.Join(detection, "val.json"),
		Test:       filepath.Join(detection, "test.json"),
		ClassTrain: filepath.Join(dir, "classification", "train"),
		ClassVal:   filepath.Join(dir, "classification", "val"),
	}
}

const (
	recordName = "shapes.json"
	maxRecord  = 64 << 10 // bytes; a record has a few hundred
)

// record is shapes.json: what a finished set was drawn from.
type record struct {
	Drawing int    `json:"drawing"`
	Config  Config `json:"config"`
}

// job is one picture to draw.
type job struct {
	split string
	class int // -1 for a detection image
	index int
}

func (j job) path(p Paths) string {
	if j.class < 0 {
		return filepath.Join(p.Images, j.split, imageName(j.index))
	}
	root := p.ClassTrain
	if j.split == "val" {
		root = p.ClassVal
	}
	return filepath.Join(root, classes[j.class].name, imageName(j.index))
}

// batch is a folder of pictures: jobs of one split and class, numbered from 0.
type batch struct {
	job
	count int
}

// batches lists the folders of a set.
func (c Config) batches() []batch {
	all := []batch{
		{job{"train", -1, 0}, c.Train},
		{job{"val", -1, 0}, c.Val},
		{job{"test", -1, 0}, c.Test},
	}
	for k := range c.Classes {
		all = append(
			all,
			batch{job{"train", k, 0}, c.PerClassTrain},
			batch{job{"val", k, 0}, c.PerClassVal},
		)
	}
	return all
}

// complete reports whether dir holds a finished set of this config: its record,
// its annotation files and as many files in every folder as there should be.
func complete(dir string, cfg Config) bool {
	text, err := input.File(filepath.Join(dir, recordName), maxRecord)
	if err != nil {
		return false
	}
	var have record
	if json.Unmarshal(text, &have) != nil || have != (record{drawing, cfg}) {
		return false
	}
	p := PathsIn(dir)
	for _, file := range []string{p.Train, p.Val, p.Test} {
		if info, err := os.Stat(file); err != nil || info.Size() == 0 {
			return false
		}
	}
	for _, b := range cfg.batches() {
		entries, err := os.ReadDir(filepath.Dir(b.path(p)))
		if err != nil || len(entries) != b.count {
			return false
		}
	}
	return true
}

// drawnWith says in what the set in dir was drawn from another config; empty where there
// is none, or nothing tells.
func drawnWith(dir string, cfg Config) string {
	text, err := input.File(filepath.Join(dir, recordName), maxRecord)
	var have record
	if err != nil || json.Unmarshal(text, &have) != nil || have.Config == cfg {
		return ""
	}
	var differ []string
	had, now := reflect.ValueOf(have.Config), reflect.ValueOf(cfg)
	for i := range had.NumField() {
		name, a, b := had.Type().Field(i).Tag.Get("json"), had.Field(i).Interface(), now.Field(i).Interface()
		switch {
		case a == b:
		case name == "seed": // of a run it is derived from the run's
			differ = append(differ, "another seed")
		default:
			differ = append(differ, fmt.Sprintf("%s = %v and not %v", name, a, b))
		}
	}
	return strings.Join(differ, ", ")
}

// replaceable refuses a folder that holds anything that is not part of a set,
// so that a wrong path never costs somebody their files.
func replaceable(dir string) error {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("shapes: look into the folder for the set: %w", err)
	}
	for _, e := range entries {
		switch e.Name() {
		case "detection", "classification", recordName:
		default:
			return fmt.Errorf("shapes: %s holds %q, which is no part of a shapes set: name an empty or a new folder",
				dir, e.Name())
		}
	}
	return nil
}

// install moves a finished set from made to dir. What was at dir is put aside
// first and comes back if the move fails.
func install(made, dir string) error {
	aside := made + ".old"
	err := os.Rename(dir, aside)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("shapes: put the earlier set aside: %w", err)
	}
	replaced := err == nil
	if err := os.Rename(made, dir); err != nil {
		err = fmt.Errorf("shapes: move the finished set into place: %w", err)
		if replaced {
			err = errors.Join(err, os.Rename(aside, dir))
		}
		return err
	}
	if err := os.RemoveAll(aside); err != nil {
		return fmt.Errorf("shapes: remove the earlier set: %w", err)
	}
	return nil
}
