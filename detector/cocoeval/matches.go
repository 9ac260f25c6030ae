package cocoeval

import "slices"

// Matches are what detections came to on the images of a ground truth, kept by
// image: the AP of any part of the images is taken from them without matching again,
// since a detection is matched within its image. They count objects of any size and
// the 100 best detections of a category on an image.
type Matches struct {
	images  []int // ids, ascending
	hits    [][]hit
	objects [][]int32 // by category and place of the image
}

// hit is a detection of a category that counts: the place of its image, and the
// thresholds at which it is right or wrong.
type hit struct {
	image int32
	verdict
}

// Match matches dts with gt; see Evaluate for what is refused.
func Match(gt *GroundTruth, dts []Detection, opts Options) (*Matches, error) {
	x, err := match(gt, dts, opts)
	if err != nil {
		return nil, err
	}
	m := &Matches{images: newRanks(gt.ImageIDs).ids}
	for c := range x.categories {
		groups := x.of(c)
		objects, images := make([]int32, len(m.images)), []int32{} // images by the place of a detection
		for i := range groups {
			at := m.place(groups[i].image())
			objects[at] = int32(groups[i].objects[areaAll]) //nolint:gosec // objects on an image
			for range groups[i].dts {
				images = append(images, at)
			}
		}
		var hits []hit
		for _, d := range x.detections[c] {
			if v := d.verdicts[areaAll]; v != (verdict{}) {
				hits = append(hits, hit{images[d.place], v})
			}
		}
		m.hits, m.objects = append(m.hits, hits), append(m.objects, objects)
	}
	return m, nil
}

// image is the id of a group's image.
func (g *group) image() int {
	if len(g.gts) > 0 {
		return g.gts[0].ImageID
	}
	return g.dts[0].ImageID
}

// place is an image's among those of the ground truth.
func (m *Matches) place(id int) int32 {
	at, _ := slices.BinarySearch(m.images, id)
	return int32(at) //nolint:gosec // place in a list
}

// Images are the ids of the ground truth's images, ascending.
func (m *Matches) Images() []int { return m.images }

// AP is Evaluate's AP over a part of the images, or its AP50, or -1 where nothing is
// to be found on them. use says which, in the order of Images.
func (m *Matches) AP(use []bool, at50 bool) float64 {
	last := numThresholds
	if at50 {
		last = At50 + 1
	}
	sum, n := 0.0, 0
	var precision []float64
	for c := range m.hits {
		objects := 0
		for i, count := range m.objects[c] {
			if use[i] {
				objects += int(count)
			}
		}
		if objects == 0 {
			continue
		}
		for t := range last {
			precision = m.trace(c, t, use, precision[:0])
			sum += meanPrecision(precision, objects)
			n++
		}
	}
	if n == 0 {
		return -1
	}
	return sum / float64(n)
}

// trace is package-level trace over a part of the images.
func (m *Matches) trace(c, t int, use []bool, precision []float64) []float64 {
	right, wrong := 0, 0
	for _, h := range m.hits[c] {
		if !use[h.image] {
			continue
		}
		wrong += int(h.wrong >> t & 1)
		if h.right>>t&1 == 0 {
			continue
		}
		right++
		precision = append(precision, precisionOf(right, wrong))
	}
	return precision
}
