package supernet

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"detnas/core/nn"
	"detnas/core/tensor"
)

// Inherit copies into dst, the store of a subnet, the parameters and BatchNorm
// statistics of the same names in src, the store of a supernet. Only names that
// start with prefix are copied ("backbone." leaves the heads alone, "" takes
// all). Every one of them must be in src with the same shape. It returns the
// number of tensors copied.
func Inherit(dst, src *nn.Store, prefix string) (int, error) {
	names := make([]string, 0, len(dst.Params)+len(dst.Buffers))
	for _, p := range dst.Params {
		names = append(names, p.Name)
	}
	for _, b := range dst.Buffers {
		names = append(names, b.Name)
	}
	copied := 0
	for _, name := range names {
		if !strings.HasPrefix(name, prefix) {
			continue
		}
		if err := inherit(dst.Get(name), src.Get(name)); err != nil {
			return copied, fmt.Errorf("inherit %s: %w", name, err)
		}
		copied++
	}
	return copied, nil
}

func inherit(dst, src *tensor.Tensor) error {
	if src == nil {
		return errors.New("the supernet has no such tensor; both must be of the same space, and the supernet must hold the subnet's choices")
	}
	if want, have := dst.Shape(), src.Shape(); !slices.Equal(want, have) {
		return fmt.Errorf("the subnet's shape is %v and the supernet's %v; both must be of the same space and layout", want, have)
	}
	return dst.Assign(src)
}
