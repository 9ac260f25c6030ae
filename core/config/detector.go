package config

// Detector is the detector around the backbone. Its defaults are those of
// mmdetection's Faster R-CNN as DetNAS uses it (spec part 3.2).
type Detector struct {
	// Kind is "faster-rcnn".
	Kind string  `toml:"kind"`
	Neck Neck    `toml:"neck"`
	RPN  RPN     `toml:"rpn"`
	RoI  RoI     `toml:"roi"`
	Test BoxTest `toml:"test"`
}

// Neck is the feature pyramid.
type Neck struct {
	// Channels of every level.
	Channels int `toml:"channels"`
	// Levels are the stages it takes in, neighbours from fine to coarse: "C2",
	// "C3", ...
	Levels []string `toml:"levels"`
	// NumOuts is the levels it gives; those above len(Levels) are max-pooled
	// with stride 2 from the coarsest and serve the RPN only.
	NumOuts int `toml:"num_outs"`
	// Norm follows each of its convolutions: "bn" or "none".
	Norm string `toml:"norm"`
}

// RPN is the region proposal network.
type RPN struct {
	// Channels of its 3x3 convolution.
	Channels int `toml:"channels"`
	// Scales times a level's stride are the anchors' sides in px; Ratios are
	// height over width.
	Scales []float64 `toml:"scales"`
	Ratios []float64 `toml:"ratios"`
	// An anchor is positive from PosIoU on, negative below NegIoU; a box's best
	// anchor is positive from MinPosIoU on.
	PosIoU    float64 `toml:"pos_iou"`
	NegIoU    float64 `toml:"neg_iou"`
	MinPosIoU float64 `toml:"min_pos_iou"`
	// Samples an image enter the loss, PosFraction of them positive at most.
	Samples     int     `toml:"samples"`
	PosFraction float64 `toml:"pos_fraction"`
	// NMSPreTrain proposals a level go into the suppression in training, and
	// MaxTrain an image come out.
	NMSPreTrain int `toml:"nms_pre_train"`
	MaxTrain    int `toml:"max_train"`
	// NMSPreTest proposals a level go into the suppression in evaluation, and
	// MaxTest an image come out.
	NMSPreTest int `toml:"nms_pre_test"`
	MaxTest    int `toml:"max_test"`
	// NMSIoU suppresses a proposal that overlaps a better one by more.
	NMSIoU float64 `toml:"nms_iou"`
	BoxLoss
}

// RoI is the box head.
type RoI struct {
	// Pool is the side of RoIAlign's output; SamplingRatio its points a bin and
	// side, 0 for as many as the bin has pixels.
	Pool          int `toml:"pool"`
	SamplingRatio int `toml:"sampling_ratio"`
	// Convs 3x3 convolutions of ConvChannels, then fully connected layers of
	// FC's widths.
	Convs        int   `toml:"convs"`
	ConvChannels int   `toml:"conv_channels"`
	FC           []int `toml:"fc"`
	// Norm follows each of the convolutions: "bn" or "none".
	Norm string `toml:"norm"`
	// A proposal is positive from PosIoU on and negative below NegIoU.
	PosIoU float64 `toml:"pos_iou"`
	NegIoU float64 `toml:"neg_iou"`
	// Samples an image enter the loss, PosFraction of them positive at most.
	Samples     int     `toml:"samples"`
	PosFraction float64 `toml:"pos_fraction"`
	// Stds scale the targets dx, dy, dw, dh.
	Stds []float64 `toml:"stds"`
	BoxLoss
}

// BoxLoss weighs and shapes the two losses of a head.
type BoxLoss struct {
	// ClsWeight and BoxWeight multiply the two losses.
	ClsWeight float64 `toml:"cls_weight"`
	BoxWeight float64 `toml:"box_weight"`
	// Loss of the boxes is "l1" or "smooth-l1", quadratic below Beta.
	Loss string  `toml:"loss"`
	Beta float64 `toml:"beta"`
}

// BoxTest is what of the box head's output counts as a detection.
type BoxTest struct {
	// ScoreThr is the least score, NMSIoU the overlap from which the lower of two
	// boxes of a class goes, MaxPerImage how many stay in an image.
	ScoreThr    float64 `toml:"score_thr"`
	NMSIoU      float64 `toml:"nms_iou"`
	MaxPerImage int     `toml:"max_per_image"`
}
