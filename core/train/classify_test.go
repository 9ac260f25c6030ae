package train

import (
	"context"
	"errors"
	"image"
	"image/png"
	"math"
	"os"
	"path/filepath"
	"testing"

	"detnas/core/dataset"
	"detnas/core/nn"
	"detnas/core/tensor"
	"detnas/nas"
	"detnas/nas/supernet"
)

// twoClasses is a set of one black image each of two classes.
func twoClasses(t *testing.T) *dataset.ClassEval {
	t.Helper()
	dir := t.TempDir()
	for _, class := range []string{"a", "b"} {
		if err := os.Mkdir(filepath.Join(dir, class), 0o750); err != nil {
			t.Fatal(err)
		}
		f, err := os.Create(filepath.Join(dir, class, "1.png")) //nolint:gosec // of this test
		if err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(png.Encode(f, image.NewRGBA(image.Rect(0, 0, 32, 32))), f.Close()); err != nil {
			t.Fatal(err)
		}
	}
	set, err := dataset.OpenFolder(dir)
	if err != nil {
		t.Fatal(err)
	}
	data, err := dataset.NewClassEval(set, dataset.ClassEvalOptions{Batch: 2, Size: 32, Short: 32})
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// A network whose logits are NaN has no accuracy: comparisons with NaN are false,
// so that every label would rank first.
func TestNaNHasNoAccuracy(t *testing.T) {
	data := twoClasses(t)
	err := tensor.OnThread(1, func() error {
		space := nas.Space{Stem: 8, Widths: []int{16}, Depths: []int{1}, Choices: nas.AllChoices(), Last: 16, Classes: 2, Layout: nas.LayoutMMRazor}
		st := nn.NewStore(tensor.CPU, 1)
		defer st.Free()
		net, err := supernet.NewSubnetClassifier(st.Root(), space, nas.Subnet{0})
		if err != nil {
			return err
		}
		measure := func() (Accuracy, error) {
			return EvaluateClassifier(context.Background(), net, nas.Subnet{0}, nn.Pass{}, data, tensor.CPU, 1)
		}
		if acc, err := measure(); err != nil || acc.Images != 2 || acc.Top1 != 0.5 {
			t.Errorf("%+v, %v; want one of two images right", acc, err)
		}
		for _, bad := range []float64{math.NaN(), math.Inf(1)} {
			if err := st.Get("head.fc.bias").Fill(bad); err != nil {
				return err
			}
			if acc, err := measure(); !errors.Is(err, nn.ErrNotFinite) {
				t.Errorf("logits of %v: %+v, %v", bad, acc, err)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
