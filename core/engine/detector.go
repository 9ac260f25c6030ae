package engine

import (
	"detnas/core/config"
	"detnas/core/nn"
	"detnas/detector"
)

// aroundBackbone makes the detector that the config asks for, with the BN that the
// settings of a training step ask for.
func aroundBackbone(path nn.Path, b detector.Backbone, cfg *config.Config, t *config.Train, classes int) (detector.Detector, error) {
	if cfg.Detector.Kind == config.KindRetinaNet {
		return detector.NewRetinaNet(path, b, retinaNet(cfg, t, classes))
	}
	return detector.NewFasterRCNN(path, b, fasterRCNN(cfg, t, classes))
}

// normMode translates what training does with BN.
func normMode(word string) nn.NormMode {
	switch word {
	case config.BNEval:
		return nn.NormEval
	case config.BNFrozen:
		return nn.NormFrozen
	}
	return nn.NormTrained
}

// fasterRCNN translates the config's Faster R-CNN for a number of classes.
func fasterRCNN(cfg *config.Config, t *config.Train, classes int) detector.FasterRCNNConfig {
	c := &cfg.Detector
	out := detector.DefaultFasterRCNN(classes)
	out.PadTo, out.BNMomentum = cfg.Data.Detection.PadTo, t.BNMomentum
	out.Neck, out.Test = neckConfig(c.Neck, t), testConfig(c.Test)
	out.RPN.Channels, out.RPN.Scales, out.RPN.Ratios = c.RPN.Channels, c.RPN.Scales, c.RPN.Ratios
	out.RPN.Assign.PosIoU, out.RPN.Assign.NegIoU, out.RPN.Assign.MinPosIoU = c.RPN.PosIoU, c.RPN.NegIoU, c.RPN.MinPosIoU
	out.RPN.Sample = detector.SampleConfig{Num: c.RPN.Samples, PosFraction: c.RPN.PosFraction}
	out.RPN.Train = detector.ProposalConfig{PerLevel: c.RPN.NMSPreTrain, Max: c.RPN.MaxTrain, NMSIoU: c.RPN.NMSIoU}
	out.RPN.Test = detector.ProposalConfig{PerLevel: c.RPN.NMSPreTest, Max: c.RPN.MaxTest, NMSIoU: c.RPN.NMSIoU}
	out.RPN.Loss = lossConfig(c.RPN.BoxLoss)
	out.RoI.Pool, out.RoI.SamplingRatio = c.RoI.Pool, c.RoI.SamplingRatio
	out.RoI.Convs, out.RoI.ConvChannels, out.RoI.FC = c.RoI.Convs, c.RoI.ConvChannels, c.RoI.FC
	out.RoI.Norm, out.RoI.BN = c.RoI.Norm == config.NormBN, normMode(t.BNHead)
	out.RoI.Assign.PosIoU, out.RoI.Assign.NegIoU = c.RoI.PosIoU, c.RoI.NegIoU
	out.RoI.Sample = detector.SampleConfig{Num: c.RoI.Samples, PosFraction: c.RoI.PosFraction}
	copy(out.RoI.Stds[:], c.RoI.Stds)
	out.RoI.Loss = lossConfig(c.RoI.BoxLoss)
	return out
}

// retinaNet translates the config's RetinaNet for a number of classes.
func retinaNet(cfg *config.Config, t *config.Train, classes int) detector.RetinaNetConfig {
	c := &cfg.Detector
	out := detector.DefaultRetinaNet(classes)
	out.PadTo, out.BNMomentum = cfg.Data.Detection.PadTo, t.BNMomentum
	out.Neck, out.Test = neckConfig(c.Neck, t), testConfig(c.Test)
	out.Neck.Extra = detector.ExtraOnInput
	if c.Retina.Extra == config.ExtraOutput {
		out.Neck.Extra = detector.ExtraOnOutput
	}
	out.Head.Convs, out.Head.Channels = c.Retina.Convs, c.Retina.Channels
	out.Head.OctaveBase, out.Head.ScalesPerOctave, out.Head.Ratios = c.Retina.OctaveBase, c.Retina.ScalesPerOctave, c.Retina.Ratios
	out.Head.Assign.PosIoU, out.Head.Assign.NegIoU, out.Head.Assign.MinPosIoU = c.Retina.PosIoU, c.Retina.NegIoU, c.Retina.MinPosIoU
	out.Head.Prior, out.Head.Alpha, out.Head.Gamma = c.Retina.Prior, c.Retina.Alpha, c.Retina.Gamma
	copy(out.Head.Stds[:], c.Retina.Stds)
	out.Head.Loss, out.Head.PerLevel = lossConfig(c.Retina.BoxLoss), c.Retina.NMSPre
	return out
}

func neckConfig(c config.Neck, t *config.Train) detector.NeckConfig {
	out := detector.NeckConfig{Channels: c.Channels, NumOuts: c.NumOuts, Norm: c.Norm == config.NormBN, BN: normMode(t.BNNeck)}
	for _, level := range c.Levels {
		out.Levels = append(out.Levels, config.Stage(level))
	}
	return out
}

func testConfig(c config.BoxTest) detector.TestConfig {
	return detector.TestConfig{ScoreThr: c.ScoreThr, NMSIoU: c.NMSIoU, MaxPerImage: c.MaxPerImage}
}

func lossConfig(c config.BoxLoss) detector.LossConfig {
	out := detector.LossConfig{ClassWeight: c.ClsWeight, BoxWeight: c.BoxWeight}
	if c.Loss == config.LossSmoothL1 {
		out.Beta = c.Beta
	}
	return out
}
