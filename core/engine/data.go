package engine

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"syscall"

	"detnas/core/config"
	"detnas/core/dataset"
	"detnas/core/dataset/shapes"
	"detnas/core/native/turbojpeg"
	"detnas/core/run"
	"detnas/core/seed"
)

// data opens the datasets of a run, each once and when it is first asked for.
type data struct {
	cfg   *config.Config
	dir   string // where synthetic images go
	cache *dataset.Cache
	note  func(run.Event)
	keep  func(context.Context, func() error) error // writes what the run rests on

	mu    sync.Mutex
	told  map[string]bool   // files that a source could not read, and that was said
	news  []dataset.Problem // of those, what rank 0 has not heard of yet, where this is another
	known map[string]known

	drawn        *shapes.Paths
	classTrain   *dataset.Classification
	classVal     *dataset.Classification
	detTrain     *dataset.Detection // all of train
	supernetPart *dataset.Detection // what steps 2 and 3 train and calibrate on
	guide        *dataset.Detection // what scores candidates
	final        *dataset.Detection // what the result is measured on
}

func newData(cfg *config.Config, own string, note func(run.Event)) *data {
	dir := cfg.Data.Shapes.Dir
	if dir == "" {
		dir = own
	}
	return &data{
		cfg: cfg, dir: dir, cache: dataset.NewCache(int64(cfg.Data.CacheMB) << 20), note: note,
		told: map[string]bool{}, known: map[string]known{},
		keep: func(_ context.Context, write func() error) error { return write() },
	}
}

// draw makes the synthetic set if a format asks for it and it is not there yet.
func (d *data) draw(ctx context.Context) (shapes.Paths, error) {
	if d.drawn != nil {
		return *d.drawn, nil
	}
	c := shapesConfig(d.cfg)
	what := fmt.Sprintf("drawing %d images", c.Images())
	var paths shapes.Paths
	err := d.keep(ctx, func() (err error) { // a set that is not whole is none, and is drawn anew
		paths, err = shapes.Ensure(ctx, d.dir, c, func(done, total int) {
			if done == total || done%max(1, total/20) == 0 {
				d.note(run.Preparing{What: what, Done: done, Total: total})
			}
		})
		if no := syscall.Errno(0); errors.As(err, &no) {
			err = &run.WriteError{Path: d.dir, Err: err}
		}
		return err
	})
	if err != nil {
		if d.cfg.Data.Shapes.Dir != "" {
			err = fmt.Errorf("data.shapes.dir: %w", err)
		}
		return paths, fmt.Errorf("draw the synthetic images: %w", err)
	}
	d.drawn = &paths
	return paths, nil
}

// shapesConfig is the synthetic set that a config describes.
func shapesConfig(cfg *config.Config) shapes.Config {
	s, out := cfg.Data.Shapes, shapes.Default()
	out.Seed = seed.Derive(cfg.Seed, "shapes")
	out.Classes, out.Train, out.Val, out.Test = s.Classes, s.Train, s.Val, s.Test
	out.PerClassTrain, out.PerClassVal, out.ClassSize = s.PerClassTrain, s.PerClassVal, s.ClassSize
	out.Width, out.Height = s.ImageSize[0], s.ImageSize[1]
	out.MinObjects, out.MaxObjects = s.Objects[0], s.Objects[1]
	out.MinSize, out.MaxSize = s.ObjectSize[0], s.ObjectSize[1]
	out.HueCue = s.HueCue
	return out
}

// classification is the training and the validation set of steps 1 and 4.
func (d *data) classification(ctx context.Context) (train, val *dataset.Classification, err error) {
	if d.classTrain != nil {
		return d.classTrain, d.classVal, nil
	}
	trainDir, valDir := d.cfg.Data.Classification.Train, d.cfg.Data.Classification.Val
	if d.cfg.Data.Classification.Format == config.FormatShapes {
		paths, err := d.draw(ctx)
		if err != nil {
			return nil, nil, err
		}
		trainDir, valDir = paths.ClassTrain, paths.ClassVal
	}
	if train, err = d.folder("train", trainDir); err != nil {
		return nil, nil, err
	}
	if val, err = d.folder("val", valDir); err != nil {
		return nil, nil, err
	}
	if err := val.Relabel(train.Classes); err != nil {
		return nil, nil, fmt.Errorf("data.classification.val: %w", err)
	}
	d.classTrain, d.classVal = train, val
	d.know(classTrainKey, train)
	d.know(classValKey, val)
	return train, val, nil
}

func (d *data) folder(key, dir string) (*dataset.Classification, error) {
	set, err := dataset.OpenFolder(dir)
	if err != nil {
		return nil, fmt.Errorf("data.classification.%s: %w", key, err)
	}
	return set, nil
}

// detection opens the splits of steps 2, 3 and 5 and holds out the guide.
func (d *data) detection(ctx context.Context) error {
	if d.detTrain != nil {
		return nil
	}
	c := d.cfg.Data.Detection
	heldOut, key := c.GuideHeldOut(), "test"
	if c.FinalOnVal() {
		key = "val"
	}
	if c.Format == config.FormatShapes {
		paths, err := d.draw(ctx)
		if err != nil {
			return err
		}
		c.Train, c.Val, c.Test, c.Images = paths.Train, paths.Val, paths.Test, paths.Images
		c.TrainImages, c.ValImages, c.TestImages = "", "", ""
	}
	train, err := d.open(&c, "train", nil)
	if err != nil {
		return err
	}
	rest := train
	var guide *dataset.Detection
	if heldOut {
		if rest, guide, err = train.Split(seed.Derive(d.cfg.Seed, "hold-out"), c.HoldOut); err != nil {
			return fmt.Errorf("data.detection.hold_out: %w", err)
		}
	} else if guide, err = d.open(&c, "val", train); err != nil {
		return err
	}
	if c.Has(key) {
		if d.final, err = d.open(&c, key, train); err != nil {
			return err
		}
	}
	d.detTrain, d.supernetPart, d.guide = train.FilterEmpty(), rest.FilterEmpty(), guide
	d.know(partKey, d.supernetPart)
	return d.check()
}

// check refuses splits that cannot be trained on, and images that two splits share.
func (d *data) check() error {
	if d.supernetPart.Len() == 0 || !hasBoxes(d.supernetPart) {
		return fmt.Errorf("data.detection.train: %s has no boxes to train on", d.detTrain.Source)
	}
	if d.cfg.Data.Detection.AllowSharedSplit {
		return nil
	}
	for _, pair := range []struct {
		a, b *dataset.Detection
		what string
	}{
		{d.guide, d.supernetPart, "that guide the search are also trained on before it"},
		{d.final, d.detTrain, "of the final figures are also trained on"},
		{d.final, d.guide, "of the final figures also guide the search"},
	} {
		if pair.a == nil {
			continue
		}
		if n, first := shared(pair.a, pair.b); n > 0 {
			return fmt.Errorf("%d images %s (first: %s); part the splits, or set data.detection.allow_shared_split = true", n, pair.what, first)
		}
	}
	return nil
}

// apart refuses to have a search guided by classification images that are trained
// on.
func (d *data) apart() error {
	if d.cfg.Data.Detection.AllowSharedSplit {
		return nil
	}
	if n, first := sharedFiles(d.classVal.Files, d.classTrain.Files); n > 0 {
		return fmt.Errorf("%d images of data.classification.val, which guides the search, are also trained on before it (first: %s); part the two, or set data.detection.allow_shared_split = true", n, first)
	}
	return nil
}

// shared counts the files that are in both sets, links followed, and names one.
func shared(a, b *dataset.Detection) (n int, first string) {
	return sharedFiles(filesOf(a), filesOf(b))
}

func filesOf(set *dataset.Detection) []string {
	files := make([]string, set.Len())
	for i, image := range set.Images {
		files[i] = image.File
	}
	return files
}

func sharedFiles(a, b []string) (n int, first string) {
	files := make(map[string]bool, len(b))
	for _, file := range b {
		files[resolved(file)] = true
	}
	for _, file := range a {
		if files[resolved(file)] {
			if n == 0 {
				first = file
			}
			n++
		}
	}
	return n, first
}

func resolved(file string) string {
	if path, err := filepath.EvalSymlinks(file); err == nil {
		return path
	}
	return file
}

// hasBoxes reports whether a set has an object that counts.
func hasBoxes(set *dataset.Detection) bool {
	boxes, ignored := set.Boxes()
	return boxes > ignored
}

// open opens one split, with the labels of train where that is given, and reports
// what is wrong in it.
func (d *data) open(c *config.Detection, split string, train *dataset.Detection) (*dataset.Detection, error) {
	opts := config.SplitOptions{Seed: d.cfg.Seed, Policy: d.policy(), Decode: d.decode()}
	if train != nil {
		opts.Classes = train.Classes()
	}
	set, problems, err := c.Open(split, opts)
	if err != nil {
		return nil, fmt.Errorf("data.detection.%s: %w", split, err)
	}
	for _, p := range problems {
		d.problem(split, p)
	}
	if train != nil {
		if err := set.Relabel(train.Categories); err != nil {
			return nil, fmt.Errorf("data.detection.%s: %w", split, err)
		}
	}
	d.know(detectionKey(split), set)
	return set, nil
}

// problem puts a fault in the data into the journal.
func (d *data) problem(split string, p dataset.Problem) {
	d.note(run.DataProblem{Split: split, Fault: p.Kind, Where: p.Where, What: p.What, Cure: p.Cure})
}

// unread puts an image into the journal that could not be read, once for all
// sources of batches: each candidate of a search has its own.
func (d *data) unread(p dataset.Problem) {
	d.mu.Lock()
	known := d.told[p.Where]
	d.told[p.Where] = true
	if !known {
		d.news = append(d.news, p)
	}
	d.mu.Unlock()
	if !known {
		d.problem("", p)
	}
}

// unheard are the problems that rank 0 is to hear of, for once.
func (d *data) unheard() []dataset.Problem {
	d.mu.Lock()
	defer d.mu.Unlock()
	news := d.news
	d.news = nil
	return news
}

func (d *data) policy() dataset.Policy { return dataset.Policy(d.cfg.Data.OnBad) }

// decode is how images are read: by libjpeg-turbo where it is installed.
func (d *data) decode() dataset.DecodeOptions {
	o := dataset.DecodeOptions{ApplyEXIF: d.cfg.Data.ApplyEXIF}
	if turbojpeg.Name() != "" {
		o.JPEG = turbojpeg.Decode
	}
	return o
}

// decoder is the name of what JPEGs are decoded by. Two decoders' pixels differ, by
// more than ten levels on edges of colours where chroma is halved, and so does what
// is trained on them.
func decoder() string { return cmp.Or(turbojpeg.Name(), "Go") }

// source is what every source of batches is told.
func (d *data) source() dataset.SourceOptions {
	o := dataset.SourceOptions{
		Decode: d.decode(),
		Policy: d.policy(),
		Cache:  d.cache,
		Report: d.unread,
	}
	for i := range 3 {
		o.Norm.Mean[i], o.Norm.Std[i] = float32(d.cfg.Data.Mean[i]), float32(d.cfg.Data.Std[i])
	}
	return o
}

// scales are the sizes of training images, evalScale that of evaluated ones.
func (d *data) scales() []dataset.Scale {
	c := d.cfg.Data.Detection
	out := make([]dataset.Scale, len(c.Short))
	for i, short := range c.Short {
		out[i] = dataset.Scale{Short: short, Max: c.Max}
	}
	return out
}

func (d *data) evalScale() dataset.Scale {
	c := d.cfg.Data.Detection
	return dataset.Scale{Short: c.EvalShort(), Max: c.Max}
}
