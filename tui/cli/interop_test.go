package cli

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"detnas/core/interop"
	"detnas/core/pth"
	"detnas/core/run"
)

// fixtures are checkpoints that bench/interop/make.py made.
const fixtures = "../../core/engine/testdata/interop/"

// translated is a checkpoint of detnas with the weights of a fixture.
func translated(t *testing.T, name string, meta map[string]string) (string, *run.Checkpoint) {
	t.Helper()
	f, err := pth.Read(fixtures + name)
	if err != nil {
		t.Fatal(err)
	}
	w, err := interop.Translate(f.Weights, interop.Options{})
	if err != nil {
		t.Fatal(err)
	}
	c := &run.Checkpoint{Meta: meta, Tensors: w.Tensors}
	path := filepath.Join(t.TempDir(), "own.safetensors")
	if err := c.Write(path); err != nil {
		t.Fatal(err)
	}
	return path, c
}

// TestExport writes weights in each form and under each program's names. They come
// back to the bit, here and in Python.
func TestExport(t *testing.T) {
	dir := t.TempDir()
	var python []string // what it is to compare
	for _, tt := range []struct{ fixture, layout, net string }{
		{"mmrazor-0.x-supernet.pth", "mmrazor-0.x", "mmrazor0"},
		{"mmrazor-1.x-subnet.pth", "mmrazor-1.x", "mmrazor1"},
		{"mmrazor-1.x-subnet.pth", "ours", ""},
	} {
		for _, to := range []string{"pth", "safetensors"} {
			t.Run(tt.fixture+" "+tt.layout+" "+to, func(t *testing.T) {
				path, c := translated(t, tt.fixture, map[string]string{"subnet": "103-32", "config": "seed = 1\n", "layout": "mmrazor"})
				out := filepath.Join(dir, tt.fixture+tt.layout+"."+to)
				got := detnas(t, nil, "export", path, "--to", to, "--layout", tt.layout, "-o", out, "--json")
				var done exported
				if err := json.Unmarshal([]byte(got.out), &done); err != nil || got.code != 0 || done.Tensors != len(c.Tensors) {
					t.Fatalf("%d, %s, %s, %v", got.code, got.out, got.err, err)
				}
				comesBack(t, out, to, c)
				if tt.net != "" {
					python = append(python, out, fixtures+tt.fixture, tt.net)
				}
			})
		}
	}
	t.Run("in Python", func(t *testing.T) { inPython(t, python) })
}

// comesBack reads an exported file, and wants the checkpoint's tensors in it.
func comesBack(t *testing.T, out, to string, c *run.Checkpoint) {
	t.Helper()
	var tensors []run.NamedArray
	var config string
	if to == "pth" {
		f, err := pth.Read(out)
		if err != nil {
			t.Fatal(err)
		}
		tensors, config = f.Weights, f.Texts["detnas_config"]
	} else {
		f, err := run.ReadCheckpoint(out)
		if err != nil {
			t.Fatal(err)
		}
		tensors, config = f.Tensors, f.Meta["config"]
	}
	if config != "seed = 1\n" {
		t.Errorf("the config is %q", config)
	}
	w, err := interop.Translate(tensors, interop.Options{})
	if err != nil {
		t.Fatal(err)
	}
	back := &run.Checkpoint{Tensors: w.Tensors}
	if len(w.Tensors) != len(c.Tensors) {
		t.Errorf("%d tensors come back of %d", len(w.Tensors), len(c.Tensors))
	}
	for _, a := range c.Tensors {
		if b, ok := back.Tensor(a.Name); !ok || !slices.Equal(a.Shape, b.Shape) || !bytes.Equal(a.Data, b.Data) {
			t.Errorf("%s is another", a.Name)
		}
	}
}

// inPython has PyTorch compare exported files with those that it wrote itself.
func inPython(t *testing.T, files []string) {
	t.Helper()
	const python = "/usr/bin/python3" // Debian's, where apt puts python3-torch
	if testing.Short() {
		t.Skip("Python is not started with -short")
	}
	said, err := exec.Command(python, append([]string{"../../bench/interop/check.py"}, files...)...).CombinedOutput() //nolint:gosec // fixed
	if err != nil && (errors.Is(err, os.ErrNotExist) || strings.Contains(string(said), "No module named 'torch'")) {
		t.Skip("python3-torch is not installed")
	}
	if err != nil || strings.Count(string(said), "equal ") != len(files)/3 {
		t.Errorf("PyTorch: %v\n%s", err, said)
	}
	t.Logf("%s", said)
}

// TestExportSubnet writes the subnet in MMRazor's forms, which convert reads back.
func TestExportSubnet(t *testing.T) {
	path, _ := translated(t, "mmrazor-1.x-subnet.pth", map[string]string{"subnet": published, "space": "300m"})
	for _, form := range []string{"mmrazor-0.1", "modules", "mmrazor-1.0"} {
		out := filepath.Join(t.TempDir(), "s.yaml")
		if got := detnas(t, nil, "export", path, "--to", "subnet.yaml", "--form", form, "-o", out); got.code != 0 || !strings.Contains(got.out, published) {
			t.Errorf("%s: %d, %s%s", form, got.code, got.out, got.err)
		}
		if back := detnas(t, nil, "subnet", "convert", out, "--to", "short"); strings.TrimSpace(back.out) != published {
			t.Errorf("%s: %s%s", form, back.out, back.err)
		}
	}
}

func TestExportRefuses(t *testing.T) {
	path, _ := translated(t, "mmrazor-1.x-subnet.pth", map[string]string{"layout": "official-2"})
	there := filepath.Join(t.TempDir(), "there.pth")
	if err := os.WriteFile(there, []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	fresh := filepath.Join(t.TempDir(), "new.pth")
	for _, tt := range []struct {
		args []string
		code int
		want []string
	}{
		{[]string{path, "--to", "torchscript"}, 2, []string{"--to", "safetensors, pth, onnx or subnet.yaml"}},
		{[]string{path, "--to", "pth", "--part", "backbone"}, 2, []string{"are of onnx"}},
		{[]string{path, "--to", "pth", "--layout", "x"}, 2, []string{"--layout", "mmrazor-1.x"}},
		{[]string{path, "--to", "pth", "--step", "3"}, 2, []string{"--step 3"}},
		{[]string{path, "--to", "pth", "--step", "5", "-o", fresh}, 2, []string{"is a file"}},
		{[]string{path, "--to", "pth", "--form", "short"}, 2, []string{"--form is of subnet.yaml"}},
		{[]string{path, "--to", "subnet.yaml", "--form", "x"}, 2, []string{"--form"}},
		{[]string{path, "--to", "subnet.yaml", "--layout", "ours"}, 2, []string{"--form"}},
		{[]string{path, "--to", "subnet.yaml", "-o", fresh}, 1, []string{"of no subnet"}},
		{[]string{path, "--to", "pth", "--layout", "mmrazor-1.x", "-o", fresh}, 1, []string{"official-2 layout", "detnas's own names"}},
		{[]string{path, "--to", "pth", "-o", there}, 1, []string{"is there", "--force"}},
		{[]string{path, "--to", "safetensors", "-o", path, "--force"}, 2, []string{"over itself"}},
		{[]string{"no-such-run", "--to", "pth", "--runs", t.TempDir()}, 1, []string{"no-such-run"}},
	} {
		detnas(t, nil, append([]string{"export"}, tt.args...)...).fails(t, tt.code, tt.want...)
	}
	if text, err := os.ReadFile(there); err != nil || string(text) != "mine" {
		t.Errorf("%s, %v", text, err)
	}
	if _, err := os.Stat(fresh); err == nil {
		t.Error("a file was written")
	}
	if got := detnas(t, nil, "export", path, "--to", "pth", "-o", there, "--force"); got.code != 0 {
		t.Errorf("--force: %s", got.err)
	}
}

// TestExportNowhere asks for files where none can be: before anything is computed, and
// while it is written. Nothing is left behind.
func TestExportNowhere(t *testing.T) {
	path, _ := translated(t, "mmrazor-1.x-subnet.pth", map[string]string{"subnet": published, "space": "300m"})
	dir := t.TempDir()
	closed, file := filepath.Join(dir, "closed"), filepath.Join(dir, "file")
	if err := errors.Join(os.Mkdir(closed, 0o500), os.WriteFile(file, []byte("mine"), 0o600)); err != nil {
		t.Fatal(err)
	}
	for folder, want := range map[string]string{
		filepath.Join(dir, "no"): "make it", file: "-o", closed: "nothing may be written", "/proc": "/proc",
	} {
		if folder == closed && os.Geteuid() == 0 {
			continue // whom nothing is closed to
		}
		for _, to := range []string{"onnx", "pth", "safetensors", "subnet.yaml"} {
			if folder == "/proc" && to == "onnx" {
				continue // written by the engine, whose test has it
			}
			detnas(t, nil, "export", path, "--to", to, "-o", filepath.Join(folder, "x")).fails(t, 1, want)
		}
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) != 2 {
		t.Errorf("%v, %v", left, err)
	}
}

// TestExportONNX looks at the flags, what is handed to the engine and the report.
func TestExportONNX(t *testing.T) {
	path, _ := translated(t, "mmrazor-1.x-subnet.pth", map[string]string{"subnet": "103-32"})
	t.Chdir(t.TempDir())
	if err := os.WriteFile("there.onnx", []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	var given interop.DrawOptions
	run := func(args ...string) call {
		given = interop.DrawOptions{}
		var out, errs bytes.Buffer
		a := &App{Out: &out, Err: &errs, WriteONNX: func(from string, o interop.DrawOptions) (*interop.Drawn, error) {
			given = o
			return &interop.Drawn{
				From: from, Out: o.Out, To: "onnx", Part: "backbone", Subnet: "103-32", Opset: 11, FoldBN: o.FoldBN, Takes: "planes of RGB",
				Inputs: []interop.Port{{Name: "image", Shape: []string{"batch", "3", "height", "width"}}}, Bytes: 12345, Sample: o.Sample, Samples: 3,
			}, nil
		}}
		code := a.Execute(t.Context(), append([]string{"export", path, "--to", "onnx"}, args...))
		return call{code: code, out: out.String(), err: errs.String()}
	}
	got := run("--part", "backbone", "--fold-bn", "--normalise", "--size", "800x1216", "--batch", "2", "--sample", "s", "--sample-image", "a.jpg")
	want := interop.DrawOptions{
		Out: "own.onnx", Part: "backbone", FoldBN: true, Normalise: true, Height: 800, Width: 1216, Batch: 2, Sample: "s", SampleImages: []string{"a.jpg"},
	}
	if diff := cmp.Diff(want, given); diff != "" || got.code != 0 {
		t.Errorf("%d, %s, %s", got.code, diff, got.err)
	}
	for _, want := range []string{"the backbone of subnet 103-32", "opset 11, BatchNorms in the convolutions", "image [batch, 3, height, width]", "planes of RGB", "own.onnx, 12,345 bytes", "s, 3 inputs"} {
		if !strings.Contains(got.out, want) {
			t.Errorf("no %q in\n%s", want, got.out)
		}
	}
	if got := run("--size", "multiples", "--json"); !given.Multiples || given.Height != 0 || !json.Valid([]byte(got.out)) {
		t.Errorf("%+v, %s%s", given, got.out, got.err)
	}
	for _, tt := range []struct {
		args []string
		code int
		want string
	}{
		{[]string{"--part", "neck"}, 2, "roi-head"},
		{[]string{"--size", "800"}, 2, "as 800x1216"},
		{[]string{"--size", "0x5"}, 2, "as 800x1216"},
		{[]string{"--size", "5x99999999"}, 2, "as 800x1216"},
		{[]string{"--batch", "-1"}, 2, "--batch -1"},
		{[]string{"--part", "roi-head", "--size", "8x8"}, 2, "pooled"},
		{[]string{"--part", "roi-head", "--sample", "s", "--sample-image", "a.jpg"}, 2, "pooled"},
		{[]string{"--layout", "ours"}, 2, "are of other files"},
		{[]string{"--sample-image", "a.jpg"}, 2, "is of --sample"},
		{[]string{"-o", "there.onnx"}, 1, "--force"},
		{[]string{"-o", path, "--force"}, 2, "over itself"},
	} {
		run(tt.args...).fails(t, tt.code, tt.want)
		if given.Out != "" {
			t.Errorf("%v was exported", tt.args)
		}
	}
}

// TestImportCommand looks at the flags, what is handed to the engine and the report.
func TestImportCommand(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	for name, text := range map[string]string{"a.pth": "x", "there.safetensors": "mine"} {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	var given ImportOptions
	run := func(args ...string) call {
		var out, errs bytes.Buffer
		a := &App{Out: &out, Err: &errs, Import: func(path string, o ImportOptions) (*interop.Report, error) {
			given = o
			r := &interop.Report{
				File: path, Out: o.Out, Source: "mmrazor-1.x", Network: "subnet backbone", Subnet: "103-32", Notes: []string{"mind this"},
				Space: interop.Found{Preset: "custom", Layout: "mmrazor", Stem: 4, Widths: []int{8, 16}, Depths: []int{3, 2}, Choices: []string{"3x3", "xception"}},
				Left:  []interop.Left{{Name: "neck\x1b[2J", Shape: []int64{2, 3}, Why: "it is of a detector"}},
			}
			for range 12 {
				r.Missing = append(r.Missing, interop.Taken{Name: "head.fc.bias", Shape: []int64{3}})
			}
			return r, nil
		}}
		code := a.Execute(t.Context(), append([]string{"import"}, args...))
		return call{code: code, out: out.String(), err: errs.String()}
	}
	got := run("a.pth", "--strict", "--space", "300m", "--shuffle-method", "2")
	if got.code != 0 || given.Out != "a.safetensors" || !given.Strict || given.Space != "300m" || given.Shuffle != 2 {
		t.Errorf("%+v, %s", given, got.err)
	}
	for _, want := range []string{
		"a.pth: a subnet backbone by the names of mmrazor-1.x", "left     1,", `neck\x1b[2J [2 3]: it is of a detector`, "missing  12", "and 2 more", "mind this",
		"written  a.safetensors", "widths = [8, 16]", `choices = ["3x3", "xception"]`,
	} {
		if !strings.Contains(got.out, want) {
			t.Errorf("no %q in\n%s", want, got.out)
		}
	}
	if got = run("a.pth", "--json"); !strings.Contains(got.out, `"shape": [`) || !json.Valid([]byte(got.out)) {
		t.Errorf("%s", got.out)
	}
	if got = run("a.pth", "--config", "tiny", "--classes", "a,b"); given.Config == nil || !slices.Equal(given.Classes, []string{"a", "b"}) {
		t.Errorf("%+v, %s", given, got.err)
	}
	for _, tt := range []struct {
		args []string
		code int
		want string
	}{
		{[]string{}, 2, "a checkpoint"},
		{[]string{"a.pth", "--space", "x"}, 2, "--space"},
		{[]string{"a.pth", "--space", "300m", "--config", "tiny"}, 2, "give one"},
		{[]string{"a.pth", "--shuffle-method", "3"}, 2, "want 1 or 2"},
		{[]string{"a.pth", "--classes", "a"}, 2, "--config"},
		{[]string{"a.pth", "--config", "nowhere"}, 1, "--config"},
		{[]string{"a.pth", "-o", "there.safetensors"}, 1, "--force"},
		{[]string{"a.pth", "-o", "a.pth", "--force"}, 2, "over itself"},
	} {
		run(tt.args...).fails(t, tt.code, tt.want)
	}
}
