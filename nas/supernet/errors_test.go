package supernet

import (
	"strings"
	"testing"

	"detnas/core/nn"
	"detnas/core/tensor"
	"detnas/nas"
)

func TestForwardErrors(t *testing.T) {
	space := tiny(nas.LayoutMMRazor)
	x := func(s *tensor.Scope) *tensor.Tensor { return s.Full(1, tensor.CPU, 1, 3, 32, 32) }
	tests := []struct {
		name   string
		built  string // "" is the supernet
		subnet nas.Subnet
		input  func(s *tensor.Scope) *tensor.Tensor
		want   string
	}{
		{"choice that is absent", "00-1-23", nas.Subnet{0, 0, 1, 2, 1}, x, "stage 2 block 1: the network was built without the choice 5x5 there (it has xception)"},
		{"no choice at all", "", nas.Subnet{0, 0, 1, 2, 7}, x, "stage 2 block 1"},
		{"too short", "", nas.Subnet{0, 0}, x, "has 2 blocks and the network 5"},
		{"no subnet for the supernet", "", nil, x, "stage 0 block 0 has the choices 3x3, 5x5, 7x7, xception; name a subnet"},
		{
			"wrong input", "",
			nas.Subnet{0, 0, 1, 2, 3},
			func(s *tensor.Scope) *tensor.Tensor { return s.Full(1, tensor.CPU, 1, 4, 32, 32) },
			"conv1: conv2d of [1 4 32 32] [4 3 3 3]",
		},
	}
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			st := newStore(t)
			var built nas.Subnet
			if tc.built != "" {
				built = parse(t, tc.built, space)
			}
			net := classifier(t, st, space, built)
			err := tensor.OnThread(1, func() error {
				return tensor.Run("forward", func(s *tensor.Scope) error {
					if y := net.Forward(&nn.Pass{Scope: s}, tc.input(s), tc.subnet); !y.Empty() {
						t.Error("there are logits")
					}
					return nil
				})
			})
			if err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("error %v, want it to say %q", err, tc.want)
			}
		})
	}
}

func TestConstructorErrors(t *testing.T) {
	good, bad := tiny(nas.LayoutMMRazor), tiny(nas.LayoutMMRazor)
	bad.Widths[1] = 7
	tests := []struct {
		name  string
		build func(path nn.Path) error
		want  string
	}{
		{"supernet", func(p nn.Path) error { _, err := NewSupernet(p, bad); return err }, "stage 1 is 7"},
		{"subnet of a bad space", func(p nn.Path) error { _, err := NewSubnet(p, bad, nas.Subnet{0, 0, 0, 0, 0}); return err }, "stage 1 is 7"},
		{"subnet", func(p nn.Path) error { _, err := NewSubnet(p, good, nas.Subnet{0}); return err }, "1 blocks and space tiny has 5"},
		{"supernet classifier", func(p nn.Path) error { _, err := NewSupernetClassifier(p, bad); return err }, "stage 1 is 7"},
		{"subnet classifier", func(p nn.Path) error { _, err := NewSubnetClassifier(p, good, nil); return err }, "0 blocks"},
	}
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			st := newStore(t)
			err := tc.build(st.Root())
			if err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("error %v, want it to say %q", err, tc.want)
			}
			if len(st.Params) > 0 {
				t.Errorf("%d parameters were made nonetheless", len(st.Params))
			}
		})
	}
}
