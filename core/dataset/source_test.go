package dataset

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func classSet(tb testing.TB, n int) *Classification {
	tb.Helper()
	set, err := OpenFolder(classFolder(tb, n, "a", "b"))
	if err != nil {
		tb.Fatal(err)
	}
	return set
}

func detSet(tb testing.TB) *Detection {
	tb.Helper()
	set, _, err := OpenCOCO(cocoSet(tb, 3, cocoGood), "", COCOOptions{})
	if err != nil {
		tb.Fatal(err)
	}
	return set
}

func classTrainOptions() ClassTrainOptions {
	return ClassTrainOptions{
		Sampling: Sampling{Seed: 5, Step: "supernet-pretrain", Batch: 4},
		Size:     8, Flip: 0.5, Jitter: PublishedJitter(),
	}
}

// Batches are the same whatever was made before, whether images are kept or not,
// and whatever crop is asked for.
func TestClassTrainIsAFunctionOfItsPosition(t *testing.T) {
	set := classSet(t, 5)
	for _, crop := range []CropMode{CropResized, CropPad} {
		opts := classTrainOptions()
		opts.Crop = crop
		a, err := NewClassTrain(set, opts)
		if err != nil {
			t.Fatal(err)
		}
		var want []ClassBatch
		for i := range int64(6) {
			b, err := a.Batch(t.Context(), i)
			if err != nil {
				t.Fatal(err)
			}
			if b.N != 4 || b.C != 3 || b.H != 8 || b.W != 8 || len(b.X) != 4*3*8*8 {
				t.Fatalf("batch of %dx%dx%dx%d with %d floats", b.N, b.C, b.H, b.W, len(b.X))
			}
			for k, index := range b.Indices {
				if b.Labels[k] != int64(set.Labels[index]) {
					t.Errorf("image %d has the label %d", index, b.Labels[k])
				}
			}
			want = append(want, b)
		}
		opts.Cache = NewCache(1 << 20)
		c, err := NewClassTrain(set, opts)
		if err != nil {
			t.Fatal(err)
		}
		var wg sync.WaitGroup
		for i := int64(5); i >= 0; i-- {
			wg.Go(func() {
				got, err := c.Batch(t.Context(), i)
				if diff := cmp.Diff(want[i], got); err != nil || diff != "" {
					t.Errorf("%s, batch %d: %v\n%s", crop, i, err, diff)
				}
			})
		}
		wg.Wait()
		if opts.Cache.Used() == 0 {
			t.Error("the cache is empty")
		}
	}
}

func TestRanksSeeTheSlicesOfOneBatch(t *testing.T) {
	set := classSet(t, 5)
	whole, err := NewClassTrain(set, classTrainOptions())
	if err != nil {
		t.Fatal(err)
	}
	want, err := whole.Batch(t.Context(), 3)
	if err != nil {
		t.Fatal(err)
	}
	var x []float32
	for rank := range 2 {
		opts := classTrainOptions()
		opts.Rank, opts.World = rank, 2
		part, err := NewClassTrain(set, opts)
		if err != nil {
			t.Fatal(err)
		}
		b, err := part.Batch(t.Context(), 3)
		if err != nil {
			t.Fatal(err)
		}
		x = append(x, b.X...)
	}
	if !slices.Equal(x, want.X) {
		t.Error("two ranks together see another batch than one rank alone")
	}
}

func TestClassEval(t *testing.T) {
	set := classSet(t, 5)
	src, err := NewClassEval(set, ClassEvalOptions{Batch: 4, Size: 7, Short: 7, SourceOptions: SourceOptions{Norm: Norm{Std: [3]float32{1, 1, 1}}}})
	if err != nil {
		t.Fatal(err)
	}
	if src.Iterations() != 3 {
		t.Fatalf("%d batches, want 3", src.Iterations())
	}
	var indices []int
	for i := range src.Iterations() {
		b, err := src.Batch(t.Context(), i)
		if err != nil {
			t.Fatal(err)
		}
		indices = append(indices, b.Indices...)
		if i == 0 { // image 0 is pattern(12, 10): 8x7 after scaling, columns 0..6
			want := ResizeAntialias(pattern(12, 10), Rect{W: 12, H: 10}, 8, 7)
			for x := range 7 {
				if b.X[x] != float32(want.Pix[x*3]) {
					t.Errorf("red of column %d is %v, want %d", x, b.X[x], want.Pix[x*3])
				}
			}
		}
	}
	if want := []int{0, 1, 2, 3, 4, 5, 6, 7, 8, 9}; !slices.Equal(indices, want) {
		t.Errorf("order %v", indices)
	}
	if _, err := src.Batch(t.Context(), 3); err == nil {
		t.Error("a batch past the end is no error")
	}
}

func TestBrokenImages(t *testing.T) {
	set := classSet(t, 3)
	write(t, set.Files[2], []byte("broken"))
	write(t, set.Files[3], []byte("broken too"))
	var told []string
	opts := classTrainOptions()
	opts.Batch = 6
	opts.Report = func(p Problem) { told = append(told, p.Kind+" "+p.Where) }
	src, err := NewClassTrain(set, opts)
	if err != nil {
		t.Fatal(err)
	}
	plain := &Order{Seed: 5, Step: "supernet-pretrain", N: 6, Batch: 6}
	for i := range int64(3) {
		b, err := src.Batch(t.Context(), i)
		if err != nil {
			t.Fatal(err)
		}
		for k, want := range plain.Indices(i) {
			if want == 2 || want == 3 {
				want = 4 // the next good one
			}
			if b.Indices[k] != want {
				t.Errorf("batch %d has image %d at %d, want %d", i, b.Indices[k], k, want)
			}
		}
	}
	slices.Sort(told)
	if want := []string{"broken-image " + set.Files[2], "broken-image " + set.Files[3]}; !slices.Equal(told, want) {
		t.Errorf("told of %q, want each once: %q", told, want)
	}

	opts.Policy = PolicyRefuse
	if src, err = NewClassTrain(set, opts); err != nil {
		t.Fatal(err)
	}
	if _, err := src.Batch(t.Context(), 0); err == nil || !strings.Contains(err.Error(), filepath.Base(filepath.Dir(set.Files[2]))) {
		t.Errorf("refused with %v; want an error that names the file", err)
	}

	eval, err := NewClassEval(set, ClassEvalOptions{Batch: 4, Size: 8})
	if err != nil {
		t.Fatal(err)
	}
	b, err := eval.Batch(t.Context(), 0)
	if err != nil || b.N != 2 || !slices.Equal(b.Indices, []int{0, 1}) || len(b.X) != 2*3*8*8 {
		t.Errorf("evaluation: %d images %v, %v; want the two good ones", b.N, b.Indices, err)
	}

	for _, f := range set.Files {
		write(t, f, nil)
	}
	opts.Policy = PolicySkip
	if src, err = NewClassTrain(set, opts); err != nil {
		t.Fatal(err)
	}
	if _, err := src.Batch(t.Context(), 0); err == nil || !strings.Contains(err.Error(), "none of the 6 images") {
		t.Errorf("all broken: %v", err)
	}
}

func TestCancelledBatchIsNoBrokenImage(t *testing.T) {
	opts := classTrainOptions()
	opts.Report = func(p Problem) { t.Errorf("reported %v", p) }
	src, err := NewClassTrain(classSet(t, 3), opts)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := src.Batch(ctx, 0); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v, want cancelled", err)
	}
}

func TestDetTrain(t *testing.T) {
	set := detSet(t)
	opts := DetTrainOptions{
		SourceOptions: SourceOptions{Norm: Norm{Mean: [3]float32{-1, -1, -1}, Std: [3]float32{1, 1, 1}}},
		Sampling:      Sampling{Seed: 3, Step: "supernet-finetune", Batch: 3},
		Scales:        []Scale{{Short: 30, Max: 40}, {Short: 60, Max: 80}}, Flip: 0.5,
	}
	src, err := NewDetTrain(set, opts)
	if err != nil {
		t.Fatal(err)
	}
	opts.Cache = NewCache(1 << 20)
	cached, err := NewDetTrain(set, opts)
	if err != nil {
		t.Fatal(err)
	}
	flips, sizes := map[bool]bool{}, map[int]bool{}
	for i := range int64(8) {
		b, err := src.Batch(t.Context(), i)
		if err != nil {
			t.Fatal(err)
		}
		for range 2 { // a miss, then a hit
			again, err := cached.Batch(t.Context(), i)
			if diff := cmp.Diff(b, again); err != nil || diff != "" {
				t.Fatalf("batch %d from the cache: %v\n%s", i, err, diff)
			}
		}
		checkDetBatch(t, set, b)
		for _, m := range b.Images {
			flips[m.Flipped], sizes[m.W] = true, true
		}
	}
	if len(flips) != 2 || len(sizes) != 2 {
		t.Errorf("mirrored %v, widths %v: both of each should come up", flips, sizes)
	}
}

// checkDetBatch holds a batch made of detSet against the set.
func checkDetBatch(t *testing.T, set *Detection, b DetBatch) {
	t.Helper()
	if b.H%32 != 0 || b.W%32 != 0 || len(b.X) != b.N*b.C*b.H*b.W || b.N != len(b.Images) {
		t.Fatalf("batch of %dx%dx%dx%d with %d floats", b.N, b.C, b.H, b.W, len(b.X))
	}
	for k, m := range b.Images {
		info := set.Images[m.Index]
		if m.ID != info.ID || m.OrigW != 40 || m.OrigH != 30 || m.ScaleX != float32(m.W)/40 || m.ScaleY != float32(m.H)/30 {
			t.Errorf("target %+v of %+v", m, info)
		}
		var boxes, ignore [][4]float32
		for _, o := range set.Objects[m.Index] {
			moved := moveBox(o.Box, m.ScaleX, m.ScaleY, m.W, m.H, m.Flipped)
			if o.Crowd {
				ignore = append(ignore, moved)
			} else if o.ID != 6 { // half a pixel wide
				boxes = append(boxes, moved)
			}
		}
		if diff := cmp.Diff(boxes, m.Boxes) + cmp.Diff(ignore, m.Ignore); diff != "" || len(m.Labels) != len(m.Boxes) {
			t.Errorf("boxes: %s", diff)
		}
		img := ResizeBilinear(pattern(40, 30), m.W, m.H)
		plane := b.X[k*b.C*b.H*b.W:][:b.H*b.W] // red, and with the mean of -1 never 0
		for y := range b.H {
			for x := range b.W {
				want := float32(0)
				if x < m.W && y < m.H {
					from := x
					if m.Flipped {
						from = m.W - 1 - x
					}
					want = float32(img.row(y)[from*3]) + 1
				}
				if got := plane[y*b.W+x]; got != want {
					t.Fatalf("image %d: red at %d,%d is %v, want %v", k, x, y, got, want)
				}
			}
		}
	}
}

func TestDetEval(t *testing.T) {
	set := detSet(t)
	set.Images[1].W = 41 // the annotation disagrees with the file
	var told []Problem
	opts := DetEvalOptions{
		SourceOptions: SourceOptions{Report: func(p Problem) { told = append(told, p) }},
		Batch:         2, Scale: Scale{Short: 60, Max: 100},
	}
	src, err := NewDetEval(set, opts)
	if err != nil {
		t.Fatal(err)
	}
	var ids []int64
	for i := range src.Iterations() {
		b, err := src.Batch(t.Context(), i)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range b.Images {
			ids = append(ids, m.ID)
			if m.Flipped || m.W != 80 || m.H != 60 {
				t.Errorf("target %+v", m)
			}
		}
	}
	if !slices.Equal(ids, []int64{0, 8}) {
		t.Errorf("images %v, want 0 and 8", ids)
	}
	if len(told) != 1 || told[0].Kind != KindSizeMismatch || !strings.Contains(told[0].What, "40x30") {
		t.Errorf("told of %v, want one size mismatch", told)
	}
	opts.Policy = PolicyRefuse
	if src, err = NewDetEval(set, opts); err != nil {
		t.Fatal(err)
	}
	if _, err := src.Batch(t.Context(), 0); err == nil || !strings.Contains(err.Error(), "1.png") {
		t.Errorf("refused with %v; want an error that names 1.png", err)
	}
}

func TestSourcesRefuseOptions(t *testing.T) {
	classes, boxes := classSet(t, 1), detSet(t)
	class := func(spoil func(*ClassTrainOptions)) error {
		o := classTrainOptions()
		spoil(&o)
		_, err := NewClassTrain(classes, o)
		return err
	}
	det := func(spoil func(*DetTrainOptions)) error {
		o := DetTrainOptions{Sampling: Sampling{Batch: 1}, Scales: []Scale{PublishedScale()}}
		spoil(&o)
		_, err := NewDetTrain(boxes, o)
		return err
	}
	_, evalErr := NewClassEval(classes, ClassEvalOptions{Batch: 1, Size: 8, Short: 4})
	_, detEvalErr := NewDetEval(boxes, DetEvalOptions{Batch: 1})
	tests := map[string]struct {
		err  error
		want string
	}{
		"size":        {class(func(o *ClassTrainOptions) { o.Size = 0 }), "crop size"},
		"crop":        {class(func(o *ClassTrainOptions) { o.Crop = "cut" }), "cut"},
		"padding":     {class(func(o *ClassTrainOptions) { o.Padding = -1 }), "padding"},
		"share":       {class(func(o *ClassTrainOptions) { o.MinShare = 2 }), "share"},
		"flip":        {class(func(o *ClassTrainOptions) { o.Flip = 2 }), "flip"},
		"jitter":      {class(func(o *ClassTrainOptions) { o.Jitter.Contrast = -1 }), "jitter"},
		"batch":       {class(func(o *ClassTrainOptions) { o.Batch = 0 }), "batch"},
		"norm":        {class(func(o *ClassTrainOptions) { o.Norm.Mean[0] = 1 }), "deviation"},
		"policy":      {class(func(o *ClassTrainOptions) { o.Policy = "x" }), "policy"},
		"no scale":    {det(func(o *DetTrainOptions) { o.Scales = nil }), "no image scale"},
		"scale":       {det(func(o *DetTrainOptions) { o.Scales[0].Max = 1 }), "scale"},
		"det flip":    {det(func(o *DetTrainOptions) { o.Flip = -1 }), "flip"},
		"eval short":  {evalErr, "short side"},
		"eval scale":  {detEvalErr, "scale"},
		"empty class": {func() error { _, err := NewClassTrain(&Classification{}, classTrainOptions()); return err }(), "nothing to train on"},
	}
	for name, tt := range tests {
		if tt.err == nil || !strings.Contains(tt.err.Error(), tt.want) {
			t.Errorf("%s: error %v; want one with %q", name, tt.err, tt.want)
		}
	}
	for name, err := range map[string]error{
		"sound classes": class(func(*ClassTrainOptions) {}),
		"sound boxes":   det(func(o *DetTrainOptions) { o.GroupByAspect = true }),
	} {
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestCacheKeepsToItsBudget(t *testing.T) {
	c := NewCache(3 * 12) // three images of 2x2
	loads := 0
	get := func(i int) {
		m, err := c.get(cacheKey{file: fmt.Sprint(i)}, func() (Image, error) {
			loads++
			m := NewImage(2, 2)
			m.Pix[0] = uint8(i)
			return m, nil
		})
		if err != nil || m.Pix[0] != uint8(i) {
			t.Errorf("image %d is %v, %v", i, m.Pix, err)
		}
	}
	for range 2 {
		for i := range 5 {
			get(i)
		}
	}
	if c.Used() != 36 || loads != 5+2 { // what came first stays
		t.Errorf("%d bytes after %d loads, want 36 after 7", c.Used(), loads)
	}
	if _, err := c.get(cacheKey{file: "x"}, func() (Image, error) { return Image{}, os.ErrNotExist }); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("error %v", err)
	}
	if none := NewCache(0); none.Used() != 0 {
		t.Error("a cache without a budget keeps something")
	}
}
