package dataset

import (
	"slices"
	"testing"
)

func TestPadded(t *testing.T) {
	b := DetBatch{X: []float32{1, 2, 3, 4, 5, 6, 7, 8}, N: 2, C: 1, H: 2, W: 2, Images: make([]DetTarget, 2)}
	if same := b.Padded(1, 2); &same.X[0] != &b.X[0] || same.H != 2 || same.W != 2 {
		t.Errorf("a batch that is large enough became %+v", same)
	}
	got := b.Padded(3, 4)
	want := []float32{
		1, 2, 0, 0, 3, 4, 0, 0, 0, 0, 0, 0,
		5, 6, 0, 0, 7, 8, 0, 0, 0, 0, 0, 0,
	}
	if got.H != 3 || got.W != 4 || got.N != 2 || !slices.Equal(got.X, want) {
		t.Errorf("padded to %+v, want %v", got, want)
	}
}
