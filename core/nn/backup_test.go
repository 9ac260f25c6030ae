package nn

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"detnas/core/tensor"
)

// A backup undoes what a training pass did to BN's statistics, again and again.
func TestBackup(t *testing.T) {
	st := NewStore(tensor.CPU, 1)
	defer st.Free()
	bn := NewBatchNorm(st.Root().At("bn"), 1, 0)
	read := func() []float32 {
		t.Helper()
		mean, err := bn.Mean.Floats()
		if err != nil {
			t.Fatal(err)
		}
		variance, err := bn.Variance.Floats()
		if err != nil {
			t.Fatal(err)
		}
		return append(mean, variance...)
	}
	pass := func() {
		t.Helper()
		err := tensor.Run("pass", func(s *tensor.Scope) error {
			bn.Forward(&Pass{Scope: s, Mode: Train}, s.FromFloats([]float32{1, 2, 6}, tensor.CPU, 3, 1, 1, 1))
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	b, err := NewBackup(st)
	if err != nil {
		t.Fatal(err)
	}
	defer b.Free()
	for range 2 {
		before := read()
		pass()
		if cmp.Equal(before, read()) {
			t.Fatal("the pass moved nothing")
		}
		if err := b.Restore(); err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(before, read()); d != "" {
			t.Error(d)
		}
		pass()
		if err := b.Take(); err != nil {
			t.Fatal(err)
		}
	}
}
