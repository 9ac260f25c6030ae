package supernet

import (
	"fmt"
	"testing"

	"detnas/core/nn"
	"detnas/core/tensor"
	"detnas/nas"
)

// BenchmarkPath runs one path of a small supernet on 32 images of 64x64, with a
// single thread.
func BenchmarkPath(b *testing.B) {
	space := nas.Space{
		Name: "bench", Stem: 16, Widths: []int{32, 64, 128}, Depths: []int{2, 2, 4},
		Choices: nas.AllChoices(), Last: 256, Classes: 10, Layout: nas.LayoutMMRazor,
	}
	subnet := parse(b, "10-32-0213", space)
	for _, train := range []bool{false, true} {
		b.Run(fmt.Sprintf("train=%t", train), func(b *testing.B) {
			run(b, func(s *tensor.Scope) error {
				net := classifier(b, newStore(b), space, nil)
				x := waveTensor(s, "input", 32, 3, 64, 64)
				step := func(in *tensor.Scope) error {
					if train {
						in.Backward(in.Sum(net.Forward(&nn.Pass{Scope: in, Mode: nn.Train}, x, subnet)))
						return nil
					}
					return tensor.NoGrad(func() error {
						net.Forward(&nn.Pass{Scope: in}, x, subnet)
						return in.Err()
					})
				}
				for b.Loop() {
					if err := tensor.Run("step", step); err != nil {
						return err
					}
				}
				return nil
			})
		})
	}
}
