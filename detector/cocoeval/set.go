package cocoeval

import "detnas/core/dataset"

// FromSet is a dataset as the evaluation takes it, with its file's boxes and ids.
func FromSet(set *dataset.Detection) *GroundTruth {
	gt := &GroundTruth{}
	for _, c := range set.Categories {
		gt.Categories = append(gt.Categories, Category{ID: int(c.ID), Name: c.Name})
	}
	for i, image := range set.Images {
		gt.ImageIDs = append(gt.ImageIDs, int(image.ID))
		for _, o := range set.Objects[i] {
			gt.Annotations = append(gt.Annotations, Annotation{
				ID: int(o.ID), ImageID: int(image.ID), CategoryID: int(set.Categories[o.Label].ID),
				Box: o.Source, Area: o.Area, Crowd: o.Crowd, Ignore: o.Difficult,
			})
		}
	}
	return gt
}
