package supernet

import (
	"encoding/json"
	"fmt"
	"hash/crc32"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"detnas/core/nn"
	"detnas/core/tensor"
	"detnas/nas"
)

// The tolerances against PyTorch, relative to the largest value of each tensor.
const (
	outTolerance  = 1e-5
	gradTolerance = 1e-4
)

// reference is one network's figures by bench/reference/shufflenet.py, which
// also defines the formulas of wave and fill.
type reference struct {
	Layout nas.Layout

	// of a block
	Choice          nas.Choice
	Stride, In, Out int

	// of a path
	Stem, Last, Classes int
	Widths, Depths      []int
	Subnet              string

	Shape     []int64
	OutShapes [][]int64 `json:"out_shapes"`
	Train     [][]float64
	Eval      [][]float64
	InputGrad []float64 `json:"input_grad"`
	Grads     map[string][]float64
	Stats     map[string][]float64
}

func (r reference) space() nas.Space {
	return nas.Space{
		Name: "reference", Stem: r.Stem, Widths: r.Widths, Depths: r.Depths,
		Choices: nas.AllChoices(), Last: r.Last, Classes: r.Classes, Layout: r.Layout,
	}
}

func readReference(t *testing.T, name string) []reference {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	var file struct{ Cases []reference }
	if err := json.Unmarshal(data, &file); err != nil {
		t.Fatal(err)
	}
	if len(file.Cases) == 0 {
		t.Fatalf("%s has no cases", name)
	}
	return file.Cases
}

func wave(name string, n int64) []float64 {
	k := float64(crc32.ChecksumIEEE([]byte(name)) % 1000)
	out := make([]float64, n)
	for i := range out {
		x := float64(i)
		out[i] = math.Sin(0.7*x + 0.013*x*x + k)
	}
	return out
}

func fill(s *tensor.Scope, st *nn.Store) error {
	for _, p := range st.Params {
		if err := fillOne(s, p.Name, p.T); err != nil {
			return err
		}
	}
	for _, b := range st.Buffers {
		if err := fillOne(s, b.Name, b.T); err != nil {
			return err
		}
	}
	return nil
}

func fillOne(s *tensor.Scope, name string, t *tensor.Tensor) error {
	scale, shift := math.Sqrt(3/(float64(t.Len())/float64(t.Dim(0)))), 0.0
	switch {
	case strings.HasSuffix(name, "running_mean"):
		scale = 0.1
	case strings.HasSuffix(name, "running_var"):
		scale, shift = 0.5, 1
	case strings.HasSuffix(name, "bn.weight"):
		scale, shift = 0.3, 1
	case strings.HasSuffix(name, "bias"):
		scale = 0.2
	}
	values := make([]float32, t.Len())
	for i, v := range wave(name, t.Len()) {
		values[i] = float32(shift + scale*v)
	}
	return t.Assign(s.FromFloats(values, t.Device(), t.Shape()...))
}

func waveTensor(s *tensor.Scope, name string, shape ...int64) *tensor.Tensor {
	n := int64(1)
	for _, d := range shape {
		n *= d
	}
	values := make([]float32, n)
	for i, v := range wave(name, n) {
		values[i] = float32(v)
	}
	return s.FromFloats(values, device, shape...)
}

// comparison gathers the largest deviations of a test.
type comparison struct {
	t                  *testing.T
	worstOut, worstGrd float64
}

// log tells `make fidelity` of them.
func (c *comparison) log(t *testing.T) {
	t.Helper()
	t.Logf("an output differs by %.1e", c.worstOut)
	t.Logf("a gradient differs by %.1e", c.worstGrd)
}

func (c *comparison) out(what string, got *tensor.Tensor, want []float64) {
	c.t.Helper()
	c.worstOut = max(c.worstOut, c.compare(what, got, want, outTolerance, 0))
}

// grad compares a gradient of a network whose largest one is top. A bias that BN takes
// out again, two layers on, has a gradient of 0 but for rounding, which is another one in
// each libtorch and on each device: it has to be as small.
func (c *comparison) grad(what string, got *tensor.Tensor, want []float64, top float64) {
	c.t.Helper()
	c.worstGrd = max(c.worstGrd, c.compare(what, got, want, gradTolerance, top))
}

func (c *comparison) compare(what string, got *tensor.Tensor, want []float64, tolerance, top float64) float64 {
	c.t.Helper()
	if got == nil {
		c.t.Errorf("%s: there is none", what)
		return 0
	}
	values, err := got.Floats()
	if err != nil {
		c.t.Errorf("%s: %v", what, err)
		return 0
	}
	if len(values) != len(want) {
		c.t.Errorf("%s has %d values, want %d", what, len(values), len(want))
		return 0
	}
	largest, worst := 0.0, 0.0
	for i, w := range want {
		largest = max(largest, math.Abs(w))
		worst = max(worst, math.Abs(float64(values[i])-w))
	}
	if largest == 0 {
		c.t.Errorf("%s: the reference is all zeros, which shows nothing", what)
		return 0
	}
	if largest < 1e-6*top {
		largest = top / 100 // times the tolerance is 1e-6 of top
	}
	if off := worst / largest; !(off <= tolerance) {
		c.t.Errorf("%s is off by %.3g of its largest value, more than %.3g", what, off, tolerance)
	}
	return worst / largest
}

// against runs a network as the reference script does and compares all of it.
func (c *comparison) against(s *tensor.Scope, r reference, st *nn.Store, forward func(p *nn.Pass, x *tensor.Tensor) []*tensor.Tensor) error {
	c.t.Helper()
	if err := fill(s, st); err != nil {
		return err
	}
	x := waveTensor(s, "input", r.Shape...)
	if err := x.RequireGrad(true); err != nil {
		return err
	}
	outs := forward(&nn.Pass{Scope: s, Mode: nn.Train}, x)
	var loss *tensor.Tensor
	for k, o := range outs {
		if s.Err() != nil {
			return nil
		}
		if got := fmt.Sprint(o.Shape()); got != fmt.Sprint(r.OutShapes[k]) {
			c.t.Errorf("output %d has the shape %s, want %v", k, got, r.OutShapes[k])
		}
		c.out(fmt.Sprintf("training output %d", k), o, r.Train[k])
		part := s.Sum(s.Mul(o, waveTensor(s, fmt.Sprintf("probe.%d", k), o.Shape()...)))
		if loss == nil {
			loss = part
		} else {
			loss = s.Add(loss, part)
		}
	}
	s.Backward(loss)
	top := 0.0
	for _, want := range r.Grads {
		for _, v := range want {
			top = max(top, math.Abs(v))
		}
	}
	c.grad("input gradient", s.Grad(x), r.InputGrad, top)
	for name, want := range r.Grads {
		c.grad("gradient of "+name, s.Grad(st.Get(name)), want, top)
	}
	for name, want := range r.Stats {
		c.out(name, st.Get(name), want)
	}
	for k, o := range forward(&nn.Pass{Scope: s, Mode: nn.Eval}, x) {
		c.out(fmt.Sprintf("evaluation output %d", k), o, r.Eval[k])
	}
	return nil
}

func TestBlocksAgainstPyTorch(t *testing.T) {
	var worst comparison
	for _, r := range readReference(t, "blocks.json") {
		t.Run(fmt.Sprintf("%s/%s/stride %d", r.Layout, r.Choice, r.Stride), func(t *testing.T) {
			c := &comparison{t: t}
			run(t, func(s *tensor.Scope) error {
				st := newStore(t)
				space := nas.Space{Layout: r.Layout}
				spec := nas.BlockSpec{In: r.In, Out: r.Out, Stride: r.Stride}
				b := newBlock(st.Root().At("layers.0.0"), space, spec, r.Choice)
				if err := st.Err(); err != nil {
					return err
				}
				if len(st.Params) != len(r.Grads) || len(st.Buffers) != len(r.Stats) {
					t.Errorf("%d parameters and %d buffers, want %d and %d", len(st.Params), len(st.Buffers), len(r.Grads), len(r.Stats))
				}
				return c.against(s, r, st, func(p *nn.Pass, x *tensor.Tensor) []*tensor.Tensor {
					return []*tensor.Tensor{b.forward(p, x)}
				})
			})
			worst.worstOut, worst.worstGrd = max(worst.worstOut, c.worstOut), max(worst.worstGrd, c.worstGrd)
		})
	}
	worst.log(t)
}

// A path gives PyTorch's figures both in a subnet alone and in the supernet,
// whose other choices are there and must not matter.
func TestPathsAgainstPyTorch(t *testing.T) {
	for _, r := range readReference(t, "paths.json") {
		space := r.space()
		subnet := parse(t, r.Subnet, space)
		builds := map[string]func(path nn.Path) (*Classifier, error){
			"subnet": func(path nn.Path) (*Classifier, error) { return NewSubnetClassifier(path, space, subnet) },
			"supernet": func(path nn.Path) (*Classifier, error) {
				return NewSupernetClassifier(path, space)
			},
		}
		for name, build := range builds {
			t.Run(fmt.Sprintf("%s/%s", r.Layout, name), func(t *testing.T) {
				c := &comparison{t: t}
				run(t, func(s *tensor.Scope) error {
					st := newStore(t)
					net, err := build(st.Root())
					if err != nil {
						return err
					}
					if err := st.Err(); err != nil {
						return err
					}
					return c.against(s, r, st, func(p *nn.Pass, x *tensor.Tensor) []*tensor.Tensor {
						stages := net.Backbone.Forward(p, x, subnet)
						return append(stages, net.head(p, stages[len(stages)-1]))
					})
				})
				c.log(t)
			})
		}
	}
}
