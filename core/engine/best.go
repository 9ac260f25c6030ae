package engine

import (
	"strconv"

	"detnas/core/config"
	"detnas/core/run"
)

// best is where a step was measured best.
type best struct {
	Metric    string  `json:"metric"`
	Value     float64 `json:"value"`
	Iteration int64   `json:"iteration"`
}

// measured is what the evaluations of a step have shown.
type measured struct {
	Best   *best `json:"best,omitempty"` // of all in the step; nil before the first
	atBest bool  // the network is the one of Best
}

// headline is the metric by which a step's evaluations are compared.
func headline(step int) string {
	if step == config.StepSupernetPretrain || step == config.StepSubnetRetrain {
		return "top1"
	}
	return "AP"
}

// judge takes in an evaluation and reports whether it beats all before it in the
// step. One that is undefined, for want of boxes, beats none.
func (p *progress) judge(step int, metrics run.Values) bool {
	v, ok := metrics[headline(step)]
	if better := ok && v >= 0 && (p.Best == nil || v > p.Best.Value); !better {
		return false
	}
	p.Best, p.atBest = &best{Metric: headline(step), Value: v, Iteration: p.Iteration}, true
	return true
}

// after is what is known once the step has gone back to where it was in m: the
// best of all stays, also where that was gone back from.
func (m measured) after(back measured) measured {
	if back.Best != nil && (m.Best == nil || *m.Best != *back.Best) {
		m.Best, m.atBest = back.Best, false
	}
	return m
}

// The metadata of a checkpoint at which its step was measured best.
const (
	metricKey = "metric"
	valueKey  = "metric_value"
)

// describe adds the metric to the metadata of a checkpoint that is the best.
func (m measured) describe(meta map[string]string) {
	if m.atBest {
		meta[metricKey], meta[valueKey] = m.Best.Metric, strconv.FormatFloat(m.Best.Value, 'g', -1, 64)
	}
}
