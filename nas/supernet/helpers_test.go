package supernet

import (
	"testing"

	"detnas/core/nn"
	"detnas/core/tensor"
	"detnas/nas"
)

// run calls f in a scope on a thread of its own and fails the test on an error.
func run(t testing.TB, f func(s *tensor.Scope) error) {
	t.Helper()
	err := tensor.OnThread(1, func() error { return tensor.Run("test", f) })
	if err != nil {
		t.Fatal(err)
	}
}

func newStore(t testing.TB) *nn.Store {
	t.Helper()
	st := nn.NewStore(device, 1)
	t.Cleanup(st.Free)
	return st
}

// tiny is a space that builds and runs in milliseconds.
func tiny(layout nas.Layout) nas.Space {
	return nas.Space{
		Name: "tiny", Stem: 4, Widths: []int{8, 12, 16}, Depths: []int{2, 1, 2},
		Choices: nas.AllChoices(), Last: 10, Classes: 3, Layout: layout,
	}
}

func parse(t testing.TB, text string, space nas.Space) nas.Subnet {
	t.Helper()
	subnet, err := nas.ParseSubnet(text, space)
	if err != nil {
		t.Fatal(err)
	}
	return subnet
}

// classifier builds a supernet's classifier, or a subnet's when one is given.
func classifier(t testing.TB, st *nn.Store, space nas.Space, subnet nas.Subnet) *Classifier {
	t.Helper()
	var net *Classifier
	var err error
	if subnet == nil {
		net, err = NewSupernetClassifier(st.Root(), space)
	} else {
		net, err = NewSubnetClassifier(st.Root(), space, subnet)
	}
	if err != nil {
		t.Fatal(err)
	}
	if err := st.Err(); err != nil {
		t.Fatal(err)
	}
	return net
}

func floats(t testing.TB, x *tensor.Tensor) []float32 {
	t.Helper()
	v, err := x.Floats()
	if err != nil {
		t.Fatal(err)
	}
	return v
}
