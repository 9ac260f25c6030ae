// Package config reads an experiment from TOML: its schema, its defaults, the
// presets that come with the binary, overrides from the command line, and the
// checks that every value passes before anything is trained. An error names the
// file, the line and the key, and says what to write instead.
package config

import "slices"

// Config is one complete experiment: the five steps of DetNAS and what they
// work on. Load returns only values that passed Validate. Paths in it are
// absolute.
type Config struct {
	// Name is the run's folder under Runs; empty makes one from the file's name
	// and the time.
	Name string `toml:"name"`
	// Seed is the root of every random draw.
	Seed uint64 `toml:"seed"`
	// Device is "auto", "cpu" or "cuda:N"; "cuda" is the first of the latter.
	Device string `toml:"device"`
	// Runs is the folder that holds the run folders.
	Runs string `toml:"runs"`
	// Threads bounds the cores that are used; 0 takes all there are.
	Threads int `toml:"threads"`
	// LoaderWorkers is how many goroutines decode and augment; 0 plans it from
	// Threads.
	LoaderWorkers int `toml:"loader_workers"`
	// TensorBoard writes event files of TensorBoard into the run's folder, beside the
	// journal: tensorboard --logdir Runs shows them.
	TensorBoard bool `toml:"tensorboard"`

	Space    Space    `toml:"space"`
	Data     Data     `toml:"data"`
	Detector Detector `toml:"detector"`

	SupernetPretrain Train  `toml:"supernet-pretrain"`
	SupernetFinetune Train  `toml:"supernet-finetune"`
	Search           Search `toml:"search"`
	SubnetRetrain    Train  `toml:"subnet-retrain"`
	SubnetFinetune   Train  `toml:"subnet-finetune"`

	src *source // the text it was read from, overrides applied
}

// Space is the search space: a named one, or widths, depths and choices of
// one's own.
type Space struct {
	// Preset is "300m", "1.3g", "3.8g" or "custom". The named three fix Stem,
	// Widths and Depths, which are then left out.
	Preset string `toml:"preset"`
	// Layout is "mmrazor", "official" or, with the other of its two channel shuffles,
	// "official-2" (spec part 1.3).
	Layout string `toml:"layout"`
	// Stem is the channels of the first 3x3 stride-2 convolution.
	Stem int `toml:"stem"`
	// Widths are the output channels of the stages C2, C3, ...; all even.
	Widths []int `toml:"widths"`
	// Depths are the blocks in each stage; the first of each has stride 2.
	Depths []int `toml:"depths"`
	// Choices are what a block may be: "3x3", "5x5", "7x7", "xception".
	Choices []string `toml:"choices"`
	// Last is the channels of the classifier's 1x1 convolution before its pool; 0
	// is the preset's, or 1024.
	Last int `toml:"last"`
}

// Data is where images come from and how they are normalised.
type Data struct {
	// OnBad says what to do with an image or box that cannot be used: "refuse"
	// stops, for annotations and missing files before training and for a file that
	// cannot be decoded when it is met (detnas data check --decode finds it
	// before); "skip" leaves it out with a line in the journal.
	OnBad string `toml:"on_bad"`
	// CacheMB is the memory in MiB for decoded images; 0 decodes every time.
	CacheMB int `toml:"cache_mb"`
	// ApplyEXIF turns images by their EXIF orientation. COCO's boxes assume
	// that nobody does.
	ApplyEXIF bool `toml:"apply_exif"`
	// Mean and Std normalise RGB values of 0..255, one figure a channel.
	Mean []float64 `toml:"mean"`
	Std  []float64 `toml:"std"`

	Shapes         Shapes         `toml:"shapes"`
	Classification Classification `toml:"classification"`
	Detection      Detection      `toml:"detection"`
}

// Shapes sizes the synthetic set that is drawn when a format is "shapes".
type Shapes struct {
	// Dir is where it is written; empty is the folder data of the run. A set that was
	// drawn there with other settings or another seed is refused and stays.
	Dir string `toml:"dir"`
	// Classes is the number of kinds of shape.
	Classes int `toml:"classes"`
	// Train, Val and Test count the detection images of each split.
	Train int `toml:"train"`
	Val   int `toml:"val"`
	Test  int `toml:"test"`
	// ImageSize is the width and the height of a detection image in px.
	ImageSize []int `toml:"image_size"`
	// Objects is the least and the greatest number of objects in a detection
	// image; ObjectSize bounds the square root of an object's area in px, where
	// a greatest of 0 is 0.55 of the image's shorter side.
	Objects    []int     `toml:"objects"`
	ObjectSize []float64 `toml:"object_size"`
	// HueCue is the chance that an object has a hue of its class's own: with 0
	// shape alone tells classes apart, with 1 colour does, which a small network
	// learns in a few minutes.
	HueCue float64 `toml:"hue_cue"`
	// PerClassTrain and PerClassVal count the classification images of a class.
	PerClassTrain int `toml:"per_class_train"`
	PerClassVal   int `toml:"per_class_val"`
	// ClassSize is the side of a classification image in px.
	ClassSize int `toml:"class_size"`
}

// Classification is the data of steps 1 and 4.
type Classification struct {
	// Format is "folder" (one folder a class) or "shapes".
	Format string `toml:"format"`
	// Train and Val are folders that hold a folder for each class.
	Train string `toml:"train"`
	Val   string `toml:"val"`
	// Size is the side in px of what the network sees.
	Size int `toml:"size"`
	// Crop is "resized" (a random part by area and ratio, as for ImageNet) or
	// "pad" (resize to Size, pad by PadPixels, crop at random, as for CIFAR).
	Crop string `toml:"crop"`
	// CropScale is the least share of the area that the crop "resized" takes; the
	// greatest is all of it.
	CropScale float64 `toml:"crop_scale"`
	// Jitter is the strength of brightness, contrast and saturation.
	Jitter []float64 `toml:"jitter"`
}

// PadPixels is the border that the crop "pad" adds on each side: an eighth of
// the size, 4 px for the 32 px of CIFAR.
func (c Classification) PadPixels() int { return max(1, c.Size/8) }

// EvalResize is the short side in px before the centre crop of an evaluated
// image: 256 for a crop of 224 as for ImageNet, and Size itself with "pad".
func (c Classification) EvalResize() int {
	if c.Crop == CropPad {
		return c.Size
	}
	return (c.Size*256 + 112) / 224
}

// Detection is the data of steps 2, 3 and 5.
type Detection struct {
	// Format is "coco" (a JSON and a folder of images), "voc" (a tree as that of
	// VOC's development kit), "yolo" (a folder of text labels and one of images) or
	// "shapes".
	Format string `toml:"format"`
	// Root is the folder of a tree in VOC's form: it holds Annotations, JPEGImages
	// and ImageSets, or folders with these in them, such as VOC2007.
	Root string `toml:"root"`
	// Train, Val and Test are annotation files; with the format "voc" they are lists
	// of images in Root, such as "VOC2007/trainval + VOC2012/trainval", each the file
	// ImageSets/Main/trainval.txt of its folder, and with "yolo" folders of labels.
	Train string `toml:"train"`
	Val   string `toml:"val"`
	Test  string `toml:"test"`
	// Names is the file of the classes' names of the format "yolo": a data.yaml, or a
	// text file with a name a line.
	Names string `toml:"names"`
	// Shares part Train into train, val and, with three of them, test, by a draw of
	// Seed over the sorted names of the images; none takes Train, Val and Test as they
	// are given. They come to 1.
	Shares []float64 `toml:"shares"`
	// Images is the folder that file names in the JSON start from; TrainImages,
	// ValImages and TestImages say so for one split. With "yolo" it is the folder of
	// the images; empty is the one with "images" in place of "labels" in its path.
	Images      string `toml:"images"`
	TrainImages string `toml:"train_images"`
	ValImages   string `toml:"val_images"`
	TestImages  string `toml:"test_images"`
	// Guide is what scores candidates in the search: "held-out" takes HoldOut of
	// Train, "val" takes Val, or the held-out part when Val is empty.
	Guide string `toml:"guide"`
	// HoldOut is the share of the images of Train that step 2 does not see when
	// the search is guided by it. Step 5 trains on all of Train.
	HoldOut float64 `toml:"hold_out"`
	// AllowSharedSplit lets the split that guides the search be the one of the
	// final figures, which makes those figures too good.
	AllowSharedSplit bool `toml:"allow_shared_split"`
	// Short lists short sides in px; training draws one an image, evaluation
	// takes the last. Max bounds the long side.
	Short []int `toml:"short"`
	Max   int   `toml:"max"`
	// PadTo makes both sides of a batch a multiple of it.
	PadTo int `toml:"pad_to"`
}

// EvalShort is the short side in px of an evaluated image.
func (d Detection) EvalShort() int { return d.Short[len(d.Short)-1] }

// GuideHeldOut reports whether the search is guided by a part held out of
// Train, and not by Val.
func (d Detection) GuideHeldOut() bool {
	return d.Guide == GuideHeldOut || d.Format != FormatShapes && !d.Has("val")
}

// FinalOnVal reports whether the final figures are taken on Val, for want of a
// Test.
func (d Detection) FinalOnVal() bool { return d.Format != FormatShapes && !d.Has("test") }

// Has reports whether there is a split "train", "val" or "test", as a key of its own
// or as a share of Train.
func (d Detection) Has(split string) bool { return d.part(split) >= 0 || d.Annotations(split) != "" }

// part is the place of a split among Shares, or -1 where Train is not parted or has
// no such share.
func (d Detection) part(split string) int {
	i := slices.Index([]string{"train", "val", "test"}, split)
	if i >= len(d.Shares) {
		return -1
	}
	return i
}

// Annotations is what the key of split "train", "val" or "test" says: an
// annotation file, lists of images in Root, or a folder of labels. A split that is a
// share of Train has Train's.
func (d Detection) Annotations(split string) string {
	if d.part(split) >= 0 {
		return d.Train
	}
	return map[string]string{"train": d.Train, "val": d.Val, "test": d.Test}[split]
}

// ImageDir is the folder of the images of split "train", "val" or "test"; empty
// means a folder images beside the annotation file, or else that file's own.
func (d Detection) ImageDir(split string) string {
	if d.part(split) >= 0 {
		split = "train"
	}
	own := map[string]string{"train": d.TrainImages, "val": d.ValImages, "test": d.TestImages}[split]
	if own != "" {
		return own
	}
	return d.Images
}

// Train is one training step.
type Train struct {
	// Iterations or Epochs is the length; exactly one of them is above 0.
	Iterations int `toml:"iterations"`
	Epochs     int `toml:"epochs"`
	// Batch is images an iteration.
	Batch int `toml:"batch"`
	// Accumulate is the number of parts that a batch is computed in, one after the
	// other, which takes the memory of one; their gradients are averaged. BN sees one
	// part at a time. Batch is a multiple of it.
	Accumulate int `toml:"accumulate"`
	// FrozenStages is how many stages of the backbone, counted from the stem, stay as
	// they were: 0 is none, 1 the stem and the first stage. Their BN uses its
	// statistics, in the search as well. It is for the detection steps (mmdet's
	// frozen_stages).
	FrozenStages int `toml:"frozen_stages"`
	// Sampling is how the path of each iteration of a supernet is drawn: "uniform";
	// "fair", where of as many iterations as there are choices each block takes each
	// choice once (FairNAS, here with a step after each path); or "macs-binned", by a
	// bin of the cost that search.constraint counts and a path in it, of 500 at most
	// (the official code).
	Sampling string `toml:"sampling"`
	// SamplingBounds are the least and the greatest cost of the bins; 0 takes that of
	// the constraint, or where nearly all of 1000 uniform paths lie, whichever is
	// narrower. Bounds between which no path lies are refused. The official code has
	// 290e6 to 360e6 of ImageNet's classifier, which are 257e6 to 327e6 conv_macs.
	SamplingBounds []int `toml:"sampling_bounds"`
	// SamplingBins is the number of the bins, which are equally wide.
	SamplingBins int `toml:"sampling_bins"`
	// LR is the rate of SGD after the warm-up.
	LR float64 `toml:"lr"`
	// Momentum is the share of the last update in the next one.
	Momentum float64 `toml:"momentum"`
	// WeightDecay times a weight is added to its gradient.
	WeightDecay float64 `toml:"weight_decay"`
	// NoDecayNormBias spares norms and biases from the weight decay.
	NoDecayNormBias bool `toml:"no_decay_norm_bias"`
	// Schedule is "constant", "linear" (to 0), "poly" (to 0 with Power), "step"
	// (times Gamma at each of Milestones) or "cosine" (to 0).
	Schedule string `toml:"schedule"`
	// Power is the exponent of the schedule "poly".
	Power float64 `toml:"power"`
	// Milestones are iterations, or shares of the length when below 1.
	Milestones []float64 `toml:"milestones"`
	// Gamma is what each of Milestones multiplies the rate by.
	Gamma float64 `toml:"gamma"`
	// Warmup is how the rate comes to be in the first WarmupIterations: "linear"
	// from WarmupRatio x the rate up, "exp" from there by the same factor in each, or
	// "constant" at it throughout (mmcv's three).
	Warmup string `toml:"warmup"`
	// WarmupIterations begin at WarmupRatio x the rate.
	WarmupIterations int     `toml:"warmup_iterations"`
	WarmupRatio      float64 `toml:"warmup_ratio"`
	// Precision is "fp32", or "bf16": convolutions and linear layers of the training
	// compute in bfloat16, forward and backward, by libtorch's autocast. Weights, BN,
	// losses and boxes stay in float, and so does all that is evaluated, and on the CPU
	// the blocks of the backbone, which are faster in float there.
	Precision string `toml:"precision"`
	// LabelSmoothing is for the classification steps.
	LabelSmoothing float64 `toml:"label_smoothing"`
	// ClipGrad is the greatest norm of all gradients; 0 does not clip.
	ClipGrad float64 `toml:"clip_grad"`
	// OnNaN says what becomes of an iteration whose losses or gradients are NaN or
	// infinite: "stop" ends the run; "skip" leaves the iteration out as if it had
	// not been, 10 in a row at most; "back" goes back to the step's newest
	// checkpoint, or to the one before when it did so already, 5 times a step at
	// most, and on from there with the rate times NaNLRFactor.
	OnNaN string `toml:"on_nan"`
	// NaNLRFactor is what the rate is multiplied by each time that OnNaN goes back.
	NaNLRFactor float64 `toml:"nan_lr_factor"`
	// EMA is the share that each iteration leaves of a moving average of the weights,
	// and of BN's statistics; 0 makes none. What is measured, and what later steps
	// start from, is then the average. What an iteration does not move, the blocks of
	// a supernet beside its path, it leaves as it is in the average.
	EMA float64 `toml:"ema"`
	// EMAWarmup is the iterations in which the share rises towards EMA: that of
	// iteration i is EMA x (1 - exp(-(1+i)/EMAWarmup)), mmdet's ExpMomentumEMAHook; 0
	// has it constant.
	EMAWarmup int `toml:"ema_warmup"`
	// BNMomentum is the weight of the newest batch in the running statistics.
	BNMomentum float64 `toml:"bn_momentum"`
	// BNBackbone, BNNeck and BNHead are what a detection step does with the BN of each
	// part: "train" normalises by the batch, whose statistics move the layer's, and
	// trains weight and bias; "eval" normalises by the layer's statistics, which stay,
	// and trains weight and bias (mmdet's norm_eval); "frozen" leaves those as they
	// are, too. With "eval" or "frozen" in step 2, the search does not take the
	// statistics of these layers anew for a candidate either. A batch is in one
	// process, so that its statistics are those of all of it, as SyncBN's would be, or
	// with Accumulate of one part.
	BNBackbone string `toml:"bn_backbone"`
	BNNeck     string `toml:"bn_neck"`
	BNHead     string `toml:"bn_head"`
	// LogEvery, CheckpointEvery and EvalEvery are in iterations; 0 is only at
	// the end of the step.
	LogEvery        int `toml:"log_every"`
	CheckpointEvery int `toml:"checkpoint_every"`
	EvalEvery       int `toml:"eval_every"`
	// KeepCheckpoints is how many checkpoints from within the step are kept, the
	// newest, beside the one at which it was measured best and that of its end.
	KeepCheckpoints int `toml:"keep_checkpoints"`
	// Init is "predecessor" (the checkpoint of the step before it) or "scratch".
	Init string `toml:"init"`
	// LoadFrom is a checkpoint to start from instead.
	LoadFrom string `toml:"load_from"`
}

// Search is step 3.
type Search struct {
	// Subnet, in short form, as the choice that all blocks have, or a YAML file, is
	// taken as the result and nothing is searched.
	Subnet string `toml:"subnet"`
	// Method is "evolution" (of DetNAS), "regularized" (evolution in which the oldest
	// dies; Real et al. 2019), "random" (uniform, without repeats) or "nsga2" (score
	// against Cost; Deb et al. 2002). All of them evaluate Population x Generations
	// candidates.
	Method string `toml:"method"`
	// Guide is what scores candidates: "detection", on images held out from step 2, or
	// "classification", the accuracy of the pre-trained supernet of step 1 on
	// data.classification.val, which leaves step 2 out (the paper's ClsNAS).
	Guide string `toml:"guide"`
	// Tournament is how many of the population a parent is the best of, with
	// "regularized"; 0 is a quarter of Population, as in the paper.
	Tournament int `toml:"tournament"`
	// Cost is what "nsga2" weighs scores against: one of the counts of the constraint,
	// or "latency"; empty is the constraint's count.
	Cost string `toml:"cost"`
	// LoadFrom is a checkpoint of step 2 of another run, or with the guide
	// "classification" of step 1, whose supernet is searched; steps 1 and 2 are then
	// left out. It has to be of the same data, held-out part and classes.
	LoadFrom string `toml:"load_from"`
	// Population is the candidates of each of the Generations, Parents the best
	// that breed, Mutations and Crossovers their children; the rest is drawn at
	// random. With "nsga2" the parents are the survivors, of which there are
	// Population; "regularized" and "random" have no such children.
	Population  int `toml:"population"`
	Parents     int `toml:"parents"`
	Mutations   int `toml:"mutations"`
	Crossovers  int `toml:"crossovers"`
	Generations int `toml:"generations"`
	// MutateProb is the chance of each block to be redrawn.
	MutateProb float64 `toml:"mutate_prob"`
	// Constraint bounds a candidate's cost.
	Constraint Constraint `toml:"constraint"`
	// InputSize is the side in px of the square input that MACs are counted at.
	InputSize int `toml:"input_size"`
	// BN is what a candidate's BN normalises by. "recalibrate": statistics taken
	// anew from BNImages training images in batches of BNBatch. "batch": those of
	// each batch that is measured. "keep": those that the supernet was trained
	// with, which are of all its paths. None of them changes the supernet.
	BN       string `toml:"bn"`
	BNImages int    `toml:"bn_images"`
	BNBatch  int    `toml:"bn_batch"`
	// BNAverage is "cumulative", each batch with the same weight, or "ema": from
	// the mean 0 and the variance 1, BNMomentum of the way to each batch, as the
	// official code has it with 0.1.
	BNAverage  string  `toml:"bn_average"`
	BNMomentum float64 `toml:"bn_momentum"`
	// Images is how many images of the guide score a candidate; 0 is
	// all.
	Images int `toml:"images"`
	// Batch is images a forward pass of the scoring.
	Batch int `toml:"batch"`
	// Reuse takes the score of a subnet that was measured before, in this run or in
	// another of its folder of runs, by the same supernet, images and settings on a
	// machine of the same kind: the same score to the bit. With Racing none is taken.
	Reuse bool `toml:"reuse"`
	// Workers is how many candidates are measured at a time, each by as many threads
	// as are left to it; 0 is one for each thread. It takes the memory of as many
	// forward passes. A score goes by the threads that compute it, in its last digits,
	// and the candidates proposed are those of measuring one after the other. On a GPU,
	// where latency is measured and with the method "regularized" it is one.
	Workers int `toml:"workers"`
	// Racing measures a candidate on growing parts of the guiding split and stops one
	// that will not be among the best: those that stand in the result, or Parents if
	// they are more. RacingConfidence is that of each look, from 0.5 to 0.9999.
	Racing           bool    `toml:"racing"`
	RacingConfidence float64 `toml:"racing_confidence"`
	// Score is "AP", "AP50", or with the format "voc" also "mAP07" or "mAP"; with the
	// guide "classification" it is "top1".
	Score string `toml:"score"`
}

// Constraint keeps candidates whose cost lies in [Min, Max].
type Constraint struct {
	// Count is what is counted over the backbone: "conv_macs", "conv_relu",
	// "conv_relu_bn" or "params"; "mmcv_flops" counts ImageNet's classifier.
	Count string `toml:"count"`
	// Min and Max are inclusive; 0 is no bound.
	Min int64 `toml:"min"`
	Max int64 `toml:"max"`
	// ParamsMin and ParamsMax bound the backbone's parameters beside that; 0 is no
	// bound.
	ParamsMin int64 `toml:"params_min"`
	ParamsMax int64 `toml:"params_max"`
	// LatencyMin and LatencyMax bound how many ms a pass of one image of InputSize
	// takes on this machine with the run's threads, as measured; 0 is no bound.
	LatencyMin float64 `toml:"latency_min"`
	LatencyMax float64 `toml:"latency_max"`
	// LatencyOf is what is timed: the "body", or the whole "detector".
	LatencyOf string `toml:"latency_of"`
}

// The words that string keys take.
const (
	PresetCustom = "custom"

	OnBadRefuse = "refuse"
	OnBadSkip   = "skip"

	OnNaNStop = "stop"
	OnNaNSkip = "skip"
	OnNaNBack = "back"

	GuideDetection      = "detection"
	GuideClassification = "classification"

	LatencyBody     = "body"
	LatencyDetector = "detector"
	CostLatency     = "latency"

	MethodEvolution   = "evolution"
	MethodRegularized = "regularized"
	MethodRandom      = "random"
	MethodNSGA2       = "nsga2"

	FormatFolder = "folder"
	FormatCOCO   = "coco"
	FormatVOC    = "voc"
	FormatYOLO   = "yolo"
	FormatShapes = "shapes"

	CropResized = "resized"
	CropPad     = "pad"

	GuideHeldOut = "held-out"
	GuideVal     = "val"

	ScheduleConstant = "constant"
	ScheduleLinear   = "linear"
	SchedulePoly     = "poly"
	ScheduleStep     = "step"
	ScheduleCosine   = "cosine"

	SamplingUniform = "uniform"
	SamplingFair    = "fair"
	SamplingBinned  = "macs-binned"

	PrecisionFP32 = "fp32"
	PrecisionBF16 = "bf16"

	BNTrain  = "train"
	BNEval   = "eval"
	BNFrozen = "frozen"

	WarmupLinear   = "linear"
	WarmupConstant = "constant"
	WarmupExp      = "exp"

	InitPredecessor = "predecessor"
	InitScratch     = "scratch"

	KindFasterRCNN = "faster-rcnn"
	KindRetinaNet  = "retinanet"

	ExtraInput  = "input"
	ExtraOutput = "output"

	BNRecalibrate = "recalibrate"
	BNBatch       = "batch"
	BNKeep        = "keep"

	BNCumulative = "cumulative"
	BNEMA        = "ema"

	NormBN   = "bn"
	NormNone = "none"

	LossL1       = "l1"
	LossSmoothL1 = "smooth-l1"
)
