package dataset

import (
	"context"
	"fmt"
	"slices"
	"sync"
)

// CheckOptions says how thoroughly a set is checked.
type CheckOptions struct {
	// Images makes the check decode every image.
	Images bool
	// Decode says how image files are read.
	Decode DecodeOptions
	// Workers is the number of images decoded at a time; 0 is 1.
	Workers int
	// Progress, when not nil, is called after each decoded image, one call at a
	// time.
	Progress func(done, total int)
}

// ClassCount counts one class of a set.
type ClassCount struct {
	// ID is the category id of a COCO set and the label of a class folder.
	ID     int64  `json:"id"`
	Name   string `json:"name"`
	Images int    `json:"images"`
	Boxes  int    `json:"boxes"`
}

// Report is what a check found.
type Report struct {
	// Format is "coco", "voc", "yolo" or "folder"; Source is the annotation file or
	// the folder, with the lists of a set in VOC's form.
	Format string `json:"format"`
	Source string `json:"source"`
	// Images, Boxes, Classes, Crowds, Difficult and EmptyImages count what can be
	// used; Boxes counts crowds and difficult objects too. A class folder has no
	// boxes.
	Images      int `json:"images"`
	Boxes       int `json:"boxes"`
	Classes     int `json:"classes"`
	Crowds      int `json:"crowds"`
	Difficult   int `json:"difficult"`
	EmptyImages int `json:"empty_images"`
	// Small, Medium and Large count the boxes that are not ignored by COCO's areas:
	// below 32^2 px, below 96^2 px, and from there on.
	Small  int `json:"small"`
	Medium int `json:"medium"`
	Large  int `json:"large"`
	// Decoded counts the images that were read whole and found good.
	Decoded  int            `json:"decoded"`
	PerClass []ClassCount   `json:"per_class"`
	Counts   map[string]int `json:"problem_counts"`
	Problems []Problem      `json:"problems"`
}

// CheckCOCO reports on a COCO set; imagesDir may be empty, as for OpenCOCO. It
// fails only where there is nothing to report on: a file that cannot be read as
// COCO JSON, a folder that has none of its images, or a cancelled ctx.
func CheckCOCO(ctx context.Context, jsonPath, imagesDir string, opts CheckOptions) (*Report, error) {
	set, problems, err := OpenCOCO(jsonPath, imagesDir, COCOOptions{Policy: PolicySkip, Decode: opts.Decode})
	if err != nil {
		return nil, err
	}
	return checkDetection(ctx, "coco", set.Present(), problems, opts)
}

// CheckVOC reports on a set in VOC's form; root and split are those of OpenVOC,
// and a split that is empty is every annotation file. It fails only where there is
// nothing to report on: a list that cannot be read, lists of which no image can be
// used, or a cancelled ctx.
func CheckVOC(ctx context.Context, root, split string, opts CheckOptions) (*Report, error) {
	set, problems, err := OpenVOC(root, split, VOCOptions{Policy: PolicySkip, Decode: opts.Decode})
	if err != nil {
		return nil, err
	}
	return checkDetection(ctx, "voc", set.Present(), problems, opts)
}

// CheckYOLO reports on a set in YOLO's form; its arguments are those of OpenYOLO. It
// fails only where there is nothing to report on: names that cannot be read, folders
// without an image that has labels, or a cancelled ctx.
func CheckYOLO(ctx context.Context, labelsDir, imagesDir, names string, opts CheckOptions) (*Report, error) {
	set, problems, err := OpenYOLO(labelsDir, imagesDir, YOLOOptions{Policy: PolicySkip, Decode: opts.Decode, Names: names})
	if err != nil {
		return nil, err
	}
	return checkDetection(ctx, "yolo", set, problems, opts)
}

// checkDetection counts what an opened set holds.
func checkDetection(ctx context.Context, format string, set *Detection, problems []Problem, opts CheckOptions) (*Report, error) {
	r := &Report{Format: format, Source: set.Source, Images: set.Len(), Classes: len(set.Categories), Problems: problems}
	for _, c := range set.Categories {
		r.PerClass = append(r.PerClass, ClassCount{ID: c.ID, Name: c.Name})
	}
	for _, objects := range set.Objects {
		r.countObjects(objects)
	}
	err := r.decodeAll(ctx, set.Len(), opts,
		func(i int) string { return set.Images[i].File },
		func(i int) error { _, err := set.Images[i].decodeFor(opts.Decode); return err })
	return r.finish(), err
}

// countObjects adds the boxes of one image.
func (r *Report) countObjects(objects []Object) {
	if len(objects) == 0 {
		r.EmptyImages++
	}
	seen := map[int]bool{}
	for _, o := range objects {
		r.Boxes++
		r.PerClass[o.Label].Boxes++
		if !seen[o.Label] {
			seen[o.Label] = true
			r.PerClass[o.Label].Images++
		}
		switch {
		case o.Crowd:
			r.Crowds++
		case o.Difficult:
			r.Difficult++
		case o.Area < 32*32:
			r.Small++
		case o.Area < 96*96:
			r.Medium++
		default:
			r.Large++
		}
	}
}

// CheckFolder reports on a class folder. It fails where there are no classes, or
// a folder cannot be listed, or ctx is cancelled.
func CheckFolder(ctx context.Context, dir string, opts CheckOptions) (*Report, error) {
	set, problems, err := scanFolder(dir)
	if err != nil {
		return nil, err
	}
	r := &Report{Format: "folder", Source: dir, Images: set.Len(), Classes: len(set.Classes), Problems: problems}
	for label, name := range set.Classes {
		r.PerClass = append(r.PerClass, ClassCount{ID: int64(label), Name: name})
	}
	for _, label := range set.Labels {
		r.PerClass[label].Images++
	}
	err = r.decodeAll(ctx, set.Len(), opts,
		func(i int) string { return set.Files[i] },
		func(i int) error { _, err := Decode(set.Files[i], opts.Decode); return err })
	return r.finish(), err
}

// decodeAll reads every image, several at a time; problems are added in the
// order of the images whatever the order of the work.
func (r *Report) decodeAll(ctx context.Context, n int, opts CheckOptions, file func(int) string, load func(int) error) error {
	if !opts.Images {
		return nil
	}
	failures := make([]error, n)
	next := make(chan int)
	var mu sync.Mutex
	var workers sync.WaitGroup
	done := 0
	for range max(opts.Workers, 1) {
		workers.Go(func() {
			for i := range next {
				failures[i] = load(i)
				mu.Lock()
				done++
				if opts.Progress != nil {
					opts.Progress(done, n)
				}
				mu.Unlock()
			}
		})
	}
	var stopped error
	for i := 0; i < n && stopped == nil; i++ {
		select {
		case next <- i:
		case <-ctx.Done():
			stopped = fmt.Errorf("check of %s stopped: %w", r.Source, context.Cause(ctx))
		}
	}
	close(next)
	workers.Wait()
	for i, err := range failures {
		if err != nil {
			r.Problems = append(r.Problems, ImageProblem(file(i), err))
		}
	}
	r.Decoded = done - countErrors(failures)
	return stopped
}

func countErrors(errs []error) int {
	n := 0
	for _, err := range errs {
		if err != nil {
			n++
		}
	}
	return n
}

// finish counts the problems by kind; lists become empty rather than null in
// JSON.
func (r *Report) finish() *Report {
	r.Counts = map[string]int{}
	for _, p := range r.Problems {
		r.Counts[p.Kind]++
	}
	if r.Problems == nil {
		r.Problems = []Problem{}
	}
	if r.PerClass == nil {
		r.PerClass = []ClassCount{}
	}
	return r
}

// Kinds returns the kinds of the problems found, sorted by name.
func (r *Report) Kinds() []string {
	kinds := make([]string, 0, len(r.Counts))
	for k := range r.Counts {
		kinds = append(kinds, k)
	}
	slices.Sort(kinds)
	return kinds
}
