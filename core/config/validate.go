package config

import (
	"cmp"
	"math"
	"regexp"
	"slices"
	"strings"

	"detnas/core/input"
)

// Validate reports, as one *Error, every value that the engine could not work
// with.
func (c *Config) Validate() error {
	v := &validator{}
	v.all(c)
	return v.err()
}

// all checks every value.
func (v *validator) all(c *Config) {
	if v.src = c.src; v.src == nil {
		v.src = newSource("config", "")
	}
	v.top(c)
	v.space(&c.Space)
	v.data(c)
	v.detector(&c.Detector, c.Space.Stages())
	for _, t := range c.training() {
		v.train(t, c.Space.Stages())
		v.norms(t, &c.Detector)
	}
	v.search(&c.Search, &c.Space, c.Data.Detection.Format)
}

// validator checks single values; each of its checks reports whether the value
// was good.
type validator struct {
	report
	words map[string][]string // that string keys take, where the map is made
}

// Bounds that no real experiment meets: they keep sizes, and products of
// sizes, from overflowing.
const (
	maxChannels = 8192
	maxPixels   = 1 << 15
	maxCount    = 1 << 30
)

// oneOf wants one of some words.
func (v *validator) oneOf(key, value string, words ...string) {
	if v.words != nil {
		v.words[key] = words
	}
	if slices.Contains(words, value) {
		return
	}
	if near := nearest(value, words); near != "" && value != "" {
		v.add(key, "%q is not one of %s; did you mean %q?", clip(value), strings.Join(words, ", "), near)
		return
	}
	v.add(key, "%q is not one of %s", clip(value), strings.Join(words, ", "))
}

// within wants least <= value <= most.
func within[T cmp.Ordered](v *validator, key string, value, least, most T) bool {
	if value >= least && value <= most { // false for NaN as well
		return true
	}
	v.add(key, "%v is out of range; write a value from %v to %v", value, least, most)
	return false
}

// above wants 0 < value <= most.
func (v *validator) above(key string, value, most float64) {
	if ok := value > 0 && value <= most; !ok { // for NaN as well
		v.add(key, "%v is out of range; write a value above 0, to %v at most", value, most)
	}
}

// each wants a list of n values, or of any number from 1 on when n is 0, all of
// them within [least, most].
func each[T cmp.Ordered](v *validator, key string, values []T, n int, least, most T) bool {
	switch {
	case n > 0 && len(values) != n:
		v.add(key, "has %d values; write %d", len(values), n)
		return false
	case len(values) == 0:
		v.add(key, "is empty; write one value at least")
		return false
	}
	for _, x := range values {
		if !within(v, key, x, least, most) {
			return false
		}
	}
	return true
}

// rising wants the first of two values not above the second.
func rising[T cmp.Ordered](v *validator, key string, values []T) {
	if values[0] > values[1] {
		v.add(key, "%v is above %v; write the smaller first", values[0], values[1])
	}
}

func (v *validator) top(c *Config) {
	if c.Name != "" {
		if err := input.CheckName(c.Name); err != nil {
			v.add("name", "%v", err)
		}
	}
	if !regexp.MustCompile(`^(auto|cpu|cuda(:\d{1,3})?)$`).MatchString(c.Device) {
		v.add("device", "%q is no device; write auto, cpu or cuda:0", clip(c.Device))
	}
	if c.Seed > math.MaxInt64 {
		v.add("seed", "%d is too large; write at most %d", c.Seed, math.MaxInt64)
	}
	if c.Runs == "" {
		v.add("runs", `is empty; write a folder, such as "runs"`)
	}
	within(v, "threads", c.Threads, 0, 4096)
	within(v, "loader_workers", c.LoaderWorkers, 0, 4096)
}
