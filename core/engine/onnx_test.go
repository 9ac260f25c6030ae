package engine

import (
	"encoding/binary"
	"errors"
	"flag"
	"fmt"
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
	"detnas/core/onnx"
	"detnas/core/onnx/onnxtest"
	"detnas/core/run"
	"detnas/core/seed"
	"detnas/core/tensor"
	"detnas/nas"
)

// keepONNX is a folder for TestONNX's files, to be looked at or taken to other machines.
var keepONNX = flag.String("keep-onnx", "", "folder to leave TestONNX's files in")

// trainedLike fills a store with weights and BN statistics that leave no channel dead and
// no value where it began.
func trainedLike(st *nn.Store) (*run.Checkpoint, error) {
	arrays, err := st.Export()
	if err != nil {
		return nil, err
	}
	c := &run.Checkpoint{}
	for _, a := range arrays {
		rng, n := seed.Rand(1, "trained", a.Name), len(a.Data)/4
		fan := 1.0
		if len(a.Shape) > 1 {
			fan = float64(int64(n) / a.Shape[0])
		}
		data := make([]byte, 0, len(a.Data))
		for range n {
			v := rng.NormFloat64()
			switch {
			case strings.HasSuffix(a.Name, "running_var"):
				v = 0.5 + rng.Float64()
			case len(a.Shape) > 1:
				v *= math.Sqrt(2 / fan)
			case strings.HasSuffix(a.Name, "bn.weight"):
				v = 1 + 0.2*v
			default:
				v *= 0.2
			}
			data = binary.LittleEndian.AppendUint32(data, math.Float32bits(float32(v)))
		}
		c.Tensors = append(c.Tensors, run.NamedArray{Name: a.Name, DType: dtypes[a.DType], Shape: a.Shape, Data: data})
	}
	return c, nil
}

// checkpointOf writes a checkpoint of a step as a run of cfg would, of a subnet.
func checkpointOf(t *testing.T, cfg *config.Config, step int, sub nas.Subnet) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "step.safetensors")
	err := tensor.OnThread(1, func() error {
		e := &engine{cfg: cfg, device: tensor.CPU}
		var st *nn.Store
		if step == config.StepSubnetFinetune {
			d, err := e.newDetector(step, 3, sub)
			if err != nil {
				return err
			}
			st = d.store
		} else {
			c, err := e.newClassifier(step, 3, sub)
			if err != nil {
				return err
			}
			st = c.store
		}
		defer st.Free()
		c, err := trainedLike(st)
		if err != nil {
			return err
		}
		space, err := cfg.Space.NAS(3)
		if err != nil {
			return err
		}
		c.Meta = map[string]string{
			run.MetaConfig: cfg.Resolved(), "layout": string(space.Layout), "space": space.Name, "step": fmt.Sprint(step),
			classesKey: `[{"id":1,"name":"disc"},{"id":2,"name":"ring"},{"id":3,"name":"box"}]`,
		}
		if sub != nil {
			c.Meta[subnetKey] = sub.Short(space)
		}
		return c.Write(path)
	})
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// drawings are the files that TestONNX holds against other programs.
type drawings struct {
	t     *testing.T
	dir   string
	names []string
}

// add exports a checkpoint with samples, among them what images there are.
func (d *drawings) add(name, checkpoint string, o interop.DrawOptions) {
	d.t.Helper()
	o.Out, o.Sample = filepath.Join(d.dir, name+".onnx"), filepath.Join(d.dir, name)
	r, err := WriteONNX(checkpoint, o)
	if err != nil {
		d.t.Fatalf("%s: %v", name, err)
	}
	if info, err := os.Stat(o.Out); err != nil || info.Size() != r.Bytes || len(r.Outputs) == 0 || r.Opset != 11 {
		d.t.Errorf("%s: %+v, %v", name, r, err)
	}
	d.names = append(d.names, name)
}

// photographs are two of shared/data, none where that is absent.
func photographs(t *testing.T) []string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for ; dir != filepath.Dir(dir); dir = filepath.Dir(dir) {
		if found, _ := filepath.Glob(filepath.Join(dir, "shared", "data", "bccd", "images", "*")); len(found) > 1 {
			return found[:2]
		}
	}
	t.Log("shared/data/bccd is absent: no photographs are looked at")
	return nil
}

// TestONNX exports every choice of every layout, and both detectors in all their forms,
// and holds what other programs compute of the files against what detnas does.
func TestONNX(t *testing.T) {
	d := &drawings{t: t, dir: *keepONNX}
	if d.dir == "" {
		d.dir = t.TempDir()
	}
	photos := photographs(t)
	for _, layout := range nas.Layouts() {
		cfg := tiny(t, t.TempDir(), "space.layout="+string(layout))
		for _, choice := range nas.AllChoices() {
			path := checkpointOf(t, cfg, config.StepSubnetRetrain, slices.Repeat(nas.Subnet{choice}, 5))
			of := interop.DrawOptions{}
			if choice == nas.Shuffle3x3 { // whole photographs take time
				of.SampleImages = photos
			}
			d.add(fmt.Sprintf("%s-%d-classifier", layout, choice), path, of)
			d.add(fmt.Sprintf("%s-%d-backbone-folded", layout, choice), path, interop.DrawOptions{Part: interop.PartBackbone, FoldBN: true})
		}
	}
	for name, sets := range map[string][]string{
		"frcnn": {}, "frcnn-convs": {"detector.roi.convs=2", "detector.roi.norm=bn", `detector.neck.levels=["C2", "C3", "C4", "C5"]`, "detector.neck.num_outs=5", "detector.neck.norm=none"},
		"retina-input": {"detector.kind=retinanet", "detector.retina.extra=input", "detector.neck.num_outs=5"},
		"retina":       {"detector.kind=retinanet", "detector.retina.extra=output", "detector.neck.num_outs=5", "detector.neck.norm=none"},
	} {
		path := checkpointOf(t, tiny(t, t.TempDir(), sets...), config.StepSubnetFinetune, nas.Subnet{1, 0, 3, 3, 2})
		d.add(name, path, interop.DrawOptions{})
		d.add(name+"-multiples", path, interop.DrawOptions{Multiples: true, FoldBN: true, Normalise: true})
		d.add(name+"-fixed", path, interop.DrawOptions{Batch: 2, Height: 75, Width: 101, SampleImages: photos})
		if strings.HasPrefix(name, "frcnn") {
			d.add(name+"-roi-head", path, interop.DrawOptions{Part: interop.PartRoIHead, FoldBN: true})
		}
	}
	t.Run("as specified", d.asSpecified)
	anySize := 4 // which OpenCV 4 does not take
	t.Run("OpenCV", func(t *testing.T) {
		d.by(t, python, "../../bench/interop/runtimes.py", "ok   OpenCV", len(d.names)-anySize)
	})
	t.Run("onnxruntime-node", func(t *testing.T) {
		d.by(t, "node", "../../bench/interop/runtimes.mjs", "ok   onnxruntime-node", len(d.names))
	})
}

// asSpecified computes all files as the operators are specified, for the last sample of
// each that is no photograph.
func (d *drawings) asSpecified(t *testing.T) {
	most := 0.0
	for _, name := range d.names {
		m, err := onnxtest.Load(filepath.Join(d.dir, name+".onnx"))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if m.Opset != onnx.Opset || m.Meta["subnet"] == "" || m.Meta["part"] == "" || m.Meta["mean"] != "[123.675,116.28,103.53]" || m.Meta["config_hash"] == "" {
			t.Errorf("%s: opset %d, %v", name, m.Opset, m.Meta)
		}
		if detects := strings.HasPrefix(name, "frcnn") || strings.HasPrefix(name, "retina"); detects != (m.Meta["classes"] == `["disc","ring","box"]`) || detects != strings.Contains(m.Meta["decoding"], `"anchors":[[[-`) || m.Meta["resize"] != map[bool]string{true: `{"max":96,"short":96}`, false: `{"crop":32,"short":37}`}[detects] {
			t.Errorf("%s: %v", name, m.Meta)
		}
		last := filepath.Join(d.dir, name, "2")
		for _, other := range []string{"1", "0"} {
			if _, err := os.Stat(last); err != nil || strings.HasSuffix(name, "-fixed") {
				last = filepath.Join(d.dir, name, other)
			}
		}
		x, err := onnxtest.NPY(filepath.Join(last, m.Inputs[0]+".npy"))
		if err != nil {
			t.Fatal(err)
		}
		got, err := m.Run(map[string]onnxtest.Array{m.Inputs[0]: x})
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		for _, out := range m.Outputs {
			want, err := onnxtest.NPY(filepath.Join(last, out+".npy"))
			if err != nil || !slices.Equal(want.Shape, got[out].Shape) {
				t.Errorf("%s: %s: %v, shape %v, want %v", name, out, err, got[out].Shape, want.Shape)
				continue
			}
			off, largest := 0.0, 1.0
			for i, v := range want.Data {
				off, largest = max(off, math.Abs(got[out].Data[i]-v)), max(largest, math.Abs(v))
			}
			if most = max(most, off/largest); !(off/largest <= 1e-4) {
				t.Errorf("%s: %s is off by %g of %g", name, out, off, largest)
			}
		}
	}
	t.Logf("%d files, at most %.2g off", len(d.names), most)
}

// by has a script compare all files, and wants at least so many lines to begin with ok.
func (d *drawings) by(t *testing.T, program, script, ok string, want int) {
	t.Helper()
	if testing.Short() {
		t.Skip("no other programs are started with -short")
	}
	args := []string{script}
	for _, name := range d.names {
		args = append(args, filepath.Join(d.dir, name+".onnx"), filepath.Join(d.dir, name))
	}
	said, err := exec.Command(program, args...).CombinedOutput() //nolint:gosec // fixed
	what := strings.TrimPrefix(ok, "ok   ")
	if missing := map[string]string{"OpenCV": "skip cv2:", "onnxruntime-node": "skip onnxruntime-node:"}[what]; errors.Is(err, exec.ErrNotFound) || errors.Is(err, os.ErrNotExist) ||
		strings.Contains(string(said), missing) || strings.Contains(string(said), "No module named 'numpy'") {
		t.Skipf("%s is not installed", what)
	}
	if n := strings.Count(string(said), ok); err != nil || n < want {
		t.Errorf("%s: %v, %d of %d\n%s", what, err, n, want, said)
	}
	t.Logf("%s", said)
}

// TestONNXRefuses asks for what there is none of. Nothing is written.
func TestONNXRefuses(t *testing.T) {
	cfg := tiny(t, t.TempDir())
	sub := nas.Subnet{1, 0, 3, 3, 2}
	classifier := checkpointOf(t, cfg, config.StepSubnetRetrain, sub)
	retina := checkpointOf(t, tiny(t, t.TempDir(), "detector.kind=retinanet"), config.StepSubnetFinetune, sub)
	supernet := checkpointOf(t, cfg, config.StepSupernetPretrain, nil)
	r, bare := imported(t, filepath.Join("testdata", "interop", "mmrazor-1.x-subnet.pth"), ImportOptions{})
	dir := t.TempDir()
	for _, tt := range []struct {
		checkpoint string
		o          interop.DrawOptions
		want       []string
	}{
		{classifier, interop.DrawOptions{Part: interop.PartDetector}, []string{"is a classifier, which has no detector"}},
		{retina, interop.DrawOptions{Part: interop.PartRoIHead}, []string{"is a retinanet detector, which has no roi-head"}},
		{retina, interop.DrawOptions{Part: interop.PartClassifier}, []string{"which has no classifier"}},
		{supernet, interop.DrawOptions{}, []string{"is of a supernet", "step 4 or 5"}},
		{bare, interop.DrawOptions{Normalise: true}, []string{"which mean and std"}},
		{bare, interop.DrawOptions{Sample: filepath.Join(dir, "s"), SampleImages: []string{"nowhere.jpg"}}, []string{"which mean and std"}},
		{retina, interop.DrawOptions{Sample: filepath.Join(dir, "s"), SampleImages: []string{"nowhere.jpg"}}, []string{"nowhere.jpg"}},
		{retina, interop.DrawOptions{Sample: filepath.Join(dir, "no", "s")}, []string{"the folder of the sample"}},
		{retina, interop.DrawOptions{Sample: t.TempDir()}, []string{"is there", "another folder"}},
		{retina, interop.DrawOptions{Sample: filepath.Join(dir, "s"), Batch: 1, Height: 65536, Width: 65536}, []string{"1x3x65536x65536 values", "smaller size"}},
		{retina, interop.DrawOptions{Sample: filepath.Join(dir, "s"), Batch: math.MaxInt}, []string{"too large"}},
		{retina, interop.DrawOptions{Sample: filepath.Join(dir, "s"), Out: filepath.Join(dir, "no", "x.onnx")}, []string{"x.onnx"}},
		{filepath.Join(dir, "none"), interop.DrawOptions{}, []string{"none"}},
	} {
		if tt.o.Out == "" {
			tt.o.Out = filepath.Join(dir, "x.onnx")
		}
		_, err := WriteONNX(tt.checkpoint, tt.o)
		inputtest.Clear(t, err, tt.want...)
		if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
			t.Fatalf("%v, %v was written", err, left)
		}
	}
	back, err := WriteONNX(bare, interop.DrawOptions{Out: filepath.Join(dir, "bare.onnx")})
	if err != nil || back.Part != interop.PartBackbone || back.Subnet != r.Subnet {
		t.Errorf("%+v, %v", back, err)
	}
}
