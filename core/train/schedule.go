// Package train has what every training step shares: the rate's schedule, the
// optimiser, the loop, and the two kinds of training that DetNAS is made of,
// classification and detection.
package train

import (
	"math"

	"detnas/core/config"
)

// Schedule gives the rate at each iteration of a step.
type Schedule struct {
	lr         float64
	kind       string
	power      float64
	gamma      float64
	milestones []int
	length     int
	warmup     int
	form       string // of the warm-up
	ratio      float64
}

// NewSchedule makes the schedule of a step of length iterations.
func NewSchedule(c *config.Train, length int) Schedule {
	return Schedule{
		lr: c.LR, kind: c.Schedule, power: c.Power, gamma: c.Gamma, milestones: c.MilestonesAt(length),
		length: length, warmup: c.WarmupIterations, form: c.Warmup, ratio: c.WarmupRatio,
	}
}

// At is the rate of iteration i, from 0 on: the schedule's, times the factor of the
// warm-up as long as that lasts.
func (s Schedule) At(i int64) float64 {
	lr := s.lr * s.factor(i)
	if i < int64(s.warmup) {
		lr *= s.warm(float64(i) / float64(s.warmup))
	}
	return lr
}

// warm is the factor after a share done of the warm-up (mmcv's LrUpdaterHook): its
// ratio throughout, or from the ratio to 1, in a line or by the same factor in each
// iteration.
func (s Schedule) warm(done float64) float64 {
	switch s.form {
	case config.WarmupConstant:
		return s.ratio
	case config.WarmupExp:
		return math.Pow(s.ratio, 1-done)
	}
	return s.ratio + (1-s.ratio)*done
}

func (s Schedule) factor(i int64) float64 {
	left := 1 - float64(i)/float64(max(s.length, 1))
	switch s.kind {
	case config.ScheduleLinear:
		return left
	case config.SchedulePoly:
		return math.Pow(left, s.power)
	case config.ScheduleCosine:
		return 0.5 * (1 + math.Cos(math.Pi*(1-left)))
	case config.ScheduleStep:
		f := 1.0
		for _, m := range s.milestones {
			if i >= int64(m) {
				f *= s.gamma
			}
		}
		return f
	}
	return 1
}
