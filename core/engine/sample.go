package engine

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"

	"detnas/core/dataset"
	"detnas/core/input"
	"detnas/core/interop"
	"detnas/core/nn"
	"detnas/core/run"
	"detnas/core/seed"
	"detnas/core/tensor"
	"detnas/detector"
)

// mostSampled bounds the values of a sample's input, which is computed as one batch: it
// is an image of 6000x6000 px.
const mostSampled = 3 * 6000 * 6000

// sample is an input of an exported network.
type sample struct {
	values []float32 // as the graph takes them
	shape  [4]int64
}

// array is a named array of float32.
type array struct {
	name   string
	values []float32
	shape  []int64
}

// samples are inputs of sizes that the graph takes, of random values, then the images
// that were asked for.
func (d *drawing) samples() ([]sample, error) {
	if net, ok := d.net.detector.(*detector.FasterRCNN); ok && d.opts.Part == interop.PartRoIHead {
		channels, side := net.Pooled()
		s, err := d.random([4]int64{d.many(5), channels, side, side})
		return []sample{s}, err
	}
	m := int64(slices.Max(d.net.backbone.Strides()))
	sizes := [][4]int64{{d.many(1), 3, 2 * m, 2 * m}, {d.many(2), 3, 3 * m, 4 * m}, {d.many(3), 3, 3*m - 21, 4*m - 27}}
	switch {
	case d.opts.Height > 0:
		sizes = [][4]int64{{d.many(2), 3, int64(d.opts.Height), int64(d.opts.Width)}}
	case d.opts.Multiples:
		sizes = sizes[:2]
	}
	var out []sample
	for _, size := range sizes {
		s, err := d.random(size)
		if err != nil {
			return nil, err
		}
		out = append(out, s)
	}
	for _, path := range d.opts.SampleImages {
		s, err := d.ofImage(path, m)
		if err != nil {
			return nil, err
		}
		out = append(out, s)
	}
	return out, nil
}

// many is how many images a batch has: n where any.
func (d *drawing) many(n int64) int64 {
	if d.opts.Batch > 0 {
		return int64(d.opts.Batch)
	}
	return n
}

// zeros is a sample of a shape, or the error that it would be too large.
func zeros(shape [4]int64) (sample, error) {
	left := int64(mostSampled)
	for _, n := range shape {
		left /= n
	}
	if left == 0 {
		return sample{}, fmt.Errorf("a sample of %dx%dx%dx%d values is too large: %d are at most computed; take a smaller size, batch or image, or no sample", shape[0], shape[1], shape[2], shape[3], mostSampled)
	}
	return sample{values: make([]float32, shape[0]*shape[1]*shape[2]*shape[3]), shape: shape}, nil
}

// random are normal draws, or values of an image where the graph normalises.
func (d *drawing) random(shape [4]int64) (sample, error) {
	s, err := zeros(shape)
	rng := seed.Rand(0, "sample", int(shape[0]), int(shape[2]), int(shape[3]))
	for i := range s.values {
		s.values[i] = float32(rng.NormFloat64())
		if d.opts.Normalise {
			s.values[i] = float32(255 * rng.Float64())
		}
	}
	return s, err
}

// ofImage is an image at its own size, with its sides padded to multiples of the coarsest
// stride, or cut off, where the graph takes no others.
func (d *drawing) ofImage(path string, stride int64) (sample, error) {
	cfg := d.importing.opts.Config
	if cfg == nil {
		return sample{}, errNoNorm
	}
	img, err := dataset.Decode(path, dataset.DecodeOptions{ApplyEXIF: cfg.Data.ApplyEXIF})
	if err != nil {
		return sample{}, fmt.Errorf("sample image %s: %w", input.Line(path), err)
	}
	h, w := (int64(img.H)+stride-1)/stride*stride, (int64(img.W)+stride-1)/stride*stride
	if d.opts.Height > 0 {
		h, w = int64(d.opts.Height), int64(d.opts.Width)
	}
	n := d.many(1)
	s, err := zeros([4]int64{n, 3, h, w})
	if err != nil {
		return s, fmt.Errorf("sample image %s: %w", input.Line(path), err)
	}
	for y := range min(img.H, int(h)) {
		for x := range min(img.W, int(w)) {
			for c := range 3 {
				s.values[(int64(c)*h+int64(y))*w+int64(x)] = float32(img.Pix[(y*img.W+x)*3+c])
			}
		}
	}
	for i := int64(1); i < n; i++ {
		copy(s.values[i*3*h*w:], s.values[:3*h*w])
	}
	if !d.opts.Normalise {
		s.values = d.normalised(s)
	}
	return s, nil
}

// normalised is what the network sees of values of 0 to 255.
func (d *drawing) normalised(s sample) []float32 {
	data := &d.importing.opts.Config.Data
	out, plane := make([]float32, len(s.values)), int(s.shape[2]*s.shape[3])
	for i, v := range s.values {
		c := i / plane % 3
		out[i] = (v - float32(data.Mean[c])) / float32(data.Std[c])
	}
	return out
}

// computed are the outputs of the part for a sample, by name, as detnas computes them.
func (d *drawing) computed(in sample) (out []array, err error) {
	values := in.values
	if d.opts.Normalise && d.opts.Part != interop.PartRoIHead {
		values = d.normalised(in)
	}
	err = tensor.NoGrad(func() error {
		return tensor.Run("sample", func(s *tensor.Scope) error {
			p := &nn.Pass{Scope: s, Mode: nn.Eval}
			results := d.raw(p, s.FromFloats(values, tensor.CPU, in.shape[:]...))
			_, ports := d.graph.Ports()
			if s.Err() != nil || len(results) != len(ports) {
				return errors.Join(s.Err(), fmt.Errorf("%d outputs were computed of %d", len(results), len(ports)))
			}
			for i, t := range results {
				floats, err := t.Floats()
				if err != nil {
					return err
				}
				out = append(out, array{ports[i].Name, floats, t.Shape()})
			}
			return nil
		})
	})
	return out, err
}

// raw computes the part's outputs, in the order of the graph's.
func (d *drawing) raw(p *nn.Pass, x *tensor.Tensor) []*tensor.Tensor {
	switch d.opts.Part {
	case interop.PartBackbone:
		return d.net.backbone.Forward(p, x, d.subnet)
	case interop.PartClassifier:
		return []*tensor.Tensor{d.net.classifier.Forward(p, x, d.subnet)}
	case interop.PartRoIHead:
		if net, ok := d.net.detector.(*detector.FasterRCNN); ok {
			logits, deltas := net.RawHead(p, x)
			return []*tensor.Tensor{logits, deltas}
		}
	}
	return d.net.detector.Raw(p, x, d.subnet)
}

// writeSample writes inputs and what detnas computes of each into a new folder: of the
// first 0/image.npy, and an array for each output beside it. It returns how many there
// are, and takes the folder away again when it fails.
func (d *drawing) writeSample() (count int, err error) {
	samples, err := d.samples()
	if err != nil {
		return 0, err
	}
	if err := os.Mkdir(d.opts.Sample, 0o755); errors.Is(err, os.ErrExist) { //nolint:gosec // it is there to be read
		return 0, fmt.Errorf("%s is there; name another folder for the sample, which is made", input.Line(d.opts.Sample))
	} else if err != nil {
		return 0, fmt.Errorf("making the folder of the sample: %w", input.Plain(err))
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.RemoveAll(d.opts.Sample))
		}
	}()
	inputs, _ := d.graph.Ports()
	for i, s := range samples {
		arrays, err := d.computed(s)
		if err != nil {
			return 0, fmt.Errorf("computing the sample: %w", err)
		}
		dir := filepath.Join(d.opts.Sample, strconv.Itoa(i))
		if err := os.Mkdir(dir, 0o755); err != nil { //nolint:gosec // it is there to be read
			return 0, fmt.Errorf("making the folder of a sample: %w", input.Plain(err))
		}
		for _, a := range append(arrays, array{inputs[0].Name, s.values, s.shape[:]}) {
			if err := run.WriteFile(filepath.Join(dir, a.name+".npy"), interop.NPY(a.values, a.shape...)); err != nil {
				return 0, err
			}
		}
	}
	return len(samples), nil
}
