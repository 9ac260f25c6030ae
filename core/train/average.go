package train

import (
	"errors"
	"fmt"
	"math"
	"strings"

	"detnas/core/config"
	"detnas/core/nn"
	"detnas/core/tensor"
)

// Average is the exponential moving average of a network's weights and of its BN's
// statistics, beside the network that is trained. mmdet's EMA hooks and timm's
// ModelEmaV2 average both, too.
//
// What an iteration has not moved is not averaged in it: of a supernet, the blocks
// beside the path. An average so counts the moves of its weight, as momentum does,
// and a block that was on the path in one of four iterations has an average over as
// many states of its own as the stem has of its. BN's statistics go with the weight
// of their layer.
type Average struct {
	names         []string
	live, average []*tensor.Tensor
	mover         []int // of each tensor, the parameter with which it moves
	which         []bool
	decay         float64
	warmup        int
}

// NewAverage makes the average of a step's network, or none (nil) where the
// settings do not ask for one. It begins as the network is now; Free frees it.
func NewAverage(st *nn.Store, c *config.Train) (*Average, error) {
	if c.EMA == 0 {
		return nil, nil
	}
	a := &Average{decay: c.EMA, warmup: c.EMAWarmup}
	layers := map[string]int{}
	for i, p := range st.Params {
		a.names, a.live, a.mover = append(a.names, p.Name), append(a.live, p.T), append(a.mover, i)
		layers[layerOf(p.Name)] = i
	}
	for _, b := range st.Buffers {
		i, ok := layers[layerOf(b.Name)]
		if !ok {
			return nil, fmt.Errorf("average the weights: %s is beside no weight", b.Name)
		}
		a.names, a.live, a.mover = append(a.names, b.Name), append(a.live, b.T), append(a.mover, i)
	}
	a.which = make([]bool, len(a.live))
	s := tensor.NewScope()
	defer s.Close()
	for _, t := range a.live {
		a.average = append(a.average, s.Full(0, st.Device(), t.Shape()...))
	}
	if err := s.Err(); err != nil {
		return nil, fmt.Errorf("average the weights: %w", err)
	}
	for _, t := range a.average {
		s.Keep(t)
	}
	if err := a.Begin(); err != nil {
		a.Free()
		return nil, err
	}
	return a, nil
}

// layerOf is a tensor's name without its last word.
func layerOf(name string) string { return name[:max(0, strings.LastIndexByte(name, '.'))] }

// Begin has the average begin anew as the network is now.
func (a *Average) Begin() error { return tensor.Copy(a.average, a.live) }

// State is the average, to be copied from one rank to another; none of a nil Average.
func (a *Average) State() []*tensor.Tensor {
	if a == nil {
		return nil
	}
	return a.average
}

// Free frees the average.
func (a *Average) Free() {
	if a == nil {
		return
	}
	for _, t := range a.average {
		t.Free()
	}
}

// Follow takes in the network after an iteration, from 0 on, which has moved the
// parameters that moved names.
func (a *Average) Follow(iteration int64, moved []bool) error {
	for i, p := range a.mover {
		a.which[i] = moved[p]
	}
	return tensor.Lerp(a.average, a.live, a.which, 1-a.decayAt(iteration))
}

// decayAt is the share of the average that an iteration leaves. It rises from near
// 0, so that the first weights do not stay in the average for long, as in mmdet's
// ExpMomentumEMAHook; without a warm-up it is constant, as in timm's ModelEmaV2.
func (a *Average) decayAt(iteration int64) float64 {
	if a.warmup == 0 {
		return a.decay
	}
	return a.decay * (1 - math.Exp(-float64(1+iteration)/float64(a.warmup)))
}

// Within runs f while the network has the averaged weights. A nil Average just runs
// it.
func (a *Average) Within(f func() error) error {
	if a == nil {
		return f()
	}
	if err := a.Swap(); err != nil {
		return err
	}
	err := f()
	if serr := a.Swap(); serr != nil {
		return fmt.Errorf("put the trained weights back: %w", serr)
	}
	return err
}

// Swap exchanges the averaged weights with the network's.
func (a *Average) Swap() error { return tensor.Swap(a.live, a.average) }

// trainedPrefix marks, among a checkpoint's arrays, the weights that training goes on
// with. The average has the plain names (as in mmcv's checkpoints), so that whoever
// reads a checkpoint has it.
const trainedPrefix = "trained."

// Export copies out the average, by the network's names, and what is trained, as
// arrays named trained.<name>.
func (a *Average) Export() ([]nn.Array, error) {
	out := make([]nn.Array, 0, 2*len(a.names))
	add := func(prefix string, tensors []*tensor.Tensor) error {
		for i, t := range tensors {
			data, err := t.Bytes()
			if err != nil {
				return fmt.Errorf("export %s: %w", prefix+a.names[i], err)
			}
			out = append(out, nn.Array{Name: prefix + a.names[i], DType: t.DType(), Shape: t.Shape(), Data: data})
		}
		return nil
	}
	return out, errors.Join(add("", a.average), add(trainedPrefix, a.live))
}

// Match matches a checkpoint's arrays with the average and with what is trained.
// Every one has to be there.
func (a *Average) Match(arrays []nn.Array) (average, trained nn.Match, err error) {
	of := func(tensors []*tensor.Tensor, name func(nn.Array) string) (nn.Match, error) {
		into := make(map[string]*tensor.Tensor, len(tensors))
		for i, t := range tensors {
			into[a.names[i]] = t
		}
		m, err := nn.NewMatch(arrays, a.names, into, name)
		if err == nil && len(m.Missing) > 0 {
			err = fmt.Errorf("%s is missing", m.Missing[0])
		}
		return m, err
	}
	if average, err = of(a.average, nil); err != nil {
		return average, trained, fmt.Errorf("the averaged weights: %w", err)
	}
	trained, err = of(a.live, func(x nn.Array) string {
		name, _ := strings.CutPrefix(x.Name, trainedPrefix)
		if name == x.Name {
			return ""
		}
		return name
	})
	if err != nil {
		return average, trained, fmt.Errorf("the weights that were trained: %w", err)
	}
	return average, trained, nil
}
