package cocoeval

import (
	"fmt"
	"sync"

	"detnas/core/input"
)

// ReadFiles reads an annotation file and a result file, both at a time.
func ReadFiles(gtPath, dtPath string) (*GroundTruth, []Detection, error) {
	var gt *GroundTruth
	var gtErr error
	var wg sync.WaitGroup
	wg.Go(func() { gt, gtErr = ReadGroundTruth(gtPath) })
	dts, err := ReadDetections(dtPath)
	wg.Wait()
	if gtErr != nil {
		err = gtErr // one error at a time, the same whichever came first
	}
	if err != nil {
		return nil, nil, err
	}
	return gt, dts, nil
}

// ReadGroundTruth reads a COCO annotation file: an object with images,
// categories and annotations. An annotation without area gets its box's, one
// without iscrowd is no crowd. Errors name the file, the entry's place and id,
// and the byte. What is held is at most 8 times the file's size, of a file with
// masks a small part of it. There may be 65,536 categories.
func ReadGroundTruth(path string) (*GroundTruth, error) {
	f, _, err := input.Open(path)
	if err != nil {
		return nil, fmt.Errorf("ground truth: %w", err)
	}
	defer f.Close()
	gt, err := parseGroundTruth(f)
	if err != nil {
		return nil, fmt.Errorf("ground truth %s: %w", input.Line(path), err)
	}
	return gt, nil
}

// ReadDetections reads a COCO result file: an array of detections with
// image_id, category_id, bbox and score. Errors name the file, the detection's
// place in the array and the byte. What is held is at most 4
// times the file's size.
func ReadDetections(path string) ([]Detection, error) {
	f, _, err := input.Open(path)
	if err != nil {
		return nil, fmt.Errorf("detections: %w", err)
	}
	defer f.Close()
	dts, err := parseDetections(f)
	if err != nil {
		return nil, fmt.Errorf("detections %s: %w", input.Line(path), err)
	}
	return dts, nil
}
