package nn

import (
	"fmt"

	"detnas/core/tensor"
)

// mostTotals is how many values ranks may sum up at once.
const mostTotals = 24

// ErrElsewhere is the error of a pass whose part on another rank is not finite.
var ErrElsewhere = fmt.Errorf("the part of the batch of another rank is %w", ErrNotFinite)

// Totals are the sums of values over the ranks that share the batch; the values
// themselves where the process is alone. What divides a loss is summed up so, and the
// loss of a rank is its share of the whole batch's. Every rank gives as many values.
func (p *Pass) Totals(values ...float64) ([]float64, error) {
	if p.Group == nil {
		return values, nil
	}
	return Agree(p.Group, true, values...)
}

// Agree sums values up over the ranks of a group, unless one of them says that what
// it has computed is not finite: then it is ErrElsewhere on the others, and none of
// them waits for what that one will not compute. What is sent has one length, so that
// it does not matter how far the ranks have come.
func Agree(g *tensor.Group, finite bool, values ...float64) ([]float64, error) {
	if len(values) > mostTotals {
		return nil, fmt.Errorf("sum over ranks: %d values, of at most %d", len(values), mostTotals)
	}
	sent := make([]float64, 1+mostTotals)
	if finite {
		copy(sent[1:], values)
	} else {
		sent[0] = 1
	}
	if err := g.Sum(sent); err != nil {
		return nil, err
	}
	if sent[0] > 0 && finite {
		return nil, ErrElsewhere
	}
	return sent[1 : 1+len(values)], nil
}
