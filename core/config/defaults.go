package config

// Defaults is a config in which every key that has a usual value has it: the
// recipe of MMRazor v0.1's DetNAS (spec parts 3 and 4) with mmdetection's
// Faster R-CNN, and beside it mmdetection's RetinaNet. Paths are empty and the four training steps have no length.
func Defaults() *Config {
	return &Config{
		Device: "auto",
		Runs:   "runs",
		Space:  Space{Preset: "300m", Layout: "mmrazor", Choices: AllChoices()},
		Data: Data{
			OnBad: OnBadRefuse,
			Mean:  []float64{123.675, 116.28, 103.53},
			Std:   []float64{58.395, 57.12, 57.375},
			Shapes: Shapes{
				Classes: 6, Train: 400, Val: 100, Test: 100, ImageSize: []int{256, 256},
				Objects: []int{1, 6}, ObjectSize: []float64{14, 0},
				PerClassTrain: 200, PerClassVal: 50, ClassSize: 64,
			},
			Classification: Classification{
				Format: FormatFolder, Size: 224, Crop: CropResized,
				CropScale: 0.08, Jitter: []float64{0.4, 0.4, 0.4},
			},
			Detection: Detection{
				Format: FormatCOCO, Guide: GuideHeldOut, HoldOut: 0.1,
				Short: []int{800}, Max: 1333, PadTo: 32,
			},
		},
		Detector:         defaultDetector(),
		SupernetPretrain: defaultClassify(),
		SupernetFinetune: defaultDetect(),
		Search: Search{
			Method: MethodEvolution, Guide: GuideDetection, Population: 50, Parents: 10, Mutations: 20, Crossovers: 20, Generations: 20, MutateProb: 0.1,
			Constraint: Constraint{Count: "conv_relu", LatencyOf: LatencyBody}, InputSize: 224,
			BN: BNRecalibrate, BNImages: 500, BNBatch: 8, BNAverage: BNCumulative, BNMomentum: 0.1,
			Batch: 1, Reuse: true, Workers: 1, RacingConfidence: 0.95, Score: "AP",
		},
		SubnetRetrain:  defaultClassify(),
		SubnetFinetune: defaultDetect(),
	}
}

// AllChoices are the four blocks of the search space, in the order of their
// indices 0 to 3.
func AllChoices() []string { return []string{"3x3", "5x5", "7x7", "xception"} }

func defaultDetector() Detector {
	return Detector{
		Kind: KindFasterRCNN,
		Neck: Neck{Channels: 256, Levels: []string{"C2", "C3", "C4", "C5"}, NumOuts: 5, Norm: NormBN},
		RPN: RPN{
			Channels: 256, Scales: []float64{8}, Ratios: []float64{0.5, 1, 2},
			PosIoU: 0.7, NegIoU: 0.3, MinPosIoU: 0.3, Samples: 256, PosFraction: 0.5,
			NMSPreTrain: 2000, MaxTrain: 1000, NMSPreTest: 1000, MaxTest: 1000, NMSIoU: 0.7,
			BoxLoss: defaultBoxLoss(),
		},
		RoI: RoI{
			Pool: 7, SamplingRatio: 0, Convs: 4, ConvChannels: 256, FC: []int{1024}, Norm: NormBN,
			PosIoU: 0.5, NegIoU: 0.5, Samples: 512, PosFraction: 0.25,
			Stds: []float64{0.1, 0.1, 0.2, 0.2}, BoxLoss: defaultBoxLoss(),
		},
		Retina: Retina{
			Extra: ExtraInput, Convs: 4, Channels: 256,
			OctaveBase: 4, ScalesPerOctave: 3, Ratios: []float64{0.5, 1, 2},
			PosIoU: 0.5, NegIoU: 0.4, MinPosIoU: 0, Prior: 0.01, Alpha: 0.25, Gamma: 2,
			Stds: []float64{1, 1, 1, 1}, NMSPre: 1000, BoxLoss: defaultBoxLoss(),
		},
		Test: BoxTest{ScoreThr: 0.05, NMSIoU: 0.5, MaxPerImage: 100},
	}
}

// defaultsFor are the defaults beside what a text says: RetinaNet's pyramid has no
// P2, and two levels above P5.
func defaultsFor(tree map[string]any) *Config {
	c := Defaults()
	if d, ok := tree["detector"].(map[string]any); ok && d["kind"] == KindRetinaNet {
		c.Detector.Neck.Levels, c.Detector.Neck.NumOuts = []string{"C3", "C4", "C5"}, 5
	}
	return c
}

func defaultBoxLoss() BoxLoss {
	return BoxLoss{ClsWeight: 1, BoxWeight: 1, Loss: LossL1, Beta: 1}
}

// defaultClassify is the recipe of steps 1 and 4 (spec part 3.1).
func defaultClassify() Train {
	return Train{
		Batch: 1024, Accumulate: 1, Sampling: SamplingUniform, SamplingBounds: []int{0, 0}, SamplingBins: 7, LR: 0.5, Momentum: 0.9, WeightDecay: 4e-5, NoDecayNormBias: true,
		Schedule: SchedulePoly, Power: 1, Gamma: 0.1, Warmup: WarmupLinear, WarmupRatio: 0.001, EMAWarmup: 2000,
		LabelSmoothing: 0.1, OnNaN: OnNaNStop, NaNLRFactor: 0.5, BNMomentum: 0.1, Precision: PrecisionFP32, BNBackbone: BNTrain, BNNeck: BNTrain, BNHead: BNTrain, LogEvery: 100, KeepCheckpoints: 2, Init: InitScratch,
	}
}

// defaultDetect is the recipe of steps 2 and 5 (spec part 3.2).
func defaultDetect() Train {
	return Train{
		Batch: 16, Accumulate: 1, Sampling: SamplingUniform, SamplingBounds: []int{0, 0}, SamplingBins: 7, LR: 0.02, Momentum: 0.9, WeightDecay: 1e-4,
		Schedule: ScheduleStep, Power: 1, Milestones: []float64{0.6667, 0.9167}, Gamma: 0.1,
		Warmup: WarmupLinear, WarmupIterations: 500, WarmupRatio: 0.001, EMAWarmup: 2000,
		OnNaN: OnNaNStop, NaNLRFactor: 0.5, BNMomentum: 0.1, Precision: PrecisionFP32, BNBackbone: BNTrain, BNNeck: BNTrain, BNHead: BNTrain, LogEvery: 50, KeepCheckpoints: 2, Init: InitPredecessor,
	}
}
