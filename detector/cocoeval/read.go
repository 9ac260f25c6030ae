package cocoeval

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"sync"
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
// and the byte. Memory is at most 20 times the file's size, and for a file with
// masks a small part of it.
func ReadGroundTruth(path string) (*GroundTruth, error) {
	var gt *GroundTruth
	err := readFile(path, func(r io.Reader) (err error) {
		gt, err = parseGroundTruth(r)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("ground truth %s: %w", path, err)
	}
	return gt, nil
}

// ReadDetections reads a COCO result file: an array of detections with
// image_id, category_id, bbox and score. Errors name the file, the detection's
// place in the array and the byte. Memory is at most 3 times the file's size.
func ReadDetections(path string) ([]Detection, error) {
	var dts []Detection
	err := readFile(path, func(r io.Reader) (err error) {
		dts, err = parseDetections(r)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("detections %s: %w", path, err)
	}
	return dts, nil
}

// readFile hands path's contents to parse.
func readFile(path string, parse func(io.Reader) error) (err error) {
	f, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("opening it: %w", unnamed(err))
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	return parse(f)
}

// unnamed is an error about a file without the file's name, which the caller
// gives.
func unnamed(err error) error {
	var named *fs.PathError
	if errors.As(err, &named) {
		return named.Err
	}
	return err
}
