package interop

import (
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"strings"

	"detnas/core/input"
	"detnas/core/run"
	"detnas/nas"
)

// Weights are a file's tensors under detnas's names.
type Weights struct {
	Source  Source
	Layout  nas.Layout
	Tensors []run.NamedArray
	From    map[string]string // the names that they had, by their new ones
	Left    []Left            // what the network has no place for
	// Counters are BatchNorm's num_batches_tracked, which nothing here or there is
	// computed from.
	Counters int
	Notes    []string // what whoever uses the weights has to know
}

// Left is a tensor that was not taken.
type Left struct {
	Name  string  `json:"name"`
	Shape []int64 `json:"shape"`
	Why   string  `json:"why"`
}

// Options say what a file cannot.
type Options struct {
	// Shuffle is which of the official code's two channel shuffles its network was
	// trained with, 1 or 2; 0 takes the only one that its supernet has, and is an error
	// for a network of one path.
	Shuffle int
	// Layout is that of a file of detnas's own, by its metadata; empty is MMRazor's.
	Layout nas.Layout
}

// counter ends the name of a BatchNorm's count of batches.
const counter = ".num_batches_tracked"

// Translate puts a file's tensors under detnas's names. All are made of float32; a
// NaN or an infinity among them is an error, as is a file of no source that is known.
func Translate(tensors []run.NamedArray, o Options) (*Weights, error) {
	source, prefix, err := recognise(tensors)
	if err != nil {
		return nil, err
	}
	if o.Shuffle != 0 && source != Official {
		return nil, fmt.Errorf("it has the names of %s, whose networks have one channel shuffle; leave out --shuffle-method", source)
	}
	w := &Weights{Source: source, Layout: nas.LayoutMMRazor, From: map[string]string{}}
	if source == Ours && o.Layout != "" {
		w.Layout = o.Layout
	}
	rename := map[Source]func(string) (string, string){
		Ours: ofMMRazor, MMRazor0: ofMMRazor, MMRazor1: ofMMRazor, TorchVision: ofTorchVision, Official: newOfficial(prefix, tensors).name,
	}[source]
	for _, t := range tensors {
		name, of := strings.CutPrefix(t.Name, prefix)
		switch {
		case strings.HasSuffix(t.Name, counter):
			w.Counters++
			continue
		case !of:
			w.leave(t, cmp.Or(besides(t.Name), "it is not of the network at "+prefix))
			continue
		}
		to, why := rename(name)
		if why != "" {
			w.leave(t, why)
			continue
		}
		if err := w.take(to, t); err != nil {
			return nil, err
		}
	}
	switch source {
	case Official:
		err = w.official(o)
	case TorchVision:
		w.note("torchvision's network has a max-pool between its stem and its first stage, which the network here has not: features come out at strides of 4, 8 and 16 in place of 8, 16 and 32, so that these are weights to train from and not the same features")
	}
	return w, err
}

func (w *Weights) note(text string) { w.Notes = append(w.Notes, text) }

func (w *Weights) leave(t run.NamedArray, why string) {
	w.Left = append(w.Left, Left{Name: t.Name, Shape: t.Shape, Why: why})
}

// take puts a tensor under its new name.
func (w *Weights) take(to string, t run.NamedArray) error {
	if was, twice := w.From[to]; twice {
		return fmt.Errorf("tensors %s and %s are both for %s", input.Line(was), input.Line(t.Name), input.Line(to))
	}
	data, err := floats(t)
	if err != nil {
		return fmt.Errorf("tensor %s: %w", input.Line(t.Name), err)
	}
	w.From[to] = t.Name
	w.Tensors = append(w.Tensors, run.NamedArray{Name: to, DType: run.F32, Shape: t.Shape, Data: data})
	return nil
}

// get is the tensor of a name.
func (w *Weights) get(name string) (*run.NamedArray, bool) {
	if _, ok := w.From[name]; !ok {
		return nil, false
	}
	for i := range w.Tensors {
		if w.Tensors[i].Name == name {
			return &w.Tensors[i], true
		}
	}
	return nil, false
}

// floats are a tensor's elements as float32; those of float64 are rounded.
func floats(t run.NamedArray) ([]byte, error) {
	le, out := binary.LittleEndian, []byte(nil)
	switch t.DType {
	case run.F32:
		out = t.Data
	case run.BF16:
		for b := t.Data; len(b) > 0; b = b[2:] {
			out = le.AppendUint32(out, uint32(le.Uint16(b))<<16)
		}
	case run.F64:
		for b := t.Data; len(b) > 0; b = b[8:] {
			out = le.AppendUint32(out, math.Float32bits(float32(math.Float64frombits(le.Uint64(b)))))
		}
	default:
		return nil, fmt.Errorf("its elements are %s, and a weight's are floats", t.DType)
	}
	const exponent = 0x7f800000
	for b := out; len(b) > 0; b = b[4:] {
		if le.Uint32(b)&exponent == exponent {
			return nil, errors.New("it holds a NaN or an infinity, which a network cannot go on from; take an earlier checkpoint")
		}
	}
	return out, nil
}
