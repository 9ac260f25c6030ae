package config

// Detector is the detector around the backbone. Its defaults are those of
// mmdetection as DetNAS uses it (spec part 3.2).
type Detector struct {
	// Kind is "faster-rcnn", which takes the tables rpn and roi, or "retinanet",
	// which takes retina. A table that the kind does not take is checked and not
	// used.
	Kind   string  `toml:"kind"`
	Neck   Neck    `toml:"neck"`
	RPN    RPN     `toml:"rpn"`
	RoI    RoI     `toml:"roi"`
	Retina Retina  `toml:"retina"`
	Test   BoxTest `toml:"test"`
}

// takes reports whether a kind of detector has a use for a table.
func (d *Detector) takes(table string) bool {
	switch table {
	case "detector.rpn", "detector.roi":
		return d.Kind == KindFasterRCNN
	case "detector.retina":
		return d.Kind == KindRetinaNet
	}
	return true
}

// Neck is the feature pyramid.
type Neck struct {
	// Channels of every level.
	Channels int `toml:"channels"`
	// Levels are the stages it takes in, neighbours from fine to coarse: "C2",
	// "C3", ...; "C2" to "C5" where it is left out, "C3" to "C5" for RetinaNet.
	Levels []string `toml:"levels"`
	// NumOuts is the levels it gives. Those above len(Levels) are max-pooled
	// with stride 2 from the coarsest and serve the RPN only; RetinaNet has
	// convolutions of stride 2 there.
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

// Retina is RetinaNet's head and the levels above those of the backbone.
type Retina struct {
	// Extra is where the first level above starts from: "input", the coarsest of
	// the stages (C5), or "output", the coarsest of the pyramid's levels (P5).
	Extra string `toml:"extra"`
	// Convs 3x3 convolutions of Channels stand in each of the two towers.
	Convs    int `toml:"convs"`
	Channels int `toml:"channels"`
	// OctaveBase times a level's stride is the side in px of its smallest anchors;
	// ScalesPerOctave of them divide the octave to the next level's. Ratios are
	// height over width.
	OctaveBase      float64   `toml:"octave_base"`
	ScalesPerOctave int       `toml:"scales_per_octave"`
	Ratios          []float64 `toml:"ratios"`
	// An anchor is positive from PosIoU on, negative below NegIoU; a box's best
	// anchor is positive from MinPosIoU on.
	PosIoU    float64 `toml:"pos_iou"`
	NegIoU    float64 `toml:"neg_iou"`
	MinPosIoU float64 `toml:"min_pos_iou"`
	// Prior is the probability of every class that training starts from.
	Prior float64 `toml:"prior"`
	// Alpha weighs a class that is there in the focal loss, 1 - Alpha the others;
	// Gamma is how much less counts what is right already.
	Alpha float64 `toml:"alpha"`
	Gamma float64 `toml:"gamma"`
	// Stds scale the targets dx, dy, dw, dh.
	Stds []float64 `toml:"stds"`
	// NMSPre pairs of anchor and class a level go into the suppression.
	NMSPre int `toml:"nms_pre"`
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

// BoxTest is what of a head's output counts as a detection.
type BoxTest struct {
	// ScoreThr is the least score, NMSIoU the overlap from which the lower of two
	// boxes of a class goes, MaxPerImage how many stay in an image.
	ScoreThr    float64 `toml:"score_thr"`
	NMSIoU      float64 `toml:"nms_iou"`
	MaxPerImage int     `toml:"max_per_image"`
}
