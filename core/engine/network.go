package engine

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"detnas/core/config"
	"detnas/core/nn"
	"detnas/core/run"
	"detnas/core/seed"
	"detnas/detector"
	"detnas/nas"
	"detnas/nas/supernet"
)

// classifier is a network of steps 1 and 4 with the store that owns its tensors.
type classifier struct {
	store *nn.Store
	net   *supernet.Classifier
	space nas.Space
}

// newClassifier makes the supernet's classifier, or, with sub, the subnet's alone.
func (e *engine) newClassifier(step, classes int, sub nas.Subnet) (*classifier, error) {
	space, err := e.cfg.Space.NAS(classes)
	if err != nil {
		return nil, err
	}
	st := nn.NewStore(e.device, seed.Derive(e.cfg.Seed, config.StepName(step)))
	var net *supernet.Classifier
	if sub == nil {
		net, err = supernet.NewSupernetClassifier(st.Root(), space)
	} else {
		net, err = supernet.NewSubnetClassifier(st.Root(), space, sub)
	}
	if err != nil {
		st.Free()
		return nil, fmt.Errorf("build the classifier: %w", err)
	}
	net.SetBNMomentum(e.cfg.Step(step).BNMomentum)
	return &classifier{store: st, net: net, space: space}, nil
}

// detectorNet is a network of steps 2, 3 and 5 with the store that owns its tensors.
type detectorNet struct {
	store *nn.Store
	net   detector.Detector
	space nas.Space

	backbone *supernet.Backbone // of net
}

// newDetector makes the detector on the supernet, or, with sub, on the subnet alone.
func (e *engine) newDetector(step, classes int, sub nas.Subnet) (*detectorNet, error) {
	space, err := e.cfg.Space.NAS(classes)
	if err != nil {
		return nil, err
	}
	st := nn.NewStore(e.device, seed.Derive(e.cfg.Seed, config.StepName(step)))
	fail := func(err error) (*detectorNet, error) {
		st.Free()
		return nil, fmt.Errorf("build the detector: %w", err)
	}
	var backbone *supernet.Backbone
	if path := st.Root().At("backbone"); sub == nil {
		backbone, err = supernet.NewSupernet(path, space)
	} else {
		backbone, err = supernet.NewSubnet(path, space, sub)
	}
	if err != nil {
		return fail(err)
	}
	t := e.cfg.Step(step)
	if step == config.StepSearch { // has the supernet's BN as it was trained
		t = e.supernetSettings()
	}
	backbone.Freeze(t.FrozenStages)
	backbone.SetBNMomentum(t.BNMomentum)
	backbone.SetBNMode(normMode(t.BNBackbone))
	net, err := aroundBackbone(st.Root(), backbone, e.cfg, t, classes)
	if err != nil {
		return fail(err)
	}
	if st.Err() != nil {
		return fail(st.Err())
	}
	return &detectorNet{store: st, net: net, space: space, backbone: backbone}, nil
}

// predecessor is the step whose checkpoint a step starts from.
func predecessor(step int) int {
	switch step {
	case config.StepSupernetFinetune, config.StepSubnetFinetune:
		return step - 1
	}
	return 0
}

// initialise gives a fresh network the weights that its step starts from: those
// of the checkpoint named in the config, those of the step before, or its own.
func (e *engine) initialise(st *nn.Store, step int) error {
	t := e.cfg.Step(step)
	e.past = past{}
	if t.LoadFrom != "" {
		arrays, had, err := e.readWeights(t.LoadFrom)
		if err != nil {
			return err
		}
		if had.bare && step < config.StepSearch {
			e.note(run.Warning{What: fmt.Sprintf("%s.load_from: %s is a backbone alone that does not say which images it was trained on; it counts as one that has seen no boxes, which one that is cut out of a detector has",
				config.StepName(step), t.LoadFrom)})
		}
		e.past = had
		return takeBackbone(st, arrays, t.LoadFrom)
	}
	before := predecessor(step)
	if t.Init == config.InitScratch || before == 0 {
		return nil
	}
	arrays, had, err := e.lastWeights(before)
	if errors.Is(err, errNoStep) {
		return fmt.Errorf("%w; or set %s.load_from to a checkpoint, or %s.init = \"scratch\"",
			err, config.StepName(step), config.StepName(step))
	}
	if err != nil {
		return err
	}
	e.past = had
	return takeBackbone(st, arrays, fmt.Sprintf("step %d's checkpoint", before))
}

// backbonePrefix begins the names of what classifier and detector share.
const backbonePrefix = "backbone."

// takeBackbone copies the arrays that the network has too. All of the backbone
// has to be among them; heads of another task are left as they are.
func takeBackbone(st *nn.Store, arrays []nn.Array, from string) error {
	match, err := st.Match(arrays, func(a nn.Array) string {
		t := st.Get(a.Name)
		if t != nil && !slices.Equal(t.Shape(), a.Shape) && !strings.HasPrefix(a.Name, backbonePrefix) {
			return "" // a head for other classes
		}
		return a.Name
	})
	if errors.Is(err, nn.ErrShape) {
		return fmt.Errorf("start from %s: %w; it was made for another [space]", from, err)
	}
	if err != nil {
		return fmt.Errorf("start from %s: %w", from, err)
	}
	for _, name := range match.Missing {
		if strings.HasPrefix(name, backbonePrefix) {
			return fmt.Errorf("start from %s: it has no %s; it was made for another [space] or subnet", from, name)
		}
	}
	return match.Copy()
}
