package interop

import (
	"strings"
	"testing"

	"detnas/core/input/inputtest"
	"detnas/core/run"
)

// TestOfTorchVision names each kind of layer.
func TestOfTorchVision(t *testing.T) {
	for theirs, ours := range map[string]string{
		"conv1.0.weight":                  "backbone.conv1.conv.weight",
		"conv1.1.running_var":             "backbone.conv1.bn.running_var",
		"stage2.0.branch1.0.weight":       "backbone.layers.0.0.choices.shuffle_3x3.branch1.0.conv.weight",
		"stage3.7.branch2.4.running_mean": "backbone.layers.1.7.choices.shuffle_3x3.branch2.1.bn.running_mean",
		"stage4.3.branch2.5.weight":       "backbone.layers.2.3.choices.shuffle_3x3.branch2.2.conv.weight",
		"conv5.1.bias":                    "backbone.layers.3.bn.bias",
		"fc.bias":                         "head.fc.bias",
		"stage2.0.branch2.2.weight":       "",
		"stage5.0.branch2.0.weight":       "",
		"maxpool.weight":                  "",
	} {
		got, why := ofTorchVision(theirs)
		if got != ours || (ours == "") != (why != "") {
			t.Errorf("%s is %q, %q, want %q", theirs, got, why, ours)
		}
	}
}

// What a checkpoint has beside its network, the optimiser's and what an average is of,
// is neither exported nor imported.
func TestWhatIsBesideTheNetwork(t *testing.T) {
	network := []string{"backbone.conv1.conv.weight", "backbone.layers.0.0.choices.shuffle_3x3.branch2.0.conv.weight"}
	var tensors []run.NamedArray
	for _, prefix := range []string{"trained.", "momentum.", ""} {
		for _, name := range network {
			tensors = append(tensors, run.NamedArray{Name: prefix + name, DType: run.F32, Shape: []int64{1, 1, 1, 1}, Data: make([]byte, 4)})
		}
	}
	out, err := Named(&run.Checkpoint{Meta: map[string]string{}, Tensors: tensors}, Ours, "")
	if err != nil || len(out) != 2 || out[0].Name != network[0] || out[1].Name != network[1] {
		t.Errorf("exported %v (%v), want %v", out, err, network)
	}
	w, err := Translate(tensors, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if len(w.Tensors) != 2 || len(w.Left) != 4 || w.From[network[0]] != network[0] || !strings.Contains(w.Left[0].Why, "training goes on with") {
		t.Errorf("imported %v and left %v", w.From, w.Left)
	}
}

// FuzzTranslate takes names of any kind, with a shape each, and gives weights of a
// valid space or one clear error.
func FuzzTranslate(f *testing.F) {
	f.Add("backbone.conv1.conv.weight\nbackbone.layers.0.0.choices.shuffle_3x3.branch2.2.conv.weight", 4, 0)
	f.Add("a.first_conv.conv.weight\na.first_conv.conv.bias\na.features.0.conv.0.interstellar1a_xception_3x3_branch2a_s.weight", 3, 2)
	f.Add("conv1.0.weight\nstage2.0.branch2.0.weight\nfc.weight\x1b[2J", 2, 0)
	f.Add("m.backbone.conv1.conv.weight\nm.backbone.layers.99.999._candidate_ops.shuffle_x.w\nmomentum.backbone.conv1.conv.weight", 4, 1)
	f.Fuzz(func(t *testing.T, names string, side, shuffle int) {
		var tensors []run.NamedArray
		side = max(0, min(side, 8))
		for i, name := range strings.Split(names, "\n") {
			shape := []int64{int64(side), 3, 1, 1}[:1+(i+3)%4]
			n := 4
			for _, d := range shape {
				n *= int(d)
			}
			tensors = append(tensors, run.NamedArray{Name: name, DType: run.F32, Shape: shape, Data: make([]byte, n)})
		}
		w, err := Translate(tensors, Options{Shuffle: shuffle})
		if err != nil {
			inputtest.Clear(t, err)
			return
		}
		space, err := w.Space()
		if err != nil {
			inputtest.Clear(t, err)
			return
		}
		if sub := w.Subnet(space); sub != nil && sub.Check(space) != nil {
			t.Errorf("%v of %+v", sub, space)
		}
	})
}
