package supernet

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"detnas/core/nn"
	"detnas/core/tensor"
	"detnas/nas"
)

// The published supernet: 8,488,600 parameters as a classifier and 6,806,192 as a
// backbone, by the spec's table 2.4.
func TestSupernetParams300m(t *testing.T) {
	space, err := nas.Preset("300m")
	if err != nil {
		t.Fatal(err)
	}
	st := newStore(t)
	classifier(t, st, space, nil)
	if got := st.Count(); got != 8_488_600 {
		t.Errorf("the classifier has %d parameters, want 8488600", got)
	}
	var backbone int64
	for _, p := range st.Params {
		if !strings.HasPrefix(p.Name, "head.") && !strings.HasPrefix(p.Name, "backbone.layers.4.") {
			backbone += p.T.Len()
		}
	}
	if backbone != 6_806_192 {
		t.Errorf("the backbone has %d parameters, want 6806192", backbone)
	}
}

func TestParamsEqualCostModel(t *testing.T) {
	size := nas.Square(32)
	for _, layout := range []nas.Layout{nas.LayoutMMRazor, nas.LayoutOfficial} {
		small := tiny(layout)
		check := func(name string, space nas.Space, subnet nas.Subnet) {
			t.Run(fmt.Sprintf("%s/%s", layout, name), func(t *testing.T) {
				want, err := space.SupernetCost(nas.ScopeClassifier, size)
				if subnet != nil {
					want, err = space.SubnetCost(subnet, nas.ScopeClassifier, size)
				}
				if err != nil {
					t.Fatal(err)
				}
				st := newStore(t)
				classifier(t, st, space, subnet)
				if got := st.Count(); got != want.Params {
					t.Errorf("%d parameters, want %d", got, want.Params)
				}
			})
		}
		check("supernet", small, nil)
		for _, short := range []string{"00-0-00", "11-1-11", "22-2-22", "33-3-33", "31-0-23"} {
			check(short, small, parse(t, short, small))
		}
	}
	space, err := nas.Preset("300m")
	if err != nil {
		t.Fatal(err)
	}
	st := newStore(t)
	classifier(t, st, space, parse(t, "1000-3032-22330213-2221", space))
	if got := st.Count(); got != 3_348_600 {
		t.Errorf("MMRazor's searched subnet has %d parameters, want 3348600", got)
	}
}

func TestNamesAreThoseOfMMRazor(t *testing.T) {
	space := tiny(nas.LayoutMMRazor)
	space.Widths, space.Depths = []int{8}, []int{2}
	st := newStore(t)
	classifier(t, st, space, parse(t, "03", space))
	names := []string{}
	for _, p := range st.Params {
		names = append(names, p.Name)
	}
	var want []string
	for _, unit := range []string{
		"backbone.conv1",
		"backbone.layers.0.0.choices.shuffle_3x3.branch1.0",
		"backbone.layers.0.0.choices.shuffle_3x3.branch1.1",
		"backbone.layers.0.0.choices.shuffle_3x3.branch2.0",
		"backbone.layers.0.0.choices.shuffle_3x3.branch2.1",
		"backbone.layers.0.0.choices.shuffle_3x3.branch2.2",
		"backbone.layers.0.1.choices.shuffle_xception.branch2.0.depthwise_conv",
		"backbone.layers.0.1.choices.shuffle_xception.branch2.0.pointwise_conv",
		"backbone.layers.0.1.choices.shuffle_xception.branch2.1.depthwise_conv",
		"backbone.layers.0.1.choices.shuffle_xception.branch2.1.pointwise_conv",
		"backbone.layers.0.1.choices.shuffle_xception.branch2.2.depthwise_conv",
		"backbone.layers.0.1.choices.shuffle_xception.branch2.2.pointwise_conv",
		"backbone.layers.1",
	} {
		want = append(want, unit+".conv.weight", unit+".bn.weight", unit+".bn.bias")
	}
	want = append(want, "head.fc.weight", "head.fc.bias")
	if diff := cmp.Diff(want, names); diff != "" {
		t.Errorf("names (-want +got):\n%s", diff)
	}
}

func TestInitialValues(t *testing.T) {
	space := tiny(nas.LayoutMMRazor)
	space.Stem, space.Widths, space.Depths, space.Last, space.Classes = 64, []int{128}, []int{2}, 64, 64
	st := newStore(t)
	classifier(t, st, space, parse(t, "20", space))
	tests := []struct {
		name      string
		mean, std float64
	}{
		{"backbone.conv1.conv.weight", 0, 0.01},
		{"backbone.layers.0.0.choices.shuffle_7x7.branch1.0.conv.weight", 0, 1},
		{"backbone.layers.0.0.choices.shuffle_7x7.branch1.1.conv.weight", 0, 1.0 / 64},
		{"backbone.layers.0.1.choices.shuffle_3x3.branch2.2.conv.weight", 0, 1.0 / 64},
		{"backbone.layers.1.conv.weight", 0, 1.0 / 128},
		{"backbone.layers.1.bn.weight", 1, 0},
		{"backbone.layers.1.bn.bias", 1e-4, 0},
		{"backbone.layers.1.bn.running_mean", 0, 0},
		{"backbone.layers.1.bn.running_var", 1, 0},
		{"head.fc.weight", 0, 0.01},
		{"head.fc.bias", 0, 0},
	}
	for _, tc := range tests {
		var sum, squares float64
		values := floats(t, st.Get(tc.name))
		for _, v := range values {
			sum += float64(v)
		}
		mean := sum / float64(len(values))
		for _, v := range values {
			squares += (float64(v) - mean) * (float64(v) - mean)
		}
		std := math.Sqrt(squares / float64(len(values)))
		if math.Abs(mean-tc.mean) > 0.15*tc.std+1e-9 || math.Abs(std-tc.std) > 0.1*tc.std {
			t.Errorf("%s has the mean %.4g and standard deviation %.4g, want %.4g and %.4g", tc.name, mean, std, tc.mean, tc.std)
		}
	}
}

func TestStageOutputs(t *testing.T) {
	for _, layout := range []nas.Layout{nas.LayoutMMRazor, nas.LayoutOfficial} {
		run(t, func(s *tensor.Scope) error {
			space := tiny(layout)
			st := newStore(t)
			net, err := NewSupernet(st.Root(), space)
			if err != nil {
				return err
			}
			x := s.Full(0.5, tensor.CPU, 2, 3, 33, 50) // sides that stride 2 rounds up
			before := s.Len()
			stages := net.Forward(&nn.Pass{Scope: s, Mode: nn.Train}, x, parse(t, "31-0-23", space))
			if s.Err() != nil {
				return nil
			}
			if got := s.Len() - before; got != len(stages) {
				t.Errorf("the pass left %d tensors in its scope beside the %d results", got-len(stages), len(stages))
			}
			for i, y := range stages {
				stride := net.Strides()[i]
				want := []int64{2, int64(net.Channels()[i]), ceilDiv(33, stride), ceilDiv(50, stride)}
				if diff := cmp.Diff(want, y.Shape()); diff != "" {
					t.Errorf("%s, stage %d (-want +got):\n%s", layout, i, diff)
				}
			}
			return nil
		})
	}
}

func ceilDiv(a, b int) int64 { return int64((a + b - 1) / b) }

// After a step on a path, exactly the path's parameters have gradients.
func TestOnlyThePathHasGradients(t *testing.T) {
	run(t, func(s *tensor.Scope) error {
		space := tiny(nas.LayoutMMRazor)
		st := newStore(t)
		net := classifier(t, st, space, nil)
		params := make([]*tensor.Tensor, len(st.Params))
		for i, p := range st.Params {
			params[i] = p.T
		}
		x := waveTensor(s, "input", 4, 3, 32, 32)
		// The second path shares choices with the first: what only the first
		// took must have none after DropGrads.
		for _, short := range []string{"00-1-23", "01-1-32"} {
			tensor.DropGrads(params)
			subnet := parse(t, short, space)
			s.Backward(s.Sum(net.Forward(&nn.Pass{Scope: s, Mode: nn.Train}, x, subnet)))
			if s.Err() != nil {
				return nil
			}
			alone := newStore(t)
			classifier(t, alone, space, subnet)
			for _, p := range st.Params {
				onPath, has := alone.Get(p.Name) != nil, s.Grad(p.T) != nil
				if onPath != has {
					t.Errorf("path %s: %s is on the path: %t; has a gradient: %t", short, p.Name, onPath, has)
				}
			}
		}
		return nil
	})
}

// Frozen stages have no gradients, their BN keeps its statistics and uses them, and
// the others are trained on what they give.
func TestFrozenStagesStayAsTheyAre(t *testing.T) {
	run(t, func(s *tensor.Scope) error {
		space := tiny(nas.LayoutMMRazor)
		st := newStore(t)
		net := classifier(t, st, space, nil)
		path := parse(t, "01-2-30", space)
		if err := fill(s, st); err != nil {
			return err
		}
		x := waveTensor(s, "input", 4, 3, 32, 32)
		still := net.Backbone.Forward(&nn.Pass{Scope: s, Mode: nn.Eval}, x, path)
		before := map[string][]float32{}
		for _, b := range st.Buffers {
			before[b.Name] = floats(t, b.T)
		}
		net.Backbone.Freeze(2)
		outs := net.Backbone.Forward(&nn.Pass{Scope: s, Mode: nn.Train}, x, path)
		if s.Err() != nil {
			return nil
		}
		for i := range 2 {
			if !slices.Equal(floats(t, outs[i]), floats(t, still[i])) {
				t.Errorf("frozen stage %d gives something else than in evaluation", i)
			}
		}
		s.Backward(s.Sum(s.Mul(outs[2], outs[2])))
		frozen := func(name string) bool {
			return strings.Contains(name, "conv1") && !strings.Contains(name, "layers") || strings.Contains(name, "layers.0.") || strings.Contains(name, "layers.1.")
		}
		trained := 0
		for _, p := range st.Params {
			if g := s.Grad(p.T); g != nil && frozen(p.Name) {
				t.Errorf("%s has a gradient", p.Name)
			} else if g != nil {
				trained++
			}
		}
		moved := 0
		for _, b := range st.Buffers {
			same := slices.Equal(floats(t, b.T), before[b.Name])
			if !same && frozen(b.Name) {
				t.Errorf("%s has moved", b.Name)
			} else if !same {
				moved++
			}
		}
		if trained == 0 || moved == 0 {
			t.Errorf("%d parameters have gradients and %d statistics have moved", trained, moved)
		}
		return nil
	})
}

// Frozen stages give in a pass that calibrates, in one that measures by what it has
// gathered and in one by the batch's statistics what they gave in training; the others
// are calibrated.
func TestFrozenStagesAreNotCalibrated(t *testing.T) {
	run(t, func(s *tensor.Scope) error {
		space := tiny(nas.LayoutMMRazor)
		st := newStore(t)
		net := classifier(t, st, space, nil)
		path := parse(t, "01-2-30", space)
		if err := fill(s, st); err != nil {
			return err
		}
		net.Backbone.Freeze(2)
		x := waveTensor(s, "input", 4, 3, 32, 32)
		still := net.Backbone.Forward(&nn.Pass{Scope: s, Mode: nn.Eval}, x, path)
		stats := nn.NewStats(0)
		defer stats.Free()
		for name, p := range map[string]*nn.Pass{
			"calibrating": {Scope: s, Mode: nn.Calibrate, Stats: stats},
			"calibrated":  {Scope: s, Mode: nn.Eval, Stats: stats},
			"by batch":    {Scope: s, Mode: nn.Batch},
		} {
			if name == "calibrated" {
				net.Backbone.Forward(&nn.Pass{Scope: s, Mode: nn.Calibrate, Stats: stats}, x, path)
			}
			outs := net.Backbone.Forward(p, x, path)
			if s.Err() != nil {
				return nil
			}
			for i := range outs {
				if same := slices.Equal(floats(t, outs[i]), floats(t, still[i])); same != (i < 2) {
					t.Errorf("%s: stage %d gives the same as before: %t", name, i, same)
				}
			}
		}
		return nil
	})
}

func TestNormsAndMomentum(t *testing.T) {
	space := tiny(nas.LayoutOfficial)
	st := newStore(t)
	net := classifier(t, st, space, nil)
	all := net.Norms()
	if got, want := len(all), len(st.Buffers)/2; got != want {
		t.Fatalf("%d norms, want %d", got, want)
	}
	for i, n := range all { // the store's order, which is the checkpoint's
		if n.Mean != st.Buffers[2*i].T {
			t.Fatalf("norm %d is not that of %s", i, st.Buffers[2*i].Name)
		}
	}
	path, err := net.PathNorms(parse(t, "31-0-23", space))
	if err != nil {
		t.Fatal(err)
	}
	// stem; xception with projection 8, 5x5 3; 3x3 with projection 5; 7x7 with
	// projection 5, xception 6; last
	if want := 1 + 8 + 3 + 5 + 5 + 6 + 1; len(path) != want {
		t.Errorf("%d norms on the path, want %d", len(path), want)
	}
	next := 0
	for _, n := range path {
		i := slices.Index(all[next:], n)
		if i < 0 {
			t.Fatal("the path's norms are not in the order of all")
		}
		next += i + 1
	}
	if _, err := net.PathNorms(nil); err == nil {
		t.Error("a supernet has no path without a subnet")
	}
	net.SetBNMomentum(0.25)
	for i, n := range all {
		if n.Momentum != 0.25 {
			t.Errorf("norm %d has the momentum %g", i, n.Momentum)
		}
	}
}

// Calibrating a path changes what it computes and leaves the supernet as it was.
func TestCalibrationLeavesTheSupernetAlone(t *testing.T) {
	run(t, func(s *tensor.Scope) error {
		space := tiny(nas.LayoutMMRazor)
		subnet := parse(t, "31-0-23", space)
		st := newStore(t)
		net := classifier(t, st, space, nil)
		before, err := st.Export()
		if err != nil {
			return err
		}
		x := waveTensor(s, "input", 4, 3, 32, 32)
		plain := floats(t, net.Forward(&nn.Pass{Scope: s}, x, subnet))
		stats := nn.NewStats(0)
		defer stats.Free()
		net.Forward(&nn.Pass{Scope: s, Mode: nn.Calibrate, Stats: stats}, x, subnet)
		norms, err := net.PathNorms(subnet)
		if err != nil {
			return err
		}
		if stats.Layers() != len(norms) {
			t.Errorf("%d layers were calibrated, want %d", stats.Layers(), len(norms))
		}
		calibrated := floats(t, net.Forward(&nn.Pass{Scope: s, Stats: stats}, x, subnet))
		if slices.Equal(plain, calibrated) {
			t.Error("the calibrated path computes the same as before")
		}
		after, err := st.Export()
		if err != nil {
			return err
		}
		if diff := cmp.Diff(before, after); diff != "" {
			t.Errorf("the supernet changed:\n%s", diff)
		}
		return nil
	})
}
