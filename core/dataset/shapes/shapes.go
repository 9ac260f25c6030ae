// Package shapes draws a synthetic detection set and writes it to disk as COCO
// JSON with JPEG images, and beside it a class-folder set of the same shapes
// for classification pre-training:
//
//	shapes.json                       what it was drawn from, written last
//	detection/{train,val,test}.json   file_name starts from detection/images
//	detection/images/{train,val,test}/000001.jpg
//	classification/{train,val}/<class>/000001.jpg
//
// Classes differ by shape alone: colour, texture, size, rotation and background
// are drawn alike for all. Boxes are tight around an object's whole outline
// inside the picture, hidden parts included; areas count the pixels seen.
package shapes

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"sync/atomic"

	"detnas/core/input"
)

// Ensure returns the paths of the set of cfg in dir, and draws it if it is not
// there, not whole, or drawn by another version. A set that was drawn from another
// config is an error, and stays: something may rest on its images. Progress may be nil;
// see Generate, also for the errors.
func Ensure(ctx context.Context, dir string, cfg Config, progress func(done, total int)) (Paths, error) {
	if err := cfg.Validate(); err != nil {
		return Paths{}, err
	}
	if complete(dir, cfg) {
		tidy(dir)
		return PathsIn(dir), nil
	}
	if other := drawnWith(dir, cfg); other != "" {
		return Paths{}, fmt.Errorf("shapes: %s holds a set that was drawn with %s; name another folder for this one, or remove that one if nothing rests on it", input.Line(dir), other)
	}
	if err := Generate(ctx, dir, cfg, progress); err != nil {
		return Paths{}, err
	}
	return PathsIn(dir), nil
}

// Generate draws the set of cfg into dir and replaces a set that is there. It
// works in a hidden folder beside dir, which is moved into place when all is
// written and removed if anything fails, or by the next process if this one is
// killed: dir never holds half a set, nor after a power cut. A dir with
// files that are no part of a set is refused. Progress, if not nil, is told
// after each picture, one call at a time; a cancelled ctx ends the work with
// its error.
func Generate(ctx context.Context, dir string, cfg Config, progress func(done, total int)) error {
	return generate(ctx, dir, cfg, runtime.NumCPU(), progress)
}

func generate(ctx context.Context, dir string, cfg Config, workers int, progress func(done, total int)) error {
	if err := cfg.Validate(); err != nil {
		return err
	}
	dir, err := resolve(dir)
	if err != nil {
		return err
	}
	if err := replaceable(dir); err != nil {
		return err
	}
	stood := complete(dir, cfg)
	r, err := newRoom(dir)
	if err != nil {
		return err
	}
	defer r.close()
	made := filepath.Join(r.path, "set")
	if err := write(ctx, PathsIn(made), cfg, workers, progress); err != nil {
		return fmt.Errorf("shapes: %w", err)
	}
	if err := r.sync(); err != nil {
		return err
	}
	if !stood && complete(dir, cfg) {
		return nil // another process has drawn the same set meanwhile
	}
	return install(made, dir)
}

// resolve is the path of the folder for a set: that which a link names, not the
// link.
func resolve(dir string) (string, error) {
	if link, err := filepath.EvalSymlinks(dir); err == nil {
		dir = link
	}
	dir, err := filepath.Abs(dir)
	if err != nil {
		return "", fmt.Errorf("shapes: find the folder for the set: %w", err)
	}
	return dir, nil
}

// write draws the whole set into its folders, the record last.
func write(ctx context.Context, p Paths, cfg Config, workers int, progress func(done, total int)) error {
	jobs := make([]job, 0, cfg.Images())
	for _, b := range cfg.batches() {
		if err := os.MkdirAll(filepath.Dir(b.path(p)), 0o755); err != nil {
			return fmt.Errorf("make folder: %w", err)
		}
		for i := range b.count {
			jobs = append(jobs, job{b.split, b.class, i})
		}
	}
	scenes, err := drawAll(ctx, p, cfg, jobs, workers, progress)
	if err != nil {
		return err
	}
	for _, split := range []struct {
		name, file string
		count      int
	}{
		{"train", p.Train, cfg.Train},
		{"val", p.Val, cfg.Val},
		{"test", p.Test, cfg.Test},
	} {
		if err := writeJSON(split.file, newCOCO(cfg, split.name, scenes[:split.count])); err != nil {
			return err
		}
		scenes = scenes[split.count:]
	}
	return writeJSON(filepath.Join(p.Root, recordName), record{drawing, cfg})
}

// drawAll draws the jobs, whichever worker comes first, and returns the objects
// in each picture in the order of the jobs. The first failure ends it.
func drawAll(
	ctx context.Context, p Paths, cfg Config, jobs []job, workers int, progress func(done, total int),
) ([][]object, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	scenes := make([][]object, len(jobs))
	var (
		next  atomic.Int64
		mu    sync.Mutex
		done  int
		group sync.WaitGroup
	)
	work := func() {
		for ctx.Err() == nil {
			i := int(next.Add(1)) - 1
			if i >= len(jobs) {
				return
			}
			objects, err := jobs[i].draw(p, cfg)
			if err != nil {
				cancel(err)
				return
			}
			scenes[i] = objects
			if progress != nil {
				mu.Lock()
				done++
				progress(done, len(jobs))
				mu.Unlock()
			}
		}
	}
	for range max(1, min(workers, len(jobs))) {
		group.Go(work)
	}
	group.Wait()
	if err := context.Cause(ctx); err != nil {
		return nil, fmt.Errorf("draw the set: %w", err)
	}
	return scenes, nil
}

// draw draws and saves one picture and returns the objects of a detection
// image. Their fields are let go: a large set would not fit into memory.
func (j job) draw(p Paths, cfg Config) ([]object, error) {
	if j.class >= 0 {
		return nil, drawCrop(cfg, j.split, j.class, j.index).save(j.path(p), cfg.Quality)
	}
	c, objects := drawScene(cfg, j.split, j.index)
	for i := range objects {
		objects[i].field = field{}
	}
	return objects, c.save(j.path(p), cfg.Quality)
}
