package config

import (
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"detnas/core/input/inputtest"
	"detnas/nas"
)

// minimal is the shortest valid config.
const minimal = `# head
[supernet-pretrain]
iterations = 1
[supernet-finetune]
iterations = 1
[subnet-retrain]
iterations = 1
[subnet-finetune]
iterations = 1
`

func parse(t *testing.T, text string, sets ...string) *Config {
	t.Helper()
	cfg, err := Parse("f.toml", []byte(text), sets)
	if err != nil {
		t.Fatal(err)
	}
	return cfg
}

func diff(a, b *Config) string {
	return cmp.Diff(a, b, cmpopts.IgnoreUnexported(Config{}))
}

func TestPresetsRoundTrip(t *testing.T) {
	names := Presets()
	if want := []string{
		"demo", "detnas_frcnn_1.3g_coco", "detnas_frcnn_3.8g_coco", "detnas_frcnn_300m_coco", "detnas_frcnn_300m_voc",
		"detnas_retinanet_300m_coco", "detnas_retinanet_300m_voc", "scratch_frcnn", "scratch_retinanet", "small", "tiny",
	}; !cmp.Equal(names, want) {
		t.Fatalf("presets %v, want %v", names, want)
	}
	for _, name := range names {
		t.Run(name, func(t *testing.T) {
			cfg, err := Load(name, []string{"seed=7", "data.detection.short=[64,96]"})
			if err != nil {
				t.Fatal(err)
			}
			if cfg.Title() != name {
				t.Errorf("title %q", cfg.Title())
			}
			again := parse(t, cfg.Resolved())
			if d := diff(cfg, again); d != "" {
				t.Errorf("resolved text gives another config:\n%s", d)
			}
			if cfg.Hash() != again.Hash() {
				t.Error("resolved text gives another hash")
			}
			if cfg.Seed != 7 || cfg.Data.Detection.EvalShort() != 96 {
				t.Errorf("overrides were lost: %d %v", cfg.Seed, cfg.Data.Detection.Short)
			}
			if strings.Count(cfg.Resolved(), "#") < 10 {
				t.Error("comments were lost")
			}
		})
	}
}

// TestPresetsNameEveryKey keeps the presets complete: a reader sees every
// setting, and an override replaces a line instead of adding one.
func TestPresetsNameEveryKey(t *testing.T) {
	shapesOnly := func(key string) bool { return strings.HasPrefix(key, "data.shapes.") }
	optional := map[string]bool{
		"name": true, "epochs": true, "power": true, "last": true, "stem": true, "widths": true, "depths": true,
		"val_images": true, "images": true, "train_images": true, "test_images": true, "val": true, "train": true,
		"test": true, "iterations": true, "milestones": true, "gamma": true, "label_smoothing": true,
		"allow_shared_split": true, "warmup_ratio": true, "root": true, "names": true, "shares": true, "frozen_stages": true, "tournament": true, "cost": true, "search.load_from": true,
		"params_min": true, "params_max": true, "latency_min": true, "latency_max": true, "latency_of": true,
		"bn_backbone": true, "bn_neck": true, "bn_head": true, "sampling": true, "sampling_bounds": true, "sampling_bins": true,
	}
	for _, name := range Presets() {
		cfg, err := Load(name, nil)
		if err != nil {
			t.Fatal(err)
		}
		given := map[string]bool{}
		for _, e := range cfg.src.entries {
			given[e.path] = true
		}
		for key, typ := range newSchema() {
			_, last := cutLast(key)
			table, _ := cutLast(key)
			if typ == nil || given[key] || optional[last] || optional[key] || !cfg.Detector.takes(table) || shapesOnly(key) && cfg.Data.Detection.Format != FormatShapes {
				continue
			}
			t.Errorf("preset %s leaves out %s", name, key)
		}
	}
}

// TestPublishedPresetsHaveTheirCosts holds the spaces and subnets of the presets
// against the costs that were published of them (README of the official code, whose
// layout differs by 1 M, and nas's reference values).
func TestPublishedPresetsHaveTheirCosts(t *testing.T) {
	for name, want := range map[string]struct {
		subnet string
		macs   int64 // of the body's convolutions at 224 px, in M
		over   bool  // the preset's bound
	}{
		"detnas_frcnn_300m_coco":     {subnet: "0000-0000-00000000-0000", macs: 262},
		"detnas_retinanet_300m_coco": {subnet: "3333-3333-33333333-3333", macs: 325, over: true},
		"detnas_frcnn_300m_voc":      {subnet: "2103-1303-20113333-3331", macs: 316}, // that the official search found
		"detnas_retinanet_300m_voc":  {subnet: "1300-2333-23333220-2311", macs: 327}, // as well
		"detnas_frcnn_1.3g_coco":     {subnet: "00312102-03123320-2113202221310333-13333333", macs: 1269},
		"detnas_frcnn_3.8g_coco":     {macs: 3938},
	} {
		t.Run(name, func(t *testing.T) {
			cfg, err := Load(name, nil)
			if err != nil {
				t.Fatal(err)
			}
			space, err := cfg.Space.NAS(1000)
			if err != nil {
				t.Fatal(err)
			}
			if want.subnet == "" {
				want.subnet = cfg.Search.Subnet
			}
			sub, err := nas.ParseSubnet(want.subnet, space)
			if err != nil {
				t.Fatal(err)
			}
			body := nas.Constraint{Scope: nas.ScopeBody, Count: nas.CountConv, Input: nas.Size{H: 224, W: 224}}
			got, err := body.Value(space, sub)
			if err != nil || math.Abs(float64(got)/1e6-float64(want.macs)) > 3 {
				t.Errorf("%d MACs (%v), want %d million", got, err, want.macs)
			}
			allowed, err := cfg.Search.Allowed(space)
			if err != nil {
				t.Fatal(err)
			}
			if allowed(sub) == want.over {
				t.Errorf("%s is allowed: %v", want.subnet, want.over)
			}
		})
	}
}

func TestDefaultsAreValidOnceTheyHaveALength(t *testing.T) {
	cfg := parse(t, minimal)
	want := Defaults()
	for _, s := range want.training() {
		s.Iterations = 1
	}
	want.Runs = cfg.Runs
	if d := diff(cfg, want); d != "" {
		t.Error(d)
	}
}

func TestLoadFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "mine.toml")
	if err := os.WriteFile(path, []byte(minimal), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg, err := Load(path, nil)
	if err != nil {
		t.Fatal(err)
	}
	if cfg.Title() != "mine" {
		t.Errorf("title %q", cfg.Title())
	}
}

func TestLoadErrors(t *testing.T) {
	dir := t.TempDir()
	for name, want := range map[string]string{
		"tinny":                          "did you mean tiny?",
		"nothing-like-it":                "the presets are demo, ",
		filepath.Join(dir, "a.toml"):     "no such file",
		dir:                              "not a file; give a TOML file or one of the presets",
		"/dev/zero":                      "not a file",
		"a\n\x1b[2J":                     `config a\n\x1b[2J: no such preset`,
		"detnas_frcnn_300m_coco_of_mine": "no such preset or file",
	} {
		if _, err := Load(name, nil); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("Load(%q): %v; want %q", name, err, want)
		} else {
			inputtest.Clear(t, err)
		}
	}
	if _, err := Parse("f.toml", make([]byte, maxSize+1), nil); err == nil {
		t.Error("a huge file was read")
	}
}

func TestProblems(t *testing.T) {
	tests := map[string]struct{ text, want string }{
		"syntax":        {"seed = 1\nname = \"x\nthreads = 2\n", "f.toml:2: "},
		"twice":         {"seed = 1\nseed = 2\n", "f.toml:2: "},
		"unknown":       {"\nsed = 1\n", "f.toml:2: sed: unknown key; did you mean seed?"},
		"unknown table": {"[dtaa]\nx = 1\n", "f.toml:1: dtaa: unknown key; did you mean data?"},
		"unknown elsewhere": {
			"[data]\nhold_out = 0.5\n",
			"f.toml:2: data.hold_out: unknown key; did you mean data.detection.hold_out?",
		},
		"unknown inline":    {"[search]\nconstraint = { coutn = \"params\" }\n", "f.toml:2: search.constraint.coutn: unknown key; did you mean search.constraint.count?"},
		"unknown lists all": {"[detector.test]\nzzzzzzzzzz = 1\n", "[detector.test] has max_per_image, nms_iou, score_thr"},
		"array of tables":   {"[[search]]\nparents = 1\n", "f.toml:1: search: is a table"},
		"type":              {"seed = \"one\"\n", `f.toml:1: seed: wants an integer from 0 on, not the string "one"`},
		"negative seed":     {"seed = -1\n", "f.toml:1: seed: wants an integer from 0 on, not -1"},
		"float for int":     {"[search]\nparents = 1.5\n", "f.toml:2: search.parents: wants an integer, not 1.5"},
		"list element":      {"[space]\nwidths = [1, \"2\"]\n", `wants a list, each element an integer, not the list [1, "2"]`},
		"date":              {"name = 2020-01-01\n", "f.toml:1: name: wants a string, not a date"},
		"word":              {"[data]\n\non_bad = \"skp\"\n", `f.toml:3: data.on_bad: "skp" is not one of refuse, skip; did you mean "skip"?`},
		"range":             {"[search]\nmutate_prob = 1.5\n", "f.toml:2: search.mutate_prob: 1.5 is out of range; write a value from 0 to 1"},
		"nan":               {"[subnet-retrain]\nlr = nan\n", "f.toml:2: subnet-retrain.lr: NaN is out of range"},
		"on nan":            {"[subnet-retrain]\non_nan = \"skp\"\n", `f.toml:2: subnet-retrain.on_nan: "skp" is not one of stop, skip, back; did you mean "skip"?`},
		"no checkpoint":     {"[subnet-retrain]\nkeep_checkpoints = 0\n", "f.toml:2: subnet-retrain.keep_checkpoints: 0 is out of range; write a value from 1 "},
		"uneven parts":      {"[subnet-retrain]\nbatch = 6\naccumulate = 4\n", "f.toml:3: subnet-retrain.accumulate: 4 parts of a batch of 6 would differ in size; make subnet-retrain.batch a multiple of it"},
		"frozen classifier": {"[subnet-retrain]\nfrozen_stages = 1\n", "f.toml:2: subnet-retrain.frozen_stages: is for the detection steps; leave it out here"},
		"frozen too many":   {"[subnet-finetune]\nfrozen_stages = 5\n", "f.toml:2: subnet-finetune.frozen_stages: 5 is out of range; write a value from 0 to 4"},
		"whole average":     {"[subnet-retrain]\nema = 1.0\n", "f.toml:2: subnet-retrain.ema: 1 is out of range; write a value from 0 to 0.999999"},
		"warm-up unknown":   {"[subnet-retrain]\nwarmup = \"step\"\n", `f.toml:2: subnet-retrain.warmup: "step" is not one of linear, constant, exp`},
		"warm-up from 0":    {"[subnet-retrain]\nwarmup = \"exp\"\nwarmup_ratio = 0\n", "f.toml:3: subnet-retrain.warmup_ratio: has to be above 0 for subnet-retrain.warmup = \"exp\", which multiplies; write 0.001"},
		"classifier's BN":   {"[subnet-retrain]\nbn_backbone = \"frozen\"\n", "f.toml:2: subnet-retrain.bn_backbone: is for the detection steps; leave it out here"},
		"SyncBN":            {"[subnet-finetune]\nbn_head = \"sync\"\n", `f.toml:2: subnet-finetune.bn_head: "sync" is not one of train, eval, frozen`},
		"no BN in the neck": {"[detector.neck]\nnorm = \"none\"\n[subnet-finetune]\nbn_neck = \"eval\"\n", "f.toml:4: subnet-finetune.bn_neck: there is no BN: detector.neck.norm is none; leave it out"},
		"no BN in the head": {"[detector]\nkind = \"retinanet\"\n[subnet-finetune]\nbn_head = \"eval\"\n", "f.toml:4: subnet-finetune.bn_head: there is no BN: RetinaNet's head has none; leave it out"},
		"paths of a subnet": {"[subnet-retrain]\nsampling = \"fair\"\n", "f.toml:2: subnet-retrain.sampling: is for the steps of the supernet; leave it out here"},
		"bounds of bins":    {"[supernet-finetune]\nsampling_bounds = [5, 5]\n", "f.toml:2: supernet-finetune.sampling_bounds: 5 is not above 5; write the smaller first"},
		"nan factor":        {"[subnet-retrain]\nnan_lr_factor = 1.0\n", "f.toml:2: subnet-retrain.nan_lr_factor: 1 is out of range; write a value from 0.001 to 0.99"},
		"no length":         {"seed = 1\n[subnet-retrain]\nbatch = 2\n", "f.toml:2: subnet-retrain: has no length; write iterations or epochs"},
		"two lengths":       {"[subnet-retrain]\nepochs = 2\niterations = 3\n", "f.toml:2: subnet-retrain.epochs: subnet-retrain.iterations is given too"},
		"device":            {"device = \"gpu\"\n", "f.toml:1: device: \"gpu\" is no device; write auto, cpu or cuda:0"},
		"named widths":      {"[space]\nwidths = [2]\n", "f.toml:2: space.widths: is fixed by the preset 300m"},
		"odd width":         {"[space]\npreset = \"custom\"\nstem = 4\nwidths = [7]\ndepths = [1]\n", "f.toml:4: space.widths: 7 is odd"},
		"depths":            {"[space]\npreset = \"custom\"\nstem = 4\nwidths = [8]\ndepths = [1, 1]\n", "f.toml:5: space.depths: has 2 stages"},
		"official narrows":  {"[space]\npreset = \"custom\"\nlayout = \"official\"\nstem = 4\nwidths = [4]\ndepths = [1]\n", "f.toml:1: space: [space]: "},
		"levels":            {"[detector.neck]\nlevels = [\"C2\", \"C4\"]\n", "f.toml:2: detector.neck.levels: C4 follows C2"},
		"level unknown":     {"[detector.neck]\nlevels = [\"C6\"]\n", "the backbone has no \"C6\"; its stages are C2 to C5"},
		"smoothing":         {"[subnet-finetune]\nlabel_smoothing = 0.1\n", "f.toml:2: subnet-finetune.label_smoothing: is for the classification steps"},
		"predecessor":       {"[subnet-retrain]\ninit = \"predecessor\"\n", "f.toml:2: subnet-retrain.init: has no predecessor"},
		"subnet":            {"[search]\nsubnet = \"012\"\n", "f.toml:2: search.subnet: "},
		"max below short":   {"[data.detection]\nmax = 700\n", "f.toml:2: data.detection.max: 700 is below the short side 800"},
		"mean":              {"[data]\nmean = [1]\n", "f.toml:2: data.mean: has 1 values; write 3"},
		"kind":              {"[detector]\nkind = \"retinnet\"\n", "f.toml:2: detector.kind: \"retinnet\" is not one of faster-rcnn, retinanet; did you mean \"retinanet\"?"},
		"extra":             {"[detector.retina]\nextra = \"C5\"\n", "f.toml:2: detector.retina.extra: \"C5\" is not one of input, output"},
		"prior":             {"[detector.retina]\n\nprior = 0.0\n", "f.toml:3: detector.retina.prior: 0 is out of range"},
		"neg above pos":     {"[detector.retina]\nneg_iou = 0.6\n", "f.toml:2: detector.retina.neg_iou: 0.6 is out of range; write a value from 0 to 0.5"},
		"unused is checked": {"[detector]\nkind = \"retinanet\"\n[detector.rpn]\nsamples = 0\n", "f.toml:4: detector.rpn.samples: 0 is out of range"},
		"empty":             {"[detector.rpn]\nscales = []\n", "f.toml:2: detector.rpn.scales: is empty"},
		"milestones":        {"[subnet-finetune]\niterations = 10\nmilestones = [0.9, 5]\n", "write them in rising order"},
		"shared split":      {"[data.detection]\nguide = \"val\"\nval = \"x/a.json\"\n", "f.toml:3: data.detection.val: the search would be guided by the split of the final figures"},
		"same test":         {"[data.detection]\nguide = \"val\"\nval = \"x/a.json\"\ntest = \"x/../x/a.json\"\n", "f.toml:4: data.detection.test: the search would be guided"},
		"train is test":     {"[data.detection]\ntrain = \"a.json\"\ntest = \"a.json\"\n", "f.toml:3: data.detection.test: the final figures would be taken on the images trained on"},
		"voc train is test": {"[data.detection]\nformat = \"voc\"\ntrain = \"VOC2007/trainval + VOC2007/test\"\ntest = \"VOC2007/test\"\n", "f.toml:4: data.detection.test: the final figures would be taken on the images trained on"},
		"voc guide is test": {"[data.detection]\nformat = \"voc\"\nguide = \"val\"\nval = \"VOC2007/val\"\n", "f.toml:4: data.detection.val: the search would be guided by the split of the final figures"},
		"voc list":          {"[data.detection]\nformat = \"voc\"\ntrain = \"/VOC2007/trainval\"\n", "f.toml:3: data.detection.train: \"/VOC2007/trainval\" names no list of images"},
		"voc images":        {"[data.detection]\nformat = \"voc\"\nimages = \"x\"\n", "f.toml:3: data.detection.images: is for COCO's form"},
		"voc test images":   {"[data.detection]\nformat = \"voc\"\ntest_images = \"x\"\n", "f.toml:3: data.detection.test_images: is for COCO's form"},
		"root of coco":      {"[data.detection]\nroot = \"x\"\n", "f.toml:2: data.detection.root: is the folder of a tree in VOC's form"},
		"names of coco":     {"[data.detection]\nnames = \"x\"\n", "f.toml:2: data.detection.names: is for YOLO's form"},
		"root of yolo":      {"[data.detection]\nformat = \"yolo\"\nroot = \"x\"\n", "f.toml:3: data.detection.root: is the folder of a tree in VOC's form"},
		"one share":         {"[data.detection]\nshares = [0.5]\n", "f.toml:2: data.detection.shares: has 1 values; write 2, of train and val, or 3"},
		"share of nothing":  {"[data.detection]\nshares = [1.0, 0.0]\n", "f.toml:2: data.detection.shares: 1 is out of range"},
		"sum of shares":     {"[data.detection]\nshares = [0.5, 0.4]\n", "f.toml:2: data.detection.shares: come to 0.9"},
		"shares and val":    {"[data.detection]\nshares = [0.5, 0.5]\nval = \"a.json\"\n", "f.toml:3: data.detection.val: is given, and data.detection.shares part train"},
		"shares of shapes":  {"[data.detection]\nformat = \"shapes\"\nshares = [0.5, 0.5]\n", "f.toml:3: data.detection.shares: part a set that is there"},
		"shares guide":      {"[data.detection]\nguide = \"val\"\nshares = [0.5, 0.5]\n", "f.toml:3: data.detection.shares: the search would be guided by val"},
		"score of voc":      {"[search]\nscore = \"mAP07\"\n", "f.toml:2: search.score: mAP07 is VOC's"},
		"hold out nothing":  {"[data.detection]\nhold_out = 0.0\n", "f.toml:2: data.detection.hold_out: is 0"},
		"name":              {"name = \"a/b\"\n", "f.toml:1: name: \"a/b\" cannot be a run's name: it holds a slash"},
		"population":        {"[search]\npopulation = 3\n", "f.toml:2: search.population: 3 is less than mutations 20 + crossovers 20"},
		"method":            {"[search]\nmethod = \"evolutoin\"\n", "f.toml:2: search.method: \"evolutoin\" is not one of evolution, regularized, random, nsga2; did you mean \"evolution\"?"},
		"no tournament":     {"[search]\nmethod = \"random\"\ntournament = 3\n", "f.toml:3: search.tournament: has no meaning with the method random; leave it out, or set search.method = \"regularized\""},
		"two supernets":     {"[search]\nsubnet = \"3x3\"\nload_from = \"a\"\n", "f.toml:3: search.load_from: has no meaning with search.subnet"},
		"score of guide":    {"[search]\nguide = \"classification\"\n", "search.score: AP is of detection, and search.guide is \"classification\"; write \"top1\""},
		"guide of score":    {"[search]\nscore = \"top1\"\n", "f.toml:2: search.score: top1 is of classification"},
		"params":            {"[search]\nconstraint = { params_min = 5, params_max = 3 }\n", "f.toml:2: search.constraint.params_min: 5 is above params_max 3"},
		"latency":           {"[search]\nconstraint = { latency_min = 5.0, latency_max = 3.0 }\n", "f.toml:2: search.constraint.latency_min: 5 is above latency_max 3"},
		"latency of":        {"[search]\nconstraint = { latency_of = \"head\" }\n", "f.toml:2: search.constraint.latency_of: \"head\" is not one of body, detector"},
		"latency of none":   {"[search]\nguide = \"classification\"\nscore = \"top1\"\nconstraint = { latency_max = 3.0, latency_of = \"detector\" }\n", "f.toml:4: search.constraint.latency_of: there is no detector"},
		"no cost":           {"[search]\ncost = \"params\"\n", "f.toml:2: search.cost: has no meaning with the method evolution; leave it out, or set search.method = \"nsga2\""},
		"cost":              {"[search]\nmethod = \"nsga2\"\ncost = \"flops\"\n", "f.toml:3: search.cost: \"flops\" is not one of conv_macs, "},
		"constraint":        {"[search]\nconstraint = { count = \"flops\" }\n", "f.toml:2: search.constraint.count: \"flops\" is not one of conv_macs, conv_relu, conv_relu_bn, params, mmcv_flops"},
		"multi-line":        {"[space]\nwidths = [ # [\n  1, # ]\n]\nbad = 1\n", "f.toml:5: space.bad: unknown key"},
		"not utf-8":         {"name = \"\xff\"", "not UTF-8"},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := Parse("f.toml", []byte(tc.text), nil)
			var all *Error
			if !errors.As(err, &all) {
				t.Fatalf("got %v", err)
			}
			var lines []string
			for _, p := range all.Problems {
				lines = append(lines, p.String())
			}
			if text := strings.Join(lines, "\n"); !strings.Contains(text, tc.want) {
				t.Errorf("got\n%s\nwant %s", text, tc.want)
			}
			inputtest.Clear(t, err, "f.toml")
		})
	}
}

func TestSharedSplitMayBeAllowed(t *testing.T) {
	parse(t, minimal+"[data.detection]\nguide = \"val\"\nval = \"a.json\"\nallow_shared_split = true\n")
}

func TestDevices(t *testing.T) {
	for _, device := range []string{"auto", "cpu", "cuda", "cuda:0", "cuda:12"} {
		if c := parse(t, "device = \""+device+"\"\n"+minimal); c.Device != device {
			t.Errorf("the device is %q, want %q", c.Device, device)
		}
	}
}

// TestHostileSizes wants an error in bounded time and stack.
func TestHostileSizes(t *testing.T) {
	keys := strings.Builder{}
	for i := range 20_000 {
		fmt.Fprintf(&keys, "k%d = 1\n", i)
	}
	for name, text := range map[string]string{
		"many keys":     keys.String(),
		"deep list":     "name = " + strings.Repeat("[", 100_000),
		"closed list":   "name = " + strings.Repeat("[", 100_000) + strings.Repeat("]", 100_000),
		"deep key":      strings.Repeat("a.", 2_000) + "a = 1",
		"deeper key":    strings.Repeat("a.", 120_000) + "a = 1",
		"deep table":    "[" + strings.Repeat("a . ", 60_000) + "a]",
		"deep quotes":   strings.Repeat("'a'.", 60_000) + "a = 1",
		"tables within": "a = " + strings.Repeat("{a=", 60_000) + "1" + strings.Repeat("}", 60_000),
		"many tables":   strings.Repeat("[[a.b]]\n", 30_000),
		"tables listed": "a = [" + strings.Repeat("{a=1},", 40_000) + "]",
		"long number":   "seed = 1" + strings.Repeat("_0", 120_000),
		"long key":      strings.Repeat("k", 200_000) + " = 1",
		"odd key":       "\"" + strings.Repeat("\\u001b", 40_000) + "\" = 1",
		"long word":     "device = '" + strings.Repeat("x", 200_000) + "'",
		"long list":     minimal + "[space]\nchoices = [" + strings.Repeat("'3x4',", 40_000) + "]",
		"strings":       "a = [" + strings.Repeat("\"\",", 80_000) + "]",
	} {
		var err error
		took := inputtest.Allocated(func() { _, err = Parse("f.toml", []byte(text), nil) })
		inputtest.Clear(t, err, "f.toml")
		if took > 128<<20 {
			t.Errorf("%s: %d bytes were allocated", name, took)
		}
		Tokens(text)
		TableAt(text, 1<<30)
		Values(text)
	}
}

// TestNesting wants what any config may hold to be left alone, and only that.
func TestNesting(t *testing.T) {
	deep := func(n int, open, within, end string) string {
		return "a = " + strings.Repeat(open, n) + within + strings.Repeat(end, n)
	}
	for text, want := range map[string]bool{
		deep(mostNested, "[", "1", "]"):                true,
		deep(mostNested+1, "[", "1", "]"):              false,
		deep(mostNested, "{a=", "1", "}"):              true,
		deep(mostNested+1, "{a=", "1", "}"):            false,
		strings.Repeat("a.", mostNested-1) + "a = 1":   true,
		strings.Repeat("a.", mostNested) + "a = 1":     false,
		"['" + strings.Repeat(".", 99) + "'.a]":        true,
		"a = '''" + strings.Repeat("[", 99) + "'''":    true,
		"a = \"" + strings.Repeat("\\\"[", 99) + "\"":  true,
		"# " + strings.Repeat("[", 99):                 true,
		strings.Repeat("[[a.b]]\nx.y = 1.5\n", 99):     true,
		"a = [" + strings.Repeat("1.5, ", 99) + "]":    true,
		"a = [\n" + strings.Repeat("{ x = 1 },\n", 99): true,
	} {
		if at, what := nested(text); (what == "") != want {
			t.Errorf("%.60q: %q at %d", text, what, at)
		}
	}
	_, err := Parse("f.toml", []byte("seed = 1\n"+deep(mostNested+1, "[", "1", "]")), nil)
	inputtest.Clear(t, err, "f.toml:2: values within values, more than 32 deep")
}

func TestParsingIsLinear(t *testing.T) {
	for name, text := range map[string]func(i int) string{
		"keys":          func(i int) string { return fmt.Sprintf("k%d = 1\n", i) },
		"tables":        func(i int) string { return fmt.Sprintf("[t%d]\n", i) },
		"tables within": func(i int) string { return fmt.Sprintf("[data.t%d.a]\n", i) },
		"dotted keys":   func(i int) string { return fmt.Sprintf("data.k%d.a = 1\n", i) },
	} {
		inputtest.Linear(t, 4_000, func(n int) {
			var b strings.Builder
			for i := range n {
				b.WriteString(text(i))
			}
			if _, err := Parse("f.toml", []byte(b.String()), nil); err == nil {
				t.Errorf("%s: no error", name)
			}
		})
	}
}

func TestErrorCountsProblems(t *testing.T) {
	_, err := Parse("f.toml", []byte("sed = 1\ndevise = 2\nnane = 3\n"), nil)
	if want := "f.toml:1: sed: unknown key; did you mean seed? (and 2 more problems)"; err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

func TestPathsBecomeAbsolute(t *testing.T) {
	t.Setenv("HOME", "/home/me")
	cfg := parse(t, minimal+"[data.detection]\ntrain = \"~/a.json\" # mine\n", "data.classification.train=pics")
	wd, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	if cfg.Data.Detection.Train != "/home/me/a.json" || cfg.Data.Classification.Train != filepath.Join(wd, "pics") {
		t.Errorf("paths %q %q", cfg.Data.Detection.Train, cfg.Data.Classification.Train)
	}
	if !strings.Contains(cfg.Resolved(), "train = \"/home/me/a.json\" # mine\n") {
		t.Errorf("resolved:\n%s", cfg.Resolved())
	}
}

func TestHash(t *testing.T) {
	base := parse(t, minimal).Hash()
	if len(base) != 16 {
		t.Errorf("hash %q", base)
	}
	same := []string{"name=x", "runs=elsewhere", "device=cpu", "threads=1", "subnet-retrain.log_every=3", "data.shapes.dir=d"}
	if got := parse(t, minimal, same...).Hash(); got != base {
		t.Error("an incidental key changed the hash")
	}
	if want := "6f6da948b69a3e43"; base != want {
		t.Errorf("hash %s; runs that were begun before have %s and could not be resumed", base, want)
	}
	seen := map[string]string{base: "nothing"}
	for _, set := range []string{
		"seed=1", "detector.rpn.loss=smooth-l1", "detector.roi.loss=smooth-l1", "subnet-finetune.lr=0.5",
		"search.constraint.max=5", "data.detection.test=b.json", "data.detection.shares=[0.5,0.5]", "subnet-retrain.on_nan=skip", "subnet-retrain.on_nan=back", "subnet-retrain.nan_lr_factor=0.25",
	} {
		h := parse(t, minimal, set).Hash()
		if seen[h] != "" {
			t.Errorf("%s has the hash of %s", set, seen[h])
		}
		seen[h] = set
	}
	if h := parse(t, minimal, "data.detection.shares=[]", "tensorboard=true").Hash(); h != base {
		t.Errorf("shares of nothing, or files beside the journal, have the hash %s, not %s", h, base)
	}
	voc := func(root string) string {
		return parse(t, minimal, "data.detection.format=voc", "data.detection.root="+root).Hash()
	}
	if voc("/a") == voc("/b") {
		t.Error("two roots have the same hash")
	}
}

// What the other kind of detector would be like does not bear on the result.
func TestHashOfOneDetector(t *testing.T) {
	for kind, other := range map[string][]string{
		"faster-rcnn": {"detector.retina.convs=1"}, "retinanet": {"detector.rpn.channels=8", "detector.roi.fc=8"},
	} {
		kind = "detector.kind=" + kind
		base := parse(t, minimal, kind).Hash()
		if got := parse(t, minimal, append(other, kind)...).Hash(); got != base {
			t.Errorf("%s: %v changed the hash", kind, other)
		}
		for _, set := range []string{"detector.retina.gamma=1.0", "detector.rpn.nms_iou=0.5"} {
			uses := strings.Contains(set, "retina") == strings.Contains(kind, "retina")
			if got := parse(t, minimal, kind, set).Hash(); (got != base) != uses {
				t.Errorf("%s: %s changed the hash: %v", kind, set, !uses)
			}
		}
	}
}

// A text that says only which detector it wants gets that detector's pyramid.
func TestPyramidOfTheKind(t *testing.T) {
	n := parse(t, minimal, "detector.kind=retinanet").Detector.Neck
	if !cmp.Equal(n.Levels, []string{"C3", "C4", "C5"}) || n.NumOuts != 5 {
		t.Errorf("RetinaNet on %v with %d levels", n.Levels, n.NumOuts)
	}
	n = parse(t, minimal+"[detector]\nkind = \"retinanet\"\nneck.levels = [\"C2\", \"C3\"]\nneck.num_outs = 3\n").Detector.Neck
	if !cmp.Equal(n.Levels, []string{"C2", "C3"}) || n.NumOuts != 3 {
		t.Errorf("%v and %d levels in place of those written", n.Levels, n.NumOuts)
	}
}

func TestStepLengths(t *testing.T) {
	s := Train{Epochs: 3, Batch: 4, Milestones: []float64{0.5, 7}}
	if got := s.Length(10); got != 6 {
		t.Errorf("length %d, want 6", got)
	}
	if got := s.Length(2); got != 3 {
		t.Errorf("length %d, want 3", got)
	}
	if got := s.MilestonesAt(8); !reflect.DeepEqual(got, []int{4, 7}) {
		t.Errorf("milestones %v", got)
	}
}

func TestParseStep(t *testing.T) {
	for text, want := range map[string]int{"1": 1, "search": 3, "subnet-finetune": 5, "0": 0, "6": 0, "searhc": 0} {
		if got, err := ParseStep(text); got != want || (err == nil) != (want > 0) {
			t.Errorf("ParseStep(%q) = %d, %v", text, got, err)
		}
	}
}

func TestCheckPaths(t *testing.T) {
	cfg, err := Load("detnas_frcnn_300m_coco", nil)
	if err != nil {
		t.Fatal(err)
	}
	var missing *MissingError
	if !errors.As(cfg.CheckPaths(1, 5), &missing) {
		t.Fatal("nothing is missing")
	}
	var keys []string
	for _, m := range missing.Paths {
		keys = append(keys, m.Key)
	}
	want := []string{
		"data.classification.train", "data.classification.val",
		"data.detection.train", "data.detection.test", "data.detection.train_images", "data.detection.test_images",
	}
	if !cmp.Equal(keys, want) {
		t.Errorf("missing %v, want %v", keys, want)
	}
	if strings.ContainsRune(missing.Error(), '\n') {
		t.Error("more than one line")
	}
	for _, name := range []string{"tiny", "demo"} {
		cfg, err := Load(name, nil)
		if err != nil {
			t.Fatal(err)
		}
		if err := cfg.CheckPaths(1, 5); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestCheckPathsOfSubnetGiven(t *testing.T) {
	file := filepath.Join(t.TempDir(), "train.json")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	cfg := parse(t, minimal, "search.subnet=nowhere.yaml", "supernet-pretrain.load_from=x", "data.detection.train="+file,
		"data.detection.test="+file+"2", "data.detection.images="+filepath.Dir(file))
	err := cfg.CheckPaths(1, 3)
	if err == nil || !strings.Contains(err.Error(), "1 path is missing") || !strings.Contains(err.Error(), "search.subnet") {
		t.Errorf("steps 1 to 3: %v", err)
	}
	err = cfg.CheckPaths(5, 5)
	if err == nil || !strings.Contains(err.Error(), "2 paths are missing") || !strings.Contains(err.Error(), "data.detection.test") {
		t.Errorf("step 5: %v", err)
	}
}

func TestVOCLists(t *testing.T) {
	root := t.TempDir()
	main := filepath.Join(root, "VOC2007", "ImageSets", "Main")
	if err := os.MkdirAll(main, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"trainval.txt", "test.txt"} {
		if err := os.WriteFile(filepath.Join(main, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	voc := func(sets ...string) *Config {
		return parse(t, minimal+"[data.detection]\nformat = \"voc\"\ntest = \"VOC2007/test\"\n[data.classification]\nformat = \"shapes\"\n", sets...)
	}
	cfg := voc("data.detection.root="+root, "data.detection.train=VOC2007/trainval", "search.score=mAP07")
	if err := cfg.CheckPaths(1, 5); err != nil {
		t.Error(err)
	}
	if d := cfg.Data.Detection; d.Root != root || d.Train != "VOC2007/trainval" || d.Test != "VOC2007/test" || !d.GuideHeldOut() || d.FinalOnVal() {
		t.Errorf("%+v", d)
	}
	for _, tt := range []struct {
		sets []string
		want []Missing
	}{
		{nil, []Missing{{Key: "data.detection.root"}, {Key: "data.detection.train"}}},
		{[]string{"data.detection.root=" + root, "data.detection.train=VOC2007/trainval + VOC2012/trainval", "data.detection.test=VOC2007/tset"}, []Missing{
			{Key: "data.detection.train", Path: filepath.Join(root, "VOC2012", "ImageSets", "Main", "trainval.txt")},
			{Key: "data.detection.test", Path: filepath.Join(main, "tset.txt")},
		}},
	} {
		var missing *MissingError
		if !errors.As(voc(tt.sets...).CheckPaths(1, 5), &missing) {
			t.Fatalf("%v: nothing is missing", tt.sets)
		}
		for i := range missing.Paths {
			if missing.Paths[i].Want == "" {
				t.Errorf("%+v does not say what belongs there", missing.Paths[i])
			}
			missing.Paths[i].Want = ""
		}
		if diff := cmp.Diff(tt.want, missing.Paths); diff != "" {
			t.Errorf("%v: %s", tt.sets, diff)
		}
	}
}

// The folders of a set in YOLO's form are looked for, and of one that is parted
// train's alone.
func TestYOLOPaths(t *testing.T) {
	root := t.TempDir()
	for _, dir := range []string{"labels", "images"} {
		if err := os.MkdirAll(filepath.Join(root, dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	names, labels := filepath.Join(root, "data.yaml"), filepath.Join(root, "labels")
	if err := os.WriteFile(names, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	yolo := func(sets ...string) *Config {
		return parse(t, minimal+"[data.detection]\nformat = \"yolo\"\n[data.classification]\nformat = \"shapes\"\n", sets...)
	}
	cfg := yolo("data.detection.names="+names, "data.detection.train="+labels, "data.detection.shares=[0.6,0.2,0.2]", "data.detection.guide=val")
	if err := cfg.CheckPaths(1, 5); err != nil {
		t.Error(err)
	}
	if d := cfg.Data.Detection; d.GuideHeldOut() || d.FinalOnVal() || d.Annotations("test") != labels || !d.Has("val") {
		t.Errorf("%+v", d)
	}
	if d := yolo("data.detection.train="+labels, "data.detection.shares=[0.6,0.4]").Data.Detection; !d.FinalOnVal() || d.Has("test") || !d.GuideHeldOut() {
		t.Errorf("%+v", d)
	}
	err := yolo("data.detection.train="+filepath.Join(root, "labels", "train"), "data.detection.test="+labels).CheckPaths(1, 5)
	var missing *MissingError
	if !errors.As(err, &missing) {
		t.Fatal("nothing is missing")
	}
	var got []string
	for _, m := range missing.Paths {
		got = append(got, m.Key)
	}
	if diff := cmp.Diff([]string{"data.detection.names", "data.detection.train", "data.detection.train_images"}, got); diff != "" {
		t.Error(diff)
	}
}

func TestSpaceToNAS(t *testing.T) {
	cfg := parse(t, minimal, `space.choices=["xception", "3x3"]`)
	space, err := cfg.Space.NAS(10)
	if err != nil {
		t.Fatal(err)
	}
	if space.Len() != 20 || space.Classes != 10 || space.Last != 1024 || space.Choices[0] != 0 || space.Choices[1] != 3 {
		t.Errorf("space %+v", space)
	}
}

func allOf(space nas.Space, choice nas.Choice) nas.Subnet {
	sub := make(nas.Subnet, space.Len())
	for i := range sub {
		sub[i] = choice
	}
	return sub
}

func TestAllowed(t *testing.T) {
	cfg := parse(t, minimal, "search.constraint.count=conv_macs", "search.constraint.min=250000000", "search.constraint.max=300000000")
	space, err := cfg.Space.NAS(1000)
	if err != nil {
		t.Fatal(err)
	}
	allowed, err := cfg.Search.Allowed(space)
	if err != nil {
		t.Fatal(err)
	}
	// Body conv MACs of all 3x3, 7x7 and xception: 262, 306 and 325 million
	// (spec part 2.4).
	for choice, want := range map[nas.Choice]bool{0: true, 2: false, 3: false} {
		sub := allOf(space, choice)
		if got := allowed(sub); got != want {
			t.Errorf("all %d: allowed %v", choice, got)
		}
	}
	cfg.Search.Constraint.Min = 270_000_000
	if allowed, err = cfg.Search.Allowed(space); err != nil {
		t.Fatal(err)
	}
	if allowed(allOf(space, 0)) {
		t.Error("a subnet below min is allowed")
	}
}
