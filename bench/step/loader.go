package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"

	"detnas/core/dataset"
	"detnas/core/dataset/shapes"
	"detnas/core/native/turbojpeg"
	"detnas/core/train"
)

// The loader's set: JPEGs of COCO's usual size, read two at a time by two workers.
const (
	loaderImages, loaderBatch, loaderWorkers = 64, 2, 2
	loaderW, loaderH                         = 640, 480
	loaderStep                               = 32 // batches
)

// loaderDir is where the set of a state file lies.
func loaderDir(path string) string { return path + ".images" }

// writeLoaderSet draws the images.
func writeLoaderSet(path string) error {
	c := shapes.Default()
	c.Seed, c.Width, c.Height, c.Train, c.Val, c.Test = rootSeed, loaderW, loaderH, loaderImages, 1, 1
	c.MaxSize, c.PerClassTrain, c.PerClassVal = 0, 1, 1
	_, err := shapes.Ensure(context.Background(), loaderDir(path), c, func(int, int) {})
	if err != nil {
		return fmt.Errorf("draw the loader's images: %w", err)
	}
	return nil
}

// loaderWork makes training batches: decoded, scaled to 800 px, flipped or not,
// normalised.
type loaderWork struct {
	source *dataset.DetTrain
	at     int64
}

func newLoader(path string) (work, error) {
	if turbojpeg.Name() == "" {
		return nil, errors.New("libturbojpeg0 is not installed; apt install it, or measure without the loader (-only)")
	}
	p := shapes.PathsIn(loaderDir(path))
	set, _, err := dataset.OpenCOCO(p.Train, p.Images, dataset.COCOOptions{})
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", filepath.Base(path), err)
	}
	source, err := dataset.NewDetTrain(set, dataset.DetTrainOptions{
		SourceOptions: dataset.SourceOptions{Decode: dataset.DecodeOptions{JPEG: turbojpeg.Decode}},
		Sampling:      dataset.Sampling{Seed: 1, Step: "bench", Batch: loaderBatch},
		Scales:        []dataset.Scale{dataset.PublishedScale()}, Flip: 0.5,
	})
	if err != nil {
		return nil, fmt.Errorf("make the loader: %w", err)
	}
	return &loaderWork{source: source}, nil
}

// step makes some batches and counts their images.
func (w *loaderWork) step() (float64, error) {
	n, first := 0, w.at
	w.at += loaderStep
	err := train.Each(context.Background(), loaderStep, loaderWorkers, func(ctx context.Context, i int64) (dataset.DetBatch, error) {
		return w.source.Batch(ctx, (first+i)%w.source.Iterations())
	}, func(b dataset.DetBatch) error {
		n += b.N
		return nil
	})
	return float64(n), err
}
