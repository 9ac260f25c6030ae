package supernet

import (
	"slices"
	"strings"
	"testing"

	"detnas/core/nn"
	"detnas/core/tensor"
	"detnas/nas"
)

func TestInherit(t *testing.T) {
	run(t, func(s *tensor.Scope) error {
		space := tiny(nas.LayoutMMRazor)
		subnet := parse(t, "31-0-23", space)
		src, dst := newStore(t), newStore(t)
		super, alone := classifier(t, src, space, nil), classifier(t, dst, space, subnet)
		if err := fill(s, src); err != nil {
			return err
		}
		x := waveTensor(s, "input", 2, 3, 32, 32)
		want := floats(t, super.Forward(&nn.Pass{Scope: s}, x, subnet))
		if slices.Equal(want, floats(t, alone.Forward(&nn.Pass{Scope: s}, x, nil))) {
			t.Error("the networks agree before anything is inherited")
		}

		n, err := Inherit(dst, src, "backbone.")
		if err != nil {
			return err
		}
		if want := len(dst.Params) + len(dst.Buffers) - 2; n != want { // all but the FC's
			t.Errorf("copied %d tensors of the backbone, want %d", n, want)
		}
		if slices.Equal(floats(t, dst.Get("head.fc.weight")), floats(t, src.Get("head.fc.weight"))) {
			t.Error("the head was copied too")
		}
		if _, err := Inherit(dst, src, ""); err != nil {
			return err
		}
		if got := floats(t, alone.Forward(&nn.Pass{Scope: s}, x, nil)); !slices.Equal(got, want) {
			t.Errorf("the subnet alone gives %v, in the supernet %v", got, want)
		}
		return nil
	})
}

func TestInheritErrors(t *testing.T) {
	space := tiny(nas.LayoutMMRazor)
	narrow := space
	narrow.Choices = narrow.Choices[:2]
	wide := space
	wide.Widths = []int{8, 14, 16}
	tests := []struct {
		name string
		from nas.Space
		want string
	}{
		{"choice that the supernet lacks", narrow, "choices.shuffle_xception.branch1.0.conv.weight: the supernet has no such tensor"},
		{"other widths", wide, "layers.1.0.choices.shuffle_3x3.branch1.1.conv.weight: the subnet's shape is [6 8 1 1] and the supernet's [7 8 1 1]"},
	}
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			src, dst := newStore(t), newStore(t)
			classifier(t, src, tc.from, nil)
			classifier(t, dst, space, parse(t, "31-0-23", space))
			_, err := Inherit(dst, src, "")
			if err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("error %v, want it to say %q", err, tc.want)
			}
		})
	}
}
