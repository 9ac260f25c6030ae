package voceval

// curve is precision over recall, a point for each detection from the highest
// score down.
type curve struct {
	objects      int // to be found
	right, wrong int // so far
	found        []int
	precision    []float64
}

// add puts down the point that has been reached. Before anything is right or wrong
// the precision is 0; MATLAB has NaN there, which its max passes over.
func (c *curve) add() {
	p := 0.0
	if n := c.right + c.wrong; n > 0 {
		p = float64(c.right) / float64(n)
	}
	c.found, c.precision = append(c.found, c.right), append(c.precision, p)
}

// envelop makes the precision at each point the best there or beyond.
func (c *curve) envelop() {
	for i := len(c.precision) - 1; i > 0; i-- {
		c.precision[i-1] = max(c.precision[i-1], c.precision[i])
	}
}

// elevenPoints is the mean precision at the recalls 0, 0.1, ... 1. Recalls are
// compared as whole numbers, so that 3 of 10 objects reach 0.3; where implementations
// step by 0.1 in floating point they do not.
func (c *curve) elevenPoints() float64 {
	sum, at := 0.0, 0
	for tenths := range 11 {
		for at < len(c.found) && 10*c.found[at] < tenths*c.objects {
			at++
		}
		if at < len(c.found) {
			sum += c.precision[at]
		}
	}
	return sum / 11
}

// area is what lies under the curve: each step of recall times the precision at it.
func (c *curve) area() float64 {
	sum, before := 0.0, 0
	for i, n := range c.found {
		if n > before {
			sum += float64(n-before) / float64(c.objects) * c.precision[i]
			before = n
		}
	}
	return sum
}
