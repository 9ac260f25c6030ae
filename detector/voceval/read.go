package voceval

import (
	"bufio"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"detnas/core/dataset"
	"detnas/core/input"
	"detnas/detector/cocoeval"
)

// maxLine bounds a line of a result file in bytes.
const maxLine = 4096

// ReadDetections reads result files of VOC's development kit, one for each class of
// set in the folder dir, such as comp4_det_test_car.txt. A line is an image's name,
// a score, and the corners xmin, ymin, xmax and ymax, from pixel 1 on with their
// pixels in the box. Errors name the file and the line.
func ReadDetections(dir string, set *dataset.Detection) ([]cocoeval.Detection, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("list the result files: %w", input.Plain(err))
	}
	images := make(map[string]int, set.Len())
	for _, m := range set.Images {
		if _, twice := images[m.Name]; twice {
			return nil, fmt.Errorf("%s has two images %s, which result files cannot tell apart; evaluate one list at a time", input.Line(set.Source), input.Line(m.Name))
		}
		images[m.Name] = int(m.ID)
	}
	var all []cocoeval.Detection
	for _, c := range set.Categories {
		file, err := resultFile(dir, entries, c.Name)
		if err != nil {
			return nil, err
		}
		if all, err = readResults(all, file, int(c.ID), images); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// resultFile finds the result file of a class.
func resultFile(dir string, entries []os.DirEntry, class string) (string, error) {
	found := ""
	for _, e := range entries {
		name := e.Name()
		if e.IsDir() || name != class+".txt" && !strings.HasSuffix(name, "_"+class+".txt") {
			continue
		}
		if found != "" {
			return "", fmt.Errorf("%s has two result files of the class %s, %s and %s; keep one", input.Line(dir), input.Line(class), input.Line(found), input.Line(name))
		}
		found = name
	}
	if found == "" {
		return "", fmt.Errorf("%s has no result file of the class %s; name it as comp4_det_test_%s.txt is, and leave it empty where nothing was found", input.Line(dir), input.Line(class), input.Line(class))
	}
	return filepath.Join(dir, found), nil
}

// readResults appends what stands in one result file.
func readResults(all []cocoeval.Detection, file string, category int, images map[string]int) ([]cocoeval.Detection, error) {
	f, _, err := input.Open(file)
	if err != nil {
		return nil, fmt.Errorf("read detections: %w", err)
	}
	defer f.Close()
	at := func(line int, err error) error {
		return fmt.Errorf("read detections %s:%d: %w", input.Line(file), line, input.Plain(err))
	}
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, maxLine)
	n := 0
	for lines.Scan() {
		n++
		fields := strings.Fields(lines.Text())
		if len(fields) == 0 {
			continue
		}
		d, err := parseResult(fields, images)
		if err != nil {
			return nil, at(n, err)
		}
		d.CategoryID = category
		all = append(all, d)
	}
	if err := lines.Err(); err != nil {
		return nil, at(n+1, err)
	}
	return all, nil
}

// parseResult reads the words of one line.
func parseResult(fields []string, images map[string]int) (cocoeval.Detection, error) {
	var d cocoeval.Detection
	if len(fields) != 6 {
		return d, fmt.Errorf("%d words, not an image's name, a score, xmin, ymin, xmax and ymax", len(fields))
	}
	id, known := images[fields[0]]
	if !known {
		return d, fmt.Errorf("the image %s is not in the ground truth; evaluate against the split that the detections were made on", fields[0])
	}
	var v [5]float64
	for i := range v {
		var err error
		if v[i], err = strconv.ParseFloat(fields[i+1], 64); err != nil || math.IsNaN(v[i]) || math.IsInf(v[i], 0) {
			return d, fmt.Errorf("%q is no finite number", fields[i+1])
		}
	}
	d.ImageID, d.Score = id, v[0]
	d.Box = [4]float64{v[1] - 1, v[2] - 1, v[3] - v[1] + 1, v[4] - v[2] + 1}
	if math.IsInf(d.Box[2], 0) || math.IsInf(d.Box[3], 0) {
		return d, fmt.Errorf("the box from (%v, %v) to (%v, %v) is of no finite size", v[1], v[2], v[3], v[4])
	}
	return d, nil
}
