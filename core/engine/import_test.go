package engine

import (
	"bytes"
	"encoding/json"
	"errors"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"detnas/core/config"
	"detnas/core/input/inputtest"
	"detnas/core/interop"
	"detnas/core/nn"
	"detnas/core/pth"
	"detnas/core/run"
	"detnas/core/tensor"
	"detnas/nas"
	"detnas/nas/supernet"
)

// features are what PyTorch computed of a checkpoint (bench/interop/make.py).
type features struct {
	Path     nas.Subnet
	Features []struct {
		Shape  []int64
		Values []float64
	}
}

// python is Debian's, where apt puts python3-torch.
const python = "/usr/bin/python3"

// imported imports a checkpoint, and fails the test where it cannot.
func imported(t *testing.T, path string, o ImportOptions) (*interop.Report, string) {
	t.Helper()
	o.Out = filepath.Join(t.TempDir(), "out.safetensors")
	r, err := Import(path, o)
	if err != nil {
		t.Fatal(err)
	}
	return r, o.Out
}

// featuresOf computes the stages' outputs of an imported backbone, which is started
// from as load_from does.
func featuresOf(t *testing.T, r *interop.Report, path string, sub nas.Subnet) (out [][]float32, shapes [][]int64) {
	t.Helper()
	space := nas.Space{
		Name: "tiny", Stem: r.Space.Stem, Widths: r.Space.Widths, Depths: r.Space.Depths, Choices: nas.AllChoices(), Last: 6, Classes: 3, Layout: nas.Layout(r.Space.Layout),
	}
	c, err := run.ReadCheckpoint(path)
	if err != nil {
		t.Fatal(err)
	}
	arrays, err := arraysOf(c)
	if err != nil {
		t.Fatal(err)
	}
	err = tensor.OnThread(1, func() error {
		st := nn.NewStore(tensor.CPU, 1)
		defer st.Free()
		var net *supernet.Backbone
		var err error
		if r.Subnet != "" {
			net, err = supernet.NewSubnet(st.Root().At("backbone"), space, sub)
		} else {
			net, err = supernet.NewSupernet(st.Root().At("backbone"), space)
		}
		if err != nil {
			return err
		}
		if err := takeBackbone(st, arrays, path); err != nil {
			return err
		}
		return tensor.Run("features", func(s *tensor.Scope) error {
			x := make([]float32, 3*16*16)
			for i := range x {
				v := float64(i)
				x[i] = float32(math.Sin(0.7*v + 0.013*v*v))
			}
			for _, f := range net.Forward(&nn.Pass{Scope: s, Mode: nn.Eval}, s.FromFloats(x, tensor.CPU, 1, 3, 16, 16), sub) {
				values, err := f.Floats()
				if err != nil {
					return err
				}
				out, shapes = append(out, values), append(shapes, f.Shape())
			}
			return nil
		})
	})
	if err != nil {
		t.Fatal(err)
	}
	return out, shapes
}

// sameFeatures wants a checkpoint imported with PyTorch's features, within 1e-4.
func sameFeatures(t *testing.T, path string) {
	t.Helper()
	text, err := os.ReadFile(strings.TrimSuffix(path, ".pth") + ".json") //nolint:gosec // of the test
	if err != nil {
		t.Fatal(err)
	}
	var want features
	if err := json.Unmarshal(text, &want); err != nil {
		t.Fatal(err)
	}
	o := ImportOptions{Strict: true}
	name := filepath.Base(path)
	if strings.HasPrefix(name, "official-") && strings.Contains(name, "subnet") {
		o.Shuffle = int(name[len("official-")] - '0')
	}
	r, out := imported(t, path, o)
	got, shapes := featuresOf(t, r, out, want.Path)
	most := 0.0
	for i, f := range want.Features {
		if !slices.Equal(shapes[i], f.Shape) {
			t.Fatalf("stage %d has the shape %v, want %v", i, shapes[i], f.Shape)
		}
		for j, v := range f.Values {
			most = max(most, math.Abs(v-float64(got[i][j])))
		}
	}
	t.Logf("%s: %d tensors taken, %d counters, features within %.2g", name, len(r.Taken), r.Counters, most)
	if !(most <= 1e-4) {
		t.Errorf("features differ by %g", most)
	}
}

// TestImportedFeatures imports the checkpoints of testdata.
func TestImportedFeatures(t *testing.T) {
	for _, name := range []string{"mmrazor-0.x-supernet", "mmrazor-1.x-subnet", "official-1-supernet", "official-2-subnet"} {
		t.Run(name, func(t *testing.T) { sameFeatures(t, filepath.Join("testdata", "interop", name+".pth")) })
	}
}

// TestImportedFromPython imports checkpoints that Python makes now, of each layout.
func TestImportedFromPython(t *testing.T) {
	if testing.Short() {
		t.Skip("Python is not started with -short")
	}
	dir := t.TempDir()
	said, err := exec.Command(python, "../../bench/interop/make.py", dir).CombinedOutput() //nolint:gosec // fixed
	if err != nil && (errors.Is(err, os.ErrNotExist) || strings.Contains(string(said), "No module named 'torch'")) {
		t.Skip("python3-torch is not installed")
	}
	if err != nil {
		t.Fatalf("%v\n%s", err, said)
	}
	all, err := filepath.Glob(filepath.Join(dir, "*.pth"))
	if err != nil || len(all) < 7 {
		t.Fatalf("%v, %v", all, err)
	}
	if len(all) == 7 {
		t.Log("torchvision is not installed, and left out")
	}
	for _, path := range all {
		t.Run(filepath.Base(path), func(t *testing.T) { sameFeatures(t, path) })
	}
}

// TestTheOtherShuffleShows wants another result where the wrong shuffle is named, so
// that the features above say something of it.
func TestTheOtherShuffleShows(t *testing.T) {
	path := filepath.Join("testdata", "interop", "official-2-subnet.pth")
	sub := nas.Subnet{1, 0, 3, 3, 2}
	var of [2][][]float32
	for i := range of {
		r, out := imported(t, path, ImportOptions{Shuffle: i + 1})
		of[i], _ = featuresOf(t, r, out, sub)
	}
	if slices.Equal(of[0][0], of[1][0]) {
		t.Error("both shuffles come to the same features")
	}
}

// TestImportRefuses wants one clear error, and nothing written.
func TestImportRefuses(t *testing.T) {
	const mmrazor, official = "testdata/interop/mmrazor-1.x-subnet.pth", "testdata/interop/official-2-subnet.pth"
	cut := func(drop string) string {
		f, err := pth.Read(mmrazor)
		if err != nil {
			t.Fatal(err)
		}
		kept := slices.DeleteFunc(f.Weights, func(a run.NamedArray) bool { return strings.HasPrefix(a.Name, drop) })
		return wrote(t, kept)
	}
	changed := func(change func(*run.NamedArray)) string {
		f, err := pth.Read(mmrazor)
		if err != nil {
			t.Fatal(err)
		}
		for i := range f.Weights {
			if f.Weights[i].Name == "architecture.backbone.layers.0.1._candidate_ops.shuffle_3x3.branch2.0.bn.weight" {
				change(&f.Weights[i])
			}
		}
		return wrote(t, f.Weights)
	}
	for name, tt := range map[string]struct {
		path string
		opts ImportOptions
		want []string
	}{
		"no shuffle":     {official, ImportOptions{}, []string{official, "--shuffle-method 2"}},
		"another space":  {mmrazor, ImportOptions{Space: "300m"}, []string{mmrazor, "another space than 300m", "[4 3 3 3]", "[16 3 3 3]", "leave out --space"}},
		"another config": {mmrazor, ImportOptions{Config: tiny(t, t.TempDir())}, []string{mmrazor, "another space than custom"}},
		"not all":        {cut("architecture.backbone.layers.1.1._candidate_ops.shuffle_7x7.branch2.2.bn."), ImportOptions{}, []string{"no tensor for backbone.layers.1.1.choices.shuffle_7x7.branch2.2.bn.weight (and 3 others)"}},
		"no stem":        {cut("architecture.backbone.conv1."), ImportOptions{}, []string{"none of its", "backbone.conv1.conv.weight"}},
		"a block less":   {cut("architecture.backbone.layers.0."), ImportOptions{}, []string{"no block of stage 0"}},
		"a NaN": {changed(func(a *run.NamedArray) { copy(a.Data, []byte{0, 0, 0xc0, 0x7f}) }), ImportOptions{}, []string{
			"shuffle_3x3.branch2.0.bn.weight", "NaN",
		}},
		"another shape": {changed(func(a *run.NamedArray) { a.Shape, a.Data = []int64{1}, a.Data[:4] }), ImportOptions{}, []string{"has the shape [1]", "[4]"}},
		"integers":      {changed(func(a *run.NamedArray) { a.DType, a.Shape = run.I64, []int64{2} }), ImportOptions{}, []string{"its elements are I64"}},
		"a shuffle":     {mmrazor, ImportOptions{Shuffle: 2}, []string{"leave out --shuffle-method"}},
		"classes":       {mmrazor, ImportOptions{Config: nil, Classes: []string{"a"}}, []string{"leave out --classes"}},
		"a giant":       {wrote(t, giant()), ImportOptions{}, []string{"parameters, and all of its tensors"}},
		"many classes":  {manyClasses(t), ImportOptions{}, []string{"parameters, and all of its tensors"}},
		"a bare pickle": {written(t, "\x80\x02}q\x00."), ImportOptions{}, []string{"no checkpoint of PyTorch"}},
		"an empty file": {written(t, ""), ImportOptions{}, []string{"begins as a zip file or as a pickle"}},
		"nothing":       {wrote(t, nil), ImportOptions{}, []string{"no tensors"}},
	} {
		t.Run(name, func(t *testing.T) {
			tt.opts.Out = filepath.Join(t.TempDir(), "out.safetensors")
			_, err := Import(tt.path, tt.opts)
			inputtest.Clear(t, err, tt.want...)
			if there, err := os.ReadDir(filepath.Dir(tt.opts.Out)); err != nil || len(there) > 0 {
				t.Errorf("%v is there, %v", there, err)
			}
		})
	}
}

// giant is a few tensors whose names and shapes speak of a network of a thousand wide
// blocks.
func giant() []run.NamedArray {
	one := func(name string, shape ...int64) run.NamedArray {
		n := int64(4)
		for _, d := range shape {
			n *= d
		}
		return run.NamedArray{Name: "backbone." + name, DType: run.F32, Shape: shape, Data: make([]byte, n)}
	}
	return []run.NamedArray{
		one("conv1.conv.weight", 4, 3, 3, 3),
		one("layers.0.0.choices.shuffle_3x3.branch1.1.conv.weight", 4096, 1, 1, 1), one("layers.0.0.choices.shuffle_3x3.branch2.2.conv.weight", 4096, 1, 1, 1),
		one("layers.0.999.choices.shuffle_3x3.branch2.0.bn.weight", 4),
	}
}

// manyClasses is a backbone with a head of a million classes and one input.
func manyClasses(t *testing.T) string {
	t.Helper()
	f, err := pth.Read("testdata/interop/mmrazor-1.x-subnet.pth")
	if err != nil {
		t.Fatal(err)
	}
	fc := run.NamedArray{Name: "architecture.head.fc.weight", DType: run.F32, Shape: []int64{1 << 20, 1}, Data: make([]byte, 4<<20)}
	return wrote(t, append(f.Weights, fc))
}

// written writes a file.
func written(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "x.pth")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestASafetensorsFileIsToldByItsHeader reads one whose length looks like the begin of
// a pickle.
func TestASafetensorsFileIsToldByItsHeader(t *testing.T) {
	f, err := pth.Read("testdata/interop/mmrazor-1.x-subnet.pth")
	if err != nil {
		t.Fatal(err)
	}
	c := &run.Checkpoint{Meta: map[string]string{"pad": ""}, Tensors: f.Weights}
	path := filepath.Join(t.TempDir(), "x.safetensors")
	for range 8192 {
		if err := c.Write(path); err != nil {
			t.Fatal(err)
		}
		head, err := os.ReadFile(path) //nolint:gosec // of the test
		if err != nil {
			t.Fatal(err)
		}
		length := int(head[0]) | int(head[1])<<8
		if length&0xff == 0x80 && head[1] >= 2 && head[1] <= 5 {
			if r, _ := imported(t, path, ImportOptions{}); len(r.Taken) == 0 {
				t.Error("nothing was taken")
			}
			return
		}
		// On to the next length that does, modulo 65536.
		c.Meta["pad"] += strings.Repeat("x", max(8, (0x280-length%65536+65536)%65536/8*8))
	}
	t.Error("no header has such a length")
}

// wrote writes a checkpoint of PyTorch.
func wrote(t *testing.T, weights []run.NamedArray) string {
	t.Helper()
	var b bytes.Buffer
	if err := pth.Write(&b, weights, nil, nil); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "x.pth")
	if err := os.WriteFile(path, b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestADetectorComesBack exports a whole detector under MMRazor's names and imports it
// with its config: the same bits, and predict takes it. Without the config its heads
// are left, and --strict refuses it.
func TestADetectorComesBack(t *testing.T) {
	for _, kind := range kinds() {
		t.Run(kind, func(t *testing.T) {
			cfg := tiny(t, t.TempDir(), "detector.kind="+kind)
			sub := nas.Subnet{1, 0, 3, 3, 2}
			c := &run.Checkpoint{}
			err := tensor.OnThread(1, func() error {
				e := &engine{cfg: cfg, device: tensor.CPU}
				d, err := e.newDetector(config.StepSubnetFinetune, 3, sub)
				if err != nil {
					return err
				}
				defer d.store.Free()
				arrays, err := d.store.Export()
				for _, a := range arrays {
					c.Tensors = append(c.Tensors, run.NamedArray{Name: a.Name, DType: dtypes[a.DType], Shape: a.Shape, Data: a.Data})
				}
				return err
			})
			if err != nil {
				t.Fatal(err)
			}
			for _, to := range []interop.Source{interop.MMRazor0, interop.MMRazor1} {
				named, err := interop.Named(c, to, interop.Prefix(to))
				if err != nil {
					t.Fatal(err)
				}
				path := wrote(t, named)
				r, out := imported(t, path, ImportOptions{Config: cfg, Classes: []string{"disc", "ring", "box"}, Strict: true})
				if r.Network != "subnet detector" || r.Source != string(to) || len(r.Taken) != len(c.Tensors) {
					t.Errorf("%s of %s, %d tensors of %d", r.Network, r.Source, len(r.Taken), len(c.Tensors))
				}
				back, err := run.ReadCheckpoint(out)
				if err != nil {
					t.Fatal(err)
				}
				for _, a := range c.Tensors {
					if b, ok := back.Tensor(a.Name); !ok || !slices.Equal(a.Shape, b.Shape) || !bytes.Equal(a.Data, b.Data) {
						t.Errorf("%s is another", a.Name)
					}
				}
				if err := Predict(t.Context(), out, nil, PredictOptions{Device: "cpu", Threads: 1}); err != nil {
					t.Errorf("predict: %v", err)
				}
				_, err = Import(path, ImportOptions{Out: filepath.Join(t.TempDir(), "x"), Config: cfg})
				inputtest.Clear(t, err, "tells 3 classes apart, and 0 are named", "--classes")
				_, err = Import(path, ImportOptions{Out: filepath.Join(t.TempDir(), "x"), Strict: true})
				inputtest.Clear(t, err, "are left and 0 missing", "with --config")
				r, _ = imported(t, path, ImportOptions{})
				if r.Network != "subnet backbone" || len(r.Left) == 0 || len(r.Taken)+len(r.Left) != len(c.Tensors) {
					t.Errorf("%s: %d taken and %d left of %d", r.Network, len(r.Taken), len(r.Left), len(c.Tensors))
				}
			}
		})
	}
}
