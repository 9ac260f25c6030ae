// Package nn holds the layers that detnas's networks are made of and the store
// of their parameters and buffers. A layer is a plain struct of tensors with a
// Forward method; names in the store are those of the checkpoint.
package nn

import (
	"fmt"
	"math"

	"detnas/core/seed"
	"detnas/core/tensor"
)

// Param is a trainable tensor.
type Param struct {
	Name  string
	T     *tensor.Tensor
	Decay bool // whether weight decay applies when norms and biases are spared
}

// Buffer is a tensor that is saved but not trained (BN's statistics).
type Buffer struct {
	Name string
	T    *tensor.Tensor
}

// Store owns the parameters and buffers of a network on one device. Initial
// values are drawn from the seed and the parameter's name, so that they do not
// depend on what else the network has.
type Store struct {
	Params  []*Param
	Buffers []*Buffer

	device tensor.Device
	seed   uint64
	names  map[string]*tensor.Tensor
	err    error
}

// NewStore makes an empty store.
func NewStore(dev tensor.Device, rootSeed uint64) *Store {
	return &Store{device: dev, seed: rootSeed, names: map[string]*tensor.Tensor{}}
}

// Device is where the store's tensors lie.
func (st *Store) Device() tensor.Device { return st.device }

// Err is the first error of making a parameter, or nil. A constructor of a
// network checks it once, at its end.
func (st *Store) Err() error { return st.err }

// Root is the path of names without a prefix.
func (st *Store) Root() Path { return Path{store: st} }

// Free frees every tensor of the store.
func (st *Store) Free() {
	for _, t := range st.names {
		t.Free()
	}
	st.Params, st.Buffers, st.names = nil, nil, map[string]*tensor.Tensor{}
}

// Count is the number of trainable values.
func (st *Store) Count() int64 {
	var n int64
	for _, p := range st.Params {
		n += p.T.Len()
	}
	return n
}

// Get returns the parameter or buffer of that name, or nil.
func (st *Store) Get(name string) *tensor.Tensor { return st.names[name] }

// Path is a prefix of names in a store.
type Path struct {
	store  *Store
	prefix string
}

// At is the path one name further down.
func (p Path) At(format string, args ...any) Path {
	name := fmt.Sprintf(format, args...)
	if p.prefix != "" {
		name = p.prefix + "." + name
	}
	return Path{store: p.store, prefix: name}
}

// Name is the path as a name of the checkpoint.
func (p Path) Name() string { return p.prefix }

// Init makes the n initial values of a parameter; draw gives normal draws.
type Init func(draw func() float64, n int) []float32

// Const fills with one value.
func Const(v float64) Init {
	return func(_ func() float64, n int) []float32 {
		out := make([]float32, n)
		for i := range out {
			out[i] = float32(v)
		}
		return out
	}
}

// Normal draws from a normal distribution of mean 0.
func Normal(std float64) Init {
	return func(draw func() float64, n int) []float32 {
		out := make([]float32, n)
		for i := range out {
			out[i] = float32(std * draw())
		}
		return out
	}
}

// XavierUniform draws uniformly from +-sqrt(6 / (fanIn + fanOut)) (Glorot and
// Bengio, 2010), the form mmdet gives to FPN and box heads.
func XavierUniform(fanIn, fanOut int) Init {
	bound := math.Sqrt(6 / float64(fanIn+fanOut))
	return uniform(bound)
}

// uniform maps normal draws to uniform ones by their distribution function, so
// that every Init draws from the same kind of stream.
func uniform(bound float64) Init {
	return func(draw func() float64, n int) []float32 {
		out := make([]float32, n)
		for i := range out {
			u := 0.5 * (1 + math.Erf(draw()/math.Sqrt2))
			out[i] = float32(bound * (2*u - 1))
		}
		return out
	}
}

// Param makes a parameter. Decay says whether it is subject to weight decay when
// norms and biases are not.
func (p Path) Param(name string, decay bool, init Init, shape ...int64) *tensor.Tensor {
	t := p.make(name, init, shape)
	if t.Empty() {
		return t
	}
	if err := t.RequireGrad(true); err != nil {
		p.fail(err)
		return t
	}
	p.store.Params = append(p.store.Params, &Param{Name: p.At("%s", name).prefix, T: t, Decay: decay})
	return t
}

// Buffer makes a buffer filled with value.
func (p Path) Buffer(name string, value float64, shape ...int64) *tensor.Tensor {
	t := p.make(name, Const(value), shape)
	if !t.Empty() {
		p.store.Buffers = append(p.store.Buffers, &Buffer{Name: p.At("%s", name).prefix, T: t})
	}
	return t
}

func (p Path) make(name string, init Init, shape []int64) *tensor.Tensor {
	st, full := p.store, p.At("%s", name).prefix
	if st.err != nil {
		return &tensor.Tensor{}
	}
	if _, ok := st.names[full]; ok {
		p.fail(fmt.Errorf("the name %s is taken", full))
		return &tensor.Tensor{}
	}
	n := int64(1)
	for _, d := range shape {
		if d <= 0 {
			p.fail(fmt.Errorf("%s: the shape %v has a size that is not positive", full, shape))
			return &tensor.Tensor{}
		}
		n *= d
	}
	data := init(seed.Rand(st.seed, "init", full).NormFloat64, int(n))
	s := tensor.NewScope()
	defer s.Close()
	t := s.Keep(s.FromFloats(data, st.device, shape...))
	if s.Err() != nil {
		p.fail(fmt.Errorf("%s: %w", full, s.Err()))
		return t
	}
	st.names[full] = t
	return t
}

func (p Path) fail(err error) {
	if p.store.err == nil {
		p.store.err = err
	}
}

// NotFinite is the name of the first parameter or buffer that holds a NaN or an
// infinity, and empty where none does.
func (st *Store) NotFinite() (string, error) {
	params := make([]*tensor.Tensor, len(st.Params))
	for i, p := range st.Params {
		params[i] = p.T
	}
	at, err := tensor.NotFinite(params)
	switch {
	case err != nil:
		return "", err
	case at >= 0:
		return st.Params[at].Name, nil
	}
	return st.BufferNotFinite()
}

// BufferNotFinite is NotFinite of the buffers alone.
func (st *Store) BufferNotFinite() (string, error) {
	buffers := make([]*tensor.Tensor, len(st.Buffers))
	for i, b := range st.Buffers {
		buffers[i] = b.T
	}
	at, err := tensor.NotFinite(buffers)
	if err != nil || at < 0 {
		return "", err
	}
	return st.Buffers[at].Name, nil
}

// Export copies out every parameter and buffer, in the order they were made.
func (st *Store) Export() ([]Array, error) {
	out := make([]Array, 0, len(st.names))
	add := func(name string, t *tensor.Tensor) error {
		data, err := t.Bytes()
		if err != nil {
			return fmt.Errorf("export %s: %w", name, err)
		}
		out = append(out, Array{Name: name, DType: t.DType(), Shape: t.Shape(), Data: data})
		return nil
	}
	for _, p := range st.Params {
		if err := add(p.Name, p.T); err != nil {
			return nil, err
		}
	}
	for _, b := range st.Buffers {
		if err := add(b.Name, b.T); err != nil {
			return nil, err
		}
	}
	return out, nil
}
