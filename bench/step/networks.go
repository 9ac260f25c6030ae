package main

import (
	"fmt"

	"detnas/core/config"
	"detnas/core/dataset"
	"detnas/core/nn"
	"detnas/core/tensor"
	"detnas/core/train"
	"detnas/detector"
	"detnas/nas"
	"detnas/nas/supernet"
)

// The recipe of every work, on both sides.
const (
	rate      = 0.01
	momentum  = 0.9
	decay     = 4e-5
	smoothing = 0.1
	classes   = 1000 // of the classifier
	objects   = 3    // of the detector
	rootSeed  = 1
)

// subnet is the path that is timed: every block 3x3.
const subnet = "0000-0000-00000000-0000"

// network is what a work trains.
type network struct {
	store *nn.Store
	optim *train.SGD
	bf16  bool
}

// lower has it train in bfloat16.
func (n *network) lower() { n.bf16 = true }

// newNetwork makes a network with build and an optimiser for it.
func newNetwork(build func(root nn.Path, space nas.Space, sub nas.Subnet) error) (network, error) {
	n := network{store: nn.NewStore(device, rootSeed)}
	space, err := nas.Preset("300m")
	if err != nil {
		return n, err
	}
	space.Classes = classes
	sub, err := nas.ParseSubnet(subnet, space)
	if err != nil {
		return n, err
	}
	if err := build(n.store.Root(), space, sub); err != nil {
		return n, err
	}
	if err := n.store.Err(); err != nil {
		return n, err
	}
	n.optim, err = train.NewSGD(n.store, &config.Train{Momentum: momentum, WeightDecay: decay})
	return n, err
}

// train makes one step from the loss that f computes, and returns that loss.
func (n network) train(f func(p *nn.Pass) (train.Losses, error)) (loss float64, err error) {
	if n.bf16 {
		defer tensor.ForgetCasts()
	}
	err = tensor.Run("step", func(s *tensor.Scope) error {
		l, err := f(&nn.Pass{Scope: s, Mode: nn.Train, BF16: n.bf16})
		if err != nil || s.Err() != nil {
			return err
		}
		if loss, err = l.Total.Item(); err != nil {
			return err
		}
		s.Backward(l.Total)
		if s.Err() != nil {
			return nil
		}
		_, _, err = n.optim.Step(rate)
		return err
	})
	return loss, err
}

// classify trains the classifier.
type classify struct {
	network
	task  train.Classify
	batch dataset.ClassBatch
}

func newClassify(b dataset.ClassBatch) (*classify, error) {
	w := &classify{batch: b, task: train.Classify{
		Path: func(int64) nas.Subnet { return nil }, Smoothing: smoothing, Device: device,
	}}
	var err error
	w.network, err = newNetwork(func(root nn.Path, space nas.Space, sub nas.Subnet) error {
		var err error
		w.task.Net, err = supernet.NewSubnetClassifier(root, space, sub)
		return err
	})
	return w, err
}

func (w *classify) step() (float64, error) {
	return w.train(func(p *nn.Pass) (train.Losses, error) { return w.task.Loss(p, w.batch, 0) })
}

// candidateBatches is how many batches a candidate's BN statistics are gathered from, and
// on how many it is measured.
const candidateBatches = 8

// candidate measures the classifier as a search does: BN statistics gathered anew, and
// then an evaluation with them.
type candidate struct{ *classify }

func (w candidate) step() (loss float64, err error) {
	b := w.batch
	stats := nn.NewStats(0)
	defer stats.Free()
	pass := func(mode nn.Mode) error {
		return tensor.Run("candidate", func(s *tensor.Scope) error {
			x := s.FromFloats(b.X, device, int64(b.N), int64(b.C), int64(b.H), int64(b.W))
			y := w.task.Net.Forward(&nn.Pass{Scope: s, Mode: mode, Stats: stats}, x, nil)
			if mode == nn.Calibrate {
				return nil
			}
			loss, err = s.CrossEntropy(y, s.FromInts(b.Labels, device, int64(b.N)), tensor.Average, 0).Item()
			return err
		})
	}
	err = tensor.NoGrad(func() error {
		for i := range 2 * candidateBatches {
			mode := nn.Calibrate
			if i >= candidateBatches {
				mode = nn.Eval
			}
			if err := pass(mode); err != nil {
				return err
			}
		}
		return nil
	})
	return loss, err
}

// detect trains a Faster R-CNN.
type detect struct {
	network
	task      train.Detect
	batch     dataset.DetBatch
	iteration int64
}

func newDetect(b dataset.DetBatch, c detector.FasterRCNNConfig) (*detect, error) {
	w := &detect{batch: b, task: train.Detect{
		Path: func(int64) nas.Subnet { return nil }, Seed: rootSeed, Step: "bench", Device: device,
	}}
	var err error
	w.network, err = newNetwork(func(root nn.Path, space nas.Space, sub nas.Subnet) error {
		backbone, err := supernet.NewSubnet(root.At("backbone"), space, sub)
		if err != nil {
			return err
		}
		w.task.Net, err = detector.NewFasterRCNN(root, backbone, c)
		return err
	})
	return w, err
}

func (w *detect) step() (float64, error) {
	w.iteration++
	return w.train(func(p *nn.Pass) (train.Losses, error) { return w.task.Loss(p, w.batch, w.iteration) })
}

// detectEval finds objects with the same detector.
type detectEval struct{ *detect }

func (w detectEval) step() (float64, error) {
	found := 0
	err := tensor.Run("detect", func(s *tensor.Scope) error {
		b := w.batch
		x := s.FromFloats(b.X, device, int64(b.N), int64(b.C), int64(b.H), int64(b.W))
		images, err := w.task.Net.Detect(&nn.Pass{Scope: s}, train.DetectorBatch(x, b), nil)
		for _, detections := range images {
			found += len(detections)
		}
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("evaluate: %w", err)
	}
	return float64(found), nil
}

// detectorOf is the detector of a work.
func detectorOf(name string) detector.FasterRCNNConfig {
	if name == "detect-default" {
		return heavy()
	}
	return light()
}

// heavy is torchvision's FasterRCNN as it comes: a pyramid of 256 channels on four
// levels and one above, 2,000 proposals, 512 sampled boxes an image and two layers of
// 1024.
func heavy() detector.FasterRCNNConfig {
	c := light()
	c.Neck = detector.NeckConfig{Channels: 256, Levels: []int{0, 1, 2, 3}, NumOuts: 5}
	c.RPN.Channels = 256
	c.RPN.Train = detector.ProposalConfig{PerLevel: 2000, Max: 2000, NMSIoU: 0.7}
	c.RPN.Test = detector.ProposalConfig{PerLevel: 1000, Max: 1000, NMSIoU: 0.7}
	c.RoI.FC = []int{1024, 1024}
	c.RoI.Sample.Num = 512
	return c
}

// light is the light model: a pyramid of 128 channels on three levels, 64
// sampled boxes an image, two layers of 256, 500 proposals a level and 300 an
// image; for the rest torchvision's defaults.
func light() detector.FasterRCNNConfig {
	c := detector.DefaultFasterRCNN(objects)
	c.Neck = detector.NeckConfig{Channels: 128, Levels: []int{1, 2, 3}, NumOuts: 3}
	c.RPN.Channels = 128
	c.RPN.Train = detector.ProposalConfig{PerLevel: 500, Max: 300, NMSIoU: 0.7}
	c.RPN.Test = c.RPN.Train
	c.RPN.Loss.Beta = 1.0 / 9
	c.RoI.Convs, c.RoI.FC, c.RoI.Norm = 0, []int{256, 256}, false
	c.RoI.SamplingRatio, c.RoI.Aligned = 2, false
	c.RoI.Sample.Num = 64
	c.RoI.Loss.Beta = 1.0 / 9
	return c
}
