package config

import "detnas/nas"

func (v *validator) search(s *Search, space *Space, format string) {
	if s.Subnet != "" && s.LoadFrom != "" {
		v.add("search.load_from", "has no meaning with search.subnet, which is taken without a search; leave one of them out")
	}
	v.method(s)
	v.constraint(&s.Constraint)
	if s.Timed() && s.Constraint.LatencyOf == LatencyDetector && s.Guide == GuideClassification {
		v.add("search.constraint.latency_of", `there is no detector in a search guided by classification; write "body"`)
	}
	within(v, "search.input_size", s.InputSize, 16, 1<<14)
	v.oneOf("search.bn", s.BN, BNRecalibrate, BNBatch, BNKeep)
	within(v, "search.bn_images", s.BNImages, 1, maxCount)
	within(v, "search.bn_batch", s.BNBatch, 1, 1<<20)
	v.oneOf("search.bn_average", s.BNAverage, BNCumulative, BNEMA)
	within(v, "search.bn_momentum", s.BNMomentum, 1e-6, 1)
	within(v, "search.images", s.Images, 0, maxCount)
	within(v, "search.batch", s.Batch, 1, 1<<20)
	v.oneOf("search.guide", s.Guide, GuideDetection, GuideClassification)
	v.oneOf("search.score", s.Score, "AP", "AP50", "mAP07", "mAP", "top1")
	switch byClasses := s.Guide == GuideClassification; {
	case byClasses && s.Score != "top1":
		v.add("search.score", `%s is of detection, and search.guide is "classification"; write "top1"`, clip(s.Score))
	case !byClasses && s.Score == "top1":
		v.add("search.score", `top1 is of classification, and search.guide is "detection"; write "AP", or set search.guide = "classification"`)
	}
	if (s.Score == "mAP07" || s.Score == "mAP") && format != FormatVOC {
		v.add("search.score", `%s is VOC's; write "AP" or "AP50", or set data.detection.format = "voc"`, s.Score)
	}
	within(v, "search.workers", s.Workers, 0, 4096)
	v.racing(s)
	v.subnet(s.Subnet, space)
}

// racing checks that who is stopped would not have been bred from: by these methods
// only the best are, and those that are pinned.
func (v *validator) racing(s *Search) {
	within(v, "search.racing_confidence", s.RacingConfidence, 0.5, 0.9999)
	switch {
	case !s.Racing:
	case s.Guide != GuideDetection:
		v.add("search.racing", `candidates race by detection; set search.guide = "detection", or racing = false`)
	case s.Method != MethodEvolution && s.Method != MethodRandom:
		v.add("search.racing", `the method %s breeds from others than the best; set search.method = "evolution" or "random", or racing = false`, clip(s.Method))
	case s.Score != "AP" && s.Score != "AP50":
		v.add("search.racing", `candidates race by COCO's AP; set search.score = "AP" or "AP50", or racing = false`)
	}
}

// method checks who proposes candidates, and how many. Settings that a method would
// not look at are refused where there is a value that says that they are not set.
func (v *validator) method(s *Search) {
	v.oneOf("search.method", s.Method, MethodEvolution, MethodRegularized, MethodRandom, MethodNSGA2)
	within(v, "search.population", s.Population, 1, 1<<16)
	within(v, "search.parents", s.Parents, 1, 1<<16)
	within(v, "search.mutations", s.Mutations, 0, 1<<16)
	within(v, "search.crossovers", s.Crossovers, 0, 1<<16)
	within(v, "search.generations", s.Generations, 1, 1<<16)
	breeds := s.Method == MethodEvolution || s.Method == MethodNSGA2
	if breeds && s.Mutations+s.Crossovers > s.Population {
		v.add("search.population", "%d is less than mutations %d + crossovers %d; the rest is drawn at random",
			s.Population, s.Mutations, s.Crossovers)
	}
	within(v, "search.mutate_prob", s.MutateProb, 0, 1)
	if within(v, "search.tournament", s.Tournament, 0, 1<<16) && s.Tournament > 0 && s.Method != MethodRegularized {
		v.add("search.tournament", `has no meaning with the method %s; leave it out, or set search.method = "regularized"`, clip(s.Method))
	}
	if s.Cost == "" {
		return
	}
	v.oneOf("search.cost", s.Cost, append(counts(), CostLatency)...)
	if s.Method != MethodNSGA2 {
		v.add("search.cost", `has no meaning with the method %s; leave it out, or set search.method = "nsga2"`, clip(s.Method))
	}
}

func counts() []string {
	return []string{string(nas.CountConv), string(nas.CountConvReLU), string(nas.CountConvReLUBN), string(nas.CountParams), string(nas.CountMMCV)}
}

// constraint checks the bounds of a candidate's cost.
func (v *validator) constraint(c *Constraint) {
	v.oneOf("search.constraint.count", c.Count, counts()...)
	within(v, "search.constraint.min", c.Min, 0, 1<<62)
	within(v, "search.constraint.max", c.Max, 0, 1<<62)
	if c.Max > 0 && c.Min > c.Max {
		v.add("search.constraint.min", "%d is above max %d", c.Min, c.Max)
	}
	within(v, "search.constraint.params_min", c.ParamsMin, 0, 1<<62)
	within(v, "search.constraint.params_max", c.ParamsMax, 0, 1<<62)
	if c.ParamsMax > 0 && c.ParamsMin > c.ParamsMax {
		v.add("search.constraint.params_min", "%d is above params_max %d", c.ParamsMin, c.ParamsMax)
	}
	within(v, "search.constraint.latency_min", c.LatencyMin, 0, 1e6)
	within(v, "search.constraint.latency_max", c.LatencyMax, 0, 1e6)
	if c.LatencyMax > 0 && c.LatencyMin > c.LatencyMax {
		v.add("search.constraint.latency_min", "%v is above latency_max %v", c.LatencyMin, c.LatencyMax)
	}
	v.oneOf("search.constraint.latency_of", c.LatencyOf, LatencyBody, LatencyDetector)
}
