package detector

import (
	"errors"
	"fmt"

	"detnas/core/nn"
)

// FasterRCNNConfig holds every size and threshold of a Faster R-CNN.
type FasterRCNNConfig struct {
	// Classes is the number of object classes; background is one more.
	Classes int
	// PadTo is the number of pixels that an image's sides are padded to a
	// multiple of before it joins a batch. Anchors beyond an image's own padding
	// take no part in its loss.
	PadTo int
	// BNMomentum is the weight of a new batch in BN's statistics.
	BNMomentum float64
	Neck       NeckConfig
	RPN        RPNConfig
	RoI        RoIConfig
	Test       TestConfig
}

// NeckConfig is the feature pyramid (Lin et al., 2017).
type NeckConfig struct {
	// Channels of every level.
	Channels int
	// Levels are the backbone's outputs that the pyramid takes in, neighbours
	// from fine to coarse; 0 is the finest (C2).
	Levels []int
	// NumOuts is the number of levels that it gives; Extra says how those above
	// len(Levels) are made.
	NumOuts int
	Extra   Extra
	// Norm puts batch normalisation in place of the convolutions' biases; BN is what
	// training does with it.
	Norm bool
	BN   nn.NormMode
}

// Extra is how a pyramid's levels above those of the backbone are made. Each has
// half the side of the one below.
type Extra int

const (
	// ExtraPool takes every second place of the level below; Faster R-CNN's box
	// head does not look there.
	ExtraPool Extra = iota
	// ExtraOnInput is a 3x3 convolution of stride 2 each, the first on the
	// backbone's coarsest level (C5).
	ExtraOnInput
	// ExtraOnOutput is the same, the first on the pyramid's coarsest (P5).
	ExtraOnOutput
)

// RPNConfig is the region proposal network.
type RPNConfig struct {
	// Channels of its 3x3 convolution.
	Channels int
	// Scales times a level's stride are the sides of its anchors in px; Ratios
	// are height over width.
	Scales, Ratios []float64
	Assign         AssignConfig
	Sample         SampleConfig
	// Train and Test say which anchors become proposals.
	Train, Test ProposalConfig
	Loss        LossConfig
}

// RoIConfig is the box head.
type RoIConfig struct {
	// Pool is the side of RoIAlign's output. SamplingRatio is its points a bin and
	// side, 0 for as many as the bin has pixels. Aligned shifts by half a pixel.
	Pool, SamplingRatio int
	Aligned             bool
	// FinestScale is the side in px from twice which on a box is pooled from the
	// second level, and so on for each doubling. 0 means 14 times the finest
	// stride: mmdet's 56 at stride 4, and torchvision's rule at any stride.
	FinestScale float64
	// Convs 3x3 convolutions of ConvChannels, then fully connected layers of FC's
	// widths, all with ReLU.
	Convs, ConvChannels int
	FC                  []int
	// Norm puts batch normalisation in place of the convolutions' biases; BN is what
	// training does with it.
	Norm   bool
	BN     nn.NormMode
	Assign AssignConfig
	Sample SampleConfig
	// Stds scale the targets dx, dy, dw, dh.
	Stds [4]float64
	Loss LossConfig
}

// AssignConfig says which boxes belong to which ground truth; see box.Matcher.
type AssignConfig struct {
	// A box is positive from an overlap of PosIoU on and negative below NegIoU.
	PosIoU, NegIoU float64
	// With LowQuality, a ground truth's best boxes are positive from MinPosIoU on.
	LowQuality bool
	MinPosIoU  float64
	// IgnoreIoF leaves a box out of which more than this share lies in a crowd;
	// 0 or less is off, as mmdet's default of -1.
	IgnoreIoF float64
}

// SampleConfig says how many boxes of an image enter a loss.
type SampleConfig struct {
	Num         int
	PosFraction float64 // of Num, at most
}

// ProposalConfig says which anchors become proposals.
type ProposalConfig struct {
	// PerLevel best of each level enter the suppression and Max an image leave it.
	PerLevel int `json:"per_level"`
	Max      int `json:"max"`
	// NMSIoU suppresses a proposal that overlaps a better one by more.
	NMSIoU float64 `json:"nms_iou"`
	// MinSize in px: both sides have to be longer.
	MinSize float64 `json:"min_size"`
}

// LossConfig weighs and shapes the two losses of a head.
type LossConfig struct {
	ClassWeight, BoxWeight float64
	// Beta is where the box loss turns from quadratic to linear (smooth L1); 0 is
	// the L1 loss.
	Beta float64
}

// TestConfig says what of a head's output counts as a detection.
type TestConfig struct {
	// ScoreThr is the least class probability (exclusive), NMSIoU the overlap above
	// which the better of two boxes of a class suppresses the other.
	ScoreThr    float64 `json:"score_thr"`
	NMSIoU      float64 `json:"nms_iou"`
	MaxPerImage int     `json:"max_per_image"`
}

// DefaultFasterRCNN is DetNAS's Faster R-CNN of MMRazor v0.1: mmdet 2.x's
// faster_rcnn_r50_fpn with BN in the neck and a Shared4Conv1FC box head.
func DefaultFasterRCNN(classes int) FasterRCNNConfig {
	l1 := LossConfig{ClassWeight: 1, BoxWeight: 1}
	return FasterRCNNConfig{
		Classes: classes, PadTo: 32, BNMomentum: 0.1,
		Neck: NeckConfig{Channels: 256, Levels: []int{0, 1, 2, 3}, NumOuts: 5, Norm: true},
		RPN: RPNConfig{
			Channels: 256, Scales: []float64{8}, Ratios: []float64{0.5, 1, 2},
			Assign: AssignConfig{PosIoU: 0.7, NegIoU: 0.3, LowQuality: true, MinPosIoU: 0.3},
			Sample: SampleConfig{Num: 256, PosFraction: 0.5},
			Train:  ProposalConfig{PerLevel: 2000, Max: 1000, NMSIoU: 0.7},
			Test:   ProposalConfig{PerLevel: 1000, Max: 1000, NMSIoU: 0.7},
			Loss:   l1,
		},
		RoI: RoIConfig{
			Pool: 7, Aligned: true, Convs: 4, ConvChannels: 256, FC: []int{1024}, Norm: true,
			Assign: AssignConfig{PosIoU: 0.5, NegIoU: 0.5},
			Sample: SampleConfig{Num: 512, PosFraction: 0.25},
			Stds:   [4]float64{0.1, 0.1, 0.2, 0.2},
			Loss:   l1,
		},
		Test: TestConfig{ScoreThr: 0.05, NMSIoU: 0.5, MaxPerImage: 100},
	}
}

// Check says what is wrong with the config, or returns nil. outputs is the
// number of the backbone's levels.
func (c FasterRCNNConfig) Check(outputs int) error {
	err := errors.Join(
		positive("classes", c.Classes),
		positive("pad to", c.PadTo),
		c.Neck.check(outputs),
		positive("rpn channels", c.RPN.Channels),
		c.RPN.Assign.check("rpn"), c.RPN.Sample.check("rpn"),
		c.RPN.Train.check("train"), c.RPN.Test.check("test"),
		c.RoI.check(),
		c.Test.check(),
		c.RPN.Loss.check("rpn"), c.RoI.Loss.check("roi"),
	)
	if err != nil {
		return fmt.Errorf("detector config: %w", err)
	}
	return nil
}

func (c TestConfig) check() error {
	return errors.Join(within("score threshold", c.ScoreThr), within("test nms iou", c.NMSIoU),
		positive("detections per image", c.MaxPerImage))
}

func (c NeckConfig) check(outputs int) error {
	errs := []error{positive("neck channels", c.Channels)}
	for i, l := range c.Levels {
		if l < 0 || l >= outputs {
			errs = append(errs, fmt.Errorf("neck level %d is not among the backbone's %d", l, outputs))
		}
		if i > 0 && l != c.Levels[i-1]+1 {
			errs = append(errs, fmt.Errorf("neck levels %v are not neighbours from fine to coarse", c.Levels))
		}
	}
	if len(c.Levels) == 0 || c.NumOuts < len(c.Levels) || c.NumOuts > len(c.Levels)+8 {
		errs = append(errs, fmt.Errorf("%d neck outputs for %d levels; give at least one level, and as many outputs or up to 8 more",
			c.NumOuts, len(c.Levels)))
	}
	return errors.Join(errs...)
}

func (c RoIConfig) check() error {
	errs := []error{positive("roi pool", c.Pool), c.Assign.check("roi"), c.Sample.check("roi")}
	if c.SamplingRatio < 0 || c.FinestScale < 0 || c.Convs < 0 {
		errs = append(errs, fmt.Errorf("roi sampling ratio %d, finest scale %v and %d convs must not be negative",
			c.SamplingRatio, c.FinestScale, c.Convs))
	}
	if c.Convs > 0 {
		errs = append(errs, positive("roi conv channels", c.ConvChannels))
	}
	for _, width := range c.FC {
		errs = append(errs, positive("roi fc width", width))
	}
	errs = append(errs, allPositive("roi stds", c.Stds[:]))
	return errors.Join(errs...)
}

func (c AssignConfig) check(where string) error {
	err := errors.Join(within(where+" pos iou", c.PosIoU), within(where+" neg iou", c.NegIoU),
		within(where+" min pos iou", c.MinPosIoU))
	if err == nil && c.NegIoU > c.PosIoU {
		err = fmt.Errorf("%s neg iou %v is above pos iou %v", where, c.NegIoU, c.PosIoU)
	}
	return err
}

func (c SampleConfig) check(where string) error {
	return errors.Join(positive(where+" samples", c.Num), within(where+" pos fraction", c.PosFraction))
}

func (c ProposalConfig) check(where string) error {
	return errors.Join(positive("proposals a level in "+where, c.PerLevel),
		positive("proposals an image in "+where, c.Max), within("proposal nms iou in "+where, c.NMSIoU))
}

func (c LossConfig) check(where string) error {
	if !(c.ClassWeight >= 0) || !(c.BoxWeight >= 0) || !(c.Beta >= 0) {
		return fmt.Errorf("%s loss weights %v, %v and beta %v must not be negative", where, c.ClassWeight, c.BoxWeight, c.Beta)
	}
	return nil
}

func positive(name string, v int) error {
	if v <= 0 {
		return fmt.Errorf("%s is %d; it must be at least 1", name, v)
	}
	return nil
}

func allPositive(name string, values []float64) error {
	for _, v := range values {
		if !(v > 0) {
			return fmt.Errorf("%s %v must be positive", name, values)
		}
	}
	return nil
}

func within(name string, v float64) error {
	if !(v >= 0 && v <= 1) {
		return fmt.Errorf("%s is %v; it must be from 0 to 1", name, v)
	}
	return nil
}
