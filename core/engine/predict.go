package engine

import (
	"cmp"
	"context"
	"fmt"
	"sync"

	"detnas/core/config"
	"detnas/core/dataset"
	"detnas/core/nn"
	"detnas/core/run"
	"detnas/core/tensor"
	"detnas/detector/cocoeval"
)

// PredictOptions are how images are looked through.
type PredictOptions struct {
	Device  string // "auto", "cpu" or "cuda:N"
	Threads int    // 0: all cores
	Batch   int    // images at once; 0: as many as the run evaluated at once

	// Began, when not nil, is told before any image, once the detector is there, of
	// the classes and of how images are decoded.
	Began func(classes []dataset.Category, decode dataset.DecodeOptions) error
	// Found is told of each image that can be read, in order, with what was found on
	// it from the best down, in px of the file.
	Found func(image dataset.ImageInfo, found []cocoeval.Detection) error
	// Problem, when not nil, is told of each image that cannot be read, in its place.
	Problem func(dataset.Problem)
}

// Predict finds objects on image files with the detector of a checkpoint, which
// has to be one of step 5. The images get the ids 1, 2 and so on. It computes as
// the checkpoint's config says; of the machine it takes what opts say. What is found
// on an image depends a little on those beside it, for a batch is padded to its
// largest: with the run's batch and order it is what the run found.
func Predict(ctx context.Context, checkpoint string, images []string, opts PredictOptions) error {
	c, err := run.ReadCheckpoint(checkpoint)
	if err != nil {
		return err
	}
	in, err := detectorOf(c)
	if err != nil {
		return fmt.Errorf("checkpoint %s: %w", checkpoint, err)
	}
	in.cfg.Threads, in.cfg.Data.OnBad, in.cfg.Data.CacheMB = opts.Threads, config.OnBadSkip, 0
	set := &dataset.Detection{Source: checkpoint, Categories: in.categories}
	var bad unread
	for i, path := range images {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		w, h, err := dataset.Size(path, dataset.DecodeOptions{ApplyEXIF: in.cfg.Data.ApplyEXIF})
		if err != nil {
			bad.add(dataset.ImageProblem(path, err))
		}
		set.Images = append(set.Images, dataset.ImageInfo{ID: int64(i + 1), File: path, Name: path, W: w, H: h, Missing: err != nil})
		set.Objects = append(set.Objects, nil)
	}
	e := &engine{cfg: in.cfg, subnet: in.subnet}
	if e.device, err = pickDevice(opts.Device, e.place); err != nil {
		return err
	}
	e.threads, e.workers, e.atOnce = plan(in.cfg, e.place)
	e.data = newData(in.cfg, "", func(ev run.Event) {
		if p, ok := ev.(run.DataProblem); ok {
			bad.add(dataset.Problem{Kind: p.Fault, Where: p.Where, What: p.What, Cure: p.Cure})
		}
	})
	return tensor.OnThread(e.threads, func() error { return e.predict(ctx, c, in, set, &bad, opts) })
}

// unread are the images that cannot be read, by file. Batches are made on several
// goroutines.
type unread struct {
	mu     sync.Mutex
	byFile map[string]dataset.Problem
}

func (u *unread) add(p dataset.Problem) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.byFile == nil {
		u.byFile = map[string]dataset.Problem{}
	}
	u.byFile[p.Where] = p
}

func (u *unread) of(file string) (dataset.Problem, bool) {
	u.mu.Lock()
	defer u.mu.Unlock()
	p, is := u.byFile[file]
	return p, is
}

// predict looks through the images of set, a few batches at a time, so that what
// was found is told as it comes.
func (e *engine) predict(ctx context.Context, c *run.Checkpoint, in detectorIn, set *dataset.Detection, bad *unread, opts PredictOptions) error {
	d, err := e.newDetector(config.StepSubnetFinetune, len(in.categories), in.subnet)
	if err != nil {
		return err
	}
	defer d.store.Free()
	if err := takeAll(d.store, c); err != nil {
		return fmt.Errorf("checkpoint %s: %w", set.Source, err)
	}
	if opts.Began != nil {
		if err := opts.Began(in.categories, e.data.source().Decode); err != nil {
			return err
		}
	}
	batch := cmp.Or(opts.Batch, in.cfg.Search.Batch)
	chunk := batch * max(1, e.workers) * 2
	for from := 0; from < set.Len(); from += chunk {
		var some []int
		for i := from; i < min(from+chunk, set.Len()); i++ {
			some = append(some, i)
		}
		part := set.Subset(some)
		found, err := e.find(ctx, d, in.subnet, normalising{}, part, batch)
		if err != nil {
			return err
		}
		if err := opts.tell(part.Images, found, bad); err != nil {
			return err
		}
	}
	return nil
}

// tell tells of images, each in its place, what was found or that it is unread.
func (o PredictOptions) tell(images []dataset.ImageInfo, found []cocoeval.Detection, bad *unread) error {
	byImage := map[int][]cocoeval.Detection{}
	for _, f := range found {
		byImage[f.ImageID] = append(byImage[f.ImageID], f)
	}
	for _, image := range images {
		if p, is := bad.of(image.File); is {
			if o.Problem != nil {
				o.Problem(p)
			}
			continue
		}
		if err := o.Found(image, byImage[int(image.ID)]); err != nil {
			return err
		}
	}
	return nil
}

// takeAll fills a network with a checkpoint's weights, of which none may be missing.
func takeAll(st *nn.Store, c *run.Checkpoint) error {
	arrays, err := arraysOf(c)
	if err != nil {
		return err
	}
	match, err := st.Match(arrays, nil)
	if err != nil {
		return err
	}
	if len(match.Missing) > 0 {
		return fmt.Errorf("%s is missing", match.Missing[0])
	}
	return match.Copy()
}
