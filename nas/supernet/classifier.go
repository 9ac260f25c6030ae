package supernet

import (
	"detnas/core/nn"
	"detnas/core/onnx"
	"detnas/core/tensor"
	"detnas/nas"
)

// fcStd is the standard deviation of the fully connected layer's initial weights
// in the official code and in mmcls's linear head.
const fcStd = 0.01

// Classifier is a backbone with a last 1x1 convolution (BatchNorm, ReLU), global
// average pooling and a fully connected layer. There is no dropout, as in MMRazor.
type Classifier struct {
	Backbone *Backbone // at "backbone" of the path
	last     *unit     // at "backbone.layers.<stages>", as in MMRazor
	lastName string
	fc       *nn.Linear // at "head.fc"
}

// NewSupernetClassifier builds a classifier on every choice of every block.
func NewSupernetClassifier(path nn.Path, space nas.Space) (*Classifier, error) {
	b, err := NewSupernet(path.At("backbone"), space)
	if err != nil {
		return nil, err
	}
	return newClassifier(path, b), nil
}

// NewSubnetClassifier builds a classifier on one subnet.
func NewSubnetClassifier(path nn.Path, space nas.Space, subnet nas.Subnet) (*Classifier, error) {
	b, err := NewSubnet(path.At("backbone"), space, subnet)
	if err != nil {
		return nil, err
	}
	return newClassifier(path, b), nil
}

func newClassifier(path nn.Path, b *Backbone) *Classifier {
	widths := b.space.Widths
	last := path.At("backbone").At("layers.%d", len(widths))
	return &Classifier{
		Backbone: b,
		last:     newPointwise(last, widths[len(widths)-1], b.space.Last),
		lastName: last.Name(),
		fc:       nn.NewLinear(path.At("head").At("fc"), b.space.Last, b.space.Classes, nn.Normal(fcStd)),
	}
}

// Forward maps images x [n, 3, h, w] to logits [n, classes] along the path that
// subnet names; see Backbone.Forward.
func (c *Classifier) Forward(p *nn.Pass, x *tensor.Tensor, subnet nas.Subnet) *tensor.Tensor {
	out := p.Within(func(in *tensor.Scope) []*tensor.Tensor {
		inner := *p
		inner.Scope = in
		stages := c.Backbone.Forward(&inner, x, subnet)
		return []*tensor.Tensor{c.head(&inner, stages[len(stages)-1])}
	})
	return out[0]
}

// head maps the last stage's output to logits.
func (c *Classifier) head(p *nn.Pass, x *tensor.Tensor) *tensor.Tensor {
	done := p.Layer(c.lastName)
	y := p.MeanDims(c.last.Forward(p, x), []int64{2, 3}, false)
	done()
	done = p.Layer("head.fc")
	defer done()
	return c.fc.Forward(p, y)
}

// Draw draws what Forward computes in evaluation of x [n, 3, h, w].
func (c *Classifier) Draw(d *nn.Drawing, x onnx.Value, subnet nas.Subnet) onnx.Value {
	stages := c.Backbone.Draw(d, x, subnet)
	y := c.last.draw(d, stages[len(stages)-1])
	return d.Linear(c.fc, d.MeanPlanes(c.lastName+".mean", y))
}

// Norms lists every BatchNorm: the backbone's, then the last convolution's.
func (c *Classifier) Norms() []*nn.BatchNorm { return append(c.Backbone.Norms(), c.last.Norm) }

// PathNorms lists the BatchNorms that Forward passes with the same subnet, in the
// order of Norms.
func (c *Classifier) PathNorms(subnet nas.Subnet) ([]*nn.BatchNorm, error) {
	norms, err := c.Backbone.PathNorms(subnet)
	if err != nil {
		return nil, err
	}
	return append(norms, c.last.Norm), nil
}

// SetBNMomentum sets the momentum of every BatchNorm; see Backbone.SetBNMomentum.
func (c *Classifier) SetBNMomentum(momentum float64) { setMomentum(c.Norms(), momentum) }
