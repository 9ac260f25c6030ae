package train

import (
	"fmt"
	"math"
	"strings"

	"detnas/core/config"
	"detnas/core/nn"
	"detnas/core/tensor"
)

// SGD is stochastic gradient descent with momentum over a network's parameters.
// Parameters that the last backward pass did not reach, the blocks beside the
// sampled path, are left alone, and so are their momenta: neither weight decay
// nor left-over momentum moves a block while it is not on the path.
type SGD struct {
	names    []string
	params   []*tensor.Tensor
	momenta  []*tensor.Tensor
	decay    []float64
	momentum float64
	clip     float64
	careful  bool // looks for NaN where the losses do not tell
	moved    []bool
}

// NewSGD makes the optimiser of a step; Free frees its momenta.
func NewSGD(st *nn.Store, c *config.Train) (*SGD, error) {
	o := &SGD{}
	o.Set(st, c)
	s := tensor.NewScope()
	defer s.Close()
	for _, p := range st.Params {
		o.names = append(o.names, p.Name)
		o.params = append(o.params, p.T)
		o.momenta = append(o.momenta, s.Full(0, st.Device(), p.T.Shape()...))
	}
	if err := s.Err(); err != nil {
		return nil, fmt.Errorf("optimiser: %w", err)
	}
	o.moved = make([]bool, len(o.params))
	for _, m := range o.momenta {
		s.Keep(m)
	}
	return o, nil
}

// Set takes over the momentum, the weight decay, the clipping and the care for
// NaN of settings for the network st that the optimiser was made for. The momenta
// stay.
func (o *SGD) Set(st *nn.Store, c *config.Train) {
	o.momentum, o.clip = c.Momentum, c.ClipGrad
	o.careful = c.OnNaN == config.OnNaNSkip || c.OnNaN == config.OnNaNBack
	o.decay = o.decay[:0]
	for _, p := range st.Params {
		decay := c.WeightDecay
		if c.NoDecayNormBias && !p.Decay {
			decay = 0
		}
		o.decay = append(o.decay, decay)
	}
}

// Free frees the momenta.
func (o *SGD) Free() {
	for _, m := range o.momenta {
		m.Free()
	}
}

// SumGrads puts the sums over a group's ranks in place of the gradients.
func (o *SGD) SumGrads(g *tensor.Group) error { return g.SumGrads(o.params) }

// State are the momenta, to be copied from one rank to another.
func (o *SGD) State() []*tensor.Tensor { return o.momenta }

// Forget drops gradients that are not to be stepped by.
func (o *SGD) Forget() { tensor.DropGrads(o.params) }

// Step moves the parameters by their gradients at the rate lr and forgets the
// gradients. It returns the gradients' norm, before clipping, when the step
// clips, and which parameters moved, until the next step. Gradients that are found
// not to be finite move nothing; what tells is their norm, or, where the settings do
// not just stop at NaN, a look at each.
func (o *SGD) Step(lr float64) (norm float64, moved []bool, err error) {
	defer tensor.DropGrads(o.params)
	switch {
	case o.clip > 0:
		if norm, err = tensor.ClipGrads(o.params, o.clip); err != nil {
			return 0, nil, err
		}
		if math.IsNaN(norm) || math.IsInf(norm, 0) {
			return norm, nil, fmt.Errorf("%w: the gradients' norm is %v", ErrNotFinite, norm)
		}
	case o.careful:
		at, err := tensor.GradNotFinite(o.params)
		if err != nil {
			return 0, nil, err
		}
		if at >= 0 {
			return 0, nil, fmt.Errorf("%w: the gradient of %s holds NaN or infinity", ErrNotFinite, o.names[at])
		}
	}
	return norm, o.moved, tensor.SGD(o.params, o.momenta, o.decay, lr, o.momentum, o.moved)
}

// momentumPrefix marks momenta among a checkpoint's arrays.
const momentumPrefix = "momentum."

// Export copies out the momenta as arrays named momentum.<parameter>.
func (o *SGD) Export() ([]nn.Array, error) {
	out := make([]nn.Array, len(o.momenta))
	for i, m := range o.momenta {
		data, err := m.Bytes()
		if err != nil {
			return nil, fmt.Errorf("export the momentum of %s: %w", o.names[i], err)
		}
		out[i] = nn.Array{Name: momentumPrefix + o.names[i], DType: m.DType(), Shape: m.Shape(), Data: data}
	}
	return out, nil
}

// Match matches a checkpoint's arrays with the momenta; every one has to be there.
// The Unused are those that are no momenta.
func (o *SGD) Match(arrays []nn.Array) (nn.Match, error) {
	into := make(map[string]*tensor.Tensor, len(o.names))
	for i, name := range o.names {
		into[name] = o.momenta[i]
	}
	m, err := nn.NewMatch(arrays, o.names, into, func(a nn.Array) string {
		name, _ := strings.CutPrefix(a.Name, momentumPrefix)
		if name == a.Name {
			return ""
		}
		return name
	})
	if err != nil {
		return m, fmt.Errorf("the optimiser's state: %w", err)
	}
	if len(m.Missing) > 0 {
		return m, fmt.Errorf("the optimiser's state: %d of %d momenta are there, and none of %s", len(m.Taken), len(o.momenta), m.Missing[0])
	}
	return m, nil
}
