package train

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"

	"detnas/core/nn"
	"detnas/core/tensor"
)

// together makes the whole batch's losses of the ranks' shares of them. Where a part of
// one rank is not finite, which err says there, all ranks have an error that wraps
// ErrNotFinite, and none of them goes on. Any other error is its rank's alone, which
// is about to end.
func together(g *tensor.Group, found map[string]float64, images int, err error) (map[string]float64, int, error) {
	switch {
	case errors.Is(err, nn.ErrElsewhere): // the ranks agree already
		return nil, 0, diverged(err)
	case err != nil && !errors.Is(err, ErrNotFinite) && !errors.Is(err, nn.ErrNotFinite):
		return nil, 0, err
	case err != nil:
		if _, gerr := nn.Agree(g, false); gerr != nil {
			return nil, 0, gerr // what sums come to that were broken off says nothing of the training
		}
		return nil, 0, diverged(err)
	}
	names := slices.Sorted(maps.Keys(found))
	values := []float64{float64(images)}
	for _, name := range names {
		values = append(values, found[name])
	}
	sums, err := nn.Agree(g, true, values...)
	if errors.Is(err, nn.ErrElsewhere) {
		err = diverged(err)
	}
	if err != nil {
		return nil, 0, err
	}
	out := make(map[string]float64, len(names))
	for i, name := range names {
		v := sums[i+1]
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return nil, 0, fmt.Errorf("%w: %s of all ranks together is %v", ErrNotFinite, name, v)
		}
		out[name] = v
	}
	return out, int(sums[0]), nil
}

// diverged has an error wrap ErrNotFinite, as far as it does not.
func diverged(err error) error {
	if errors.Is(err, ErrNotFinite) {
		return err
	}
	return fmt.Errorf("%w: %w", ErrNotFinite, err)
}
