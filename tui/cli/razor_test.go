package cli

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"detnas/core/config"
)

// What from-mmrazor prints is a config that can be run, and the report stands apart.
func TestConfigFromMMRazor(t *testing.T) {
	dir := t.TempDir()
	file, out := filepath.Join(dir, "step2.py"), filepath.Join(dir, "out.toml")
	write(t, file, "_base_ = 'gone.py'\nmodel = dict(neck=dict(out_channels=128), roi_head=dict(mask=1), rpn_head=dict())\n"+
		"optimizer = dict(type='SGD', lr=0.04)\ndata = dict(samples_per_gpu=2)\nprint(model)\n")
	c := detnas(t, nil, "config", "from-mmrazor", file, "--gpus", "4")
	report := []string{
		"preset        detnas_frcnn_300m_coco", "step          2 (supernet-finetune)", "taken         3 keys", "supernet-finetune.lr = 0.04 (" + file + ":3)",
		"supernet-finetune.batch = 8", "model.roi_head.mask (" + file + ":2)", "not there     1 files", "gone.py", "not understood  1 statements", "step2.py:5: it begins with print",
	}
	for _, words := range report {
		if c.code != 0 || !strings.Contains(c.err, words) {
			t.Errorf("no %q in the report: %+v", words, c.err)
		}
	}
	cfg, err := config.Parse("printed", []byte(c.out), nil)
	if err != nil || cfg.SupernetFinetune.LR != 0.04 || cfg.SupernetFinetune.Batch != 8 || cfg.Detector.Neck.Channels != 128 {
		t.Errorf("%v: %.200s", err, c.out)
	}
	detnas(t, nil, "config", "from-mmrazor", file, "--gpus", "4", "-o", out).succeeds(t, report...)
	if text, err := os.ReadFile(out); err != nil || string(text) != c.out {
		t.Errorf("the file is another: %v", err)
	}
	detnas(t, nil, "config", "from-mmrazor", file, "-o", out).fails(t, exitFailed, "out.toml")
	detnas(t, nil, "config", "from-mmrazor", file, "--step", "9").fails(t, exitUsage, "--step")
	detnas(t, nil, "config", "from-mmrazor", filepath.Join(dir, "no.py")).fails(t, exitFailed, "no.py")
}

// A config of 1.x stands on files of mmdet, which are found where --package says.
func TestConfigFromMMRazorWithAPackage(t *testing.T) {
	dir := t.TempDir()
	file, mmdet := filepath.Join(dir, "supernet.py"), filepath.Join(dir, "mmdet")
	write(t, file, "_base_ = ['mmdet::_base_/frcnn.py']\nsupernet = _base_.model\nsupernet.neck = dict(out_channels=64)\n"+
		"model = dict(_delete_=True, type='mmrazor.SPOS', architecture=supernet)\n")
	for _, place := range []string{"configs", filepath.Join(".mim", "configs")} {
		base := filepath.Join(mmdet, place, "_base_")
		if err := os.MkdirAll(base, 0o750); err != nil {
			t.Fatal(err)
		}
		write(t, filepath.Join(base, "frcnn.py"), "_base_ = './optim.py'\nmodel = dict(neck=dict(out_channels=128), rpn_head=dict(feat_channels=96), roi_head=dict())\n")
		write(t, filepath.Join(base, "optim.py"), "optim_wrapper = dict(optimizer=dict(type='SGD', lr=0.03))\n")
		c := detnas(t, nil, "config", "from-mmrazor", file, "--package", "mmdet="+mmdet)
		cfg, err := config.Parse("printed", []byte(c.out), nil)
		if err != nil || cfg.Detector.Neck.Channels != 64 || cfg.Detector.RPN.Channels != 96 || cfg.SupernetFinetune.LR != 0.03 {
			t.Errorf("%s: %v, %s", place, err, c.err)
		}
		if err := os.RemoveAll(filepath.Join(mmdet, place)); err != nil {
			t.Fatal(err)
		}
	}
	detnas(t, nil, "config", "from-mmrazor", file).fails(t, exitFailed, "mmdet::_base_/frcnn.py is a file of a package", "--package mmdet=DIR")
	detnas(t, nil, "config", "from-mmrazor", file, "--package", "mmdet="+mmdet).fails(t, exitFailed, "neither in configs nor in .mim/configs")
	detnas(t, nil, "config", "from-mmrazor", file, "--package", "mmdet="+file).fails(t, exitUsage, "--package mmdet=")
}
