package main

import (
	"encoding/binary"
	"fmt"
	"math"
	"runtime/debug"

	"detnas/core/dataset"
	"detnas/core/nn"
	"detnas/core/run"
	"detnas/core/tensor"
)

// warmSteps train the detector before it is evaluated, so that its scores are
// spread as those of a trained one and not all alike.
const warmSteps = 60

// writeState writes the weights and the batch of a work, for both sides.
func writeState(name, path string) error {
	var c run.Checkpoint
	var net network
	switch name {
	case "loader":
		return writeLoaderSet(path)
	case "roialign", "nms", "match":
		c, err := partState(name)
		if err != nil {
			return err
		}
		return c.Write(path)
	case "classify-224", "classify-64", "classify-64x32", "candidate":
		b := classBatch(name)
		w, err := newClassify(b)
		if err != nil {
			return err
		}
		net = w.network
		c.Tensors = append(c.Tensors, floats("input.x", b.X, b.N, b.C, b.H, b.W), ints("input.labels", b.Labels, b.N))
	case "detect-train", "detect-eval", "detect-default":
		w, err := newDetect(detBatch(), detectorOf(name))
		if err != nil {
			return err
		}
		net = w.network
		if name == "detect-eval" {
			for range warmSteps {
				if _, err := w.step(); err != nil {
					return err
				}
			}
		}
		c.Tensors = append(c.Tensors, truth(w.batch)...)
	default:
		return fmt.Errorf("there is no work called %q", name)
	}
	arrays, err := net.store.Export()
	if err != nil {
		return err
	}
	for _, a := range arrays {
		c.Tensors = append(c.Tensors, run.NamedArray{Name: a.Name, DType: run.F32, Shape: a.Shape, Data: a.Data})
	}
	return c.Write(path)
}

// loadState makes a work with the weights that writeState has written. The batch
// is drawn anew: it is the same.
func loadState(name, path string) (work, error) {
	var w work
	var net network
	switch name {
	case "loader":
		return newLoader(path)
	case "roialign", "nms", "match":
		return newPart(name, path)
	case "classify-224", "classify-64", "classify-64x32", "candidate":
		c, err := newClassify(classBatch(name))
		if err != nil {
			return nil, err
		}
		w, net = c, c.network
		if name == "candidate" {
			w = candidate{c}
		}
	case "detect-train", "detect-eval", "detect-default":
		d, err := newDetect(detBatch(), detectorOf(name))
		if err != nil {
			return nil, err
		}
		w, net = d, d.network
		if name == "detect-eval" {
			w = detectEval{d}
		}
	default:
		return nil, fmt.Errorf("there is no work called %q", name)
	}
	c, err := run.ReadCheckpoint(path)
	if err != nil {
		return nil, err
	}
	arrays := make([]nn.Array, len(c.Tensors))
	for i, t := range c.Tensors {
		arrays[i] = nn.Array{Name: t.Name, DType: tensor.Float, Shape: t.Shape, Data: t.Data}
	}
	match, err := net.store.Match(arrays, nil)
	if err != nil {
		return nil, err
	}
	if len(match.Missing) > 0 {
		return nil, fmt.Errorf("%s lacks %v; write it again", path, match.Missing)
	}
	if err := match.Copy(); err != nil {
		return nil, err
	}
	debug.FreeOSMemory() // what the file was read into is not of the work
	return w, nil
}

// truth is a detector's batch as the other side reads it.
func truth(b dataset.DetBatch) []run.NamedArray {
	var boxes []float32
	var labels []int64
	for _, im := range b.Images {
		for k, box := range im.Boxes {
			boxes, labels = append(boxes, box[:]...), append(labels, int64(im.Labels[k]))
		}
	}
	each := len(labels) / b.N
	return []run.NamedArray{
		floats("input.x", b.X, b.N, b.C, b.H, b.W),
		floats("input.boxes", boxes, b.N, each, 4), ints("input.labels", labels, b.N, each),
	}
}

func floats(name string, values []float32, shape ...int) run.NamedArray {
	data := make([]byte, 0, 4*len(values))
	for _, v := range values {
		data = binary.LittleEndian.AppendUint32(data, math.Float32bits(v))
	}
	return run.NamedArray{Name: name, DType: run.F32, Shape: dims(shape), Data: data}
}

func ints(name string, values []int64, shape ...int) run.NamedArray {
	data := make([]byte, 0, 8*len(values))
	for _, v := range values {
		data = binary.LittleEndian.AppendUint64(data, uint64(v))
	}
	return run.NamedArray{Name: name, DType: run.I64, Shape: dims(shape), Data: data}
}

func dims(shape []int) []int64 {
	out := make([]int64, len(shape))
	for i, d := range shape {
		out[i] = int64(d)
	}
	return out
}
