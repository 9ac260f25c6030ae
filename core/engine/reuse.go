package engine

import (
	"bufio"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"io"
	"maps"
	"os"
	"runtime"
	"slices"
	"strings"

	"detnas/core/config"
	"detnas/core/nn"
	"detnas/core/tensor"
)

// scoringVersion is raised where a change of the program changes scores.
const scoringVersion = 2

// scoreKey is a hash over all that a candidate's score rests on, to the bit: the
// supernet's weights, the images that candidates are measured on and calibrated by,
// with what their files hold, the settings, and the machine.
func (e *engine) scoreKey(j *judge) (string, error) {
	h := sha256.New()
	put(h, "detnas scores", scoringVersion)
	info := tensor.Describe()
	put(h, e.device, e.team(), runtime.GOARCH, processor(), info.LibTorch, info.BLAS, decoder())
	if err := hashWeights(h, j.store); err != nil {
		return "", err
	}
	e.hashSettings(h)
	for _, key := range []string{guideKey, calibrationKey} {
		put(h, key, e.data.known[key].print)
	}
	for _, file := range e.scoringFiles() {
		if err := hashFile(h, file); err != nil {
			return "", err
		}
	}
	return hex.EncodeToString(h.Sum(nil)[:16]), nil
}

// scoringFiles are those of the images that candidates are measured on and calibrated
// by.
func (e *engine) scoringFiles() []string {
	recalibrated := e.cfg.Search.BN == config.BNRecalibrate
	if e.byClasses() {
		files := e.classGuide().Files
		if recalibrated {
			files = slices.Concat(files, e.classCalibration().Files)
		}
		return files
	}
	images := e.guide().Images
	if recalibrated {
		images = slices.Concat(images, e.calibration().Images)
	}
	files := make([]string, len(images))
	for i, image := range images {
		files[i] = image.File
	}
	return files
}

// put takes in values, as they are printed. A hash refuses nothing.
func put(h hash.Hash, values ...any) { _, _ = fmt.Fprintln(h, values...) }

func hashWeights(h hash.Hash, st *nn.Store) error {
	arrays, err := st.Export()
	if err != nil {
		return err
	}
	for _, a := range arrays {
		put(h, a.Name, a.DType, a.Shape)
		_, _ = h.Write(a.Data)
	}
	return nil
}

// hashSettings takes in the settings that bear on scores. The seed is among them, by
// which proposals are sampled as BN is calibrated.
func (e *engine) hashSettings(h hash.Hash) {
	c := e.cfg
	put(h, c.Seed, c.Space, c.Data.OnBad, c.Data.ApplyEXIF, c.Data.Mean, c.Data.Std, e.data.evalScale(), c.Data.Detection.PadTo, c.Data.Detection.Format)
	put(h, fmt.Sprintf("%+v", c.Detector), c.Data.Classification.Size, c.Data.Classification.EvalResize())
	trained := e.supernetSettings()
	put(h, trained.BNBackbone, trained.BNNeck, trained.BNHead)
	if trained.FrozenStages > 0 { // apart, so that scores of supernets without any stay known
		put(h, "frozen stages keep their statistics", trained.FrozenStages)
	}
	s := c.Search
	put(h, s.Guide, s.BN, s.BNBatch, s.BNAverage, s.BNMomentum, s.Batch, s.Score)
}

// hashFile takes in what a file holds, and that it cannot be read, which
// data.on_bad = "skip" allows.
func hashFile(h hash.Hash, path string) error {
	file, err := os.Open(path)
	if err != nil {
		put(h, "no file")
		return nil //nolint:nilerr // whoever needs it says so
	}
	defer file.Close()
	n, err := io.Copy(h, file)
	if err != nil {
		return fmt.Errorf("read an image that candidates are measured by: %w", err)
	}
	put(h, n)
	return nil
}

// processor names the kind of processor, as Linux tells it: libraries choose their
// code by it.
func processor() string {
	file, err := os.Open("/proc/cpuinfo")
	if err != nil {
		return "unknown"
	}
	defer file.Close()
	told := map[string]string{}
	for lines := bufio.NewScanner(file); lines.Scan() && lines.Text() != ""; {
		name, value, _ := strings.Cut(lines.Text(), ":")
		if name = strings.TrimSpace(name); name == "model name" || name == "flags" || name == "Features" {
			told[name] = strings.TrimSpace(value)
		}
	}
	words := []string{}
	for _, name := range slices.Sorted(maps.Keys(told)) {
		words = append(words, told[name])
	}
	return strings.Join(words, "; ")
}

// reusable are the scores that are known under a key, unless search.reuse is off. A
// race takes none: a candidate that it would stop must not have a score because some
// other run lies beside this one.
func (e *engine) reusable(key string) map[string]float64 {
	if !e.cfg.Search.Reuse || e.cfg.Search.Racing || key == "" {
		return nil
	}
	return e.folder.KnownScores(key)
}
