package pth

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"detnas/core/run"
)

// said is what a reference says of a tensor.
type said struct {
	DType  run.DType
	Shape  []int64
	Values []string
}

func reference(t *testing.T) map[string]said {
	t.Helper()
	text, err := os.ReadFile("testdata/weights.json")
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]said{}
	if err := json.Unmarshal(text, &want); err != nil {
		t.Fatal(err)
	}
	return want
}

// numbers are an array's elements.
func numbers(a run.NamedArray) []float64 {
	var out []float64
	for b := a.Data; len(b) > 0; b = b[a.DType.Size():] {
		switch a.DType {
		case run.F32:
			out = append(out, float64(math.Float32frombits(binary.LittleEndian.Uint32(b))))
		case run.F64:
			out = append(out, math.Float64frombits(binary.LittleEndian.Uint64(b)))
		case run.BF16:
			out = append(out, float64(math.Float32frombits(uint32(binary.LittleEndian.Uint16(b))<<16)))
		case run.I64:
			out = append(out, float64(int64(binary.LittleEndian.Uint64(b))))
		default:
			out = append(out, float64(b[0]))
		}
	}
	return out
}

// TestReadsWhatPyTorchWrote wants every tensor of both formats, with its values to the
// bit, and what lies beside them named (bench/reference/pth.py).
func TestReadsWhatPyTorchWrote(t *testing.T) {
	want := reference(t)
	for _, file := range []string{"zip.pth", "legacy.pth", "plain.pth"} {
		t.Run(file, func(t *testing.T) {
			f, err := Read(filepath.Join("testdata", file))
			if err != nil {
				t.Fatal(err)
			}
			if len(f.Weights) != len(want) {
				t.Errorf("%d tensors, want %d", len(f.Weights), len(want))
			}
			for _, a := range f.Weights {
				w := want[a.Name]
				var values []float64
				for _, v := range w.Values {
					x, err := strconv.ParseFloat(v, 64)
					if err != nil {
						t.Fatal(err)
					}
					values = append(values, x)
				}
				if a.DType != w.DType || !slices.Equal(a.Shape, w.Shape) || !slices.Equal(numbers(a), values) {
					t.Errorf("%s is %s %v %v, want %+v", a.Name, a.DType, a.Shape, numbers(a), w)
				}
			}
			if file == "plain.pth" {
				if f.From != "" || len(f.Others) > 0 {
					t.Errorf("from %q, beside it %q", f.From, f.Others)
				}
				return
			}
			others := []string{"args: a argparse.Namespace", "meta: a dictionary", "optimizer: a dictionary"}
			if f.From != "state_dict" || f.Texts["config"] != "model = dict()" || !slices.Equal(f.Others, others) {
				t.Errorf("from %q, texts %q, beside it %q", f.From, f.Texts, f.Others)
			}
		})
	}
}

// TestWritesWhatItReads wants a file that is written to read back the same, in Python
// too where that has PyTorch.
func TestWritesWhatItReads(t *testing.T) {
	f, err := Read("testdata/plain.pth")
	if err != nil {
		t.Fatal(err)
	}
	for name, keys := range map[string][]string{"plain": nil, "with meta": {"config", "CLASSES"}} {
		t.Run(name, func(t *testing.T) {
			texts := map[string]string{"config": "seed = 1\n", "CLASSES": "cat, dög"}
			var b bytes.Buffer
			if err := Write(&b, f.Weights, keys, texts); err != nil {
				t.Fatal(err)
			}
			path := filepath.Join(t.TempDir(), "w.pth")
			if err := os.WriteFile(path, b.Bytes(), 0o600); err != nil {
				t.Fatal(err)
			}
			again, err := Read(path)
			if err != nil {
				t.Fatal(err)
			}
			same := func(a, b run.NamedArray) bool {
				return a.Name == b.Name && a.DType == b.DType && slices.Equal(a.Shape, b.Shape) && bytes.Equal(a.Data, b.Data)
			}
			if !slices.EqualFunc(again.Weights, f.Weights, same) {
				t.Error("other weights come back")
			}
			for _, k := range keys {
				if again.Texts[k] != texts[k] {
					t.Errorf("%s is %q", k, again.Texts[k])
				}
			}
			inPython(t, path, len(keys) > 0)
		})
	}
}

// inPython has PyTorch compare a file with the one that it wrote itself.
func inPython(t *testing.T, path string, meta bool) {
	t.Helper()
	const python = "/usr/bin/python3" // Debian's, where apt puts python3-torch
	script := `
import sys, torch
mine, theirs = torch.load(sys.argv[1]), torch.load(sys.argv[2])
if sys.argv[3] == "true":
    assert mine["meta"]["config"] == "seed = 1\n", mine["meta"]
    mine = mine["state_dict"]
assert list(mine) == list(theirs), (list(mine), list(theirs))
for name, t in theirs.items():
    assert mine[name].shape == t.shape, name
    assert mine[name].is_contiguous(), name
    assert torch.equal(mine[name].double(), t.double()), name
print("equal", len(mine))`
	out, err := exec.Command(python, "-c", script, path, "testdata/plain.pth", strconv.FormatBool(meta)).CombinedOutput() //nolint:gosec // fixed
	if err != nil && (errors.Is(err, os.ErrNotExist) || strings.Contains(string(out), "No module named 'torch'")) {
		t.Skip("python3-torch is not installed")
	}
	if err != nil || !strings.HasPrefix(string(out), "equal 15") {
		t.Errorf("PyTorch: %v\n%s", err, out)
	}
}
