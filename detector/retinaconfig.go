package detector

import (
	"errors"
	"fmt"
)

// RetinaNetConfig holds every size and threshold of a RetinaNet.
type RetinaNetConfig struct {
	// Classes is the number of object classes; there is none for background.
	Classes int
	// PadTo is the number of pixels that an image's sides are padded to a
	// multiple of before it joins a batch. Anchors beyond an image's own padding
	// take no part in its loss.
	PadTo int
	// BNMomentum is the weight of a new batch in BN's statistics.
	BNMomentum float64
	Neck       NeckConfig
	Head       RetinaHeadConfig
	Test       TestConfig
}

// RetinaHeadConfig is the pair of convolutional towers that classify the anchors
// and move them, the same over all levels.
type RetinaHeadConfig struct {
	// Convs 3x3 convolutions of Channels with ReLU stand in each tower.
	Convs, Channels int
	// OctaveBase times a level's stride is the side of its smallest anchors in px;
	// ScalesPerOctave of them divide the octave to the next level's. Ratios are
	// height over width.
	OctaveBase      float64
	ScalesPerOctave int
	Ratios          []float64
	Assign          AssignConfig
	// Prior is the probability of every class that the head starts from.
	Prior float64
	// Alpha and Gamma shape the focal loss: the weight of a class that is there,
	// with 1-Alpha that of the others, and how much less counts what is right
	// already.
	Alpha, Gamma float64
	// Stds scale the targets dx, dy, dw, dh.
	Stds [4]float64
	Loss LossConfig
	// PerLevel best pairs of anchor and class of each level enter the suppression.
	PerLevel int
}

// DefaultRetinaNet is mmdet 2.x's retinanet_r50_fpn with BN in the neck, which is
// what MMRazor v1.0's DetNAS is built on, and the paper's in all but that BN and
// the L1 loss in place of smooth L1 with beta 0.11.
func DefaultRetinaNet(classes int) RetinaNetConfig {
	return RetinaNetConfig{
		Classes: classes, PadTo: 32, BNMomentum: 0.1,
		Neck: NeckConfig{Channels: 256, Levels: []int{1, 2, 3}, NumOuts: 5, Extra: ExtraOnInput, Norm: true},
		Head: RetinaHeadConfig{
			Convs: 4, Channels: 256,
			OctaveBase: 4, ScalesPerOctave: 3, Ratios: []float64{0.5, 1, 2},
			Assign: AssignConfig{PosIoU: 0.5, NegIoU: 0.4, LowQuality: true},
			Prior:  0.01, Alpha: 0.25, Gamma: 2,
			Stds: [4]float64{1, 1, 1, 1}, Loss: LossConfig{ClassWeight: 1, BoxWeight: 1},
			PerLevel: 1000,
		},
		Test: TestConfig{ScoreThr: 0.05, NMSIoU: 0.5, MaxPerImage: 100},
	}
}

// Check says what is wrong with the config, or returns nil. outputs is the
// number of the backbone's levels.
func (c RetinaNetConfig) Check(outputs int) error {
	h := c.Head
	errs := []error{
		positive("classes", c.Classes),
		positive("pad to", c.PadTo),
		c.Neck.check(outputs),
		positive("retina channels", h.Channels),
		positive("scales per octave", h.ScalesPerOctave),
		positive("retina candidates a level", h.PerLevel),
		h.Assign.check("retina"), h.Loss.check("retina"),
		within("retina alpha", h.Alpha),
		allPositive("retina stds", h.Stds[:]),
		c.Test.check(),
	}
	if h.Convs < 0 || !(h.Gamma >= 0) {
		errs = append(errs, fmt.Errorf("%d retina convs and gamma %v must not be negative", h.Convs, h.Gamma))
	}
	if !(h.Prior > 0 && h.Prior < 1) {
		errs = append(errs, fmt.Errorf("retina prior is %v; it must be between 0 and 1", h.Prior))
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("detector config: %w", err)
	}
	return nil
}
