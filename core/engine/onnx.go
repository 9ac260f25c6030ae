package engine

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strconv"

	"detnas/core/input"
	"detnas/core/interop"
	"detnas/core/nn"
	"detnas/core/onnx"
	"detnas/core/run"
	"detnas/core/tensor"
	"detnas/detector"
	"detnas/nas"
)

// WriteONNX writes a network of one subnet, of a checkpoint of detnas, as an ONNX file.
// Nothing is written when it fails.
func WriteONNX(checkpoint string, o interop.DrawOptions) (*interop.Drawn, error) {
	c, err := run.ReadCheckpoint(checkpoint)
	if err != nil {
		return nil, err
	}
	var r *interop.Drawn
	err = tensor.OnThread(1, func() error {
		r, err = drawn(checkpoint, c, o)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("exporting %s: %w", input.Line(checkpoint), err)
	}
	return r, nil
}

func drawn(path string, c *run.Checkpoint, o interop.DrawOptions) (*interop.Drawn, error) {
	in := &importing{path: path, file: &foreign{tensors: c.Tensors, meta: c.Meta}}
	var err error
	if in.weights, err = interop.Translate(c.Tensors, interop.Options{Layout: nas.Layout(c.Meta["layout"])}); err != nil {
		return nil, err
	}
	if err := in.findSpace(); err != nil {
		return nil, err
	}
	if in.subnet == nil {
		return nil, errors.New("it is of a supernet, whose BN has statistics of no path; give a checkpoint of step 4 or 5, or a subnet that was imported")
	}
	net, err := in.build()
	if err != nil {
		return nil, err
	}
	defer net.store.Free()
	if err := takeAll(net.store, c); err != nil {
		return nil, err
	}
	d := &drawing{importing: in, net: net, opts: o, graph: &onnx.Graph{}}
	d.Drawing = net.store.Draw(d.graph, o.FoldBN)
	return d.run()
}

// errNoNorm is the error of a checkpoint that has no config.
var errNoNorm = errors.New("it does not say which mean and std its network was trained with, so that no image can be normalised; leave out what asks for that, or take a checkpoint that a run wrote")

// drawing is an export under way.
type drawing struct {
	*importing
	*nn.Drawing
	net   *assembled
	graph *onnx.Graph
	opts  interop.DrawOptions
}

// run draws the part, and writes it.
func (d *drawing) run() (*interop.Drawn, error) {
	if d.opts.Part == "" {
		d.opts.Part = d.network
	}
	if err := d.part(); err != nil {
		return nil, err
	}
	if err := d.Err(); err != nil {
		return nil, err
	}
	meta, err := d.meta()
	if err != nil {
		return nil, err
	}
	samples := 0
	if d.opts.Sample != "" {
		if samples, err = d.writeSample(); err != nil {
			return nil, err
		}
	}
	m := &onnx.Model{Graph: d.graph, Name: d.opts.Part, Version: d.opts.Version, Meta: meta}
	size := m.Size()
	if err := run.WriteStream(d.opts.Out, size, m.Write); err != nil {
		if d.opts.Sample != "" {
			err = errors.Join(err, os.RemoveAll(d.opts.Sample))
		}
		return nil, err
	}
	r := &interop.Drawn{
		From: d.path, Out: d.opts.Out, To: "onnx", Part: d.opts.Part, Subnet: d.subnet.Short(d.space), Space: found(d.space),
		Opset: onnx.Opset, FoldBN: d.opts.FoldBN, Takes: meta["input"], Bytes: size,
		Sample: d.opts.Sample, Samples: samples,
	}
	inputs, outputs := d.graph.Ports()
	r.Inputs, r.Outputs = ports(inputs), ports(outputs)
	return r, nil
}

func ports(of []onnx.Port) []interop.Port {
	out := make([]interop.Port, len(of))
	for i, p := range of {
		out[i].Name = p.Name
		for _, dim := range p.Dims {
			out[i].Shape = append(out[i].Shape, dim.String())
		}
	}
	return out
}

// part draws what is asked for.
func (d *drawing) part() error {
	two, isTwo := d.net.detector.(*detector.FasterRCNN)
	switch {
	case d.opts.Part == interop.PartBackbone:
		stages := d.net.backbone.Draw(d.Drawing, d.image(), d.subnet)
		for i, stride := range d.net.backbone.Strides() {
			d.output(detector.Map{
				Name: fmt.Sprintf("c%d", i+2), Value: stages[i], Channels: int64(d.net.backbone.Channels()[i]), Stride: int64(stride),
			})
		}
	case d.opts.Part == interop.PartClassifier && d.net.classifier != nil:
		logits := d.net.classifier.Draw(d.Drawing, d.image(), d.subnet)
		d.graph.Output("logits", logits, d.batch(), onnx.Fixed(int64(d.space.Classes)))
	case d.opts.Part == interop.PartDetector && d.net.detector != nil:
		stages := d.net.backbone.Draw(d.Drawing, d.image(), d.subnet)
		for _, m := range d.net.detector.Draw(d.Drawing, stages, d.extent()) {
			d.output(m)
		}
	case d.opts.Part == interop.PartRoIHead && isTwo:
		d.roiHead(two)
	default:
		return fmt.Errorf("it is a %s, which has no %s", d.kind(), d.opts.Part)
	}
	return nil
}

// kind names the network.
func (d *drawing) kind() string {
	if d.net.detector != nil {
		return d.net.detector.Decoding().Kind + " " + d.network
	}
	return d.network
}

// roiHead draws the box head of a detector.
func (d *drawing) roiHead(net *detector.FasterRCNN) {
	channels, side := net.Pooled()
	boxes := onnx.Any("boxes")
	if d.opts.Batch > 0 {
		boxes = d.batch()
	}
	x := d.graph.Input("pooled", boxes, onnx.Fixed(channels), onnx.Fixed(side), onnx.Fixed(side))
	logits, deltas := net.DrawHead(d.Drawing, x)
	classes := int64(len(d.classes))
	d.graph.Output("cls", logits, boxes, onnx.Fixed(classes+1))
	d.graph.Output("reg", deltas, boxes, onnx.Fixed(4*classes))
}

func (d *drawing) extent() detector.Extent {
	return detector.Extent{H: int64(d.opts.Height), W: int64(d.opts.Width), Multiples: d.opts.Multiples}
}

// image adds the input, and is what the network sees of it.
func (d *drawing) image() onnx.Value {
	h, w := onnx.Any("height"), onnx.Any("width")
	if d.opts.Height > 0 {
		h, w = onnx.Fixed(int64(d.opts.Height)), onnx.Fixed(int64(d.opts.Width))
	}
	x := d.graph.Input("image", d.batch(), onnx.Fixed(3), h, w)
	if !d.opts.Normalise {
		return x
	}
	if d.importing.opts.Config == nil {
		d.Fail(errNoNorm)
		return x
	}
	data := &d.importing.opts.Config.Data
	return d.graph.Normalise("normalise", x, data.Mean, data.Std)
}

// output adds a map as an output.
func (d *drawing) output(m detector.Map) {
	h, w := onnx.Any(fmt.Sprintf("height/%d", m.Stride)), onnx.Any(fmt.Sprintf("width/%d", m.Stride))
	if size := d.extent(); size.H > 0 {
		h, w = onnx.Fixed((size.H+m.Stride-1)/m.Stride), onnx.Fixed((size.W+m.Stride-1)/m.Stride)
	}
	d.graph.Output(m.Name, m.Value, d.batch(), onnx.Fixed(m.Channels), h, w)
}

func (d *drawing) batch() onnx.Dim {
	if d.opts.Batch > 0 {
		return onnx.Fixed(int64(d.opts.Batch))
	}
	return onnx.Any("batch")
}

// meta says what the model is of.
func (d *drawing) meta() (map[string]string, error) {
	meta := map[string]string{
		"part": d.opts.Part, "subnet": d.subnet.Short(d.space), "layout": string(d.space.Layout), "bn": "kept",
		"input": "float32 planes of RGB",
	}
	if d.opts.FoldBN {
		meta["bn"] = "folded"
	}
	var errs []error
	add := func(key string, v any) {
		text, err := json.Marshal(v)
		meta[key], errs = string(text), append(errs, err)
	}
	add("space", found(d.space))
	if d.net.detector != nil {
		var names []string
		for _, c := range d.classes {
			names = append(names, c.Name)
		}
		add("classes", names)
		add("decoding", d.net.detector.Decoding())
	}
	d.ofImages(meta, add)
	switch {
	case d.opts.Part == interop.PartRoIHead:
		meta["input"] = "float32, boxes pooled from the detector's levels"
	case d.opts.Normalise:
		meta["input"] = "float32 planes of RGB, values of 0 to 255; mean and std are built in"
	}
	return meta, errors.Join(errs...)
}

// ofImages says how images are made an input, as they are for a run's figures; nothing
// of a checkpoint without a config.
func (d *drawing) ofImages(meta map[string]string, add func(key string, v any)) {
	cfg := d.importing.opts.Config
	if cfg == nil {
		return
	}
	meta["config_hash"] = cfg.Hash()
	meta["input"] = "float32 planes of RGB, (value of 0 to 255 - mean) / std"
	add("mean", cfg.Data.Mean)
	add("std", cfg.Data.Std)
	switch data := &cfg.Data; {
	case d.net.detector != nil:
		add("resize", map[string]int{"short": data.Detection.EvalShort(), "max": data.Detection.Max})
		meta["pad_to"] = strconv.Itoa(data.Detection.PadTo)
	case d.net.classifier != nil:
		add("resize", map[string]int{"short": data.Classification.EvalResize(), "crop": data.Classification.Size})
	}
}
