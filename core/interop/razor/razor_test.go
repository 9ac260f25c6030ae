package razor

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"detnas/core/config"
)

// files are configs in the shape of MMRazor's: of 0.x with a schedule of mmcv, of
// the search on top of it, and of 1.x.
func files(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range map[string]string{
		"schedule.py": "optimizer = dict(type='SGD', lr=0.04, momentum=0.8, weight_decay=2e-4)\noptimizer_config = dict(grad_clip=dict(max_norm=35))\n" +
			"lr_config = dict(policy='step', warmup='linear', warmup_iters=250, warmup_ratio=0.01, step=[9, 12])\nrunner = dict(type='EpochBasedRunner', max_epochs=15)\n",
		"data.py": "root = 'coco/'\nnorm = dict(mean=[1.5, 2, 3], std=[4, 5, 6.25], to_rgb=True)\n" +
			"pipe = [dict(type='LoadImageFromFile'), dict(type='Resize', img_scale=(1000, 600), keep_ratio=True), dict(type='Normalize', **norm)]\n" +
			"pipe = [dict(type='Resize', img_scale=(1000, 600), keep_ratio=True), dict(type='Normalize', mean=[1.5, 2, 3], std=[4, 5, 6.25], to_rgb=True)]\n" +
			"data = dict(samples_per_gpu=3, train=dict(type='CocoDataset', ann_file=root + 'train.json', img_prefix=root + 'train/', pipeline=pipe), val=dict(type='CocoDataset', ann_file=root + 'val.json'))\n",
		"step2.py": "_base_ = ['data.py', 'schedule.py']\nnorm_cfg = dict(type='SyncBN', requires_grad=True)\n" + `
model = dict(
    type='mmdet.FasterRCNN',
    backbone=dict(type='mmcls.SearchableShuffleNetV2', norm_cfg=norm_cfg, widen_factor=1.0),
    neck=dict(type='FPN', norm_cfg=norm_cfg, out_channels=128, num_outs=5),
    rpn_head=dict(type='RPNHead', feat_channels=96, anchor_generator=dict(scales=[4], ratios=[0.5, 1.0]), loss_bbox=dict(type='SmoothL1Loss', beta=0.5)),
    roi_head=dict(bbox_head=dict(type='Shared2FCBBoxHead', fc_out_channels=512, norm_cfg=norm_cfg, num_classes=80)),
    train_cfg=dict(rcnn=dict(sampler=dict(num=128, pos_fraction=0.5))),
    test_cfg=dict(rcnn=dict(score_thr=0.01, nms=dict(type='nms', iou_threshold=0.6), max_per_img=50)))
algorithm = dict(type='DetNAS', architecture=dict(type='MMDetArchitecture', model=model), retraining=False)
find_unused_parameters = True
auto_scale_lr_config = dict(default_batch_size=24, default_initial_lr=0.02)
`,
		"step3.py":  "_base_ = 'step2.py'\nsearcher = dict(type='EvolutionSearcher', score_key='bbox_mAP_50', constraints=dict(flops=280 * 1e6), candidate_pool_size=40, candidate_top_k=8, max_epoch=15, num_mutation=10, num_crossover=12)\n",
		"search.py": "_base_ = 'step2.py'\ntrain_cfg = dict(type='mmrazor.EvolutionSearchLoop', max_epochs=5, num_candidates=30, top_k=6, num_mutation=9, num_crossover=8, mutate_prob=0.2, flops_range=(200., 310.), score_key='coco/bbox_mAP')\n",
		"step5.py":  "_base_ = 'step2.py'\nalgorithm = dict(retraining=True, mutable_cfg='x.yaml')\n",
		"step1.py": "model = dict(type='ImageClassifier', backbone=dict(widen_factor=1.0), head=dict(type='LinearClsHead', loss=dict(label_smooth_val=0.2)))\n" +
			"optimizer = dict(type='SGD', lr=0.3, paramwise_cfg=dict(norm_decay_mult=0., bias_decay_mult=0.))\nrunner = dict(max_iters=1000)\n" +
			"lr_config = dict(policy='poly', power=0.9, min_lr=0, by_epoch=False)\ncheckpoint_config = dict(interval=100)\ndata = dict(samples_per_gpu=128)\n",
		"retina.py": "model = dict(architecture=dict(neck=dict(add_extra_convs='on_output'), bbox_head=dict(type='RetinaHead', stacked_convs=2, loss_cls=dict(gamma=1.5))))\n" +
			"optim_wrapper = dict(optimizer=dict(type='SGD', lr=0.01))\ntrain_cfg = dict(by_epoch=True, max_epochs=10)\ntrain_dataloader = dict(batch_size=2)\n" +
			"param_scheduler = [dict(type='LinearLR', start_factor=0.1, by_epoch=False, begin=0, end=77), dict(type='MultiStepLR', begin=0, end=10, by_epoch=True, milestones=[5], gamma=0.2)]\n",
		"adam.py":  "_base_ = 'step2.py'\noptimizer = dict(type='Adam', lr=1)\n",
		"other.py": "a = 1\n",
		"bad.py":   "_base_ = 'step3.py'\nsearcher = dict(num_mutation=100)\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func read(t *testing.T, dir, name string, o Options) (*Result, *config.Config) {
	t.Helper()
	r, err := Read(filepath.Join(dir, name), o)
	if err != nil {
		t.Fatal(err)
	}
	return r, r.Config
}

// left is the reason why a value was left, or "none" where it was not.
func left(r *Result, path string) string {
	for _, l := range r.Left {
		if l.Path == path {
			return l.Why
		}
	}
	return "none"
}

func TestReadOfADetector(t *testing.T) {
	dir := files(t)
	r, c := read(t, dir, "step2.py", Options{})
	s, d := c.SupernetFinetune, c.Detector
	if r.Step != 2 || s.LR != 0.04 || s.Momentum != 0.8 || s.WeightDecay != 2e-4 || s.ClipGrad != 35 || s.Epochs != 15 || s.Iterations != 0 || s.Batch != 24 ||
		s.Schedule != "step" || s.Milestones[0] != 0.6 || s.Milestones[1] != 0.8 || s.Warmup != "linear" || s.WarmupIterations != 250 || s.WarmupRatio != 0.01 {
		t.Errorf("step %d: %+v", r.Step, s)
	}
	if d.Kind != "faster-rcnn" || d.Neck.Channels != 128 || d.RPN.Channels != 96 || d.RPN.Scales[0] != 4 || d.RPN.Loss != "smooth-l1" || d.RPN.Beta != 0.5 ||
		d.RoI.Convs != 0 || len(d.RoI.FC) != 2 || d.RoI.FC[1] != 512 || d.RoI.Samples != 128 || d.Test.NMSIoU != 0.6 || d.Test.MaxPerImage != 50 || d.Neck.Norm != "bn" {
		t.Errorf("%+v", d)
	}
	if x := c.Data; x.Mean[0] != 1.5 || x.Std[2] != 6.25 || x.Detection.Short[0] != 600 || x.Detection.Max != 1000 ||
		!strings.HasSuffix(x.Detection.Train, filepath.FromSlash("coco/train.json")) || !strings.HasSuffix(x.Detection.TrainImages, filepath.FromSlash("coco/train")) {
		t.Errorf("%+v", x)
	}
	if why := left(r, "data.val"); !strings.Contains(why, "held out") {
		t.Errorf("data.val is left as %q", why)
	}
	if left(r, "find_unused_parameters") != "" || left(r, "algorithm.architecture.model.roi_head.bbox_head.num_classes") != "" {
		t.Errorf("what has no place is not listed: %v", r.Left)
	}
	if left(r, "model") != "none" || left(r, "algorithm.architecture.model.neck.out_channels") != "none" {
		t.Errorf("what was taken is listed as left: %v", r.Left)
	}
	if len(r.Strange) != 1 || r.Strange[0].Line != 3 || !strings.HasSuffix(r.Strange[0].File, "data.py") {
		t.Errorf("not understood: %v", r.Strange)
	}
	for _, taken := range r.Taken {
		if taken.Key == "supernet-finetune.lr" && (taken.Value != "0.04" || !strings.HasSuffix(taken.From, "schedule.py:1")) {
			t.Errorf("%+v", taken)
		}
	}
	if _, c := read(t, dir, "step2.py", Options{GPUs: 4}); c.SupernetFinetune.Batch != 12 {
		t.Errorf("a batch of %d on 4 GPUs of 3", c.SupernetFinetune.Batch)
	}
	if r, c := read(t, dir, "step5.py", Options{}); r.Step != 5 || c.SubnetFinetune.LR != 0.04 || !strings.Contains(left(r, "algorithm.mutable_cfg"), "--subnet") {
		t.Errorf("step %d, lr %v, %v", r.Step, c.SubnetFinetune.LR, r.Left)
	}
	if r, c := read(t, dir, "adam.py", Options{}); c.SupernetFinetune.LR != 0.02 || !strings.Contains(left(r, "optimizer"), "SGD") {
		t.Errorf("lr %v, %v", c.SupernetFinetune.LR, r.Left)
	}
}

func TestReadOfASearch(t *testing.T) {
	dir := files(t)
	r, c := read(t, dir, "step3.py", Options{})
	if s := c.Search; r.Step != 3 || s.Population != 40 || s.Parents != 8 || s.Generations != 15 || s.Mutations != 10 || s.Crossovers != 12 || s.Constraint.Max != 280e6 || s.Score != "AP50" {
		t.Errorf("step %d: %+v", r.Step, s)
	}
	if c.SupernetFinetune.LR != 0.04 || !strings.Contains(left(r, "data.samples_per_gpu"), "search.batch") {
		t.Errorf("%+v", r.Left)
	}
	_, c = read(t, dir, "search.py", Options{})
	if s := c.Search; s.Population != 30 || s.Parents != 6 || s.Generations != 5 || s.MutateProb != 0.2 || s.Constraint.Min != 200e6 || s.Constraint.Max != 310e6 || s.Score != "AP" {
		t.Errorf("%+v", s)
	}
}

func TestReadOfAClassifierAndOfRetinaNet(t *testing.T) {
	dir := files(t)
	r, c := read(t, dir, "step1.py", Options{GPUs: 8})
	if s := c.SupernetPretrain; r.Step != 1 || s.LR != 0.3 || !s.NoDecayNormBias || s.Iterations != 1000 || s.Epochs != 0 || s.Schedule != "poly" || s.Power != 0.9 || s.WarmupIterations != 0 ||
		s.CheckpointEvery != 100 || s.LabelSmoothing != 0.2 || s.Batch != 1024 {
		t.Errorf("step %d: %+v", r.Step, s)
	}
	if r, _ := read(t, dir, "step1.py", Options{}); !strings.Contains(left(r, "data.samples_per_gpu"), "--gpus") {
		t.Errorf("%v", r.Left)
	}
	r, c = read(t, dir, "retina.py", Options{GPUs: 8})
	if s := c.SupernetFinetune; r.Preset != "detnas_retinanet_300m_coco" || s.LR != 0.01 || s.Batch != 16 || s.Epochs != 10 || s.WarmupIterations != 77 || s.WarmupRatio != 0.1 || s.Milestones[0] != 0.5 || s.Gamma != 0.2 {
		t.Errorf("%s: %+v", r.Preset, s)
	}
	if d := c.Detector; d.Kind != "retinanet" || d.Retina.Convs != 2 || d.Retina.Gamma != 1.5 || d.Retina.Extra != "output" {
		t.Errorf("%+v", d.Retina)
	}
}

func TestReadRefuses(t *testing.T) {
	dir := files(t)
	for name, want := range map[string]string{"other.py": "no config of DetNAS", "bad.py": "comes to no config", "none.py": "none.py"} {
		if _, err := Read(filepath.Join(dir, name), Options{}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
